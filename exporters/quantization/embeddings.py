"""Tables of embeddings become rows of bytes with a scale each."""

import numpy as np
import onnx_ir as ir

from convbert_onnx.exporters.initializers import initializer, numbers_of
from convbert_onnx.exporters.quantization.weight_int8 import quantize_columns
from convbert_onnx.exporters.quantization.weight_matmuls import Tables

__all__ = ["SMALLEST_TABLE", "quantize_embeddings"]

SMALLEST_TABLE = 2**20
"""Numbers of a table below which bytes are not worth the operators that read them."""


def quantize_embeddings(model: ir.Model, fit_pairs: bool) -> Tables:
    """Let gathers read rows of bytes.

    Args:
        model: a graph after the edits.
        fit_pairs: of a table that is also the weight of a product; see :func:`quantize_columns`.
    """
    graph = model.graph
    tables: Tables = {}
    for node in list(graph):
        table = node.inputs[0] if node.op_type == "Gather" else None
        if table is None or table.const_value is None or table.const_value.size < SMALLEST_TABLE:
            continue
        if table not in tables:
            multiplies = any(consumer.op_type == "Transpose" for consumer in table.consumers())
            rows, scales = quantize_columns(numbers_of(table).T, fit_pairs and multiplies)
            name = str(table.name).removesuffix(".weight")
            tables[table] = (
                initializer(graph, f"{name}.bytes", np.ascontiguousarray(rows.T)),
                initializer(graph, f"{name}.scales", scales),
            )
        _read_bytes(graph, node, *tables[table])
    return tables


def _read_bytes(graph: ir.Graph, gather: ir.Node, rows: ir.Value, scales: ir.Value) -> None:
    found = ir.node("Gather", [rows, gather.inputs[1]])
    numbers = ir.node("Cast", [found.outputs[0]], {"to": ir.DataType.FLOAT})
    scale = ir.node("Gather", [scales, gather.inputs[1]])
    last = initializer(graph, f"{scales.name}.axis", np.array([-1], np.int64))
    column = ir.node("Unsqueeze", [scale.outputs[0], last])
    product = ir.node("Mul", [numbers.outputs[0], column.outputs[0]])
    old, new = gather.outputs[0], product.outputs[0]
    new.type, new.shape = old.type, old.shape
    graph.insert_before(gather, [found, numbers, scale, column, product])
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
