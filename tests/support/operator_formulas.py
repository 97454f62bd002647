"""Reference implementations of the custom operators in numpy and float64, from their formulas."""

from collections.abc import Callable, Mapping, Sequence
from math import erf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Attributes = Mapping[str, int | float]
Formula = Callable[[Arrays, Attributes], list[NDArray[Any]]]


class Sizes(NamedTuple):
    """Number of heads, channels per head, and kernel size of the convolutions."""

    heads: int
    channels: int
    size: int


VECTORS = ("weight", "weight_scale", "bias", "gamma", "beta")
"""Inputs that are weights, without batch and sequence axes."""

FILE_SIZES = (Sizes(1, 14, 1), Sizes(5, 6, 3), Sizes(3, 4, 5), Sizes(2, 10, 7), Sizes(2, 64, 9))
"""The sizes of the operator files."""


def assert_close(ours: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]], tolerance: float = 1e-6) -> None:
    """Compare outputs: floats relative to the largest one, quantized values up to one step, because of rounding."""
    for own, other in zip(ours, expected, strict=True):
        if own.dtype == np.uint8:
            np.testing.assert_allclose(own.astype(np.float64), other.astype(np.float64), rtol=0, atol=1)
        else:
            scale = np.abs(other[np.isfinite(other)]).max(initial=0)
            np.testing.assert_allclose(own, other, rtol=0, atol=tolerance * scale)


def operator_file_name(name: str, masked: bool, sizes: Sizes) -> str:
    """The name of an operator file."""
    return f"{name}-{'masked' if masked else 'plain'}-{'x'.join(map(str, sizes))}.onnx"


def span_dynamic_conv(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    heads, size = int(attributes["num_heads"]), int(attributes["kernel_size"])
    values, logits = _real(inputs, "values"), inputs["kernel_logits"].astype(np.float64)
    batch, sequence, channels = values.shape
    logits = logits.reshape(batch, sequence, heads, size)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    by_head = values.reshape(batch, sequence, heads, channels // heads)
    output = np.zeros_like(by_head)
    for s in range(sequence):
        for j in range(size):
            if 0 <= s + j - size // 2 < sequence:
                output[:, s] += weights[:, s, :, j, None] * by_head[:, s + j - size // 2]
    return [output.reshape(batch, sequence, channels)]


def depthwise_conv(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    hidden, weight = _real(inputs, "hidden"), inputs["weight"].astype(np.float64)
    size, sequence = len(weight), hidden.shape[1]
    output = np.zeros_like(hidden)
    for s in range(sequence):
        for j in range(size):
            if 0 <= s + j - size // 2 < sequence:
                output[:, s] += weight[j] * hidden[:, s + j - size // 2]
    return [output]


def masked_attention(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    query, key, value = (inputs[name].astype(np.float64) for name in ("query", "key", "value"))
    heads, outputs = int(attributes["num_heads"]), []
    for b in range(len(query)):
        real = inputs["mask"][b] != 0 if "mask" in inputs else np.full(key.shape[1], True)
        scale = np.sqrt(query.shape[2] / heads) if real.any() else np.inf  # equal weights if all keys are masked
        real = real if real.any() else ~real
        by_head = zip(
            *(np.split(rows, heads, axis=-1) for rows in (query[b], key[b, real], value[b, real])), strict=True
        )
        outputs.append(np.concatenate([_softmax(q @ k.T / scale) @ v for q, k, v in by_head], axis=-1))
    return [np.stack(outputs)]


def add_layer_norm(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    product, bias, residual, gamma, beta = (array.astype(np.float64) for array in inputs.values())
    total = residual + product + bias
    centred = total - total.mean(axis=-1, keepdims=True)
    variance = (centred**2).mean(axis=-1, keepdims=True)
    return [centred / np.sqrt(variance + attributes["epsilon"]) * gamma + beta]


def bias_gelu(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    biased = inputs["product"].astype(np.float64) + inputs["bias"]
    return [biased * (1 + np.vectorize(erf, otypes=[np.float64])(biased / np.sqrt(2))) / 2]


def bias_mul(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return [(inputs["product"].astype(np.float64) + inputs["bias"]) * inputs["factor"]]


def bias_split(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return list(np.split(inputs["product"].astype(np.float64) + inputs["bias"], 4, axis=-1))


def quantize(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return _quantize_rows(inputs["input"].astype(np.float64))


def concat_quantize(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return _quantize_rows(np.concatenate([inputs["first"], inputs["second"]], axis=-1).astype(np.float64))


def depthwise_conv_quantize(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return _quantize_rows(depthwise_conv(inputs, attributes)[0])


def dequantize_bias(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return [_values(inputs)]


def dequantize_bias_split(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return list(np.split(_values(inputs), 4, axis=-1))


def dequantize_bias_mul(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    return [_values(inputs) * inputs["factor"]]


def dequantize_bias_gelu(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    (activated,) = bias_gelu({"product": _values(inputs), "bias": np.zeros(())}, attributes)
    scale = np.maximum(np.maximum(activated / 239, -activated / 16).max(axis=-1, keepdims=True, initial=0), 1e-30 / 239)
    return [np.rint(activated / scale) + 16, scale]


def dequantize_add_layer_norm(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
    names = ("residual", "gamma", "beta")
    product = {"product": _values(inputs), "bias": np.zeros(())}
    (output,) = add_layer_norm(product | {name: inputs[name] for name in names}, attributes)
    return [output, *_quantize_rows(output)]


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return weights


def _values(inputs: Arrays) -> NDArray[np.float64]:
    by_row = inputs["product"].astype(np.float64) * inputs["scale"]
    return by_row * inputs["weight_scale"] + inputs["bias"]


def _quantize_rows(rows: NDArray[np.float64]) -> list[NDArray[Any]]:
    scale = np.maximum(np.abs(rows).max(axis=-1, keepdims=True, initial=0), 1e-30) / 127
    return [np.rint(rows / scale) + 128, scale]


def _real(inputs: Arrays, name: str) -> NDArray[np.float64]:
    array = inputs[name].astype(np.float64)
    return np.where(inputs["mask"][..., None] != 0, array, 0) if "mask" in inputs else array


def matrix_of(panels: NDArray[np.int8], columns: int) -> NDArray[np.int64]:
    """The weight [K, C] stored in panels [C/16, K/4 + 1, 16, 4], whose first row has the column sums."""
    matrix = np.zeros((4 * (panels.shape[1] - 1), columns), np.int64)
    for column in range(columns):
        matrix[:, column] = panels[column // 16, 1:, column % 16].ravel()
    return matrix


def with_matmul(epilogue: Formula) -> Formula:
    """The formula of a matmul, which may be grouped, followed by ``epilogue``."""

    def formula(inputs: Arrays, attributes: Attributes) -> list[NDArray[Any]]:
        weight = inputs["weight"] if inputs["weight"].ndim == 5 else inputs["weight"][None]
        columns = len(inputs["bias"]) // len(weight)
        rows = np.split(inputs["rows"].astype(np.int64) - int(attributes["zero_point"]), len(weight), axis=-1)
        parts = zip(rows, weight, strict=True)
        product = np.concatenate([part @ matrix_of(panels, columns) for part, panels in parts], axis=-1)
        others = {name: array for name, array in inputs.items() if name not in ("rows", "weight")}
        return epilogue({"product": product} | others, attributes)

    return formula


FORMULAS: dict[str, Formula] = {
    "SpanDynamicConv": span_dynamic_conv,
    "DepthwiseConv": depthwise_conv,
    "MaskedAttention": masked_attention,
    "AddLayerNorm": add_layer_norm,
    "BiasGelu": bias_gelu,
    "BiasMul": bias_mul,
    "BiasSplit": bias_split,
    "Quantize": quantize,
    "ConcatQuantize": concat_quantize,
    "DepthwiseConvQuantize": depthwise_conv_quantize,
    "DequantizeBias": dequantize_bias,
    "DequantizeBiasSplit": dequantize_bias_split,
    "DequantizeBiasMul": dequantize_bias_mul,
    "DequantizeBiasGelu": dequantize_bias_gelu,
    "DequantizeAddLayerNorm": dequantize_add_layer_norm,
}
FORMULAS |= {
    f"{prefix}{name}": with_matmul(formula)
    for prefix in ("MatMul", "GroupedMatMul")
    for name, formula in FORMULAS.items()
    if name.startswith("Dequantize")
}


def example(
    name: str, batch: int, sequence: int, *, heads: int = 3, channels: int = 4, size: int = 5, masked: bool = False
) -> tuple[dict[str, NDArray[Any]], dict[str, int | float]]:
    """Random inputs and the attributes of an operator; ``masked`` masks half of each row except the first."""
    random = np.random.default_rng([batch, sequence, heads, channels, size])
    width = heads * channels

    def normal(*shape: int) -> NDArray[np.float32]:
        return random.standard_normal(shape, np.float32)

    lengths = np.array([sequence] + [max(1, sequence // 2)] * (batch - 1))
    mask = {"mask": (np.arange(sequence) < lengths[:, None]).astype(np.int64)} if masked else {}
    rows = (batch, sequence, width)
    if name == "SpanDynamicConv":
        logits = normal(batch, sequence, heads * size)
        return {"values": normal(*rows), "kernel_logits": logits} | mask, {"num_heads": heads, "kernel_size": size}
    if name in ("DepthwiseConv", "DepthwiseConvQuantize"):
        return {"hidden": normal(*rows), "weight": normal(size, width)} | mask, {}
    if name == "MaskedAttention":
        return {part: normal(*rows) for part in ("query", "key", "value")} | mask, {"num_heads": heads}
    if name == "AddLayerNorm":
        vectors = {name: normal(width) for name in ("gamma", "beta")}
        return {"product": normal(*rows), "bias": normal(width), "residual": normal(*rows)} | vectors, {
            "epsilon": 1e-12
        }
    if name == "BiasMul":
        return {"product": normal(*rows), "bias": normal(width), "factor": normal(*rows)}, {}
    if name == "Quantize":
        return {"input": normal(*rows)}, {}
    if name == "ConcatQuantize":
        return {"first": normal(*rows), "second": normal(batch, sequence, width + 3)}, {}
    if name.startswith("Dequantize"):
        return _dequantize_example(name, random, rows)
    if "MatMul" in name:
        return _matmul_example(name, random, rows)
    if name == "BiasSplit":
        return {"product": normal(batch, sequence, 4 * width), "bias": normal(4 * width)}, {}
    return {"product": normal(*rows), "bias": normal(width)}, {}


def _dequantize_example(
    name: str, random: np.random.Generator, rows: tuple[int, int, int]
) -> tuple[dict[str, NDArray[Any]], dict[str, int | float]]:
    width = rows[-1] * (4 if name == "DequantizeBiasSplit" else 1)
    inputs: dict[str, NDArray[Any]] = {
        "product": random.integers(-30_000, 30_000, (*rows[:-1], width), np.int32),
        "scale": random.uniform(0.01, 0.02, (*rows[:-1], 1)).astype(np.float32),
        "weight_scale": random.uniform(0.001, 0.002, width).astype(np.float32),
        "bias": random.standard_normal(width, np.float32),
    }
    if name == "DequantizeBiasMul":
        inputs["factor"] = random.standard_normal(rows, np.float32)
    if name != "DequantizeAddLayerNorm":
        return inputs, {}
    inputs["residual"] = random.standard_normal(rows, np.float32)
    return inputs | {name: random.standard_normal(width, np.float32) for name in ("gamma", "beta")}, {"epsilon": 1e-12}


def _matmul_example(
    name: str, random: np.random.Generator, rows: tuple[int, int, int]
) -> tuple[dict[str, NDArray[Any]], dict[str, int | float]]:
    inputs, attributes = _dequantize_example(name.rpartition("MatMul")[2], random, rows)
    groups = groups_of(rows[-1]) if name.startswith("Grouped") else 1
    depth, columns = 4 * rows[-1], len(inputs["bias"]) // groups
    # 7 bits: with 8, onnxruntime's int8 matmuls in the functions would saturate on some CPUs.
    weight = random.integers(-64, 65, (groups, depth // groups, columns), np.int8)
    factors = {"rows": random.integers(1, 256, (*rows[:-1], depth), np.uint8)}
    weights = np.stack([panels_of(part) for part in weight])
    factors["weight"] = weights if name.startswith("Grouped") else weights[0]
    del inputs["product"]
    return factors | inputs, {"zero_point": 128, **attributes}


def panels_of(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Store a weight [K, C] in panels [C/16, K/4 + 1, 16, 4]."""
    padded = np.pad(weight, ((0, 0), (0, -weight.shape[1] % 16)))
    sums = padded.sum(axis=0, dtype=np.int32).view(np.int8).reshape(-1, 1, 16, 4)
    return np.concatenate([sums, padded.reshape(-1, 4, len(sums), 16).transpose(2, 0, 3, 1)], axis=1)


def groups_of(width: int) -> int:
    """The number of groups in examples: the smallest divisor of ``width`` above 1."""
    return next((groups for groups in range(2, width + 1) if width % groups == 0), 1)
