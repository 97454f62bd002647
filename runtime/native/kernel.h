/* The common parts of the operators: their description, a call of a kernel with its tensors, errors, and the division
 * of rows among threads. */
#ifndef CONVBERT_ONNX_KERNEL_H
#define CONVBERT_ONNX_KERNEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "ort.h"
#include "row_kernels.h"

enum { MAX_INPUTS = 8, MAX_OUTPUTS = 4, MAX_ATTRIBUTES = 2, MAX_RANK = 8, MAX_HEADS = 65536 };

typedef struct Call Call;

/* Computes rows `from` to `to` of a call. */
typedef void RowsBody(const Call *call, size_t from, size_t to);

typedef struct {
    const char *name;
    enum { INT_ATTRIBUTE, FLOAT_ATTRIBUTE } type;
    size_t offset; /* of the value in Kernel */
} Attribute;

/* An operator: its interface, as defined in convbert_onnx/operators.py, and the functions that compute it. */
typedef struct {
    OrtCustomOp abi; /* first, so that both have the same address */
    const char *name;
    const char *inputs[MAX_INPUTS]; /* up to the first NULL */
    const char *outputs[MAX_OUTPUTS];
    int input_types[MAX_INPUTS], output_types[MAX_OUTPUTS]; /* 0 means ORT_FLOAT */
    Attribute attributes[MAX_ATTRIBUTES]; /* up to the first without a name */
    bool has_mask;     /* the last input is the optional mask, the only int64 input */
    bool in_place;     /* the first output may use the buffer of the first input */
    bool concatenates; /* the first output has the channels of the first and the second input together */
    bool splits;       /* the channels of the first input are divided among the outputs */
    bool has_weight;   /* the second input is a weight, and the outputs have the channels of the bias */
    bool grouped;      /* the weight has groups, each with its share of the inputs and outputs */
    void (*epilogue)(const Call *call, size_t row, float *values); /* what follows the matmul, for one row */
    size_t epilogue_cost; /* cost of the epilogue per channel: see for_rows */
    OrtStatus *(*compute)(Call *call);
} Operator;

/* A node of a graph. */
typedef struct {
    const Operator *op;
    const RowKernels *row_kernels;
    int64_t num_heads, kernel_size, zero_point;
    float epsilon;
    bool pairs_fit; /* see RowKernels */
} Kernel;

/* A tensor; data is NULL if an optional input is missing. */
typedef struct {
    const void *data;
    int64_t dims[MAX_RANK];
    size_t rank;
} Tensor;

/* One run of a node. */
struct Call {
    const Kernel *kernel;
    OrtKernelContext *context;
    Tensor inputs[MAX_INPUTS];
    void *outputs[MAX_OUTPUTS];
    float *zeros;  /* one row, for convolutions */
    float *values; /* the result of a matmul whose columns threads divide */
    atomic_bool *out_of_memory;
};

extern Operator span_dynamic_conv_operator, depthwise_conv_operator; /* convolutions.c */
extern Operator depthwise_conv_quantize_operator;                    /* convolutions.c */
extern Operator masked_attention_operator;                           /* attention.c */
extern Operator add_layer_norm_operator, bias_gelu_operator, bias_mul_operator, bias_split_operator; /* rowwise.c */

extern Operator quantize_operator, concat_quantize_operator; /* quantize.c */

enum { LINEAR_COUNT = 5, GROUPED_COUNT = 2 };
extern Operator dequantize_operators[LINEAR_COUNT], matmul_operators[LINEAR_COUNT]; /* int8_linear.c */
extern Operator grouped_operators[GROUPED_COUNT];                                   /* int8_linear.c */

/* Sets pairs_fit if the weight is a constant for which RowKernels.pairs_fit is true (int8_linear.c). */
OrtStatus *read_pairs_fit(Kernel *kernel, const OrtKernelInfo *info);

/* The number of inputs and outputs of an operator. */
size_t input_count(const Operator *op);
size_t output_count(const Operator *op);

/* The element type of an input or output. */
int input_type(const Operator *op, size_t index);
int output_type(const Operator *op, size_t index);

/* Whether an output has the scales of the quantized rows in the output before it. */
bool is_scale(const Operator *op, size_t index);

/* The API of the onnxruntime that loaded the library. */
extern const OrtApi *ort;

/* Creates an error status: the name of the operator, then a message as for printf. */
__attribute__((format(printf, 2, 3))) OrtStatus *invalid(const Operator *op, const char *format, ...);

/* Creates a kernel with its attributes and the row kernels for CONVBERT_ONNX_ISA, or the best of the machine. */
OrtStatus *create_kernel(const OrtCustomOp *abi, const OrtApi *api, const OrtKernelInfo *info, void **result);

/* Reads the inputs and computes the outputs. */
OrtStatus *run_kernel(void *kernel, OrtKernelContext *context);

/* Allocates an output. */
OrtStatus *make_output(Call *call, size_t index, const int64_t *dims, size_t rank);

/* The product of all dimensions except the last. */
size_t row_count(const Tensor *tensor);

/* The last dimension. */
size_t channel_count(const Tensor *tensor);

/* The data of a float input. */
const float *float_input(const Call *call, size_t index);

/* The data of a float output. */
float *float_output(const Call *call, size_t index);

/* Checks the dimensions of an input; `shape` describes them in the error message, such as [B, S]. */
OrtStatus *check_dims(const Call *call, size_t index, const int64_t *dims, size_t rank, const char *shape);

/* Checks that some inputs have the shape of the first one, [..., C], and others are [C]; both lists end with 0. */
OrtStatus *check_inputs(const Call *call, const size_t *like_first, const size_t *rows);

/* Allocates floats that the caller must free. If there is no memory, returns NULL and lets the call fail. */
float *allocate_floats(const Call *call, size_t count);

/* Allocates quantized rows, the output `index`, and their scales, the next one. */
OrtStatus *make_quantized_outputs(Call *call, size_t index, size_t channels);

/* Quantizes a row into the output `index`, and writes its scale into the next one. */
void quantize_row(const Call *call, size_t index, size_t row, const float *from, size_t channels);

/* Calls the body for ranges of rows on onnxruntime's threads, or once for all rows if they are too few to wake threads.
 * The unit of a row's cost is reading, adding to and writing one float. */
OrtStatus *for_rows(Call *call, size_t rows, size_t cost, RowsBody *body);

/* The same with a fixed number of rows in each range. */
OrtStatus *for_ranges(Call *call, size_t rows, size_t range, RowsBody *body);

#endif
