/* Row kernels for AVX2, FMA and AVX-VNNI (desktops since 2021). */
#include "row_kernels.h"
#ifdef COMPILES_AVX_VNNI
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avxvnni,avx2,fma")
#endif
#define LANES 8
#define ISA "avxvnni"
#define ROW_KERNELS row_kernels_avxvnni
#define DOT AVX_VNNI_DOT
#include "row_kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
