"""The functions of the operators on rows of bytes, spelled out in standard operators.

A quantized row is bytes around 128 and a scale: a number is (byte - 128) * scale. An integer product of such rows with
signed bytes, which have a scale for each column, is a product of numbers once both scales are applied.
"""

__all__ = [
    "CONCAT_QUANTIZE",
    "DEQUANTIZE_ADD_LAYER_NORM",
    "DEQUANTIZE_BIAS",
    "DEQUANTIZE_BIAS_GELU",
    "DEQUANTIZE_BIAS_MUL",
    "DEQUANTIZE_BIAS_SPLIT",
    "QUANTIZE",
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


_VALUES = [
    "numbers = Cast <to = 1> (product)",
    "by_row = Mul (numbers, scale)",
    "values = Mul (by_row, weight_scale)",
]
"""The product as numbers."""

QUANTIZE = quantized("input")

CONCAT_QUANTIZE = ["joined = Concat <axis = -1> (first, second)", *quantized("joined")]

DEQUANTIZE_BIAS = [*_VALUES, "output = Add (values, bias)"]

DEQUANTIZE_BIAS_SPLIT = [
    *_VALUES,
    "biased = Add (values, bias)",
    "query, key, value, span_value = Split <axis = -1, num_outputs = 4> (biased)",
]

DEQUANTIZE_BIAS_MUL = [*_VALUES, "biased = Add (values, bias)", "output = Mul (biased, factor)"]

DEQUANTIZE_BIAS_GELU = [
    *_VALUES,
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

DEQUANTIZE_ADD_LAYER_NORM = [
    *_VALUES,
    "sum = Sum (residual, values, bias)",
    "output = LayerNormalization <axis = -1, epsilon: float = @epsilon> (sum, gamma, beta)",
    *quantized("output", "output_scale"),
]
