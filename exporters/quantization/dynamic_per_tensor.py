"""Products of bytes in standard operators, which onnxruntime fuses: activations have one scale for the whole batch."""

from collections.abc import Collection

import onnx_ir as ir

from convbert_onnx.exporters.quantization.weight_int8 import weight_in_bytes
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, fixed_products

__all__ = ["quantize_dynamic"]


def quantize_dynamic(model: ir.Model, fit_pairs: bool, tables: Tables, in_float: Collection[int] = ()) -> None:
    """Turn products into DynamicQuantizeLinear, MatMulInteger and the scales.

    Args:
        model: a graph in standard operators.
        fit_pairs: of weights; see :func:`quantize_columns`.
        tables: bytes and scales of the tables of embeddings that are quantized already.
        in_float: layers whose products stay as they are.
    """
    graph = model.graph
    quantized: dict[ir.Value, ir.Node] = {}
    for product in fixed_products(model, tables, in_float):
        before = product.node
        if product.rows not in quantized:
            quantized[product.rows] = ir.node("DynamicQuantizeLinear", [product.rows], num_outputs=3)
            graph.insert_before(before, quantized[product.rows])
        rows, row_scale, zero_point = quantized[product.rows].outputs
        weight, column_scales = weight_in_bytes(graph, before, fit_pairs, tables)
        integers = ir.node("MatMulInteger", [rows, weight, zero_point])
        numbers = ir.node("Cast", [integers.outputs[0]], {"to": ir.DataType.FLOAT})
        scales = ir.node("Mul", [row_scale, column_scales])
        scaled = ir.node("Mul", [numbers.outputs[0], scales.outputs[0]])
        graph.insert_before(before, [integers, numbers, scales, scaled])
        old, new = before.outputs[0], scaled.outputs[0]
        new.type, new.shape = old.type, old.shape
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
