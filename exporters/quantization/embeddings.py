"""Quantize embedding tables to int8 with a scale per row."""

import numpy as np
import onnx_ir as ir

from convbert_onnx.exporters.initializers import as_array, initializer
from convbert_onnx.exporters.quantization.weight_int8 import quantize_columns
from convbert_onnx.exporters.quantization.weight_matmuls import Tables

__all__ = ["MIN_TABLE_SIZE", "quantize_embeddings"]

MIN_TABLE_SIZE = 2**20
"""Elements from which a table is quantized; smaller ones are not worth the operators that dequantize their rows."""


def quantize_embeddings(model: ir.Model, fit_pairs: bool) -> Tables:
    """Make Gathers read int8 rows, and dequantize them.

    Args:
        model: a graph after the edits.
        fit_pairs: for a table that is also the weight of a matmul; see :func:`quantize_columns`.
    """
    graph = model.graph
    tables: Tables = {}
    for node in list(graph):
        table = node.inputs[0] if node.op_type == "Gather" else None
        if table is None or table.const_value is None or table.const_value.size < MIN_TABLE_SIZE:
            continue
        if table not in tables:
            is_weight = any(consumer.op_type == "Transpose" for consumer in table.consumers())
            columns, scales = quantize_columns(as_array(table).T, fit_pairs and is_weight)
            name = str(table.name).removesuffix(".weight")
            tables[table] = (
                initializer(graph, f"{name}.bytes", np.ascontiguousarray(columns.T)),
                initializer(graph, f"{name}.scales", scales),
            )
        _gather_int8(graph, node, *tables[table])
    return tables


def _gather_int8(graph: ir.Graph, gather: ir.Node, rows: ir.Value, scales: ir.Value) -> None:
    """Replace a Gather by one of int8 rows, one of their scales, and the product of the two."""
    gathered = ir.node("Gather", [rows, gather.inputs[1]])
    floats = ir.node("Cast", [gathered.outputs[0]], {"to": ir.DataType.FLOAT})
    scale = ir.node("Gather", [scales, gather.inputs[1]])
    last = initializer(graph, f"{scales.name}.axis", np.array([-1], np.int64))
    column = ir.node("Unsqueeze", [scale.outputs[0], last])
    scaled = ir.node("Mul", [floats.outputs[0], column.outputs[0]])
    old, new = gather.outputs[0], scaled.outputs[0]
    new.type, new.shape = old.type, old.shape
    graph.insert_before(gather, [gathered, floats, scale, column, scaled])
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
