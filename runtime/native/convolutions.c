/* SpanDynamicConv, DepthwiseConv and DepthwiseConvQuantize: each position depends on a window of rows around it. */
#include <stdlib.h>

#include "kernel.h"

/* Positions whose windows are computed together. */
enum { MAX_POSITIONS = 32 };

/* The input of a convolution. Rows outside the sequence and masked rows are replaced by `zeros`. */
typedef struct {
    const float *rows;
    const int64_t *mask; /* NULL if nothing is masked */
    const float *zeros;
    int64_t sequence;
    size_t channels, size;
} Source;

/* Lists the rows in the windows of `positions` positions of a sequence, starting at `first`. */
static void fill_window(const float **window, const Source *source, size_t batch, int64_t first, size_t positions) {
    const int64_t before = (int64_t)source->size / 2;
    for (size_t i = 0; i < positions + source->size - 1; i++) {
        int64_t position = first + (int64_t)i - before;
        size_t row = batch * (size_t)source->sequence + (size_t)position;
        bool real = position >= 0 && position < source->sequence && (!source->mask || source->mask[row]);
        window[i] = real ? source->rows + row * source->channels : source->zeros;
    }
}

typedef void Convolve(const Call *call, const Source *source, const float *const *window, size_t row, size_t positions);

/* Computes rows of an output [B, S, C], in pieces that lie within one sequence. */
static void convolve_rows(const Call *call, const Source *source, size_t from, size_t to, Convolve *convolve) {
    const float *window[MAX_POSITIONS + MAX_KERNEL_SIZE - 1];
    size_t sequence = (size_t)source->sequence;
    for (size_t row = from, positions; row < to; row += positions) {
        size_t batch = row / sequence, first = row % sequence;
        positions = MAX_POSITIONS;
        if (positions > to - row) positions = to - row;
        if (positions > sequence - first) positions = sequence - first;
        fill_window(window, source, batch, (int64_t)first, positions);
        convolve(call, source, window, row, positions);
    }
}

/* Validates the mask and runs the body with a row of zeros. */
static OrtStatus *convolve(Call *call, size_t cost, RowsBody *body) {
    const Tensor *input = &call->inputs[0];
    OrtStatus *status = call->inputs[2].data ? check_dims(call, 2, input->dims, 2, "[B, S]") : NULL;
    if (status) return status;
    call->zeros = calloc(channel_count(input) + 1, sizeof(float));
    if (!call->zeros) return ort->CreateStatus(ORT_FAIL, "out of memory");
    status = for_rows(call, row_count(input), cost, body);
    free(call->zeros);
    return status;
}

static Source source_of(const Call *call, size_t size) {
    const Tensor *input = &call->inputs[0];
    return (Source){
        .rows = input->data,
        .mask = call->inputs[2].data,
        .zeros = call->zeros,
        .sequence = input->dims[1],
        .channels = channel_count(input),
        .size = size,
    };
}

static OrtStatus *check_rank(const Call *call) {
    const Operator *op = call->kernel->op;
    if (call->inputs[0].rank == 3) return NULL;
    return invalid(op, "%s has %zu axes, it must be [B, S, C]", op->inputs[0], call->inputs[0].rank);
}

static void depthwise(const Call *call, const Source *source, const float *const *window, size_t row,
                      size_t positions) {
    call->kernel->row_kernels->depthwise_conv(float_output(call, 0) + row * source->channels, window,
                                              float_input(call, 1), source->size, positions, source->channels);
}

static void depthwise_conv_rows(const Call *call, size_t from, size_t to) {
    Source source = source_of(call, (size_t)call->inputs[1].dims[0]);
    convolve_rows(call, &source, from, to, depthwise);
}

static OrtStatus *check_depthwise(const Call *call) {
    OrtStatus *status = check_rank(call);
    if (status) return status;
    const Tensor *weight = &call->inputs[1];
    int64_t size = weight->dims[0];
    status = check_dims(call, 1, (const int64_t[]){size, call->inputs[0].dims[2]}, 2, "[K, C]");
    if (!status && (size < 1 || size > MAX_KERNEL_SIZE))
        status = invalid(call->kernel->op, "K must be between 1 and %d, not %lld", MAX_KERNEL_SIZE, (long long)size);
    return status;
}

static size_t depthwise_cost(const Call *call) {
    return (size_t)(call->inputs[1].dims[0] / 4 + 1) * channel_count(&call->inputs[0]);
}

static OrtStatus *depthwise_conv(Call *call) {
    OrtStatus *status = check_depthwise(call);
    if (!status) status = make_output(call, 0, call->inputs[0].dims, call->inputs[0].rank);
    return status ? status : convolve(call, depthwise_cost(call), depthwise_conv_rows);
}

/* Computes some rows as floats and quantizes them. */
static void depthwise_quantize(const Call *call, const Source *source, const float *const *window, size_t row,
                               size_t positions) {
    float *convolved = allocate_floats(call, positions * source->channels);
    if (!convolved) return;
    call->kernel->row_kernels->depthwise_conv(convolved, window, float_input(call, 1), source->size, positions,
                                              source->channels);
    for (size_t p = 0; p < positions; p++)
        quantize_row(call, 0, row + p, convolved + p * source->channels, source->channels);
    free(convolved);
}

static void depthwise_conv_quantize_rows(const Call *call, size_t from, size_t to) {
    Source source = source_of(call, (size_t)call->inputs[1].dims[0]);
    convolve_rows(call, &source, from, to, depthwise_quantize);
}

static OrtStatus *depthwise_conv_quantize(Call *call) {
    OrtStatus *status = check_depthwise(call);
    if (!status) status = make_quantized_outputs(call, 0, channel_count(&call->inputs[0]));
    size_t cost = depthwise_cost(call) + 3 * channel_count(&call->inputs[0]);
    return status ? status : convolve(call, cost, depthwise_conv_quantize_rows);
}

static void span_dynamic(const Call *call, const Source *source, const float *const *window, size_t row,
                         size_t positions) {
    const Kernel *kernel = call->kernel;
    size_t heads = (size_t)kernel->num_heads;
    for (size_t p = 0; p < positions; p++, row++)
        kernel->row_kernels->span_dynamic_conv(float_output(call, 0) + row * source->channels, window + p,
                                               float_input(call, 1) + row * heads * source->size, source->size, heads,
                                               source->channels / heads);
}

static void span_dynamic_conv_rows(const Call *call, size_t from, size_t to) {
    Source source = source_of(call, (size_t)call->kernel->kernel_size);
    convolve_rows(call, &source, from, to, span_dynamic);
}

static OrtStatus *span_dynamic_conv(Call *call) {
    OrtStatus *status = check_rank(call);
    if (status) return status;
    const Kernel *kernel = call->kernel;
    const int64_t *dims = call->inputs[0].dims, heads = kernel->num_heads, size = kernel->kernel_size;
    if (dims[2] % heads)
        return invalid(kernel->op, "values has %lld channels, which num_heads %lld does not divide", (long long)dims[2],
                       (long long)heads);
    status = check_dims(call, 1, (const int64_t[]){dims[0], dims[1], heads * size}, 3, "[B, S, H*K]");
    if (!status) status = make_output(call, 0, dims, 3);
    return status ? status : convolve(call, (size_t)(size / 2 + 1) * (size_t)dims[2], span_dynamic_conv_rows);
}

Operator depthwise_conv_operator = {
    .name = "DepthwiseConv",
    .inputs = {"hidden", "weight", "mask"},
    .outputs = {"output"},
    .has_mask = true,
    .compute = depthwise_conv,
};

Operator depthwise_conv_quantize_operator = {
    .name = "DepthwiseConvQuantize",
    .inputs = {"hidden", "weight", "mask"},
    .outputs = {"quantized", "scale"},
    .output_types = {ORT_UINT8},
    .has_mask = true,
    .compute = depthwise_conv_quantize,
};

Operator span_dynamic_conv_operator = {
    .name = "SpanDynamicConv",
    .inputs = {"values", "kernel_logits", "mask"},
    .outputs = {"output"},
    .attributes = {{"num_heads", INT_ATTRIBUTE, offsetof(Kernel, num_heads)},
                   {"kernel_size", INT_ATTRIBUTE, offsetof(Kernel, kernel_size)}},
    .has_mask = true,
    .compute = span_dynamic_conv,
};
