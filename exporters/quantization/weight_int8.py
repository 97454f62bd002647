"""Weights as signed bytes with a scale for each column, and as the panels that native kernels read."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.exporters.initializers import initializer, numbers_of
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, name_of_weight, table_of
from convbert_onnx.quantized_functions import PANEL_COLUMNS, PANEL_DEPTH

__all__ = ["in_panels", "matrix_in_panels", "quantize_columns", "weight_in_bytes"]

_LARGEST = np.float32(127)
_LARGEST_PAIR = np.float32(127.5)
"""With a scale that takes the largest pair there, none has to lose anything."""

_MOST_OF_PAIR = 128

_SCALES = 9
"""Scales that are tried for a column."""


def quantize_columns(weight: NDArray[np.float32], fit_pairs: bool) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """A weight [inputs, outputs] as signed bytes, symmetric around zero, and the scale of each column [outputs].

    Args:
        weight: the weight.
        fit_pairs: let the products of each two neighbouring inputs, unsigned bytes, add up within 16 bits. Weights of
            opposite signs do anyway. Of pairs that are too large for a scale, both lose the same; each column has the
            scale that leaves the least error in all.
    """
    largest = np.abs(weight).max(axis=0, initial=0)
    scale = np.where(largest > 0, largest / _LARGEST, np.float32(1))
    if not fit_pairs or len(weight) < 2:
        return np.rint(weight / scale).astype(np.int8), np.where(largest > 0, scale, np.float32(0))
    sums = np.abs(_pairs(weight).sum(axis=1)).max(axis=0)
    widest = np.maximum(scale, sums / _LARGEST_PAIR)
    best, least, numbers = scale, np.full(scale.shape, np.inf), np.zeros(weight.shape, np.int8)
    for share in np.linspace(0, 1, _SCALES, dtype=np.float32):
        tried = scale + share * (widest - scale)
        rounded = _fitted(np.rint(weight / tried))
        error = ((rounded * tried - weight).astype(np.float64) ** 2).sum(axis=0)
        better = error < least
        best, least = np.where(better, tried, best), np.where(better, error, least)
        numbers = np.where(better, rounded, numbers).astype(np.int8)
    return numbers, np.where(largest > 0, best, np.float32(0)).astype(np.float32)


def _pairs(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The whole pairs of neighbouring inputs [inputs / 2, 2, outputs]."""
    return weight[: len(weight) // 2 * 2].reshape(-1, 2, weight.shape[1])


def _fitted(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bytes whose pairs add up to 128 in magnitude at most, which 255 times is less than 2^15."""
    pairs = _pairs(numbers)
    sums = pairs.sum(axis=1, keepdims=True)
    excess = np.sign(sums) * np.maximum(np.abs(sums) - _MOST_OF_PAIR, 0)
    first = np.trunc(excess / 2)
    fitted = numbers.copy()
    fitted[: 2 * len(pairs)] = (pairs - np.concatenate([first, excess - first], axis=1)).reshape(-1, numbers.shape[1])
    return fitted


def in_panels(numbers: NDArray[np.int8]) -> NDArray[np.int8]:
    """A weight [K, C] as native kernels read it [C/16, K/4 + 1, 16, 4]: see :data:`PANEL_COLUMNS`; K in whole fours."""
    inputs, columns = numbers.shape
    padded = np.pad(numbers, ((0, 0), (0, -columns % PANEL_COLUMNS)))
    sums = padded.sum(axis=0, dtype="<i4").view(np.int8).reshape(-1, 1, PANEL_COLUMNS, PANEL_DEPTH)
    panels = padded.reshape(inputs // PANEL_DEPTH, PANEL_DEPTH, -1, PANEL_COLUMNS).transpose(2, 0, 3, 1)
    return np.concatenate([sums, panels], axis=1)


def matrix_in_panels(panels: NDArray[np.int8], columns: int) -> NDArray[np.int8]:
    """The weight [K, columns] that panels hold."""
    return panels[:, 1:].transpose(1, 3, 0, 2).reshape(-1, len(panels) * PANEL_COLUMNS)[:, :columns]


def weight_in_bytes(graph: ir.Graph, product: ir.Node, fit_pairs: bool, tables: Tables) -> tuple[ir.Value, ir.Value]:
    """The bytes [inputs, outputs] of a MatMul's weight and the scales [outputs], of a table's rows where it is one."""
    weight = product.inputs[1]
    table = table_of(weight)
    if table is not None and table in tables:
        rows, scales = tables[table]
        turned = ir.node("Transpose", [rows], {"perm": [1, 0]})
        graph.insert_before(product, turned)
        return turned.outputs[0], scales
    numbers, scale = quantize_columns(numbers_of(weight), fit_pairs)
    name = name_of_weight(product)
    return initializer(graph, f"{name}.bytes", numbers), initializer(graph, f"{name}.scales", scale)
