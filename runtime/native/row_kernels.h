/* Row kernels: the arithmetic of the operators on rows of channels, one table of functions per instruction set.
 *
 * Rows need not be aligned. Every bit of an output row depends on its own input rows only, not on the rest of the
 * batch. An output may be the same buffer as an input of the same row.
 */
#ifndef CONVBERT_ONNX_ROWS_H
#define CONVBERT_ONNX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest kernel size of a convolution. */
enum { MAX_KERNEL_SIZE = 127 };

/* The int8 weight of a matmul is packed into panels of 16 columns: first the sum of each column as an int32, then, for
 * every four inputs, the four values of each column. So one vector holds the factors for four values of a row. */
enum { PANEL_COLUMNS = 16, PANEL_DEPTH = 4, PANEL_ROW = PANEL_COLUMNS * PANEL_DEPTH };

/* One attention head of a sequence; its rows are `stride` floats apart. */
typedef struct {
    const float *query, *key, *value; /* the channels of the head in the first row of the sequence */
    float *output;
    const size_t *real; /* the indices of the rows that are keys, at least one */
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
    /* output[p] = sum over j of weight[j] * window[p + j], for consecutive rows p of output; weight is
     * [size, channels], window has positions + size - 1 rows */
    void (*depthwise_conv)(float *output, const float *const *window, const float *weight, size_t size,
                           size_t positions, size_t channels);
    /* output = sum over j of softmax(logits)[j] * window[j], for each head; logits is [heads, size], a row is
     * [heads, head_channels] */
    void (*span_dynamic_conv)(float *output, const float *const *window, const float *logits, size_t size, size_t heads,
                              size_t head_channels);
    /* output = product * scale * weight_scale */
    void (*dequantize)(float *output, const int32_t *product, float scale, const float *weight_scale, size_t channels);
    /* quantized = round(row / scale) + 128; returns the scale, which maps the largest magnitude, or 1e-30, to 127. It
     * is not finite if a value of the row is not finite */
    float (*quantize)(uint8_t *quantized, const float *row, size_t channels);
    /* quantized = round(row / scale) + 16, for the output of a Gelu, which has no large negative values. Returns the
     * smallest scale that maps the row, or 1e-30, into -16 to 239 */
    float (*quantize_activated)(uint8_t *quantized, const float *row, size_t channels);
    /* output [rows, columns] = ((quantized [rows, inputs] - zero_point) . weight) * scale [rows] * weight_scale
     * [columns]. Rows of output are `stride` floats apart, rows of quantized `row_stride` bytes. The weight is in
     * panels: see PANEL_COLUMNS. inputs is a multiple of PANEL_DEPTH. The integer sums are exact. pairs_fit may only be
     * true if the function of that name is true for the weight; the matmul is then faster on some instruction sets */
    void (*int8_matmul)(float *output, size_t stride, const uint8_t *quantized, size_t row_stride, size_t rows,
                        size_t inputs, const float *scale, const int8_t *panels, const float *weight_scale,
                        size_t columns, int32_t zero_point, bool pairs_fit);
    /* Whether the weights of a panel, a multiple of PANEL_ROW, cannot saturate with any row; NULL if no weight can */
    bool (*pairs_fit)(const int8_t *weights, size_t count);
    /* The floats in the buffer that attend needs, aligned to 64 bytes */
    size_t (*attention_floats)(size_t keys, size_t channels);
    /* output = softmax(scale * query . key) . value, for rows `from` to `to` */
    void (*attend)(const Head *head, size_t from, size_t to, float *buffer);
} RowKernels;

/* Whether the compiler supports AVX-VNNI: gcc 11, clang 12. */
#if defined(__x86_64__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define COMPILES_AVX_VNNI
#endif

/* Returns the row kernels for an instruction set by name, or for the best of this machine if the name is NULL or empty;
 * NULL if this machine does not support it. */
const RowKernels *select_row_kernels(const char *name);

/* Whether these int8 matmuls are faster on this machine than onnxruntime's, which use AMX and the int8 instructions of
 * 64-bit ARM. */
bool has_fast_int8_matmul(void);

enum { ISA_NAMES = 64 };

/* Writes the names that select_row_kernels accepts on this machine, best first, separated by spaces. */
void available_isas(char names[ISA_NAMES]);

#endif
