/* Vectors of LANES floats, with the vector extensions of gcc and clang. */
#ifndef CONVBERT_ONNX_LANES_H
#define CONVBERT_ONNX_LANES_H

#include <stddef.h>
#include <stdint.h>

#ifndef LANES
#error "define LANES before including lanes.h"
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef uint32_t uints __attribute__((vector_size(4 * LANES)));
typedef int32_t unaligned_ints __attribute__((vector_size(4 * LANES), aligned(1), may_alias));
typedef float unaligned_floats __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE floats load(const float *from) { return *(const unaligned_floats *)from; }

INLINE void store(float *to, floats value) { *(unaligned_floats *)to = value; }

INLINE ints load_ints(const void *from) { return *(const unaligned_ints *)from; }

INLINE void store_ints(int32_t *to, ints value) { *(unaligned_ints *)to = value; }

/* Stores the low byte of each lane. */
INLINE void store_low_bytes(uint8_t *to, ints value) {
#if LANES < 16 /* gcc would convert these vectors lane by lane */
    typedef uint8_t bytes __attribute__((vector_size(4 * LANES)));
#define LOW_BYTES(first) first, first + 4, first + 8, first + 12
#if LANES == 8
#define LANE_BYTES(first) LOW_BYTES(first), LOW_BYTES(first), LOW_BYTES(first), LOW_BYTES(first)
    ints low = (ints)__builtin_shufflevector((bytes)value, (bytes)value, LANE_BYTES(0), LANE_BYTES(16));
    int32_t packed[2] = {low[0], low[4]};
#else
    ints low = (ints)__builtin_shufflevector((bytes)value, (bytes)value, LOW_BYTES(0), LOW_BYTES(0), LOW_BYTES(0),
                                             LOW_BYTES(0));
    int32_t packed[1] = {low[0]};
#endif
    __builtin_memcpy(to, packed, LANES);
#else
    typedef uint8_t bytes __attribute__((vector_size(LANES)));
    bytes low = __builtin_convertvector(value & 255, bytes);
    __builtin_memcpy(to, &low, LANES);
#endif
}

/* Loads the first `count` lanes; the others are zero. */
INLINE floats load_part(const float *from, size_t count) {
    floats value = {0};
    for (size_t i = 0; i < count; i++) value[i] = from[i];
    return value;
}

INLINE void store_part(float *to, floats value, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = value[i];
}

/* One in the first `count` lanes, zero in the others. */
INLINE floats first_lanes(size_t count) {
    floats value;
    for (size_t i = 0; i < LANES; i++) value[i] = i < count;
    return value;
}

INLINE floats broadcast(float value) { return value - (floats){0}; }

/* Selects lanes: `chosen` where the mask is all ones, `otherwise` where it is zero. */
INLINE floats blend(ints mask, floats chosen, floats otherwise) {
    return (floats)((mask & (ints)chosen) | (~mask & (ints)otherwise));
}

INLINE floats absolute(floats x) { return (floats)((ints)x & INT32_MAX); }

/* Reductions use this number of partial sums for every LANES, so that all vector widths give the same bits. */
enum { SUMS = 16, SUM_VECTORS = SUMS / LANES };

INLINE float reduce_sums(floats sums[SUM_VECTORS]) {
    for (int half = SUM_VECTORS / 2; half > 0; half /= 2)
        for (int v = 0; v < half; v++) sums[v] += sums[v + half];
    floats sum = sums[0];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sum[i] += sum[i + half];
    return sum[0];
}

#endif
