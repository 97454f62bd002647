"""Our operators, in one table: what goes in and out, and the same thing spelled out in standard operators.

A file that uses one of them carries an ONNX function of the same name, so that every ONNX Runtime can run it; a runtime
that has a kernel for the operator takes the kernel instead.

Shapes are letters: B batch, S sequence, T queries, H heads, D channels of a head, K kernel size or inputs of a product,
C channels, G groups of them; ``...`` any axes.
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
    """One operator of ours.

    Attributes:
        name: its name in the domain ``convbert_onnx``.
        purpose: what it is for, in one sentence.
        inputs: types and shapes, by name; those in ``optional`` may be left out at the end.
        outputs: types and shapes, by name.
        formula: what it computes.
        body: the lines of the function for a model's sizes, given whether the optional inputs are there.
        attributes: types, by name.
        optional: names of inputs that a node may leave out.
        opsets: versions of the domains beside standard ONNX that the function takes operators from.
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
    """Lines that define ``real``: the input [B, S, C], or zero where it is masked."""
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
    # Gathering all windows, K times the values, beat K shifted slices by 3 to 15 % on CPUs: it is fewer operators.
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
    # With a height of 1: onnxruntime's fast layouts are for images, and 1-D convolutions miss them.
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
    # onnxruntime's own fused operator. Without real keys, its usual filter of -10000 would leave keys their scores; the
    # lowest float leaves nothing of those.
    mask = ["is_real = Cast <to = 9> (mask)", "key_mask = Cast <to = 6> (is_real)"] if with_mask else []
    attributes = "num_heads: int = @num_heads, mask_filter_value = -3.4028234663852886e+38"
    inputs = "query, key, value" + (', "", key_mask' if with_mask else "")
    return [*mask, f"output = com.microsoft.MultiHeadAttention <{attributes}> ({inputs})"]


def _add_layer_norm(config: ConvBertConfig, with_optional: bool) -> list[str]:
    # One Sum: two Adds would become onnxruntime's SkipLayerNormalization, which takes two to ten times as long.
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


def _fixed(lines: list[str]) -> Callable[[ConvBertConfig, bool], list[str]]:
    """A body that is the same for all sizes."""
    return lambda config, with_optional: lines


def _depthwise_conv_quantize(config: ConvBertConfig, with_mask: bool) -> list[str]:
    return [*_depthwise_conv(config, with_mask), *functions.quantized("output")]


_QUANTIZED = {"quantized": "uint8 [..., C]", "scale": "float [..., 1]"}
_PRODUCT = {
    "product": "int32 [..., C]",
    "scale": "float [..., 1]",
    "weight_scale": "float [C]",
    "bias": "float [C]",
}
_VALUES = "product * scale * weight_scale + bias"
_ACTIVATED = "its scale = max(x / 239, -x / 16, 1e-30) over the last axis, quantized = round(x / scale) + 16"
_ROWS = "its scale = max(|{0}|, 1e-30) / 127 over the last axis, quantized = round({0} / scale) + 128"

_TABLE = (
    Operator(
        name="SpanDynamicConv",
        purpose="The span-based dynamic convolution (arXiv 2008.02496, section 3.3): every position brings its own "
        "kernel, which a head shares over its channels.",
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
        purpose="The depthwise half of the separable convolution that makes the span's key, on channels that lie last.",
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
        purpose="Attention to the real positions of a text, of all its positions or of some.",
        inputs={
            "query": "float [B, T, H*D]",
            "key": "float [B, S, H*D]",
            "value": "float [B, S, H*D]",
            "mask": "int64 [B, S]",
        },
        optional=("mask",),
        outputs={"output": "float [B, T, H*D]"},
        attributes={"num_heads": "int"},
        formula="w = softmax over s of query[b,t,h,:] . key[b,s,h,:] / sqrt(D), where positions s with mask 0 do not "
        "count, and all weigh the same if there are no others; output[b,t,h,:] = sum over s of w[s] * value[b,s,h,:]",
        body=_masked_attention,
        opsets={"com.microsoft": 1},
    ),
    Operator(
        name="AddLayerNorm",
        purpose="What follows the last product of attention and of the feed-forward part: bias, residual and norm.",
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
        purpose="What follows the first product of the feed-forward part: bias and the exact Gelu.",
        inputs={"product": "float [..., C]", "bias": "float [C]"},
        outputs={"output": "float [..., C]"},
        attributes={},
        formula="x = product + bias; output = x * (1 + erf(x / sqrt(2))) / 2",
        body=_bias_gelu,
    ),
    Operator(
        name="BiasMul",
        purpose="What follows the pointwise convolution: bias, then times the query.",
        inputs={"product": "float [..., C]", "bias": "float [C]", "factor": "float [..., C]"},
        outputs={"output": "float [..., C]"},
        attributes={},
        formula="output = (product + bias) * factor",
        body=_bias_mul,
    ),
    Operator(
        name="BiasSplit",
        purpose="What follows the one product for query, key, value and the values of the dynamic convolution.",
        inputs={"product": "float [..., 4*C]", "bias": "float [4*C]"},
        outputs=dict.fromkeys(("query", "key", "value", "span_value"), "float [..., C]"),
        attributes={},
        formula="query, key, value, span_value = the quarters of product + bias along the last axis",
        body=_bias_split,
    ),
    Operator(
        name="Quantize",
        purpose="Rows as bytes with a scale each, for an integer product.",
        inputs={"input": "float [..., C]"},
        outputs=dict(_QUANTIZED),
        attributes={},
        formula=_ROWS.format("input"),
        body=_fixed(functions.QUANTIZE),
    ),
    Operator(
        name="ConcatQuantize",
        purpose="The heads of attention and of the dynamic convolution, side by side as bytes for the next product.",
        inputs={"first": "float [..., C1]", "second": "float [..., C2]"},
        outputs={"quantized": "uint8 [..., C1+C2]", "scale": "float [..., 1]"},
        attributes={},
        formula="x = first and second joined along the last axis; " + _ROWS.format("x"),
        body=_fixed(functions.CONCAT_QUANTIZE),
    ),
    Operator(
        name="DepthwiseConvQuantize",
        purpose="DepthwiseConv whose output is bytes, for the pointwise product.",
        inputs={"hidden": "float [B, S, C]", "weight": "float [K, C]", "mask": "int64 [B, S]"},
        optional=("mask",),
        outputs={"quantized": "uint8 [B, S, C]", "scale": "float [B, S, 1]"},
        attributes={},
        formula="x = DepthwiseConv(hidden, weight, mask); " + _ROWS.format("x"),
        body=_depthwise_conv_quantize,
    ),
    Operator(
        name="DequantizeBias",
        purpose="What follows an integer product and nothing else of ours.",
        inputs=dict(_PRODUCT),
        outputs={"output": "float [..., C]"},
        attributes={},
        formula=f"output = {_VALUES}",
        body=_fixed(functions.DEQUANTIZE_BIAS),
    ),
    Operator(
        name="DequantizeBiasSplit",
        purpose="BiasSplit of an integer product.",
        inputs={name: kind.replace("C", "4*C") for name, kind in _PRODUCT.items()},
        outputs=dict.fromkeys(("query", "key", "value", "span_value"), "float [..., C]"),
        attributes={},
        formula=f"query, key, value, span_value = the quarters of {_VALUES} along the last axis",
        body=_fixed(functions.DEQUANTIZE_BIAS_SPLIT),
    ),
    Operator(
        name="DequantizeBiasMul",
        purpose="BiasMul of an integer product.",
        inputs={**_PRODUCT, "factor": "float [..., C]"},
        outputs={"output": "float [..., C]"},
        attributes={},
        formula=f"output = ({_VALUES}) * factor",
        body=_fixed(functions.DEQUANTIZE_BIAS_MUL),
    ),
    Operator(
        name="DequantizeBiasGelu",
        purpose="BiasGelu between two integer products.",
        inputs=dict(_PRODUCT),
        outputs={"quantized": "uint8 [..., C]", "output_scale": "float [..., 1]"},
        attributes={},
        formula=f"y = {_VALUES}; x = y * (1 + erf(y / sqrt(2))) / 2; {_ACTIVATED}",
        body=_fixed(functions.DEQUANTIZE_BIAS_GELU),
    ),
    Operator(
        name="DequantizeAddLayerNorm",
        purpose="AddLayerNorm between two integer products, whose output is also the next residual.",
        inputs={**_PRODUCT, "residual": "float [..., C]", "gamma": "float [C]", "beta": "float [C]"},
        outputs={"output": "float [..., C]", "quantized": "uint8 [..., C]", "output_scale": "float [..., 1]"},
        attributes={"epsilon": "float"},
        formula=f"x = residual + {_VALUES}; output = (x - mean(x)) / sqrt(variance(x) + epsilon) * gamma + beta, mean "
        "and variance over the last axis; " + _ROWS.format("output"),
        body=_fixed(functions.DEQUANTIZE_ADD_LAYER_NORM),
    ),
)


_GROUPS = ": the g-th of G parts of rows times the g-th matrix is the g-th part of product"

_IN_GROUPS = ("DequantizeBiasGelu", "DequantizeAddLayerNorm")
"""What is behind the products of the feed-forward part, which are in groups in some models."""


def _with_product(behind: Operator, grouped: bool = False) -> Operator:
    """An operator behind an integer product, and the product in the same pass."""
    operands = list(behind.inputs)[1:]
    attributes = [f"{name}: {kind} = @{name}" for name, kind in behind.attributes.items()]
    call = operands, list(behind.outputs), f"{DOMAIN}.{behind.name}", attributes
    channels = behind.inputs["bias"].removeprefix("float [").removesuffix("]")

    def body(config: ConvBertConfig, with_optional: bool) -> list[str]:
        return functions.grouped_matmul(*call, config.num_groups) if grouped else functions.matmul(*call)

    return Operator(
        name=f"{'Grouped' if grouped else ''}MatMul{behind.name}",
        purpose=f"An integer product {'in groups ' if grouped else ''}and {behind.name}, in one pass.",
        inputs={
            "rows": "uint8 [..., K]",
            "weight": "int8 [G, C/G/16, K/G/4 + 1, 16, 4]" if grouped else f"int8 [{channels}/16, K/4 + 1, 16, 4]",
            **{name: kind for name, kind in behind.inputs.items() if name != "product"},
        },
        outputs=behind.outputs,
        attributes={"zero_point": "int", **behind.attributes},
        formula=f"product = (rows - zero_point) times the weight, which is in panels{_GROUPS if grouped else ''}; "
        f"{behind.formula}",
        body=body,
        opsets={DOMAIN: VERSION},
    )


OPERATORS = (
    *_TABLE,
    *(_with_product(operator) for operator in _TABLE if "product" in operator.inputs and "scale" in operator.inputs),
    *(_with_product(operator, grouped=True) for operator in _TABLE if operator.name in _IN_GROUPS),
)
"""All operators, by the order of the native library."""
