/* The arithmetic of our operators on rows of channels: one table of functions for each instruction set.
 *
 * RowsBody need not be aligned. What a row gives depends on that row alone, down to the last bit, whatever stands around it.
 * An output may be one of the inputs of its own row.
 */
#ifndef CONVBERT_ONNX_ROWS_H
#define CONVBERT_ONNX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The widest kernel of a convolution. */
enum { MAX_KERNEL_SIZE = 127 };

/* A weight of bytes for products is in panels of 16 columns: first the sum of each column as an int32, then, for every
 * four inputs, the four bytes of each column. So one vector holds what four bytes of a row are multiplied with. */
enum { PANEL_COLUMNS = 16, PANEL_DEPTH = 4, PANEL_ROW = PANEL_COLUMNS * PANEL_DEPTH };

/* One head of a text, whose rows lie `stride` floats apart. */
typedef struct {
    const float *query, *key, *value; /* the head's channels in the text's first row */
    float *output;
    const size_t *real; /* the rows that are keys, at least one */
    size_t keys, channels, stride;
    float scale;
} Head;

typedef struct {
    const char *isa;
    /* output = product + bias */
    void (*bias_add)(float *output, const float *product, const float *bias, size_t channels);
    /* output = (product + bias) * factor */
    void (*bias_mul)(float *output, const float *product, const float *bias, const float *factor, size_t channels);
    /* output = gelu(product + bias), the exact Gelu */
    void (*bias_gelu)(float *output, const float *product, const float *bias, size_t channels);
    /* output = norm(residual + product + bias) * gamma + beta */
    void (*add_layer_norm)(float *output, const float *product, const float *bias, const float *residual,
                           const float *gamma, const float *beta, float epsilon, size_t channels);
    /* output[p] = sum over j of weight[j] * window[p + j], for rows p that follow one another in output;
     * weight is [size, channels], window has positions + size - 1 rows */
    void (*depthwise_conv)(float *output, const float *const *window, const float *weight, size_t size,
                           size_t positions, size_t channels);
    /* output = sum over j of softmax(logits)[j] * window[j], for each head; logits is [heads, size], a row is
     * [heads, head_channels] */
    void (*span_dynamic_conv)(float *output, const float *const *window, const float *logits, size_t size,
                              size_t heads, size_t head_channels);
    /* output = product * scale * weight_scale */
    void (*dequantize)(float *output, const int32_t *product, float scale, const float *weight_scale, size_t channels);
    /* bytes = round(row / scale) + 128; returns the scale, which takes the largest magnitude, or 1e-30, to 127, and is
     * not finite where a number of the row is not */
    float (*quantize)(uint8_t *bytes, const float *row, size_t channels);
    /* bytes = round(row / scale) + 16, for a row that Gelu made: nothing in it is far below zero. Returns the scale,
     * the least that takes the row, or 1e-30, between -16 and 239 */
    float (*quantize_activated)(uint8_t *bytes, const float *row, size_t channels);
    /* output [rows, columns]: the product of bytes [rows, inputs] around zero_point and the columns of a weight, times
     * scale [rows] and weight_scale [columns]. RowsBody are `stride` floats and `byte_stride` bytes apart. The weight is in
     * panels: see PANEL_COLUMNS. inputs is a multiple of PANEL_DEPTH. The integer sums are exact, and as fast as they
     * can be where pairs_fit is what the function of that name says of the weight */
    void (*int8_matmul)(float *output, size_t stride, const uint8_t *bytes, size_t byte_stride, size_t rows, size_t inputs,
                     const float *scale, const int8_t *panels, const float *weight_scale, size_t columns,
                     int32_t zero_point, bool pairs_fit);
    /* Whether a panel's weights, a multiple of PANEL_ROW, multiply any bytes without saturating; NULL where all do */
    bool (*pairs_fit)(const int8_t *weights, size_t count);
    /* How many floats of room, aligned to 64 bytes, attend needs. */
    size_t (*attention_floats)(size_t keys, size_t channels);
    /* output = softmax(scale * query . key) . value, for the rows from `from` to `to` */
    void (*attend)(const Head *head, size_t from, size_t to, float *room);
} RowKernels;

/* Whether the compiler knows AVX-VNNI: gcc does since 11, clang since 12. */
#if defined(__x86_64__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define COMPILES_AVX_VNNI
#endif

/* The kernels for an instruction set by name, or for the best one of this machine where name is NULL or empty;
 * NULL where this machine has no such set. */
const RowKernels *select_row_kernels(const char *name);

/* Whether this machine multiplies with these kernels faster than with onnxruntime's, which know tiles of AMX, and what
 * 64-bit ARM has for products of bytes. */
bool has_fast_int8_matmul(void);

enum { ISA_NAMES = 64 };

/* Writes the names that select_row_kernels takes on this machine, the best first, with spaces between them. */
void available_isas(char names[ISA_NAMES]);

#endif
