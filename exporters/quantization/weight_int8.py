"""int8 weights with a scale per column, and the panels that the native kernels read."""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from convbert_onnx.exporters.initializers import as_array, initializer
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, embedding_table, weight_name
from convbert_onnx.quantized_functions import PANEL_COLUMNS, PANEL_DEPTH

__all__ = ["int8_weight", "pack_panels", "quantize_columns", "unpack_panels"]

_INT8_MAX = np.float32(127)

_SCALE_PAIR_MAX = np.float32(127.5)
"""At the scale that maps a column's largest pair to this, all pairs fit without clipping."""

_PAIR_MAX = 128
"""Largest magnitude of the sum of two neighbouring int8 weights: 255 times this is less than 2^15."""

_SCALES_TRIED = 9
"""Scales that are tried for a column."""


def quantize_columns(weight: NDArray[np.float32], fit_pairs: bool) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Quantize a weight [inputs, outputs] to int8, symmetric around zero, with a scale per column [outputs].

    Args:
        weight: the weight.
        fit_pairs: make the sum of the products of each two neighbouring inputs, which are uint8, fit into 16 bits.
            Weights of opposite signs always do. A pair that is too large at a scale is clipped, both weights by the
            same amount; each column gets the scale with the smallest squared error.
    """
    largest = np.abs(weight).max(axis=0, initial=0)
    scale = np.where(largest > 0, largest / _INT8_MAX, np.float32(1))
    if not fit_pairs or len(weight) < 2:
        return np.rint(weight / scale).astype(np.int8), np.where(largest > 0, scale, np.float32(0))
    sums = np.abs(_pairs(weight).sum(axis=1)).max(axis=0)
    widest = np.maximum(scale, sums / _SCALE_PAIR_MAX)
    best, least, quantized = scale, np.full(scale.shape, np.inf), np.zeros(weight.shape, np.int8)
    for share in np.linspace(0, 1, _SCALES_TRIED, dtype=np.float32):
        tried = scale + share * (widest - scale)
        rounded = _clip_pairs(np.rint(weight / tried))
        error = ((rounded * tried - weight).astype(np.float64) ** 2).sum(axis=0)
        better = error < least
        best, least = np.where(better, tried, best), np.where(better, error, least)
        quantized = np.where(better, rounded, quantized).astype(np.int8)
    return quantized, np.where(largest > 0, best, np.float32(0)).astype(np.float32)


def _pairs(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pairs of neighbouring inputs [inputs / 2, 2, outputs]; an odd last input is left out."""
    return weight[: len(weight) // 2 * 2].reshape(-1, 2, weight.shape[1])


def _clip_pairs(quantized: NDArray[np.float32]) -> NDArray[np.float32]:
    """Clip pairs of rounded weights whose sum exceeds _PAIR_MAX in magnitude."""
    pairs = _pairs(quantized)
    sums = pairs.sum(axis=1, keepdims=True)
    excess = np.sign(sums) * np.maximum(np.abs(sums) - _PAIR_MAX, 0)
    first = np.trunc(excess / 2)
    clipped = quantized.copy()
    clipped[: 2 * len(pairs)] = (pairs - np.concatenate([first, excess - first], axis=1)).reshape(
        -1, quantized.shape[1]
    )
    return clipped


def pack_panels(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """Pack a weight [K, C], K a multiple of 4, into panels [C/16, K/4 + 1, 16, 4]: see :data:`PANEL_COLUMNS`."""
    inputs, columns = weight.shape
    padded = np.pad(weight, ((0, 0), (0, -columns % PANEL_COLUMNS)))
    sums = padded.sum(axis=0, dtype="<i4").view(np.int8).reshape(-1, 1, PANEL_COLUMNS, PANEL_DEPTH)
    panels = padded.reshape(inputs // PANEL_DEPTH, PANEL_DEPTH, -1, PANEL_COLUMNS).transpose(2, 0, 3, 1)
    return np.concatenate([sums, panels], axis=1)


def unpack_panels(panels: NDArray[np.int8], columns: int) -> NDArray[np.int8]:
    """The weight [K, columns] of panels."""
    return panels[:, 1:].transpose(1, 3, 0, 2).reshape(-1, len(panels) * PANEL_COLUMNS)[:, :columns]


def int8_weight(graph: ir.Graph, matmul: ir.Node, fit_pairs: bool, tables: Tables) -> tuple[ir.Value, ir.Value]:
    """The int8 weight [inputs, outputs] of a MatMul and its scales [outputs], those of a table's rows where it is one.

    Nodes and initializers that they need are added to the graph.
    """
    weight = matmul.inputs[1]
    table = embedding_table(weight)
    if table is not None and table in tables:
        rows, scales = tables[table]
        transposed = ir.node("Transpose", [rows], {"perm": [1, 0]})
        graph.insert_before(matmul, transposed)
        return transposed.outputs[0], scales
    quantized, scale = quantize_columns(as_array(weight), fit_pairs)
    name = weight_name(matmul)
    return initializer(graph, f"{name}.bytes", quantized), initializer(graph, f"{name}.scales", scale)
