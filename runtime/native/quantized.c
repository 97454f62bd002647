/* Rows of floats to rows of bytes before an integer product: see quantized_functions.py. */
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* The cost of a channel: see for_rows. */
enum { QUANTIZE = 3 };

static void quantize_rows(const Call *call, size_t from, size_t to) {
    size_t channels = channel_count(&call->inputs[0]);
    for (size_t row = from; row < to; row++) write_bytes(call, 0, row, floats_of(call, 0) + row * channels, channels);
}

static OrtStatus *quantize(Call *call) {
    size_t channels = channel_count(&call->inputs[0]);
    OrtStatus *status = make_bytes(call, 0, channels);
    return status ? status : for_rows(call, row_count(&call->inputs[0]), QUANTIZE * channels, quantize_rows);
}

static void concat_quantize_rows(const Call *call, size_t from, size_t to) {
    size_t first = channel_count(&call->inputs[0]), second = channel_count(&call->inputs[1]);
    float *joined = make_room(call, first + second);
    for (size_t row = from; joined && row < to; row++) {
        memcpy(joined, floats_of(call, 0) + row * first, first * sizeof(float));
        memcpy(joined + first, floats_of(call, 1) + row * second, second * sizeof(float));
        write_bytes(call, 0, row, joined, first + second);
    }
    free(joined);
}

static OrtStatus *concat_quantize(Call *call) {
    Tensor second = call->inputs[0];
    size_t channels = channel_count(&call->inputs[1]);
    second.dims[second.rank - 1] = (int64_t)channels;
    OrtStatus *status = check_dims(call, 1, second.dims, second.rank, "that of first but for the last axis");
    channels += channel_count(&call->inputs[0]);
    if (!status) status = make_bytes(call, 0, channels);
    return status ? status : for_rows(call, row_count(&second), QUANTIZE * channels, concat_quantize_rows);
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
    .joins = true,
    .compute = concat_quantize,
};
