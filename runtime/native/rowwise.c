/* AddLayerNorm, BiasGelu, BiasMul and BiasSplit: float operators that compute each row on its own. */
#include "kernel.h"

/* Costs per channel: see for_rows. */
enum { COPY_COST = 1, NORM_COST = 3, GELU_COST = 6 };

/* Checks the product [..., C], the bias [C] and the listed inputs, and allocates the output [..., C]. */
static OrtStatus *prepare(Call *call, const size_t *like_product, const size_t *like_bias) {
    OrtStatus *status = check_inputs(call, like_product, like_bias);
    return status ? status : make_output(call, 0, call->inputs[0].dims, call->inputs[0].rank);
}

static void add_layer_norm_rows(const Call *call, size_t from, size_t to) {
    const float *product = float_input(call, 0), *bias = float_input(call, 1), *residual = float_input(call, 2);
    const float *gamma = float_input(call, 3), *beta = float_input(call, 4);
    size_t channels = channel_count(&call->inputs[0]);
    for (size_t row = from * channels; row < to * channels; row += channels)
        call->kernel->row_kernels->add_layer_norm(float_output(call, 0) + row, product + row, bias, residual + row,
                                                  gamma, beta, call->kernel->epsilon, channels);
}

static OrtStatus *add_layer_norm(Call *call) {
    OrtStatus *status = prepare(call, (const size_t[]){2, 0}, (const size_t[]){1, 3, 4, 0});
    const Tensor *product = &call->inputs[0];
    return status ? status
                  : for_rows(call, row_count(product), NORM_COST * channel_count(product), add_layer_norm_rows);
}

static void bias_gelu_rows(const Call *call, size_t from, size_t to) {
    const float *product = float_input(call, 0), *bias = float_input(call, 1);
    size_t channels = channel_count(&call->inputs[0]);
    for (size_t row = from * channels; row < to * channels; row += channels)
        call->kernel->row_kernels->bias_gelu(float_output(call, 0) + row, product + row, bias, channels);
}

static OrtStatus *bias_gelu(Call *call) {
    OrtStatus *status = prepare(call, (const size_t[]){0}, (const size_t[]){1, 0});
    const Tensor *product = &call->inputs[0];
    return status ? status : for_rows(call, row_count(product), GELU_COST * channel_count(product), bias_gelu_rows);
}

static void bias_mul_rows(const Call *call, size_t from, size_t to) {
    const float *product = float_input(call, 0), *bias = float_input(call, 1), *factor = float_input(call, 2);
    size_t channels = channel_count(&call->inputs[0]);
    for (size_t row = from * channels; row < to * channels; row += channels)
        call->kernel->row_kernels->bias_mul(float_output(call, 0) + row, product + row, bias, factor + row, channels);
}

static OrtStatus *bias_mul(Call *call) {
    OrtStatus *status = prepare(call, (const size_t[]){2, 0}, (const size_t[]){1, 0});
    const Tensor *product = &call->inputs[0];
    return status ? status : for_rows(call, row_count(product), COPY_COST * channel_count(product), bias_mul_rows);
}

static void bias_split_rows(const Call *call, size_t from, size_t to) {
    const float *product = float_input(call, 0), *bias = float_input(call, 1);
    size_t channels = channel_count(&call->inputs[0]) / 4;
    for (size_t row = from; row < to; row++)
        for (size_t part = 0; part < 4; part++)
            call->kernel->row_kernels->bias_add(float_output(call, part) + row * channels,
                                                product + (4 * row + part) * channels, bias + part * channels,
                                                channels);
}

static OrtStatus *bias_split(Call *call) {
    const Tensor *product = &call->inputs[0];
    const int64_t *channels = &product->dims[product->rank - 1];
    OrtStatus *status = check_dims(call, 1, channels, 1, "[4*C]");
    if (!status && *channels % 4)
        status = invalid(call->kernel->op, "the last axis of product has %lld channels, it must be four times C",
                         (long long)*channels);
    Tensor part = *product;
    part.dims[part.rank - 1] /= 4;
    for (size_t i = 0; !status && i < 4; i++) status = make_output(call, i, part.dims, part.rank);
    return status ? status : for_rows(call, row_count(product), COPY_COST * channel_count(product), bias_split_rows);
}

Operator add_layer_norm_operator = {
    .name = "AddLayerNorm",
    .inputs = {"product", "bias", "residual", "gamma", "beta"},
    .outputs = {"output"},
    .attributes = {{"epsilon", FLOAT_ATTRIBUTE, offsetof(Kernel, epsilon)}},
    .in_place = true,
    .compute = add_layer_norm,
};

Operator bias_gelu_operator = {
    .name = "BiasGelu",
    .inputs = {"product", "bias"},
    .outputs = {"output"},
    .in_place = true,
    .compute = bias_gelu,
};

Operator bias_mul_operator = {
    .name = "BiasMul",
    .inputs = {"product", "bias", "factor"},
    .outputs = {"output"},
    .in_place = true,
    .compute = bias_mul,
};

Operator bias_split_operator = {
    .name = "BiasSplit",
    .inputs = {"product", "bias"},
    .outputs = {"query", "key", "value", "span_value"},
    .splits = true,
    .compute = bias_split,
};
