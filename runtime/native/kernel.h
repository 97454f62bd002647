/* What the operators are built from: one call of a kernel with its tensors, errors, and rows shared out to threads. */
#ifndef CONVBERT_ONNX_KERNEL_H
#define CONVBERT_ONNX_KERNEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "ort.h"
#include "row_kernels.h"

enum { MAX_INPUTS = 8, MAX_OUTPUTS = 4, MAX_ATTRIBUTES = 2, MAX_RANK = 8, MAX_HEADS = 65536 };

typedef struct Call Call;

/* Work on some of the rows of a call. */
typedef void RowsBody(const Call *call, size_t from, size_t to);

typedef struct {
    const char *name;
    enum { INT_ATTRIBUTE, FLOAT_ATTRIBUTE } type;
    size_t offset; /* in Kernel */
} Attribute;

/* One operator: its interface, which convbert_onnx/operators.py defines, and what computes it. */
typedef struct {
    OrtCustomOp abi; /* first, so that its address is the operator's */
    const char *name;
    const char *inputs[MAX_INPUTS]; /* up to the first NULL */
    const char *outputs[MAX_OUTPUTS];
    int input_types[MAX_INPUTS], output_types[MAX_OUTPUTS]; /* 0 is ORT_FLOAT */
    Attribute attributes[MAX_ATTRIBUTES]; /* up to the first without a name */
    bool has_mask;   /* whether the last input is the optional mask, the only one of int64 */
    bool in_place;   /* whether the first output may take the place of the first input */
    bool concatenates;      /* whether the first output has the channels of the first input and of the second */
    bool splits;     /* whether the outputs share out the channels of the first input */
    bool has_weight; /* whether the second input is a weight, and the channels are those of the bias behind it */
    bool grouped;    /* whether that weight has groups, of which each has its share of inputs and of outputs */
    void (*epilogue)(const Call *call, size_t row, float *values); /* behind a product: the rest, for one row of it */
    size_t epilogue_cost; /* of what finish does, for a channel: see for_rows */
    OrtStatus *(*compute)(Call *call);
} Operator;

/* A node of a graph. */
typedef struct {
    const Operator *op;
    const RowKernels *rows;
    int64_t num_heads, kernel_size, zero_point;
    float epsilon;
    bool pairs_fit; /* see RowKernels */
} Kernel;

/* A tensor, its data NULL where an optional input was left out. */
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
    float *zeros; /* a row of them, for convolutions */
    float *values; /* the rows of a product that threads share */
    atomic_bool *out_of_memory;
};

extern Operator span_dynamic_conv_operator, depthwise_conv_operator; /* convolutions.c */
extern Operator depthwise_conv_quantize_operator;                    /* convolutions.c */
extern Operator masked_attention_operator;                           /* attention.c */
extern Operator add_layer_norm_operator, bias_gelu_operator, bias_mul_operator, bias_split_operator; /* rowwise.c */

extern Operator quantize_operator, concat_quantize_operator; /* quantized.c */

enum { LINEAR_COUNT = 5, GROUPED_COUNT = 2 };
extern Operator dequantize_operators[LINEAR_COUNT], matmul_operators[LINEAR_COUNT]; /* linear.c */
extern Operator grouped_operators[GROUPED_COUNT];                                   /* linear.c */

/* Whether the weight of an operator that multiplies is a constant whose pairs fit: see RowKernels. linear.c */
OrtStatus *read_pairs_fit(Kernel *kernel, const OrtKernelInfo *info);

/* How many inputs and outputs an operator has. */
size_t input_count(const Operator *op);
size_t output_count(const Operator *op);

/* The type of the elements. */
int input_type(const Operator *op, size_t index);
int output_type(const Operator *op, size_t index);

/* Whether an output is the scales of the rows of bytes that the output before it is. */
bool is_scale(const Operator *op, size_t index);

/* The API of the onnxruntime that loaded the library. */
extern const OrtApi *ort;

/* A status that names the operator and then says what printf would. */
__attribute__((format(printf, 2, 3))) OrtStatus *invalid(const Operator *op, const char *format, ...);

/* Creates a kernel with its attributes and the row kernels that CONVBERT_ONNX_ISA, or the machine, asks for. */
OrtStatus *create_kernel(const OrtCustomOp *abi, const OrtApi *api, const OrtKernelInfo *info, void **result);

/* Reads the inputs, and computes. */
OrtStatus *run_kernel(void *kernel, OrtKernelContext *context);

/* Makes an output of these dimensions. */
OrtStatus *make_output(Call *call, size_t index, const int64_t *dims, size_t rank);

/* The product of the dimensions but the last. */
size_t row_count(const Tensor *tensor);

/* The last dimension. */
size_t channel_count(const Tensor *tensor);

/* The input as floats. */
const float *float_input(const Call *call, size_t index);

/* The output as floats. */
float *float_output(const Call *call, size_t index);

/* Makes sure that an input has these dimensions; they are called what `shape` says, such as [B, S]. */
OrtStatus *check_dims(const Call *call, size_t index, const int64_t *dims, size_t rank, const char *shape);

/* Makes sure that inputs are like the first one [..., C], others a row [C]; each list of them ends with 0. */
OrtStatus *check_inputs(const Call *call, const size_t *like_first, const size_t *rows);

/* Room for some floats, which belongs to whoever frees it; NULL where there is none, and the call will fail. */
float *allocate_floats(const Call *call, size_t count);

/* Makes rows of bytes and their scales, the outputs `index` and the next, for rows with so many channels. */
OrtStatus *make_quantized_outputs(Call *call, size_t index, size_t channels);

/* Writes a row of bytes and its scale into the outputs `index` and the next. */
void quantize_row(const Call *call, size_t index, size_t row, const float *from, size_t channels);

/* Calls body for all rows in ranges that onnxruntime's threads share, or at once where that would not be worth waking
 * them. A row's cost is counted in floats that are read, added to and written. */
OrtStatus *for_rows(Call *call, size_t rows, size_t cost, RowsBody *body);

/* The same in ranges of so many rows. */
OrtStatus *for_ranges(Call *call, size_t rows, size_t range, RowsBody *body);

#endif
