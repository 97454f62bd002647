/* Row kernels for AVX2 and FMA. */
#ifdef __x86_64__
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define LANES 8
#define ISA "avx2"
#define ROW_KERNELS row_kernels_avx2
#define DOT AVX2_DOT
#include "row_kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
