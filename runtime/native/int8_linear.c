/* Linear layers on quantized rows: the epilogue of an int8 matmul alone (Dequantize...), or the matmul and its epilogue
 * in one pass (MatMulDequantize..., GroupedMatMulDequantize...). The latter have the same inputs, but the quantized
 * rows and the weight in panels instead of the int32 product. */
#include <stdlib.h>

#include "kernel.h"

/* Costs per channel, and the number of int8 multiplications that cost one unit: see for_rows. */
enum {
    DEQUANTIZE_COST = 2,
    BIAS_ADD_COST = 1,
    MUL_COST = 1,
    NORM_COST = 3,
    GELU_COST = 6,
    QUANTIZE_COST = 3,
    INT8_PRODUCTS_PER_COST = 16
};

/* Up to MAX_FEW_ROWS rows, threads divide the columns; above, they divide the rows, whose results stay in the cache of
 * one thread. */
enum { MAX_FEW_ROWS = 32, ROWS_PER_TASK = 32, COLUMNS_PER_TASK = 2 * PANEL_COLUMNS };

/* The inputs. With a weight, the inputs from SCALE on come one later. */
enum { FIRST, SCALE, WEIGHT_SCALE, BIAS, OTHER, GAMMA, BETA, WEIGHT = 1 };

static size_t input_index(const Call *call, size_t index) { return index + call->kernel->op->has_weight; }

static const float *operand(const Call *call, size_t index) { return float_input(call, input_index(call, index)); }

static size_t output_channels(const Call *call) { return (size_t)call->inputs[input_index(call, BIAS)].dims[0]; }

static void bias_epilogue(const Call *call, size_t row, float *values) {
    size_t channels = output_channels(call);
    call->kernel->row_kernels->bias_add(float_output(call, 0) + row * channels, values, operand(call, BIAS), channels);
}

static void bias_split_epilogue(const Call *call, size_t row, float *values) {
    size_t channels = output_channels(call) / 4;
    for (size_t part = 0; part < 4; part++)
        call->kernel->row_kernels->bias_add(float_output(call, part) + row * channels, values + part * channels,
                                            operand(call, BIAS) + part * channels, channels);
}

static void bias_mul_epilogue(const Call *call, size_t row, float *values) {
    size_t channels = output_channels(call);
    call->kernel->row_kernels->bias_mul(float_output(call, 0) + row * channels, values, operand(call, BIAS),
                                        operand(call, OTHER) + row * channels, channels);
}

static void bias_gelu_epilogue(const Call *call, size_t row, float *values) {
    size_t channels = output_channels(call);
    call->kernel->row_kernels->bias_gelu(values, values, operand(call, BIAS), channels);
    uint8_t *quantized = call->outputs[0];
    float_output(call, 1)[row] =
        call->kernel->row_kernels->quantize_activated(quantized + row * channels, values, channels);
}

static void add_layer_norm_epilogue(const Call *call, size_t row, float *values) {
    size_t channels = output_channels(call);
    float *output = float_output(call, 0) + row * channels;
    call->kernel->row_kernels->add_layer_norm(output, values, operand(call, BIAS),
                                              operand(call, OTHER) + row * channels, operand(call, GAMMA),
                                              operand(call, BETA), call->kernel->epsilon, channels);
    quantize_row(call, 1, row, output, channels);
}

/* Validates the inputs after the first one and allocates the outputs. */
static OrtStatus *prepare(Call *call) {
    const Operator *op = call->kernel->op;
    Tensor product = call->inputs[FIRST], column = product, part = product;
    const Tensor *bias = &call->inputs[input_index(call, BIAS)];
    int64_t *channels = &product.dims[product.rank - 1];
    if (op->has_weight) *channels = bias->dims[0];
    OrtStatus *status = check_dims(call, input_index(call, BIAS), channels, 1, "[C]");
    if (!status) status = check_dims(call, input_index(call, WEIGHT_SCALE), channels, 1, "[C]");
    column.dims[column.rank - 1] = 1;
    if (!status) status = check_dims(call, input_index(call, SCALE), column.dims, column.rank, "[..., 1]");
    for (size_t i = input_index(call, OTHER); !status && i < input_count(op); i++)
        status = i == input_index(call, OTHER) ? check_dims(call, i, product.dims, product.rank, "[..., C]")
                                               : check_dims(call, i, channels, 1, "[C]");
    if (!status && op->splits && *channels % 4)
        status = invalid(op, "bias has %lld channels, it must be four times C", (long long)*channels);
    for (size_t i = 0; !status && i < output_count(op); i++) {
        part.dims[part.rank - 1] = is_scale(op, i) ? 1 : op->splits ? *channels / 4 : *channels;
        status = make_output(call, i, part.dims, part.rank);
    }
    return status;
}

static void dequantize_rows(const Call *call, size_t from, size_t to) {
    const int32_t *product = call->inputs[FIRST].data;
    size_t channels = output_channels(call);
    float *values = allocate_floats(call, channels);
    for (size_t row = from; values && row < to; row++) {
        call->kernel->row_kernels->dequantize(values, product + row * channels, operand(call, SCALE)[row],
                                              operand(call, WEIGHT_SCALE), channels);
        call->kernel->op->epilogue(call, row, values);
    }
    free(values);
}

static OrtStatus *dequantize(Call *call) {
    OrtStatus *status = prepare(call);
    size_t cost = (DEQUANTIZE_COST + call->kernel->op->epilogue_cost) * channel_count(&call->inputs[FIRST]);
    return status ? status : for_rows(call, row_count(&call->inputs[FIRST]), cost, dequantize_rows);
}

/* The number of groups of the weight; each maps its share of the inputs to its share of the channels. */
static size_t group_count(const Call *call) {
    const Tensor *weight = &call->inputs[WEIGHT];
    return call->kernel->op->grouped && weight->rank == 5 && weight->dims[0] > 0 ? (size_t)weight->dims[0] : 1;
}

static size_t panel_count(size_t columns) { return (columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS; }

/* Multiplies rows `from` to `to` by columns `first` to `last` of a group; `first` is a multiple of PANEL_COLUMNS. */
static void matmul_block(const Call *call, float *values, size_t from, size_t to, size_t group, size_t first,
                         size_t last) {
    size_t channels = output_channels(call), stride = channel_count(&call->inputs[FIRST]);
    size_t columns = channels / group_count(call), inputs = stride / group_count(call);
    size_t panel = group * panel_count(columns) + first / PANEL_COLUMNS, column = group * columns + first;
    const uint8_t *quantized = call->inputs[FIRST].data;
    const int8_t *panels = call->inputs[WEIGHT].data;
    call->kernel->row_kernels->int8_matmul(
        values + column, channels, quantized + from * stride + group * inputs, stride, to - from, inputs,
        operand(call, SCALE) + from, panels + panel * PANEL_ROW * (inputs / PANEL_DEPTH + 1),
        operand(call, WEIGHT_SCALE) + column, last - first, (int32_t)call->kernel->zero_point, call->kernel->pairs_fit);
}

static void matmul_rows(const Call *call, size_t from, size_t to) {
    size_t channels = output_channels(call);
    float *values = allocate_floats(call, (to - from) * channels);
    if (!values) return;
    for (size_t group = 0; group < group_count(call); group++)
        matmul_block(call, values, from, to, group, 0, channels / group_count(call));
    for (size_t row = from; row < to; row++) call->kernel->op->epilogue(call, row, values + (row - from) * channels);
    free(values);
}

/* The number of tasks that divide the columns of a group. */
static size_t tasks_per_group(const Call *call) {
    return (output_channels(call) / group_count(call) + COLUMNS_PER_TASK - 1) / COLUMNS_PER_TASK;
}

static void matmul_columns(const Call *call, size_t from, size_t to) {
    size_t tasks = tasks_per_group(call), columns = output_channels(call) / group_count(call);
    for (size_t task = from; task < to; task++) {
        size_t first = task % tasks * COLUMNS_PER_TASK, last = first + COLUMNS_PER_TASK;
        matmul_block(call, call->values, 0, row_count(&call->inputs[FIRST]), task / tasks, first,
                     last < columns ? last : columns);
    }
}

static void run_epilogues(const Call *call, size_t from, size_t to) {
    size_t channels = output_channels(call);
    for (size_t row = from; row < to; row++) call->kernel->op->epilogue(call, row, call->values + row * channels);
}

static OrtStatus *matmul_few_rows(Call *call) {
    size_t rows = row_count(&call->inputs[FIRST]), inputs = channel_count(&call->inputs[FIRST]) / group_count(call);
    size_t channels = output_channels(call);
    call->values = allocate_floats(call, rows * channels);
    if (!call->values) return NULL;
    size_t cost = rows * inputs * COLUMNS_PER_TASK / INT8_PRODUCTS_PER_COST;
    OrtStatus *status = for_rows(call, group_count(call) * tasks_per_group(call), cost, matmul_columns);
    if (!status) status = for_rows(call, rows, call->kernel->op->epilogue_cost * channels, run_epilogues);
    free(call->values);
    return status;
}

static OrtStatus *check_weight(const Call *call) {
    const Operator *op = call->kernel->op;
    int64_t inputs = (int64_t)channel_count(&call->inputs[FIRST]), channels = (int64_t)output_channels(call);
    int64_t groups = (int64_t)group_count(call);
    if (inputs % (groups * PANEL_DEPTH))
        return invalid(op, "rows have %lld channels, they must be a multiple of %lld", (long long)inputs,
                       (long long)(groups * PANEL_DEPTH));
    if (channels % groups)
        return invalid(op, "bias has %lld channels, which %lld groups do not divide", (long long)channels,
                       (long long)groups);
    int64_t panels = (int64_t)panel_count((size_t)(channels / groups)), depth = inputs / groups / PANEL_DEPTH + 1;
    int64_t dims[] = {groups, panels, depth, PANEL_COLUMNS, PANEL_DEPTH};
    return op->grouped ? check_dims(call, WEIGHT, dims, 5, "[G, C/G/16, K/G/4 + 1, 16, 4]")
                       : check_dims(call, WEIGHT, dims + 1, 4, "[C/16, K/4 + 1, 16, 4]");
}

OrtStatus *read_pairs_fit(Kernel *kernel, const OrtKernelInfo *info) {
    int is_constant = 0;
    const OrtValue *weight;
    OrtTensorTypeAndShapeInfo *shape;
    void *panels;
    int64_t dims[MAX_RANK] = {0};
    size_t rank = 0, count = 1;
    if (!kernel->row_kernels->pairs_fit) return NULL;
    OrtStatus *status = ort->KernelInfoGetConstantInput_tensor(info, WEIGHT, &is_constant, &weight);
    if (status || !is_constant) return status;
    status = ort->GetTensorTypeAndShape(weight, &shape);
    if (status) return status;
    status = ort->GetDimensionsCount(shape, &rank);
    if (!status && rank <= MAX_RANK) status = ort->GetDimensions(shape, dims, rank);
    ort->ReleaseTensorTypeAndShapeInfo(shape);
    if (!status) status = ort->GetTensorMutableData((OrtValue *)weight, &panels);
    if (status || rank < 4 || rank > MAX_RANK || dims[rank - 2] != PANEL_COLUMNS || dims[rank - 1] != PANEL_DEPTH)
        return status; /* check_weight refuses other shapes when the node runs */
    size_t panel = (size_t)dims[rank - 3] * PANEL_ROW;
    for (size_t i = 0; i + 3 < rank; i++) count *= (size_t)dims[i];
    kernel->pairs_fit = panel > 0;
    for (size_t i = 0; i < count && kernel->pairs_fit; i++)
        kernel->pairs_fit =
            kernel->row_kernels->pairs_fit((const int8_t *)panels + i * panel + PANEL_ROW, panel - PANEL_ROW);
    return NULL;
}

static OrtStatus *matmul(Call *call) {
    OrtStatus *status = prepare(call);
    if (!status) status = check_weight(call);
    if (status) return status;
    size_t rows = row_count(&call->inputs[FIRST]);
    if (rows <= MAX_FEW_ROWS) return matmul_few_rows(call);
    return for_ranges(call, rows, ROWS_PER_TASK, matmul_rows);
}

#define MATMUL_RESULT_INPUTS "scale", "weight_scale", "bias"
#define DEQUANTIZE_INPUTS(...) \
    .inputs = {"product", MATMUL_RESULT_INPUTS, __VA_ARGS__}, .input_types = {ORT_INT32}, .compute = dequantize
#define MATMUL_INPUTS(...)                                                                                 \
    .inputs = {"rows", "weight", MATMUL_RESULT_INPUTS, __VA_ARGS__}, .input_types = {ORT_UINT8, ORT_INT8}, \
    .has_weight = true, .compute = matmul
#define ZERO_POINT {"zero_point", INT_ATTRIBUTE, offsetof(Kernel, zero_point)}
#define EPSILON {"epsilon", FLOAT_ATTRIBUTE, offsetof(Kernel, epsilon)}

#define BIAS_OUTPUTS .outputs = {"output"}, .epilogue = bias_epilogue, .epilogue_cost = BIAS_ADD_COST
#define SPLIT_OUTPUTS                                                                                    \
    .outputs = {"query", "key", "value", "span_value"}, .splits = true, .epilogue = bias_split_epilogue, \
    .epilogue_cost = BIAS_ADD_COST
#define MUL_OUTPUTS .outputs = {"output"}, .epilogue = bias_mul_epilogue, .epilogue_cost = BIAS_ADD_COST + MUL_COST
#define GELU_OUTPUTS                                                                                       \
    .outputs = {"quantized", "output_scale"}, .output_types = {ORT_UINT8}, .epilogue = bias_gelu_epilogue, \
    .epilogue_cost = GELU_COST + QUANTIZE_COST
#define NORM_OUTPUTS                                                                            \
    .outputs = {"output", "quantized", "output_scale"}, .output_types = {ORT_FLOAT, ORT_UINT8}, \
    .epilogue = add_layer_norm_epilogue, .epilogue_cost = NORM_COST + QUANTIZE_COST

Operator dequantize_operators[LINEAR_COUNT] = {
    {.name = "DequantizeBias", DEQUANTIZE_INPUTS(NULL), BIAS_OUTPUTS},
    {.name = "DequantizeBiasSplit", DEQUANTIZE_INPUTS(NULL), SPLIT_OUTPUTS},
    {.name = "DequantizeBiasMul", DEQUANTIZE_INPUTS("factor"), MUL_OUTPUTS},
    {.name = "DequantizeBiasGelu", DEQUANTIZE_INPUTS(NULL), GELU_OUTPUTS},
    {.name = "DequantizeAddLayerNorm",
     DEQUANTIZE_INPUTS("residual", "gamma", "beta"),
     NORM_OUTPUTS,
     .attributes = {EPSILON}},
};

Operator matmul_operators[LINEAR_COUNT] = {
    {.name = "MatMulDequantizeBias", MATMUL_INPUTS(NULL), BIAS_OUTPUTS, .attributes = {ZERO_POINT}},
    {.name = "MatMulDequantizeBiasSplit", MATMUL_INPUTS(NULL), SPLIT_OUTPUTS, .attributes = {ZERO_POINT}},
    {.name = "MatMulDequantizeBiasMul", MATMUL_INPUTS("factor"), MUL_OUTPUTS, .attributes = {ZERO_POINT}},
    {.name = "MatMulDequantizeBiasGelu", MATMUL_INPUTS(NULL), GELU_OUTPUTS, .attributes = {ZERO_POINT}},
    {.name = "MatMulDequantizeAddLayerNorm",
     MATMUL_INPUTS("residual", "gamma", "beta"),
     NORM_OUTPUTS,
     .attributes = {ZERO_POINT, EPSILON}},
};

Operator grouped_operators[GROUPED_COUNT] = {
    {.name = "GroupedMatMulDequantizeBiasGelu",
     MATMUL_INPUTS(NULL),
     .grouped = true,
     GELU_OUTPUTS,
     .attributes = {ZERO_POINT}},
    {.name = "GroupedMatMulDequantizeAddLayerNorm",
     MATMUL_INPUTS("residual", "gamma", "beta"),
     .grouped = true,
     NORM_OUTPUTS,
     .attributes = {ZERO_POINT, EPSILON}},
};
