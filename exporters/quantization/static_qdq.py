"""int8-static: QuantizeLinear and DequantizeLinear around matmuls, with activation scales fixed by calibration."""

import numpy as np
import onnx_ir as ir

from convbert_onnx.exporters.initializers import initializer
from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.quantization.weight_int8 import int8_weight
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, weight_matmuls
from convbert_onnx.quantization_options import Activations

__all__ = ["activation_parameters", "rewrite"]


def rewrite(model: ir.Model, plan: Plan, tables: Tables) -> None:
    """Insert QDQ pairs before weight matmuls; engines fuse them into int8 matmuls.

    Args:
        model: a graph after the edits.
        plan: how to quantize, with the ranges of all activations that weight matmuls multiply.
        tables: the quantized embedding tables.
    """
    assert plan.ranges is not None
    graph = model.graph
    pairs: dict[ir.Value, ir.Value] = {}
    for matmul in weight_matmuls(model, tables, plan.float_layers):
        node, activation = matmul.node, matmul.input
        if activation not in pairs:
            scale, zero_point = activation_parameters(*plan.ranges[str(activation.name)], plan.activations)
            parameters = [
                initializer(graph, f"{activation.name}.scale", scale),
                initializer(graph, f"{activation.name}.zero_point", zero_point),
            ]
            quantize = ir.node("QuantizeLinear", [activation, *parameters])
            dequantize = ir.node("DequantizeLinear", [quantize.outputs[0], *parameters])
            graph.insert_before(node, [quantize, dequantize])
            pairs[activation] = dequantize.outputs[0]
        weight, scales = int8_weight(graph, node, plan.fit_pairs, tables)
        dequantize = ir.node("DequantizeLinear", [weight, scales], {"axis": 1})
        graph.insert_before(node, dequantize)
        node.replace_input_with(0, pairs[activation])
        node.replace_input_with(1, dequantize.outputs[0])


def activation_parameters(
    low: float, high: float, activations: Activations
) -> tuple[np.ndarray[tuple[()], np.dtype[np.float32]], np.ndarray[tuple[()], np.dtype[np.uint8 | np.int8]]]:
    """The scale and zero point that map the range from ``low`` to ``high`` to 8 bits; 0 is represented exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    if activations == "signed":
        largest = max(-low, high) or 1.0
        return np.array(largest / 127, np.float32), np.array(0, np.int8)
    scale = (high - low or 1.0) / 255
    return np.array(scale, np.float32), np.array(round(-low / scale), np.uint8)
