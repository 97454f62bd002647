#include "kernel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The least cost of a range of rows: about ten microseconds of work, ten times as long as waking a thread. */
enum { MIN_RANGE_COST = 65536 };

const OrtApi *ort;

#define TRY(expression)                    \
    do {                                   \
        OrtStatus *status_ = (expression); \
        if (status_) return status_;       \
    } while (0)

OrtStatus *invalid(const Operator *op, const char *format, ...) {
    char message[256];
    int start = snprintf(message, sizeof message, "%s: ", op->name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message + start, sizeof message - (size_t)start, format, arguments);
    va_end(arguments);
    return ort->CreateStatus(ORT_INVALID_ARGUMENT, message);
}

size_t input_count(const Operator *op) {
    size_t count = 0;
    while (count < MAX_INPUTS && op->inputs[count]) count++;
    return count;
}

size_t output_count(const Operator *op) {
    size_t count = 0;
    while (count < MAX_OUTPUTS && op->outputs[count]) count++;
    return count;
}

int input_type(const Operator *op, size_t index) {
    if (op->has_mask && index + 1 == input_count(op)) return ORT_INT64;
    return op->input_types[index] ? op->input_types[index] : ORT_FLOAT;
}

int output_type(const Operator *op, size_t index) {
    return op->output_types[index] ? op->output_types[index] : ORT_FLOAT;
}

bool is_scale(const Operator *op, size_t index) { return index > 0 && output_type(op, index - 1) == ORT_UINT8; }

static OrtStatus *read_attribute(Kernel *kernel, const Attribute *attribute, const OrtKernelInfo *info) {
    char *place = (char *)kernel + attribute->offset;
    OrtStatus *status = attribute->type == INT_ATTRIBUTE
                            ? ort->KernelInfoGetAttribute_int64(info, attribute->name, (int64_t *)place)
                            : ort->KernelInfoGetAttribute_float(info, attribute->name, (float *)place);
    if (!status) return NULL;
    ort->ReleaseStatus(status);
    return invalid(kernel->op, "the attribute %s is missing or of the wrong type", attribute->name);
}

static OrtStatus *fill_kernel(Kernel *kernel, const OrtKernelInfo *info) {
    const Operator *op = kernel->op;
    for (size_t i = 0; i < MAX_ATTRIBUTES && op->attributes[i].name; i++)
        TRY(read_attribute(kernel, &op->attributes[i], info));
    if (kernel->num_heads < 1 || kernel->num_heads > MAX_HEADS)
        return invalid(op, "num_heads must be between 1 and %d, not %lld", MAX_HEADS, (long long)kernel->num_heads);
    if (kernel->kernel_size < 1 || kernel->kernel_size > MAX_KERNEL_SIZE)
        return invalid(op, "kernel_size must be between 1 and %d, not %lld: wider ones run with CONVBERT_ONNX_NATIVE=0",
                       MAX_KERNEL_SIZE, (long long)kernel->kernel_size);
    const char *isa = getenv("CONVBERT_ONNX_ISA");
    kernel->row_kernels = select_row_kernels(isa);
    if (kernel->row_kernels) return op->has_weight ? read_pairs_fit(kernel, info) : NULL;
    char names[ISA_NAMES];
    available_isas(names);
    return invalid(op, "CONVBERT_ONNX_ISA is %.32s, this machine has %s", isa, names);
}

OrtStatus *create_kernel(const OrtCustomOp *abi, const OrtApi *api, const OrtKernelInfo *info, void **result) {
    (void)api;
    Kernel *kernel = malloc(sizeof *kernel);
    if (!kernel) return ort->CreateStatus(ORT_FAIL, "out of memory");
    *kernel = (Kernel){.op = (const Operator *)abi, .num_heads = 1, .kernel_size = 1};
    OrtStatus *status = fill_kernel(kernel, info);
    if (status)
        free(kernel);
    else
        *result = kernel;
    return status;
}

static OrtStatus *read_input(Call *call, size_t index) {
    Tensor *tensor = &call->inputs[index];
    const OrtValue *value = NULL;
    TRY(ort->KernelContext_GetInput(call->context, index, &value));
    if (!value) return NULL;
    OrtTensorTypeAndShapeInfo *info;
    TRY(ort->GetTensorTypeAndShape(value, &info));
    OrtStatus *status = ort->GetDimensionsCount(info, &tensor->rank);
    if (!status && (tensor->rank < 1 || tensor->rank > MAX_RANK))
        status = invalid(call->kernel->op, "%s has %zu axes, between 1 and %d are possible",
                         call->kernel->op->inputs[index], tensor->rank, MAX_RANK);
    if (!status) status = ort->GetDimensions(info, tensor->dims, tensor->rank);
    ort->ReleaseTensorTypeAndShapeInfo(info);
    if (status) return status;
    return ort->GetTensorMutableData((OrtValue *)value, (void **)&tensor->data);
}

OrtStatus *run_kernel(void *kernel, OrtKernelContext *context) {
    atomic_bool out_of_memory = false;
    Call call = {.kernel = kernel, .context = context, .out_of_memory = &out_of_memory};
    size_t count;
    TRY(ort->KernelContext_GetInputCount(context, &count));
    const Operator *op = call.kernel->op;
    for (size_t i = 0; i < count && i < MAX_INPUTS; i++) TRY(read_input(&call, i));
    for (size_t i = 0; i + op->has_mask < input_count(op); i++)
        if (!call.inputs[i].rank) return invalid(op, "the input %s is missing", op->inputs[i]);
    TRY(op->compute(&call));
    return out_of_memory ? ort->CreateStatus(ORT_FAIL, "out of memory") : NULL;
}

OrtStatus *make_output(Call *call, size_t index, const int64_t *dims, size_t rank) {
    OrtValue *value;
    TRY(ort->KernelContext_GetOutput(call->context, index, dims, rank, &value));
    return ort->GetTensorMutableData(value, &call->outputs[index]);
}

size_t row_count(const Tensor *tensor) {
    size_t rows = 1;
    for (size_t i = 0; i + 1 < tensor->rank; i++) rows *= (size_t)tensor->dims[i];
    return rows;
}

size_t channel_count(const Tensor *tensor) { return (size_t)tensor->dims[tensor->rank - 1]; }

const float *float_input(const Call *call, size_t index) { return call->inputs[index].data; }

float *float_output(const Call *call, size_t index) { return call->outputs[index]; }

static void write_dims(char *text, size_t size, const int64_t *dims, size_t rank) {
    size_t length = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < rank && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%lld", i ? ", " : "", (long long)dims[i]);
    if (length < size) snprintf(text + length, size - length, "]");
}

OrtStatus *check_dims(const Call *call, size_t index, const int64_t *dims, size_t rank, const char *shape) {
    const Tensor *tensor = &call->inputs[index];
    if (tensor->rank == rank && !memcmp(tensor->dims, dims, rank * sizeof *dims)) return NULL;
    char found[80], expected[80];
    write_dims(found, sizeof found, tensor->dims, tensor->rank);
    write_dims(expected, sizeof expected, dims, rank);
    const Operator *op = call->kernel->op;
    return invalid(op, "%s has the shape %s, it must be %s, which is %s", op->inputs[index], found, shape, expected);
}

OrtStatus *check_inputs(const Call *call, const size_t *like_first, const size_t *rows) {
    const Tensor *first = &call->inputs[0];
    char shape[48];
    snprintf(shape, sizeof shape, "that of %.32s", call->kernel->op->inputs[0]);
    for (; *like_first; like_first++) TRY(check_dims(call, *like_first, first->dims, first->rank, shape));
    for (; *rows; rows++) TRY(check_dims(call, *rows, &first->dims[first->rank - 1], 1, "[C]"));
    return NULL;
}

float *allocate_floats(const Call *call, size_t count) {
    float *floats = malloc((count + 1) * sizeof(float));
    if (!floats) *call->out_of_memory = true;
    return floats;
}

OrtStatus *make_quantized_outputs(Call *call, size_t index, size_t channels) {
    Tensor made = call->inputs[0];
    made.dims[made.rank - 1] = (int64_t)channels;
    TRY(make_output(call, index, made.dims, made.rank));
    made.dims[made.rank - 1] = 1;
    return make_output(call, index + 1, made.dims, made.rank);
}

void quantize_row(const Call *call, size_t index, size_t row, const float *from, size_t channels) {
    uint8_t *quantized = call->outputs[index];
    float_output(call, index + 1)[row] =
        call->kernel->row_kernels->quantize(quantized + row * channels, from, channels);
}

typedef struct {
    const Call *call;
    RowsBody *body;
    size_t rows, range;
} Ranges;

static void run_range(void *data, size_t number) {
    const Ranges *ranges = data;
    size_t from = number * ranges->range, to = from + ranges->range;
    ranges->body(ranges->call, from, to < ranges->rows ? to : ranges->rows);
}

OrtStatus *for_ranges(Call *call, size_t rows, size_t range, RowsBody *body) {
    if (rows <= range) {
        body(call, 0, rows);
        return NULL;
    }
    Ranges ranges = {call, body, rows, range};
    return ort->KernelContext_ParallelFor(call->context, run_range, (rows + range - 1) / range, 0, &ranges);
}

OrtStatus *for_rows(Call *call, size_t rows, size_t cost, RowsBody *body) {
    size_t count = rows * cost / MIN_RANGE_COST; /* cannot overflow: a small multiple of the size of a tensor */
    if (count > rows) count = rows;
    return for_ranges(call, rows, count < 2 ? rows : (rows + count - 1) / count, body);
}
