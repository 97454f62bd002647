/* Row kernels for the compiler's default instruction set: NEON on 64-bit ARM, SSE2 on x86-64, plain C elsewhere. */
#define LANES 4
#ifdef __aarch64__
#define ISA "neon"
#else
#define ISA "baseline"
#endif
#define ROW_KERNELS row_kernels_baseline
#include "row_kernels.inc"
