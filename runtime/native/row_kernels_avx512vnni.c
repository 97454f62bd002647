/* Row kernels for AVX-512 and VNNI (servers since Cascade Lake and Zen 4). */
#ifdef __x86_64__
#include <immintrin.h>

#ifdef EMULATE_AVX512 /* each vector as two of AVX2, for tests on machines without AVX-512 */
#pragma GCC target("avx2,fma")
#elif defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC target("avx512vnni,avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")
#endif
#define LANES 16
#define ISA "avx512vnni"
#define ROW_KERNELS row_kernels_avx512vnni
#ifndef EMULATE_AVX512
#define DOT AVX512_VNNI_DOT
#endif
#include "row_kernels.inc"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
