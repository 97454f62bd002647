"""The functions of the operators on rows of bytes, spelled out in standard operators.

A quantized row is bytes around 128 and a scale: a number is (byte - 128) * scale. An integer product of such rows with
signed bytes, which have a scale for each column, is a product of numbers once both scales are applied.
"""

from convbert_onnx.config import ConvBertConfig

__all__ = [
    "concat_quantize",
    "dequantize_add_layer_norm",
    "dequantize_bias",
    "dequantize_bias_gelu",
    "dequantize_bias_mul",
    "dequantize_bias_split",
    "quantize",
    "quantized",
]


def quantized(name: str, scale: str = "scale") -> list[str]:
    """Lines that define ``quantized`` uint8 [..., C] and its scale [..., 1] from the rows of ``name``.

    The scale takes the largest magnitude of the row, or 1e-30 if that is more, to 127.
    """
    return [
        "channel_axis = Constant <value = int64[1] {-1}> ()",
        "largest_byte = Constant <value = float {127.0}> ()",
        "smallest = Constant <value = float {1e-30}> ()",
        "middle = Constant <value = float {128.0}> ()",
        f"magnitude = Abs ({name})",
        "largest = ReduceMax (magnitude, channel_axis)",
        "safe = Max (largest, smallest)",
        f"{scale} = Div (safe, largest_byte)",
        "factor = Div (largest_byte, safe)",
        f"scaled = Mul ({name}, factor)",
        "rounded = Round (scaled)",
        "shifted = Add (rounded, middle)",
        "quantized = Cast <to = 2> (shifted)",
    ]


_DEQUANTIZED = (
    "numbers = Cast <to = 1> (product)",
    "by_row = Mul (numbers, scale)",
    "values = Mul (by_row, weight_scale)",
)


def quantize(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return quantized("input")


def concat_quantize(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return ["joined = Concat <axis = -1> (first, second)", *quantized("joined")]


def dequantize_bias(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [*_DEQUANTIZED, "output = Add (values, bias)"]


def dequantize_bias_split(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [
        *_DEQUANTIZED,
        "biased = Add (values, bias)",
        "query, key, value, span_value = Split <axis = -1, num_outputs = 4> (biased)",
    ]


def dequantize_bias_mul(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [*_DEQUANTIZED, "biased = Add (values, bias)", "output = Mul (biased, factor)"]


def dequantize_bias_gelu(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [
        *_DEQUANTIZED,
        "root_two = Constant <value = float {1.4142135381698608}> ()",
        "one = Constant <value = float {1.0}> ()",
        "half = Constant <value = float {0.5}> ()",
        "biased = Add (values, bias)",
        "by_root = Div (biased, root_two)",
        "erf = Erf (by_root)",
        "doubled = Add (erf, one)",
        "twice = Mul (biased, doubled)",
        "activated = Mul (twice, half)",
        *quantized("activated", "output_scale"),
    ]


def dequantize_add_layer_norm(config: ConvBertConfig, with_optional: bool) -> list[str]:
    return [
        *_DEQUANTIZED,
        "sum = Sum (residual, values, bias)",
        "output = LayerNormalization <axis = -1, epsilon: float = @epsilon> (sum, gamma, beta)",
        *quantized("output", "output_scale"),
    ]
