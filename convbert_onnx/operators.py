"""The table of custom operators: inputs, outputs, attributes, and a definition in standard ONNX operators.

A file that uses an operator contains an ONNX function of the same name, so that any ONNX Runtime can run it; a runtime
that has a kernel for the operator uses the kernel instead.

In shapes, B is the batch size, S the sequence length, T the number of queries, H the number of heads, D the channels
per head, K the kernel size or a matmul's number of inputs, C the number of channels and G the number of groups; ``...``
stands for any axes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from convbert_onnx import quantized_functions as functions
from convbert_onnx.config import ConvBertConfig

__all__ = ["DOMAIN", "OPERATORS", "VERSION", "Operator"]

DOMAIN = "convbert_onnx"
VERSION = 1


@dataclass(frozen=True)
class Operator:
    """A custom operator.

    Attributes:
        name: the name in the domain ``convbert_onnx``.
        purpose: one sentence for the documentation.
        inputs: types and shapes, by name.
        outputs: types and shapes, by name.
        formula: the definition of the outputs.
        body: the lines of the ONNX function, given the model's config and whether the optional inputs are present.
        attributes: types, by name.
        optional: names of trailing inputs that a node may omit.
        opsets: versions of other domains whose operators the function uses.
    """

    name: str
    purpose: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    formula: str
    body: Callable[[ConvBertConfig, bool], list[str]]
    attributes: Mapping[str, str]
    optional: tuple[str, ...] = ()
    opsets: Mapping[str, int] = field(default_factory=dict)


def _masked(name: str, with_mask: bool) -> list[str]:
    """Lines that define ``real``: the input [B, S, C] with zeros where it is masked."""
    if not with_mask:
        return [f"real = Identity ({name})"]
    return [
        "zero_ = Constant <value = float {0.0}> ()",
        "last_axis = Constant <value = int64[1] {2}> ()",
        "is_real = Cast <to = 9> (mask)",
        "is_real_column = Unsqueeze (is_real, last_axis)",
        f"real = Where (is_real_column, {name}, zero_)",
    ]


def _span_dynamic_conv(config: ConvBertConfig, with_mask: bool) -> list[str]:
    # Gathering all windows (K times the values) is 3 to 15 % faster on CPUs than K shifted slices: fewer operators.
    heads, size = config.num_mixed_heads, config.conv_kernel_size
    middle = size // 2
    return [
        *_masked("values", with_mask),
        "zero = Constant <value = float {0.0}> ()",
        f"pads = Constant <value = int64[6] {{0, {middle}, 0, 0, {middle}, 0}}> ()",
        f"by_head = Constant <value = int64[4] {{0, 0, {heads}, -1}}> ()",
        "flat = Constant <value = int64[3] {0, 0, -1}> ()",
        "row_axis = Constant <value = int64[1] {3}> ()",
        f"length = Shape <start = 1, end = 2> ({'mask' if with_mask else 'values'})",
        "no_axes = Constant <value = int64[0] {}> ()",
        "end = Reshape (length, no_axes)",
        "start = Constant <value = int64 {0}> ()",
        "step = Constant <value = int64 {1}> ()",
        "position = Range (start, end, step)",
        "column = Constant <value = int64[1] {1}> ()",
        "positions = Unsqueeze (position, column)",
        f"offsets = Constant <value = int64[1, {size}] {{{', '.join(map(str, range(size)))}}}> ()",
        "rows = Add (positions, offsets)",
        "padded = Pad (real, pads, zero)",
        "padded_heads = Reshape (padded, by_head)",
        "head_rows = Transpose <perm = [0, 2, 1, 3]> (padded_heads)",
        "windows = Gather <axis = 2> (head_rows, rows)",
        "logits = Reshape (kernel_logits, by_head)",
        "kernels = Softmax <axis = -1> (logits)",
        "head_kernels = Transpose <perm = [0, 2, 1, 3]> (kernels)",
        "kernel_rows = Unsqueeze (head_kernels, row_axis)",
        "sums = MatMul (kernel_rows, windows)",
        "head_sums = Squeeze (sums, row_axis)",
        "by_position = Transpose <perm = [0, 2, 1, 3]> (head_sums)",
        "output = Reshape (by_position, flat)",
    ]


def _depthwise_conv(config: ConvBertConfig, with_mask: bool) -> list[str]:
    # As a 2-D convolution of height 1: onnxruntime's fast layouts do not cover 1-D convolutions.
    middle = config.conv_kernel_size // 2
    return [
        *_masked("hidden", with_mask),
        "height = Constant <value = int64[1] {2}> ()",
        "row = Constant <value = int64[2] {1, 2}> ()",
        "channels_first = Transpose <perm = [0, 2, 1]> (real)",
        "image = Unsqueeze (channels_first, height)",
        "rows = Transpose <perm = [1, 0]> (weight)",
        "kernel = Unsqueeze (rows, row)",
        f"convolved = Conv <group = {config.hidden_size}, pads = [0, {middle}, 0, {middle}]> (image, kernel)",
        "flat = Squeeze (convolved, height)",
        "output = Transpose <perm = [0, 2, 1]> (flat)",
    ]


def _masked_attention(config: ConvBertConfig, with_mask: bool) -> list[str]:
    # onnxruntime's fused operator. With its default mask value of -10000, rows that are masked as a whole would keep
    # differences between their scores; the lowest float removes them.
    mask = ["is_real = Cast <to = 9> (mask)", "key_mask = Cast <to = 6> (is_real)"] if with_mask else []
    attributes = "num_heads: int = @num_heads, mask_filter_value = -3.4028234663852886e+38"
    inputs = "query, key, value" + (', "", key_mask' if with_mask else "")
    return [*mask, f"output = com.microsoft.MultiHeadAttention <{attributes}> ({inputs})"]


def _add_layer_norm(config: ConvBertConfig, with_optional: bool) -> list[str]:
    # Sum, not two Adds: onnxruntime fuses those into SkipLayerNormalization, which takes two to ten times as long.
    return [
        "sum = Sum (residual, product, bias)",
        "output = LayerNormalization <axis = -1, epsilon: float = @epsilon> (sum, gamma, beta)",
    ]


def _bias_gelu(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [
        "root_two = Constant <value = float {1.4142135381698608}> ()",
        "one = Constant <value = float {1.0}> ()",
        "half = Constant <value = float {0.5}> ()",
        "biased = Add (product, bias)",
        "scaled = Div (biased, root_two)",
        "erf = Erf (scaled)",
        "doubled = Add (erf, one)",
        "twice = Mul (biased, doubled)",
        "output = Mul (twice, half)",
    ]


def _bias_mul(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return ["biased = Add (product, bias)", "output = Mul (biased, factor)"]


def _bias_split(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [
        "biased = Add (product, bias)",
        "query, key, value, span_value = Split <axis = -1, num_outputs = 4> (biased)",
    ]


def _constant(lines: list[str]) -> Callable[[ConvBertConfig, bool], list[str]]:
    """A function body that does not depend on the model's sizes."""
    return lambda config, with_optional: lines


def _depthwise_conv_quantize(config: ConvBertConfig, with_mask: bool) -> list[str]:
    return [*_depthwise_conv(config, with_mask), *functions.quantized("output")]


_QUANTIZE_OUTPUTS = {"quantized": "uint8 [..., C]", "scale": "float [..., 1]"}
_DEQUANTIZE_INPUTS = {
    "product": "int32 [..., C]",
    "scale": "float [..., 1]",
    "weight_scale": "float [C]",
    "bias": "float [C]",
}
_DEQUANTIZE = "product * scale * weight_scale + bias"
_QUANTIZE_GELU = "its scale = max(x / 239, -x / 16, 1e-30) over the last axis, quantized = round(x / scale) + 16"
_QUANTIZE = "its scale = max(|{0}|, 1e-30) / 127 over the last axis, quantized = round({0} / scale) + 128"

_TABLE = (
    Operator(
        name="SpanDynamicConv",
        purpose="The span-based dynamic convolution (arXiv 2008.02496, section 3.3): every position has its own "
        "kernel, which all channels of a head share.",
        inputs={"values": "float [B, S, H*D]", "kernel_logits": "float [B, S, H*K]", "mask": "int64 [B, S]"},
        optional=("mask",),
        outputs={"output": "float [B, S, H*D]"},
        attributes={"num_heads": "int", "kernel_size": "int"},
        formula="w = softmax over K of kernel_logits[b,s,h,:]; output[b,s,h,:] = sum over j of w[j] * "
        "values[b, s + j - K//2, h, :], where positions outside the sequence or with mask 0 count as zero",
        body=_span_dynamic_conv,
    ),
    Operator(
        name="DepthwiseConv",
        purpose="The depthwise part of the separable convolution that computes the span-aware key, with channels last.",
        inputs={"hidden": "float [B, S, C]", "weight": "float [K, C]", "mask": "int64 [B, S]"},
        optional=("mask",),
        outputs={"output": "float [B, S, C]"},
        attributes={},
        formula="output[b,s,c] = sum over j of weight[j,c] * hidden[b, s + j - K//2, c], where positions outside the "
        "sequence or with mask 0 count as zero",
        body=_depthwise_conv,
    ),
    Operator(
        name="MaskedAttention",
        purpose="Scaled dot-product attention with a padding mask; queries may be fewer than keys.",
        inputs={
            "query": "float [B, T, H*D]",
            "key": "float [B, S, H*D]",
            "value": "float [B, S, H*D]",
            "mask": "int64 [B, S]",
        },
        optional=("mask",),
        outputs={"output": "float [B, T, H*D]"},
        attributes={"num_heads": "int"},
        formula="w = softmax over s of query[b,t,h,:] . key[b,s,h,:] / sqrt(D), without the positions s with mask 0, "
        "or with equal weights if all are masked; output[b,t,h,:] = sum over s of w[s] * value[b,s,h,:]",
        body=_masked_attention,
        opsets={"com.microsoft": 1},
    ),
    Operator(
        name="AddLayerNorm",
        purpose="Bias, residual connection and normalization after the last matmul of attention and feed-forward.",
        inputs={
            "product": "float [..., C]",
            "bias": "float [C]",
            "residual": "float [..., C]",
            "gamma": "float [C]",
            "beta": "float [C]",
        },
        outputs={"output": "float [..., C]"},
        attributes={"epsilon": "float"},
        formula="x = residual + product + bias; output = (x - mean(x)) / sqrt(variance(x) + epsilon) * gamma + beta, "
        "mean and variance over the last axis",
        body=_add_layer_norm,
    ),
    Operator(
        name="BiasGelu",
        purpose="Bias and exact Gelu after the first matmul of the feed-forward block.",
        inputs={"product": "float [..., C]", "bias": "float [C]"},
        outputs={"output": "float [..., C]"},
        attributes={},
        formula="x = product + bias; output = x * (1 + erf(x / sqrt(2))) / 2",
        body=_bias_gelu,
    ),
    Operator(
        name="BiasMul",
        purpose="Bias after the pointwise convolution, and multiplication by the query.",
        inputs={"product": "float [..., C]", "bias": "float [C]", "factor": "float [..., C]"},
        outputs={"output": "float [..., C]"},
        attributes={},
        formula="output = (product + bias) * factor",
        body=_bias_mul,
    ),
    Operator(
        name="BiasSplit",
        purpose="Bias and split after the merged matmul for query, key, value and the dynamic convolution's values.",
        inputs={"product": "float [..., 4*C]", "bias": "float [4*C]"},
        outputs=dict.fromkeys(("query", "key", "value", "span_value"), "float [..., C]"),
        attributes={},
        formula="query, key, value, span_value = the quarters of product + bias along the last axis",
        body=_bias_split,
    ),
    Operator(
        name="Quantize",
        purpose="Quantize rows to uint8 with one scale per row, for an int8 matmul.",
        inputs={"input": "float [..., C]"},
        outputs=dict(_QUANTIZE_OUTPUTS),
        attributes={},
        formula=_QUANTIZE.format("input"),
        body=_constant(functions.QUANTIZE),
    ),
    Operator(
        name="ConcatQuantize",
        purpose="Concatenate the outputs of attention and dynamic convolution, and quantize them for an int8 matmul.",
        inputs={"first": "float [..., C1]", "second": "float [..., C2]"},
        outputs={"quantized": "uint8 [..., C1+C2]", "scale": "float [..., 1]"},
        attributes={},
        formula="x = first and second joined along the last axis; " + _QUANTIZE.format("x"),
        body=_constant(functions.CONCAT_QUANTIZE),
    ),
    Operator(
        name="DepthwiseConvQuantize",
        purpose="DepthwiseConv with quantized output, for the pointwise int8 matmul.",
        inputs={"hidden": "float [B, S, C]", "weight": "float [K, C]", "mask": "int64 [B, S]"},
        optional=("mask",),
        outputs={"quantized": "uint8 [B, S, C]", "scale": "float [B, S, 1]"},
        attributes={},
        formula="x = DepthwiseConv(hidden, weight, mask); " + _QUANTIZE.format("x"),
        body=_depthwise_conv_quantize,
    ),
    Operator(
        name="DequantizeBias",
        purpose="Dequantize the result of an int8 matmul and add its bias.",
        inputs=dict(_DEQUANTIZE_INPUTS),
        outputs={"output": "float [..., C]"},
        attributes={},
        formula=f"output = {_DEQUANTIZE}",
        body=_constant(functions.DEQUANTIZE_BIAS),
    ),
    Operator(
        name="DequantizeBiasSplit",
        purpose="BiasSplit after an int8 matmul.",
        inputs={name: kind.replace("C", "4*C") for name, kind in _DEQUANTIZE_INPUTS.items()},
        outputs=dict.fromkeys(("query", "key", "value", "span_value"), "float [..., C]"),
        attributes={},
        formula=f"query, key, value, span_value = the quarters of {_DEQUANTIZE} along the last axis",
        body=_constant(functions.DEQUANTIZE_BIAS_SPLIT),
    ),
    Operator(
        name="DequantizeBiasMul",
        purpose="BiasMul after an int8 matmul.",
        inputs={**_DEQUANTIZE_INPUTS, "factor": "float [..., C]"},
        outputs={"output": "float [..., C]"},
        attributes={},
        formula=f"output = ({_DEQUANTIZE}) * factor",
        body=_constant(functions.DEQUANTIZE_BIAS_MUL),
    ),
    Operator(
        name="DequantizeBiasGelu",
        purpose="BiasGelu between two int8 matmuls.",
        inputs=dict(_DEQUANTIZE_INPUTS),
        outputs={"quantized": "uint8 [..., C]", "output_scale": "float [..., 1]"},
        attributes={},
        formula=f"y = {_DEQUANTIZE}; x = y * (1 + erf(y / sqrt(2))) / 2; {_QUANTIZE_GELU}",
        body=_constant(functions.DEQUANTIZE_BIAS_GELU),
    ),
    Operator(
        name="DequantizeAddLayerNorm",
        purpose="AddLayerNorm between two int8 matmuls; its float output is the next residual.",
        inputs={**_DEQUANTIZE_INPUTS, "residual": "float [..., C]", "gamma": "float [C]", "beta": "float [C]"},
        outputs={"output": "float [..., C]", "quantized": "uint8 [..., C]", "output_scale": "float [..., 1]"},
        attributes={"epsilon": "float"},
        formula=f"x = residual + {_DEQUANTIZE}; output = (x - mean(x)) / sqrt(variance(x) + epsilon) * gamma + beta, "
        "mean and variance over the last axis; " + _QUANTIZE.format("output"),
        body=_constant(functions.DEQUANTIZE_ADD_LAYER_NORM),
    ),
)


_GROUPS = ": the g-th of G parts of rows times the g-th matrix is the g-th part of product"

_GROUPED = ("DequantizeBiasGelu", "DequantizeAddLayerNorm")
"""Operators after matmuls of the feed-forward block, which are grouped if ``num_groups`` > 1."""


def _with_matmul(epilogue: Operator, grouped: bool = False) -> Operator:
    """The operator that computes an int8 matmul and then ``epilogue``, in one pass."""
    operands = list(epilogue.inputs)[1:]
    attributes = [f"{name}: {kind} = @{name}" for name, kind in epilogue.attributes.items()]
    call = operands, list(epilogue.outputs), f"{DOMAIN}.{epilogue.name}", attributes
    channels = epilogue.inputs["bias"].removeprefix("float [").removesuffix("]")

    def body(config: ConvBertConfig, with_optional: bool) -> list[str]:
        return functions.grouped_matmul(*call, config.num_groups) if grouped else functions.matmul(*call)

    return Operator(
        name=f"{'Grouped' if grouped else ''}MatMul{epilogue.name}",
        purpose=f"{'A grouped' if grouped else 'An'} int8 matmul and {epilogue.name}, in one pass.",
        inputs={
            "rows": "uint8 [..., K]",
            "weight": "int8 [G, C/G/16, K/G/4 + 1, 16, 4]" if grouped else f"int8 [{channels}/16, K/4 + 1, 16, 4]",
            **{name: kind for name, kind in epilogue.inputs.items() if name != "product"},
        },
        outputs=epilogue.outputs,
        attributes={"zero_point": "int", **epilogue.attributes},
        formula=f"product = (rows - zero_point) times the weight, stored in panels{_GROUPS if grouped else ''}; "
        f"{epilogue.formula}",
        body=body,
        opsets={DOMAIN: VERSION},
    )


OPERATORS = (
    *_TABLE,
    *(_with_matmul(operator) for operator in _TABLE if "product" in operator.inputs and "scale" in operator.inputs),
    *(_with_matmul(operator, grouped=True) for operator in _TABLE if operator.name in _GROUPED),
)
"""All operators, in the order of the native library."""
