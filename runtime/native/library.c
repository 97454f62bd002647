/* The exported functions: onnxruntime registers the operators, Python asks for signatures and instruction sets. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"

#define EXPORT __attribute__((visibility("default")))

static Operator *const OPERATORS[] = {
    &span_dynamic_conv_operator, &depthwise_conv_operator,
    &masked_attention_operator,  &add_layer_norm_operator,
    &bias_gelu_operator,         &bias_mul_operator,
    &bias_split_operator,        &quantize_operator,
    &concat_quantize_operator,   &depthwise_conv_quantize_operator,
    &dequantize_operators[0],    &dequantize_operators[1],
    &dequantize_operators[2],    &dequantize_operators[3],
    &dequantize_operators[4],    &matmul_operators[0],
    &matmul_operators[1],        &matmul_operators[2],
    &matmul_operators[3],        &matmul_operators[4],
    &grouped_operators[0],       &grouped_operators[1],
};
enum { OPERATOR_COUNT = sizeof OPERATORS / sizeof *OPERATORS, VERSION = 1 };

static const char DOMAIN[] = "convbert_onnx";

static const Operator *operator_of(const OrtCustomOp *abi) { return (const Operator *)abi; }

static const char *get_name(const OrtCustomOp *abi) { return operator_of(abi)->name; }

static const char *get_provider(const OrtCustomOp *abi) {
    (void)abi;
    return "CPUExecutionProvider";
}

static bool is_mask(const OrtCustomOp *abi, size_t index) {
    const Operator *op = operator_of(abi);
    return op->has_mask && index + 1 == input_count(op);
}

static size_t get_input_count(const OrtCustomOp *abi) { return input_count(operator_of(abi)); }

static size_t get_output_count(const OrtCustomOp *abi) { return output_count(operator_of(abi)); }

static int get_input_type(const OrtCustomOp *abi, size_t index) { return input_type(operator_of(abi), index); }

static int get_output_type(const OrtCustomOp *abi, size_t index) { return output_type(operator_of(abi), index); }

static int get_input_characteristic(const OrtCustomOp *abi, size_t index) {
    return is_mask(abi, index) ? ORT_OPTIONAL : ORT_REQUIRED;
}

static int get_output_characteristic(const OrtCustomOp *abi, size_t index) {
    (void)abi, (void)index;
    return ORT_REQUIRED;
}

static int get_input_memory_type(const OrtCustomOp *abi, size_t index) {
    (void)abi, (void)index;
    return ORT_MEMORY_DEFAULT;
}

static int get_version(const OrtCustomOp *abi) {
    (void)abi;
    return VERSION;
}

static size_t get_first_in_place(int **inputs, int **outputs) {
    static int first; /* zero, the index of the first input and of the first output */
    *inputs = *outputs = &first;
    return 1;
}

static void release_in_place(int *inputs, int *outputs) { (void)inputs, (void)outputs; }

typedef struct {
    int64_t dims[MAX_RANK];
    const char *names[MAX_RANK];
    size_t rank;
} Shape;

static OrtStatus *set_output(OrtShapeInferContext *context, size_t index, int type, const Shape *shape) {
    OrtTensorTypeAndShapeInfo *info;
    OrtStatus *status = ort->CreateTensorTypeAndShapeInfo(&info);
    if (status) return status;
    status = ort->SetTensorElementType(info, type);
    if (!status) status = ort->SetDimensions(info, shape->dims, shape->rank);
    Shape named = *shape; /* the parameter is not const */
    if (!status) status = ort->SetSymbolicDimensions(info, named.names, shape->rank);
    if (!status) status = ort->ShapeInferContext_SetOutputTypeShape(context, index, info);
    ort->ReleaseTensorTypeAndShapeInfo(info);
    return status;
}

/* Reads the shape of an input. The rank is 0 if an axis has neither size nor name, which outputs cannot express. */
static OrtStatus *get_shape(OrtShapeInferContext *context, size_t index, Shape *shape) {
    OrtTensorTypeAndShapeInfo *info; /* owned by the context */
    size_t rank = shape->rank = 0;
    OrtStatus *status = ort->ShapeInferContext_GetInputTypeShape(context, index, &info);
    if (!status) status = ort->GetDimensionsCount(info, &rank);
    if (status || rank < 1 || rank > MAX_RANK) return status;
    status = ort->GetDimensions(info, shape->dims, rank);
    if (!status) status = ort->GetSymbolicDimensions(info, shape->names, rank);
    if (status) return status;
    for (size_t i = 0; i < rank; i++)
        if (shape->dims[i] < 0 && !*shape->names[i]) return NULL;
    shape->rank = rank;
    return NULL;
}

/* Outputs have the shape of the first input except for the last axis. With a weight, the bias is the fifth input. */
static OrtStatus *infer_shapes(const OrtCustomOp *abi, OrtShapeInferContext *context) {
    const Operator *op = operator_of(abi);
    Shape shape, second;
    OrtStatus *status = get_shape(context, 0, &shape);
    if (status || !shape.rank) return status;
    int64_t *channels = &shape.dims[shape.rank - 1];
    if (op->has_weight) {
        status = get_shape(context, 4, &second);
        if (status || second.rank != 1) return status;
        *channels = second.dims[0], shape.names[shape.rank - 1] = second.names[0];
    }
    if (op->splits || op->concatenates) {
        if (*channels < 0) return NULL;
        if (op->splits) *channels /= (int64_t)output_count(op);
    }
    if (op->concatenates) {
        status = get_shape(context, 1, &second);
        if (status || !second.rank || second.dims[second.rank - 1] < 0) return status;
        *channels += second.dims[second.rank - 1];
    }
    for (size_t i = 0; !status && i < output_count(op); i++) {
        Shape output = shape;
        if (is_scale(op, i)) output.dims[shape.rank - 1] = 1, output.names[shape.rank - 1] = "";
        status = set_output(context, i, output_type(op, i), &output);
    }
    return status;
}

static void fill_callbacks(Operator *op) {
    op->abi = (OrtCustomOp){
        .version = ORT_CUSTOM_OP_VERSION,
        .GetName = get_name,
        .GetExecutionProviderType = get_provider,
        .GetInputType = get_input_type,
        .GetInputTypeCount = get_input_count,
        .GetOutputType = get_output_type,
        .GetOutputTypeCount = get_output_count,
        .KernelDestroy = free,
        .GetInputCharacteristic = get_input_characteristic,
        .GetOutputCharacteristic = get_output_characteristic,
        .GetInputMemoryType = get_input_memory_type,
        .CreateKernelV2 = create_kernel,
        .KernelComputeV2 = run_kernel,
        .InferOutputShapeFn = infer_shapes,
        .GetStartVersion = get_version,
        .GetEndVersion = get_version,
    };
    if (op->in_place) op->abi.GetMayInplace = get_first_in_place, op->abi.ReleaseMayInplace = release_in_place;
}

__attribute__((constructor)) static void fill_all_callbacks(void) {
    for (size_t i = 0; i < OPERATOR_COUNT; i++) fill_callbacks(OPERATORS[i]);
}

static OrtStatus *make_domain(OrtCustomOpDomain **domain) {
    OrtStatus *status = ort->CreateCustomOpDomain(DOMAIN, domain);
    for (size_t i = 0; !status && i < OPERATOR_COUNT; i++)
        if (!OPERATORS[i]->has_weight || has_fast_int8_matmul())
            status = ort->CustomOpDomain_Add(*domain, &OPERATORS[i]->abi);
    return status;
}

/* Sessions share one domain, which is never freed: a session does not tell when it no longer uses it. */
EXPORT OrtStatus *RegisterCustomOps(OrtSessionOptions *options, const OrtApiBase *base) {
    static _Atomic(OrtCustomOpDomain *) shared;
    const OrtApi *api = base->GetApi(ORT_API_VERSION);
    if (!api) return NULL; /* onnxruntime is too old for the kernels and runs the functions in the file */
    ort = api;
    OrtCustomOpDomain *domain = atomic_load(&shared), *none = NULL;
    if (!domain) {
        OrtStatus *status = make_domain(&domain);
        if (status) return status;
        if (!atomic_compare_exchange_strong(&shared, &none, domain)) {
            ort->ReleaseCustomOpDomain(domain); /* another thread was faster */
            domain = none;
        }
    }
    return ort->AddCustomOpDomain(options, domain);
}

/* Writes the instruction sets that this machine supports, best first, separated by spaces. */
EXPORT void convbert_onnx_isas(char names[ISA_NAMES]) { available_isas(names); }

/* Whether the operators with int8 matmuls are registered on this machine. */
EXPORT bool convbert_onnx_has_int8_matmuls(void) { return has_fast_int8_matmul(); }

/* Writes the signature of an operator, such as "Name(a, b, mask?; size: int) -> c", or an empty string if there is no
 * operator with this number. */
EXPORT void convbert_onnx_signature(size_t number, char *text, size_t size) {
    *text = 0;
    if (number >= OPERATOR_COUNT) return;
    const Operator *op = OPERATORS[number];
    size_t inputs = input_count(op), outputs = output_count(op), length = 0;
#define APPEND(...) length += (size_t)snprintf(text + length, length < size ? size - length : 0, __VA_ARGS__)
    APPEND("%s(", op->name);
    for (size_t i = 0; i < inputs; i++)
        APPEND("%s%s%s", i ? ", " : "", op->inputs[i], op->has_mask && i + 1 == inputs ? "?" : "");
    for (size_t i = 0; i < MAX_ATTRIBUTES && op->attributes[i].name; i++)
        APPEND("%s%s: %s", i ? ", " : "; ", op->attributes[i].name,
               op->attributes[i].type == INT_ATTRIBUTE ? "int" : "float");
    APPEND(") -> ");
    for (size_t i = 0; i < outputs; i++) APPEND("%s%s", i ? ", " : "", op->outputs[i]);
#undef APPEND
}
