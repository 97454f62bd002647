/* Elementary functions on vectors: exp for the softmax and the exact Gelu. NaN gives NaN. */
#ifndef CONVBERT_ONNX_ELEMENTARY_H
#define CONVBERT_ONNX_ELEMENTARY_H

#include "vectors.h"

/* Adding it rounds a float of magnitude below 2^22 to an integer, which is then in the low bits. */
#define ROUNDER 0x1.8p23f
#define ROUNDER_BITS 0x4b400000

/* 2^fraction for -1/2 <= fraction <= 1/2, within 2e-9 relative before rounding. */
INLINE floats exp2_of_fraction(floats fraction) {
    floats square = fraction * fraction;
    floats low = 1.0f + 0.693147182f * fraction;
    floats middle = 0.240226477f + 0.0555033237f * fraction;
    floats high = 0.00961843692f + 0.00133988750f * fraction + 0.000153533620f * square;
    return low + (middle + high * square) * square;
}

/* 2^integer for -126 <= integer <= 127. */
INLINE floats exp2_of_integer(uints integer) { return (floats)((integer + 127) << 23); }

/* e^x for x <= 0; results below the smallest float are zero. */
INLINE floats exp_of_nonpositive(floats x) {
    const float log2_e = 1.44269504f, lowest = -104.0f;
    x = blend(x < lowest, broadcast(lowest), x);
    floats rounded = x * log2_e + ROUNDER;
    ints integer = (ints)((uints)rounded - ROUNDER_BITS);
    floats fraction = x * log2_e - (rounded - ROUNDER);
    ints half = integer >> 1; /* 2^integer may be subnormal; its two factors are always normal */
    return exp2_of_fraction(fraction) * exp2_of_integer((uints)half) * exp2_of_integer((uints)(integer - half));
}

/* 2^x for x <= 0; results below the smallest normal float are zero. */
INLINE floats exp2_of_nonpositive(floats x) {
    floats rounded = x + ROUNDER;
    floats power = exp2_of_fraction(x - (rounded - ROUNDER)) * exp2_of_integer((uints)rounded - ROUNDER_BITS);
    return (floats)((ints)power & ~(x < -126.0f)); /* NaN stays NaN */
}

/* x * (1 + erf(x / sqrt(2))) / 2.
 *
 * erfc(t / sqrt(2)) for t = |x| is 2^(t * p(t)), where the polynomial p is a minimax fit on [0, 6] whose error is
 * weighted as in the result: below 3e-8 absolute, and below 1e-5 relative for the small results between -5 and -1.
 * Beyond 6 it is zero, like 1 - erf in floats, so minus infinity gives minus infinity times zero.
 */
INLINE floats gelu(floats x) {
    floats t = absolute(x);
    floats t2 = t * t, t4 = t2 * t2;
    floats p01 = -1.15110457f - 0.459218144f * t;
    floats p23 = -0.0524477884f + 0.00695358263f * t;
    floats p45 = -3.01132945e-06f - 0.000279235683f * t;
    floats p67 = 7.65379809e-05f - 1.09973171e-05f * t;
    floats p89 = 8.61402953e-07f - 2.8866884e-08f * t;
    floats p = (p01 + p23 * t2) + ((p45 + p67 * t2) + p89 * t4) * t4;
    floats rounded = t * p + ROUNDER;
    floats fraction = t * p - (rounded - ROUNDER);
    floats half_erfc = exp2_of_fraction(fraction) * exp2_of_integer((uints)rounded - ROUNDER_BITS - 1);
    half_erfc = (floats)((ints)half_erfc & (t < 6.0f));
    return x * blend(x < 0.0f, half_erfc, 1.0f - half_erfc);
}

#endif
