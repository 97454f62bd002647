/* Runs the native kernels without onnxruntime: under sanitizers, and for the instruction sets of other machines.
 *
 * It implements the part of onnxruntime's C API that the kernels call, runs every operator with many shapes in
 * unaligned buffers that end where their data ends, and compares the results with formulas in double precision.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

#ifndef WRONG
#define WRONG 0.0 /* another value must make the comparisons fail */
#endif

#ifdef __SANITIZE_ADDRESS__ /* where only some multiplications and additions become one FMA */
enum { SAME_BITS = 0 };
#else
enum { SAME_BITS = 1 };
#endif

OrtStatus *RegisterCustomOps(OrtSessionOptions *options, const OrtApiBase *base);

struct OrtStatus {
    char message[256];
};

struct OrtTensorTypeAndShapeInfo {
    int64_t dims[MAX_RANK];
    size_t rank;
};

struct OrtValue {
    OrtTensorTypeAndShapeInfo shape;
    size_t elements, size;
    char *room, *data;
};

struct OrtKernelContext {
    const Operator *op;
    OrtValue *inputs[MAX_INPUTS], *outputs[MAX_OUTPUTS];
    size_t input_count;
};

struct OrtKernelInfo {
    int64_t num_heads, kernel_size;
    const OrtValue *weight; /* the second input */
};

static const OrtCustomOp *ops[32];
static size_t op_count;
static int failures, comparisons;
static uint32_t bits; /* hash of all outputs, the same for all instruction sets with FMA */

static OrtStatus *create_status(int code, const char *message) {
    (void)code;
    OrtStatus *status = malloc(sizeof *status);
    snprintf(status->message, sizeof status->message, "%s", message);
    return status;
}

static void release_status(OrtStatus *status) { free(status); }

static OrtStatus *create_domain(const char *name, OrtCustomOpDomain **domain) {
    static char place;
    *domain = (OrtCustomOpDomain *)&place;
    return strcmp(name, "convbert_onnx") ? create_status(ORT_FAIL, "another domain") : NULL;
}

static OrtStatus *add_op(OrtCustomOpDomain *domain, const OrtCustomOp *op) {
    (void)domain;
    ops[op_count++] = op;
    return NULL;
}

static OrtStatus *add_domain(OrtSessionOptions *options, OrtCustomOpDomain *domain) {
    (void)options, (void)domain;
    return NULL;
}

static OrtStatus *get_data(OrtValue *value, void **data) {
    *data = value->data;
    return NULL;
}

static OrtStatus *get_shape(const OrtValue *value, OrtTensorTypeAndShapeInfo **info) {
    *info = malloc(sizeof **info);
    **info = value->shape;
    return NULL;
}

static void release_shape(OrtTensorTypeAndShapeInfo *info) { free(info); }

static OrtStatus *get_rank(const OrtTensorTypeAndShapeInfo *info, size_t *rank) {
    *rank = info->rank;
    return NULL;
}

static OrtStatus *get_dims(const OrtTensorTypeAndShapeInfo *info, int64_t *dims, size_t count) {
    memcpy(dims, info->dims, count * sizeof *dims);
    return NULL;
}

static OrtStatus *get_float(const OrtKernelInfo *info, const char *name, float *value) {
    (void)info;
    *value = 1e-12f;
    return strcmp(name, "epsilon") ? create_status(ORT_FAIL, "no such attribute") : NULL;
}

enum { ZERO_POINT = 100 };

static OrtStatus *get_int(const OrtKernelInfo *info, const char *name, int64_t *value) {
    bool zero_point = !strcmp(name, "zero_point");
    *value = zero_point ? ZERO_POINT : strcmp(name, "num_heads") ? info->kernel_size : info->num_heads;
    return NULL;
}

static OrtStatus *get_constant(const OrtKernelInfo *info, size_t index, int *is_constant, const OrtValue **value) {
    *value = info->weight;
    *is_constant = 1;
    return index == 1 ? NULL : create_status(ORT_FAIL, "another input");
}

static OrtStatus *get_input_count(const OrtKernelContext *context, size_t *count) {
    *count = context->input_count;
    return NULL;
}

static OrtStatus *get_input(const OrtKernelContext *context, size_t index, const OrtValue **value) {
    *value = context->inputs[index];
    return NULL;
}

/* A value whose data starts `shift` bytes after an alignment of 64 and ends where its memory ends. */
static OrtValue *make_value(const int64_t *dims, size_t rank, size_t size, size_t shift) {
    OrtValue *value = calloc(1, sizeof *value);
    memcpy(value->shape.dims, dims, rank * sizeof *dims);
    value->shape.rank = rank;
    value->elements = 1;
    value->size = size;
    for (size_t i = 0; i < rank; i++) value->elements *= (size_t)dims[i];
    size_t bytes = value->elements * size + shift;
    if (posix_memalign((void **)&value->room, 64, bytes + !bytes)) abort();
    value->data = value->room + shift;
    return value;
}

static void free_value(OrtValue *value) {
    if (value) free(value->room);
    free(value);
}

static OrtStatus *get_output(OrtKernelContext *context, size_t index, const int64_t *dims, size_t rank,
                             OrtValue **value) {
    size_t size = output_type(context->op, index) == ORT_UINT8 ? 1 : sizeof(float);
    *value = context->outputs[index] = make_value(dims, rank, size, size * (index + 1));
    return NULL;
}

static OrtStatus *parallel_for(const OrtKernelContext *context, void (*body)(void *, size_t), size_t total,
                               size_t batches, void *data) {
    (void)context, (void)batches;
    for (size_t i = total; i-- > 0;) body(data, i);
    return NULL;
}

static const OrtApi API = {
    .CreateStatus = create_status,
    .CreateCustomOpDomain = create_domain,
    .CustomOpDomain_Add = add_op,
    .AddCustomOpDomain = add_domain,
    .GetTensorMutableData = get_data,
    .GetDimensionsCount = get_rank,
    .GetDimensions = get_dims,
    .GetTensorTypeAndShape = get_shape,
    .KernelInfoGetAttribute_float = get_float,
    .KernelInfoGetAttribute_int64 = get_int,
    .KernelInfoGetConstantInput_tensor = get_constant,
    .KernelContext_GetInputCount = get_input_count,
    .KernelContext_GetInput = get_input,
    .KernelContext_GetOutput = get_output,
    .ReleaseStatus = release_status,
    .ReleaseTensorTypeAndShapeInfo = release_shape,
    .KernelContext_ParallelFor = parallel_for,
};

static const OrtApi *get_api(uint32_t version) { return version == ORT_API_VERSION ? &API : NULL; }

static uint32_t state;

static float random_float(void) {
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (1 << 22) - 2.0f;
}

static const float *floats(const OrtValue *value) { return (const float *)value->data; }

typedef struct {
    int64_t batch, sequence, heads, channels, size;
    bool masked;
} Case;

static bool is_named(const OrtKernelContext *context, const char *name) { return !strcmp(context->op->name, name); }

static double row_value(const OrtKernelContext *context, const Case *shape, int64_t b, int64_t s, int64_t c) {
    int64_t width = shape->heads * shape->channels, row = b * shape->sequence + s;
    if (s < 0 || s >= shape->sequence) return 0;
    if (context->inputs[2] && !((const int64_t *)context->inputs[2]->data)[row]) return 0;
    return floats(context->inputs[0])[row * width + c];
}

static double convolution(const OrtKernelContext *context, const Case *shape, int64_t row, int64_t channel) {
    int64_t width = shape->heads * shape->channels, b = row / shape->sequence, s = row % shape->sequence;
    const float *second = floats(context->inputs[1]);
    double sum = 0, total = 0, highest = -INFINITY;
    bool dynamic = is_named(context, "SpanDynamicConv");
    const float *logits = second + (row * shape->heads + channel / shape->channels) * shape->size;
    for (int64_t j = 0; dynamic && j < shape->size; j++) highest = fmax(highest, logits[j]);
    for (int64_t j = 0; j < shape->size; j++) {
        double weight = dynamic ? exp(logits[j] - highest) : second[j * width + channel];
        total += dynamic ? weight : 0;
        sum += weight * row_value(context, shape, b, s + j - shape->size / 2, channel);
    }
    return dynamic ? sum / total : sum;
}

/* A row of attention; if all keys are masked, all get the same weight. */
static void attention(const OrtKernelContext *context, const Case *shape, int64_t row, double *values) {
    static double weights[1 << 12];
    int64_t width = shape->heads * shape->channels, start = row / shape->sequence * shape->sequence;
    const int64_t *mask = context->inputs[3] ? (const int64_t *)context->inputs[3]->data + start : NULL;
    bool any = !mask;
    for (int64_t t = 0; mask && t < shape->sequence; t++) any |= mask[t] != 0;
    for (int64_t first = 0; first < width; first += shape->channels) {
        double total = 0;
        for (int64_t t = 0; t < shape->sequence; t++) {
            const float *query = floats(context->inputs[0]) + row * width + first;
            const float *key = floats(context->inputs[1]) + (start + t) * width + first;
            double score = 0;
            for (int64_t c = 0; any && c < shape->channels; c++) score += (double)query[c] * key[c];
            weights[t] = mask && any && !mask[t] ? 0 : exp(score / sqrt((double)shape->channels));
            total += weights[t];
        }
        for (int64_t c = first; c < first + shape->channels; c++) {
            values[c] = 0;
            for (int64_t t = 0; t < shape->sequence; t++)
                values[c] += weights[t] / total * floats(context->inputs[2])[(start + t) * width + c];
        }
    }
}

static void normalize(const OrtKernelContext *context, int64_t width, size_t gamma, double *values) {
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < width; c++) mean += values[c] / (double)width;
    for (int64_t c = 0; c < width; c++) variance += (values[c] - mean) * (values[c] - mean) / (double)width;
    for (int64_t c = 0; c < width; c++)
        values[c] = (values[c] - mean) / sqrt(variance + 1e-12) * floats(context->inputs[gamma])[c] +
                    floats(context->inputs[gamma + 1])[c];
}

/* The number of groups for grouped operators: the smallest divisor of the channels above 1. */
static int64_t groups_of(int64_t width) {
    for (int64_t groups = 2; groups <= width; groups++)
        if (width % groups == 0) return groups;
    return 1;
}

/* The value of a weight in panels for an input and a column of a group. */
static int8_t *weight_byte(const OrtValue *weight, int64_t group, int64_t input, int64_t column) {
    const int64_t *dims = weight->shape.dims + weight->shape.rank - 4;
    int64_t panel = group * dims[0] + column / PANEL_COLUMNS;
    int64_t place = (panel * dims[1] + 1 + input / PANEL_DEPTH) * PANEL_ROW;
    return (int8_t *)weight->data + place + column % PANEL_COLUMNS * PANEL_DEPTH + input % PANEL_DEPTH;
}

/* The result of the matmul plus bias, from the first inputs of an operator: a float product, an int32 product with
 * scales, or quantized rows and a weight. */
static double biased(const OrtKernelContext *context, int64_t row, int64_t channel, int64_t width) {
    OrtValue *const *inputs = context->inputs + context->op->has_weight;
    if (input_type(context->op, 0) == ORT_FLOAT)
        return (double)floats(inputs[0])[row * width + channel] + floats(inputs[1])[channel];
    double product = 0;
    if (context->op->has_weight) {
        const OrtValue *rows = context->inputs[0];
        int64_t depth = rows->shape.dims[rows->shape.rank - 1], groups = context->op->grouped ? groups_of(width) : 1;
        int64_t inputs_of = depth / groups, columns = width / groups, group = channel / columns;
        for (int64_t i = 0; i < inputs_of; i++)
            product += (((const uint8_t *)rows->data)[row * depth + group * inputs_of + i] - ZERO_POINT) *
                       *weight_byte(context->inputs[1], group, i, channel % columns);
    } else
        product = ((const int32_t *)inputs[0]->data)[row * width + channel];
    return product * floats(inputs[1])[row] * floats(inputs[2])[channel] + floats(inputs[3])[channel];
}

/* A row of an output before quantization; returns its width. */
static int64_t compute(const OrtKernelContext *context, const Case *shape, size_t output, int64_t row, double *values) {
    int64_t width = shape->heads * shape->channels;
    size_t other = context->op->epilogue ? 4 + context->op->has_weight : 2; /* factor or residual, after the bias */
    if (is_named(context, "Quantize") || is_named(context, "ConcatQuantize")) {
        int64_t second = is_named(context, "Quantize") ? 0 : width + 3;
        for (int64_t c = 0; c < width; c++) values[c] = floats(context->inputs[0])[row * width + c];
        for (int64_t c = 0; c < second; c++) values[width + c] = floats(context->inputs[1])[row * second + c];
        return width + second;
    }
    if (is_named(context, "MaskedAttention")) return attention(context, shape, row, values), width;
    for (int64_t c = 0; c < width; c++) {
        bool split = context->op->splits;
        if (strstr(context->op->name, "Conv"))
            values[c] = convolution(context, shape, row, c);
        else
            values[c] = biased(context, row, c + (split ? (int64_t)output * width : 0), width * (split ? 4 : 1));
        if (strstr(context->op->name, "BiasMul")) values[c] *= floats(context->inputs[other])[row * width + c];
        if (strstr(context->op->name, "Gelu")) values[c] *= (1 + erf(values[c] / sqrt(2))) / 2;
        if (strstr(context->op->name, "Norm")) values[c] += floats(context->inputs[other])[row * width + c];
    }
    if (strstr(context->op->name, "Norm")) normalize(context, width, other + 1, values);
    return width;
}

/* The dimensions of an input. */
static size_t dims_of(const Operator *op, const char *input, const Case *shape, int64_t *dims) {
    int64_t width = shape->heads * shape->channels * (op->splits ? 4 : 1);
    static const char *const VECTORS[] = {"bias", "gamma", "beta", "weight_scale"};
    for (size_t i = 0; i < sizeof VECTORS / sizeof *VECTORS; i++)
        if (!strcmp(input, VECTORS[i])) return dims[0] = width, 1;
    int64_t groups = op->grouped ? groups_of(width) : 1, depth = groups * shape->size * PANEL_DEPTH;
    if (!strcmp(input, "weight") && op->has_weight) {
        if (op->grouped) *dims++ = groups;
        dims[0] = (width / groups + PANEL_COLUMNS - 1) / PANEL_COLUMNS, dims[1] = shape->size + 1;
        dims[2] = PANEL_COLUMNS, dims[3] = PANEL_DEPTH;
        return op->grouped ? 5 : 4;
    }
    if (!strcmp(input, "weight")) return dims[0] = shape->size, dims[1] = width, 2;
    dims[0] = shape->batch, dims[1] = shape->sequence, dims[2] = width;
    if (!strcmp(input, "mask")) return 2;
    if (!strcmp(input, "rows")) dims[2] = depth;
    if (!strcmp(input, "scale")) dims[2] = 1;
    if (!strcmp(input, "second")) dims[2] = width + 3;
    if (!strcmp(input, "kernel_logits")) dims[2] = shape->heads * shape->size;
    return 3;
}

static void fill(OrtValue *value, int type, bool scales, bool pairs_fit) {
    for (size_t i = 0; i < value->elements; i++)
        if (type == ORT_INT64)
            ((int64_t *)value->data)[i] = random_float() < 0.5f;
        else if (type == ORT_INT32)
            ((int32_t *)value->data)[i] = (int32_t)(random_float() * 10000);
        else if (type == ORT_UINT8)
            ((uint8_t *)value->data)[i] = (uint8_t)(128 + 63.9f * random_float());
        else if (type == ORT_INT8)
            ((int8_t *)value->data)[i] = (int8_t)((pairs_fit ? 30 : 63.9f) * random_float());
        else
            ((float *)value->data)[i] = scales ? 0.01f + 0.001f * random_float() : random_float();
}

/* Writes the column sums into a weight in panels. */
static void add_up(OrtValue *weight) {
    const int64_t *dims = weight->shape.dims + weight->shape.rank - 4;
    int64_t groups = weight->shape.rank == 5 ? weight->shape.dims[0] : 1, inputs = (dims[1] - 1) * PANEL_DEPTH;
    for (int64_t i = 0; i < groups * dims[0] * PANEL_COLUMNS; i++) {
        int64_t group = i / (dims[0] * PANEL_COLUMNS), column = i % (dims[0] * PANEL_COLUMNS);
        int32_t sum = 0;
        for (int64_t input = 0; input < inputs; input++) sum += *weight_byte(weight, group, input, column);
        memcpy(weight_byte(weight, group, -PANEL_DEPTH, column), &sum, sizeof sum);
    }
}

static void check(const OrtKernelContext *context, int64_t row, int64_t c, double got, double wanted, double allowed) {
    comparisons++;
    if (fabs(got - wanted - WRONG) <= allowed) return;
    if (failures++ < 10)
        printf("%s row %lld channel %lld: %.9g, expected %.9g\n", context->op->name, (long long)row, (long long)c, got,
               wanted);
}

static void compare(const OrtKernelContext *context, const Case *shape) {
    static double values[1 << 12];
    for (size_t output = 0; output < output_count(context->op); output++)
        for (int64_t row = 0; row < shape->batch * shape->sequence; row++) {
            const OrtValue *result = context->outputs[output];
            int64_t width = compute(context, shape, output, row, values);
            double largest = 1e-30, above = 127, zero = 128;
            if (strstr(context->op->name, "Gelu") && context->op->epilogue) above = 239, zero = 16;
            for (int64_t c = 0; c < width; c++)
                largest = fmax(largest, zero < 128 && values[c] < 0 ? -values[c] * above / zero : fabs(values[c]));
            if (is_scale(context->op, output))
                check(context, row, 0, floats(result)[row], largest / above, 4e-6 * fmax(1, largest / above));
            for (int64_t c = 0; c < width && !is_scale(context->op, output); c++)
                if (output_type(context->op, output) == ORT_UINT8)
                    check(context, row, c, ((const uint8_t *)result->data)[row * width + c],
                          nearbyint(values[c] * above / largest) + zero, 1);
                else
                    check(context, row, c, floats(result)[row * width + c], values[c], 4e-6 * fmax(1, fabs(values[c])));
        }
}

/* FNV-1a */
static void hash(const OrtValue *value) {
    const uint8_t *bytes = (const uint8_t *)value->data;
    for (size_t i = 0; i < value->elements * value->size; i++) bits = (bits ^ bytes[i]) * 16777619u;
}

static size_t size_of(int type) { return type == ORT_INT64 ? 8 : type == ORT_UINT8 || type == ORT_INT8 ? 1 : 4; }

static void run_case(const Operator *op, const Case *shape, size_t shift) {
    OrtKernelInfo info = {shape->heads, shape->size, NULL};
    OrtKernelContext context = {.op = op, .input_count = input_count(op)};
    for (size_t i = 0; i < context.input_count; i++) {
        int64_t dims[MAX_RANK];
        bool mask = op->has_mask && i + 1 == context.input_count;
        if (mask && !shape->masked) continue;
        size_t rank = dims_of(op, op->inputs[i], shape, dims);
        size_t size = size_of(input_type(op, i));
        context.inputs[i] = make_value(dims, rank, size, mask ? size * (shift % 8) : size * shift);
        fill(context.inputs[i], input_type(op, i), strstr(op->inputs[i], "scale"), shift);
        if (op->has_weight && i == 1) add_up(context.inputs[i]);
    }
    info.weight = context.inputs[1];
    void *kernel = NULL;
    OrtStatus *status = op->abi.CreateKernelV2(&op->abi, &API, &info, &kernel);
    if (!status) status = op->abi.KernelComputeV2(kernel, &context);
    if (status) {
        printf("%s\n", status->message);
        failures++;
        release_status(status);
    } else {
        compare(&context, shape);
        for (size_t i = 0; i < output_count(op); i++) hash(context.outputs[i]);
    }
    op->abi.KernelDestroy(kernel);
    for (size_t i = 0; i < MAX_INPUTS; i++) free_value(context.inputs[i]);
    for (size_t i = 0; i < MAX_OUTPUTS; i++) free_value(context.outputs[i]);
}

int main(void) {
    static const Case SHAPES[] = {
        {1, 1, 1, 1, 1, false},   {2, 1, 3, 5, 9, true},   {1, 2, 2, 8, 9, false},   {3, 7, 1, 13, 4, true},
        {2, 17, 5, 3, 3, true},   {1, 33, 6, 64, 9, true}, {2, 40, 2, 7, 2, true},   {1, 65, 3, 16, 8, false},
        {4, 5, 12, 9, 7, true},   {1, 3, 1, 257, 6, true}, {1, 6, 70, 2, 127, true}, {2, 150, 4, 48, 9, true},
        {2, 131, 2, 33, 5, true}, {0, 5, 2, 4, 9, true},   {2, 0, 2, 4, 9, true},    {2, 36, 1, 70, 9, false},
    };
    static const OrtApiBase BASE = {.GetApi = get_api};
    char names[ISA_NAMES];
    uint32_t expected = 0;
    OrtStatus *status = RegisterCustomOps(NULL, &BASE);
    if (status || !op_count) return printf("registration failed\n"), 1;
    available_isas(names);
    for (char *isa = strtok(names, " "); isa; isa = strtok(NULL, " ")) {
        setenv("CONVBERT_ONNX_ISA", isa, 1);
        comparisons = 0;
        bits = state = 1;
        for (size_t i = 0; i < op_count; i++)
            for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++)
                for (size_t shift = 0; shift < 16; shift += 9) run_case((const Operator *)ops[i], &SHAPES[s], shift);
        printf("%s: %d values compared, %d wrong, bits %08x\n", isa, comparisons, failures, bits);
        if (SAME_BITS && strcmp(isa, "baseline") && expected && bits != expected) failures++, printf("bits differ\n");
        expected = bits;
    }
    return failures || !comparisons;
}
