/* Rows of floats to rows of bytes before an integer product, and back behind it: see quantized_functions.py. */
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

/* Costs of a channel: see for_rows. */
enum { QUANTIZE = 3, DEQUANTIZE = 2, MULTIPLY = 1, NORM = 3, GELU = 6 };

/* The inputs of every operator behind a product. */
enum { PRODUCT, SCALE, WEIGHT_SCALE, BIAS };

static const size_t NONE[] = {0};

/* A row of an integer product as floats, without the bias. */
static void dequantize(const Call *call, float *output, size_t row, size_t from, size_t channels) {
    const int32_t *product = call->inputs[PRODUCT].data;
    call->kernel->rows->dequantize(output, product + row * channel_count(&call->inputs[PRODUCT]) + from,
                                   floats_of(call, SCALE)[row], floats_of(call, WEIGHT_SCALE) + from, channels);
}

/* Makes sure of what every operator behind a product takes. */
static OrtStatus *check_product(const Call *call, const size_t *like_product, const size_t *rows) {
    OrtStatus *status = check_inputs(call, like_product, rows, (const size_t[]){SCALE, 0});
    return status ? status : check_inputs(call, NONE, (const size_t[]){WEIGHT_SCALE, BIAS, 0}, NONE);
}

static size_t product_channels(const Call *call) { return channel_count(&call->inputs[PRODUCT]); }

static OrtStatus *make_like_product(Call *call) {
    return make_output(call, 0, call->inputs[PRODUCT].dims, call->inputs[PRODUCT].rank);
}

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

static void dequantize_bias_rows(const Call *call, size_t from, size_t to) {
    size_t channels = product_channels(call);
    for (size_t row = from; row < to; row++) {
        float *output = float_output(call, 0) + row * channels;
        dequantize(call, output, row, 0, channels);
        call->kernel->rows->bias_add(output, output, floats_of(call, BIAS), channels);
    }
}

static OrtStatus *dequantize_bias(Call *call) {
    OrtStatus *status = check_product(call, NONE, NONE);
    if (!status) status = make_like_product(call);
    size_t cost = DEQUANTIZE * product_channels(call);
    return status ? status : for_rows(call, row_count(&call->inputs[PRODUCT]), cost, dequantize_bias_rows);
}

static void dequantize_bias_split_rows(const Call *call, size_t from, size_t to) {
    size_t channels = product_channels(call) / 4;
    for (size_t row = from; row < to; row++)
        for (size_t part = 0; part < 4; part++) {
            float *output = float_output(call, part) + row * channels;
            dequantize(call, output, row, part * channels, channels);
            call->kernel->rows->bias_add(output, output, floats_of(call, BIAS) + part * channels, channels);
        }
}

static OrtStatus *dequantize_bias_split(Call *call) {
    OrtStatus *status = check_product(call, NONE, NONE);
    Tensor part = call->inputs[PRODUCT];
    if (!status && part.dims[part.rank - 1] % 4)
        status = invalid(call->kernel->op, "the last axis of product has %lld channels, it must be four times C",
                         (long long)part.dims[part.rank - 1]);
    part.dims[part.rank - 1] /= 4;
    for (size_t i = 0; !status && i < 4; i++) status = make_output(call, i, part.dims, part.rank);
    size_t cost = DEQUANTIZE * product_channels(call);
    return status ? status : for_rows(call, row_count(&part), cost, dequantize_bias_split_rows);
}

static void dequantize_bias_mul_rows(const Call *call, size_t from, size_t to) {
    size_t channels = product_channels(call);
    for (size_t row = from; row < to; row++) {
        float *output = float_output(call, 0) + row * channels;
        dequantize(call, output, row, 0, channels);
        call->kernel->rows->bias_mul(output, output, floats_of(call, BIAS), floats_of(call, 4) + row * channels,
                                     channels);
    }
}

static OrtStatus *dequantize_bias_mul(Call *call) {
    OrtStatus *status = check_product(call, (const size_t[]){4, 0}, NONE);
    if (!status) status = make_like_product(call);
    size_t cost = (DEQUANTIZE + MULTIPLY) * product_channels(call);
    return status ? status : for_rows(call, row_count(&call->inputs[PRODUCT]), cost, dequantize_bias_mul_rows);
}

static void dequantize_bias_gelu_rows(const Call *call, size_t from, size_t to) {
    size_t channels = product_channels(call);
    float *activated = make_room(call, channels);
    for (size_t row = from; activated && row < to; row++) {
        dequantize(call, activated, row, 0, channels);
        call->kernel->rows->bias_gelu(activated, activated, floats_of(call, BIAS), channels);
        write_bytes(call, 0, row, activated, channels);
    }
    free(activated);
}

static OrtStatus *dequantize_bias_gelu(Call *call) {
    size_t channels = product_channels(call);
    OrtStatus *status = check_product(call, NONE, NONE);
    if (!status) status = make_bytes(call, 0, channels);
    size_t cost = (DEQUANTIZE + GELU + QUANTIZE) * channels;
    return status ? status : for_rows(call, row_count(&call->inputs[PRODUCT]), cost, dequantize_bias_gelu_rows);
}

static void dequantize_add_layer_norm_rows(const Call *call, size_t from, size_t to) {
    size_t channels = product_channels(call);
    for (size_t row = from; row < to; row++) {
        float *output = float_output(call, 0) + row * channels;
        dequantize(call, output, row, 0, channels);
        call->kernel->rows->add_layer_norm(output, output, floats_of(call, BIAS),
                                           floats_of(call, 4) + row * channels, floats_of(call, 5),
                                           floats_of(call, 6), call->kernel->epsilon, channels);
        write_bytes(call, 1, row, output, channels);
    }
}

static OrtStatus *dequantize_add_layer_norm(Call *call) {
    size_t channels = product_channels(call);
    OrtStatus *status = check_product(call, (const size_t[]){4, 0}, (const size_t[]){5, 6, 0});
    if (!status) status = make_like_product(call);
    if (!status) status = make_bytes(call, 1, channels);
    size_t cost = (DEQUANTIZE + NORM + QUANTIZE) * channels;
    return status ? status : for_rows(call, row_count(&call->inputs[PRODUCT]), cost, dequantize_add_layer_norm_rows);
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

Operator dequantize_bias_operator = {
    .name = "DequantizeBias",
    .inputs = {"product", "scale", "weight_scale", "bias"},
    .outputs = {"output"},
    .input_types = {ORT_INT32},
    .compute = dequantize_bias,
};

Operator dequantize_bias_split_operator = {
    .name = "DequantizeBiasSplit",
    .inputs = {"product", "scale", "weight_scale", "bias"},
    .outputs = {"query", "key", "value", "span_value"},
    .input_types = {ORT_INT32},
    .splits = true,
    .compute = dequantize_bias_split,
};

Operator dequantize_bias_mul_operator = {
    .name = "DequantizeBiasMul",
    .inputs = {"product", "scale", "weight_scale", "bias", "factor"},
    .outputs = {"output"},
    .input_types = {ORT_INT32},
    .compute = dequantize_bias_mul,
};

Operator dequantize_bias_gelu_operator = {
    .name = "DequantizeBiasGelu",
    .inputs = {"product", "scale", "weight_scale", "bias"},
    .outputs = {"quantized", "output_scale"},
    .input_types = {ORT_INT32},
    .output_types = {ORT_UINT8},
    .compute = dequantize_bias_gelu,
};

Operator dequantize_add_layer_norm_operator = {
    .name = "DequantizeAddLayerNorm",
    .inputs = {"product", "scale", "weight_scale", "bias", "residual", "gamma", "beta"},
    .outputs = {"output", "quantized", "output_scale"},
    .input_types = {ORT_INT32},
    .output_types = {ORT_FLOAT, ORT_UINT8},
    .attributes = {{"epsilon", FLOAT_ATTRIBUTE, offsetof(Kernel, epsilon)}},
    .compute = dequantize_add_layer_norm,
};
