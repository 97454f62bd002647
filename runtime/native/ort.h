/* The part of onnxruntime's C API that the kernels call, declared here so that building needs no headers.
 *
 * OrtApi only grows at its end, so the table for an old version has the same layout in every onnxruntime. Members have
 * the names of onnxruntime_c_api.h; the numbers are their positions in the table.
 */
#ifndef CONVBERT_ONNX_ORT_H
#define CONVBERT_ONNX_ORT_H

#include <stddef.h>
#include <stdint.h>

/* The oldest version with all members that are used; KernelContext_ParallelFor was added in 17. */
#define ORT_API_VERSION 17
/* The version of OrtCustomOp; onnxruntime calls GetMayInplace from 18 on. */
#define ORT_CUSTOM_OP_VERSION 18

enum { ORT_FAIL = 1, ORT_INVALID_ARGUMENT = 2 };
enum { ORT_FLOAT = 1, ORT_UINT8 = 2, ORT_INT8 = 3, ORT_INT32 = 6, ORT_INT64 = 7 };
enum { ORT_REQUIRED = 0, ORT_OPTIONAL = 1 };
enum { ORT_MEMORY_DEFAULT = 0 };

typedef struct OrtStatus OrtStatus;
typedef struct OrtValue OrtValue;
typedef struct OrtKernelInfo OrtKernelInfo;
typedef struct OrtKernelContext OrtKernelContext;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtCustomOpDomain OrtCustomOpDomain;
typedef struct OrtShapeInferContext OrtShapeInferContext;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtCustomOp OrtCustomOp;

typedef struct OrtApi {
    OrtStatus *(*CreateStatus)(int code, const char *message); /* 0 */
    void *unused_1[25];
    OrtStatus *(*CreateCustomOpDomain)(const char *domain, OrtCustomOpDomain **result); /* 26 */
    OrtStatus *(*CustomOpDomain_Add)(OrtCustomOpDomain *domain, const OrtCustomOp *op); /* 27 */
    OrtStatus *(*AddCustomOpDomain)(OrtSessionOptions *options, OrtCustomOpDomain *domain); /* 28 */
    void *unused_29[22];
    OrtStatus *(*GetTensorMutableData)(OrtValue *value, void **data); /* 51 */
    void *unused_52[5];
    OrtStatus *(*CreateTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo **result); /* 57 */
    OrtStatus *(*SetTensorElementType)(OrtTensorTypeAndShapeInfo *info, int type); /* 58 */
    OrtStatus *(*SetDimensions)(OrtTensorTypeAndShapeInfo *info, const int64_t *dims, size_t count); /* 59 */
    void *unused_60;
    OrtStatus *(*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo *info, size_t *count); /* 61 */
    OrtStatus *(*GetDimensions)(const OrtTensorTypeAndShapeInfo *info, int64_t *dims, size_t count); /* 62 */
    OrtStatus *(*GetSymbolicDimensions)(const OrtTensorTypeAndShapeInfo *info, const char **names,
                                        size_t count); /* 63 */
    void *unused_64;
    OrtStatus *(*GetTensorTypeAndShape)(const OrtValue *value, OrtTensorTypeAndShapeInfo **result); /* 65 */
    void *unused_66[19];
    OrtStatus *(*KernelInfoGetAttribute_float)(const OrtKernelInfo *info, const char *name, float *value); /* 85 */
    OrtStatus *(*KernelInfoGetAttribute_int64)(const OrtKernelInfo *info, const char *name, int64_t *value); /* 86 */
    void *unused_87;
    OrtStatus *(*KernelContext_GetInputCount)(const OrtKernelContext *context, size_t *count); /* 88 */
    void *unused_89;
    OrtStatus *(*KernelContext_GetInput)(const OrtKernelContext *context, size_t index,
                                         const OrtValue **value); /* 90 */
    OrtStatus *(*KernelContext_GetOutput)(OrtKernelContext *context, size_t index, const int64_t *dims, size_t count,
                                          OrtValue **value); /* 91 */
    void *unused_92;
    void (*ReleaseStatus)(OrtStatus *status); /* 93 */
    void *unused_94[5];
    void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo *info); /* 99 */
    void *unused_100;
    void (*ReleaseCustomOpDomain)(OrtCustomOpDomain *domain); /* 101 */
    void *unused_102[147];
    OrtStatus *(*KernelInfoGetConstantInput_tensor)(const OrtKernelInfo *info, size_t index, int *is_constant,
                                                    const OrtValue **value); /* 249 */
    void *unused_250[18];
    OrtStatus *(*ShapeInferContext_GetInputTypeShape)(const OrtShapeInferContext *context, size_t index,
                                                      OrtTensorTypeAndShapeInfo **info); /* 268 */
    void *unused_269;
    OrtStatus *(*ShapeInferContext_SetOutputTypeShape)(const OrtShapeInferContext *context, size_t index,
                                                       const OrtTensorTypeAndShapeInfo *info); /* 270 */
    OrtStatus *(*SetSymbolicDimensions)(OrtTensorTypeAndShapeInfo *info, const char **names, size_t count); /* 271 */
    void *unused_272[2];
    OrtStatus *(*KernelContext_ParallelFor)(const OrtKernelContext *context, void (*body)(void *data, size_t number),
                                            size_t total, size_t batches, void *data); /* 274 */
} OrtApi;

typedef struct OrtApiBase {
    const OrtApi *(*GetApi)(uint32_t version);
    const char *(*GetVersionString)(void);
} OrtApiBase;

struct OrtCustomOp {
    uint32_t version;
    void *(*CreateKernel)(const OrtCustomOp *op, const OrtApi *api, const OrtKernelInfo *info);
    const char *(*GetName)(const OrtCustomOp *op);
    const char *(*GetExecutionProviderType)(const OrtCustomOp *op);
    int (*GetInputType)(const OrtCustomOp *op, size_t index);
    size_t (*GetInputTypeCount)(const OrtCustomOp *op);
    int (*GetOutputType)(const OrtCustomOp *op, size_t index);
    size_t (*GetOutputTypeCount)(const OrtCustomOp *op);
    void (*KernelCompute)(void *kernel, OrtKernelContext *context);
    void (*KernelDestroy)(void *kernel);
    int (*GetInputCharacteristic)(const OrtCustomOp *op, size_t index);
    int (*GetOutputCharacteristic)(const OrtCustomOp *op, size_t index);
    int (*GetInputMemoryType)(const OrtCustomOp *op, size_t index);
    int (*GetVariadicInputMinArity)(const OrtCustomOp *op);
    int (*GetVariadicInputHomogeneity)(const OrtCustomOp *op);
    int (*GetVariadicOutputMinArity)(const OrtCustomOp *op);
    int (*GetVariadicOutputHomogeneity)(const OrtCustomOp *op);
    OrtStatus *(*CreateKernelV2)(const OrtCustomOp *op, const OrtApi *api, const OrtKernelInfo *info, void **kernel);
    OrtStatus *(*KernelComputeV2)(void *kernel, OrtKernelContext *context);
    OrtStatus *(*InferOutputShapeFn)(const OrtCustomOp *op, OrtShapeInferContext *context);
    int (*GetStartVersion)(const OrtCustomOp *op);
    int (*GetEndVersion)(const OrtCustomOp *op);
    size_t (*GetMayInplace)(int **inputs, int **outputs);
    void (*ReleaseMayInplace)(int *inputs, int *outputs);
    size_t (*GetAliasMap)(int **inputs, int **outputs);
    void (*ReleaseAliasMap)(int *inputs, int *outputs);
};

#define ORT_PLACE(member, place) _Static_assert(offsetof(OrtApi, member) == (place) * sizeof(void *), #member)
ORT_PLACE(CreateCustomOpDomain, 26);
ORT_PLACE(GetTensorMutableData, 51);
ORT_PLACE(CreateTensorTypeAndShapeInfo, 57);
ORT_PLACE(GetDimensionsCount, 61);
ORT_PLACE(GetTensorTypeAndShape, 65);
ORT_PLACE(KernelInfoGetAttribute_float, 85);
ORT_PLACE(KernelContext_GetInputCount, 88);
ORT_PLACE(KernelContext_GetOutput, 91);
ORT_PLACE(ReleaseStatus, 93);
ORT_PLACE(ReleaseTensorTypeAndShapeInfo, 99);
ORT_PLACE(ReleaseCustomOpDomain, 101);
ORT_PLACE(KernelInfoGetConstantInput_tensor, 249);
ORT_PLACE(ShapeInferContext_GetInputTypeShape, 268);
ORT_PLACE(SetSymbolicDimensions, 271);
ORT_PLACE(KernelContext_ParallelFor, 274);
#undef ORT_PLACE
_Static_assert(sizeof(void *) != 8 || sizeof(OrtCustomOp) == 208, "OrtCustomOp");

#endif
