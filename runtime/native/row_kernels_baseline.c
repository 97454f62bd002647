/* The row kernels in whatever the compiler may assume: NEON on 64-bit ARM, SSE2 on x86-64, plain C elsewhere. */
#define LANES 4
#ifdef __aarch64__
#define ISA "neon"
#else
#define ISA "baseline"
#endif
#define ROWS rows_baseline
#include "row_kernels.inc"
