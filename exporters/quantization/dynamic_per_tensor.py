"""int8 for portable files: matmuls in standard operators with one activation scale for the whole batch."""

import onnx_ir as ir

from convbert_onnx.exporters.quantization.plan import Plan
from convbert_onnx.exporters.quantization.weight_int8 import int8_weight
from convbert_onnx.exporters.quantization.weight_matmuls import Tables, weight_matmuls

__all__ = ["rewrite"]


def rewrite(model: ir.Model, plan: Plan, tables: Tables) -> None:
    """Replace weight matmuls by DynamicQuantizeLinear, MatMulInteger and the scales, which onnxruntime fuses.

    Args:
        model: a graph in standard operators.
        plan: how to quantize.
        tables: the quantized embedding tables.
    """
    graph = model.graph
    quantized: dict[ir.Value, ir.Node] = {}
    for matmul in weight_matmuls(model, tables, plan.float_layers):
        node = matmul.node
        if matmul.input not in quantized:
            quantized[matmul.input] = ir.node("DynamicQuantizeLinear", [matmul.input], num_outputs=3)
            graph.insert_before(node, quantized[matmul.input])
        activation, activation_scale, zero_point = quantized[matmul.input].outputs
        weight, column_scales = int8_weight(graph, node, plan.fit_pairs, tables)
        integers = ir.node("MatMulInteger", [activation, weight, zero_point])
        floats = ir.node("Cast", [integers.outputs[0]], {"to": ir.DataType.FLOAT})
        scales = ir.node("Mul", [activation_scale, column_scales])
        scaled = ir.node("Mul", [floats.outputs[0], scales.outputs[0]])
        graph.insert_before(node, [integers, floats, scales, scaled])
        old, new = node.outputs[0], scaled.outputs[0]
        new.type, new.shape = old.type, old.shape
        ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
