"""Function bodies of the quantized operators, in standard ONNX operators.

A quantized row is uint8 with zero point 128 and one scale per row: value = (quantized - 128) * scale. Outputs of Gelu,
which are never far below zero, have zero point 16 instead, and therefore almost half the step size. Weights are int8
with one scale per column. The int32 result of a matmul, times both scales, is the float result.
"""

from collections.abc import Sequence

__all__ = [
    "CONCAT_QUANTIZE",
    "DEQUANTIZE_ADD_LAYER_NORM",
    "DEQUANTIZE_BIAS",
    "DEQUANTIZE_BIAS_GELU",
    "DEQUANTIZE_BIAS_MUL",
    "DEQUANTIZE_BIAS_SPLIT",
    "PANEL_COLUMNS",
    "PANEL_DEPTH",
    "QUANTIZE",
    "grouped_matmul",
    "matmul",
    "quantized",
]

PANEL_COLUMNS = 16
"""Columns per panel. A weight [K, C] in panels is int8 [C/16, K/4 + 1, 16, 4]: first the int32 sum of each column,
then, for every four inputs, the four weights of each column."""

PANEL_DEPTH = 4
"""Consecutive inputs whose weights of one column are adjacent in a panel."""


def quantized(name: str, scale: str = "scale") -> list[str]:
    """Lines that define ``quantized`` uint8 [..., C] and its scale [..., 1] from the rows of ``name``.

    The scale maps the row's largest magnitude, but at least 1e-30, to 127.
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


def _quantized_gelu(name: str, scale: str) -> list[str]:
    """Lines that define ``quantized`` and its scale from outputs of Gelu, between -16 and 239 steps."""
    return [
        "channel_axis = Constant <value = int64[1] {-1}> ()",
        "above = Constant <value = float {239.0}> ()",
        "below = Constant <value = float {16.0}> ()",
        "stretch = Constant <value = float {-14.9375}> ()",
        "smallest = Constant <value = float {1e-30}> ()",
        f"stretched = Mul ({name}, stretch)",
        f"farthest = Max ({name}, stretched)",
        "largest = ReduceMax (farthest, channel_axis)",
        "safe = Max (largest, smallest)",
        f"{scale} = Div (safe, above)",
        "factor = Div (above, safe)",
        f"scaled = Mul ({name}, factor)",
        "rounded = Round (scaled)",
        "shifted = Add (rounded, below)",
        "quantized = Cast <to = 2> (shifted)",
    ]


def matmul(inputs: Sequence[str], outputs: Sequence[str], operator: str, attributes: Sequence[str]) -> list[str]:
    """Lines of an int8 matmul of ``rows`` with a ``weight`` in panels, followed by another custom operator.

    Args:
        inputs: inputs of the other operator after the matmul's result.
        outputs: outputs of the other operator.
        operator: its name, with the domain.
        attributes: its attributes, in ONNX text syntax.
    """
    return [
        *_CONSTANTS,
        "columns = Shape (bias)",
        *_matmul("rows", "weight", "product"),
        _epilogue(inputs, outputs, operator, attributes),
    ]


def grouped_matmul(
    inputs: Sequence[str], outputs: Sequence[str], operator: str, attributes: Sequence[str], groups: int
) -> list[str]:
    """Like :func:`matmul`, for a grouped ``weight``: a group maps its share of the inputs to its share of columns."""

    def numbered(name: str) -> list[str]:
        return [f"{name}_{group}" for group in range(groups)]

    parts = zip(numbered("rows"), numbered("weight"), numbered("product"), strict=True)
    return [
        *_CONSTANTS,
        f"groups = Constant <value = int64[1] {{{groups}}}> ()",
        "all_columns = Shape (bias)",
        "columns = Div (all_columns, groups)",
        f"{', '.join(numbered('rows'))} = Split <axis = -1, num_outputs = {groups}> (rows)",
        f"{', '.join(numbered('group'))} = Split <axis = 0, num_outputs = {groups}> (weight)",
        *(f"weight_{group} = Squeeze (group_{group}, start)" for group in range(groups)),
        *(line for names in parts for line in _matmul(*names)),
        f"product = Concat <axis = -1> ({', '.join(numbered('product'))})",
        _epilogue(inputs, outputs, operator, attributes),
    ]


_CONSTANTS = [
    "zero_number = Constant <value_int: int = @zero_point> ()",
    "zero = Cast <to = 2> (zero_number)",
    "start = Constant <value = int64[1] {0}> ()",
    "one = Constant <value = int64[1] {1}> ()",
    "end = Constant <value = int64[1] {9223372036854775807}> ()",
]


def _matmul(rows: str, weight: str, product: str) -> list[str]:
    """Lines that define an int8 matmul with the ``columns`` of a weight in panels."""
    return [
        f"{product}_panels = Slice ({weight}, one, end, one)",  # without the column sums
        f"{product}_turned = Transpose <perm = [1, 3, 0, 2]> ({product}_panels)",
        f"{product}_padded = Flatten <axis = 2> ({product}_turned)",
        f"{product}_matrix = Slice ({product}_padded, start, columns, one)",
        f"{product} = MatMulInteger ({rows}, {product}_matrix, zero)",
    ]


def _epilogue(inputs: Sequence[str], outputs: Sequence[str], operator: str, attributes: Sequence[str]) -> str:
    passed = f"<{', '.join(attributes)}> " if attributes else ""
    return f"{', '.join(outputs)} = {operator} {passed}(product, {', '.join(inputs)})"


_DEQUANTIZE = [
    "numbers = Cast <to = 1> (product)",
    "by_row = Mul (numbers, scale)",
    "values = Mul (by_row, weight_scale)",
]
"""The matmul's result as floats."""

QUANTIZE = quantized("input")

CONCAT_QUANTIZE = ["joined = Concat <axis = -1> (first, second)", *quantized("joined")]

DEQUANTIZE_BIAS = [*_DEQUANTIZE, "output = Add (values, bias)"]

DEQUANTIZE_BIAS_SPLIT = [
    *_DEQUANTIZE,
    "biased = Add (values, bias)",
    "query, key, value, span_value = Split <axis = -1, num_outputs = 4> (biased)",
]

DEQUANTIZE_BIAS_MUL = [*_DEQUANTIZE, "biased = Add (values, bias)", "output = Mul (biased, factor)"]

DEQUANTIZE_BIAS_GELU = [
    *_DEQUANTIZE,
    "root_two = Constant <value = float {1.4142135381698608}> ()",
    "one = Constant <value = float {1.0}> ()",
    "half = Constant <value = float {0.5}> ()",
    "biased = Add (values, bias)",
    "by_root = Div (biased, root_two)",
    "erf = Erf (by_root)",
    "doubled = Add (erf, one)",
    "twice = Mul (biased, doubled)",
    "activated = Mul (twice, half)",
    *_quantized_gelu("activated", "output_scale"),
]

DEQUANTIZE_ADD_LAYER_NORM = [
    *_DEQUANTIZE,
    "sum = Sum (residual, values, bias)",
    "output = LayerNormalization <axis = -1, epsilon: float = @epsilon> (sum, gamma, beta)",
    *quantized("output", "output_scale"),
]
