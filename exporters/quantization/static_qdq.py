"""Products between QuantizeLinear and DequantizeLinear, with the scales of activations fixed by calibration."""

from collections.abc import Collection, Mapping

import numpy as np
import onnx_ir as ir

from convbert_onnx.bundle import Activations
from convbert_onnx.exporters.initializers import initializer
from convbert_onnx.exporters.quantization.weight_int8 import weight_in_bytes
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, fixed_products

__all__ = ["activation_parameters", "quantize_static"]


def quantize_static(
    model: ir.Model,
    fit_pairs: bool,
    ranges: Mapping[str, tuple[float, float]],
    activations: Activations,
    tables: Tables,
    in_float: Collection[int] = (),
) -> None:
    """Put QDQ pairs before products; engines fuse them into products of bytes.

    Args:
        model: a graph after the edits.
        fit_pairs: of weights; see :func:`quantize_columns`.
        ranges: the smallest and largest activation, by the names of what products multiply.
        activations: "unsigned" bytes as CPUs multiply fastest, or "signed" and symmetric as TensorRT wants them.
        tables: bytes and scales of the tables of embeddings that are quantized already.
        in_float: layers whose products stay as they are.
    """
    graph = model.graph
    pairs: dict[ir.Value, ir.Value] = {}
    for product in fixed_products(model, tables, in_float):
        before, rows = product.node, product.rows
        if rows not in pairs:
            scale, zero_point = activation_parameters(*ranges[str(rows.name)], activations)
            parameters = [
                initializer(graph, f"{rows.name}.scale", scale),
                initializer(graph, f"{rows.name}.zero_point", zero_point),
            ]
            bytes_ = ir.node("QuantizeLinear", [rows, *parameters])
            floats = ir.node("DequantizeLinear", [bytes_.outputs[0], *parameters])
            graph.insert_before(before, [bytes_, floats])
            pairs[rows] = floats.outputs[0]
        weight, scales = weight_in_bytes(graph, before, fit_pairs, tables)
        floats = ir.node("DequantizeLinear", [weight, scales], {"axis": 1})
        graph.insert_before(before, floats)
        before.replace_input_with(0, pairs[rows])
        before.replace_input_with(1, floats.outputs[0])


def activation_parameters(
    low: float, high: float, activations: Activations
) -> tuple[np.ndarray[tuple[()], np.dtype[np.float32]], np.ndarray[tuple[()], np.dtype[np.uint8 | np.int8]]]:
    """The scale and zero point with which bytes hold numbers from ``low`` to ``high``, zero among them exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    if activations == "signed":
        largest = max(-low, high) or 1.0
        return np.array(largest / 127, np.float32), np.array(0, np.int8)
    scale = (high - low or 1.0) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)
