/* Quantize and ConcatQuantize: dynamic quantization of rows for an int8 matmul; see quantized_functions.py. */
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* Cost per channel: see for_rows. */
enum { QUANTIZE_COST = 3 };

static void quantize_rows(const Call *call, size_t from, size_t to) {
    size_t channels = channel_count(&call->inputs[0]);
    for (size_t row = from; row < to; row++)
        quantize_row(call, 0, row, float_input(call, 0) + row * channels, channels);
}

static OrtStatus *quantize(Call *call) {
    size_t channels = channel_count(&call->inputs[0]);
    OrtStatus *status = make_quantized_outputs(call, 0, channels);
    return status ? status : for_rows(call, row_count(&call->inputs[0]), QUANTIZE_COST * channels, quantize_rows);
}

static void concat_quantize_rows(const Call *call, size_t from, size_t to) {
    size_t first = channel_count(&call->inputs[0]), second = channel_count(&call->inputs[1]);
    float *joined = allocate_floats(call, first + second);
    for (size_t row = from; joined && row < to; row++) {
        memcpy(joined, float_input(call, 0) + row * first, first * sizeof(float));
        memcpy(joined + first, float_input(call, 1) + row * second, second * sizeof(float));
        quantize_row(call, 0, row, joined, first + second);
    }
    free(joined);
}

static OrtStatus *concat_quantize(Call *call) {
    Tensor second = call->inputs[0];
    size_t channels = channel_count(&call->inputs[1]);
    second.dims[second.rank - 1] = (int64_t)channels;
    OrtStatus *status = check_dims(call, 1, second.dims, second.rank, "that of first but for the last axis");
    channels += channel_count(&call->inputs[0]);
    if (!status) status = make_quantized_outputs(call, 0, channels);
    return status ? status : for_rows(call, row_count(&second), QUANTIZE_COST * channels, concat_quantize_rows);
}

Operator quantize_operator = {
    .name = "Quantize",
    .inputs = {"input"},
    .outputs = {"quantized", "scale"},
    .output_types = {ORT_UINT8},
    .compute = quantize,
};

Operator concat_quantize_operator = {
    .name = "ConcatQuantize",
    .inputs = {"first", "second"},
    .outputs = {"quantized", "scale"},
    .output_types = {ORT_UINT8},
    .concatenates = true,
    .compute = concat_quantize,
};
