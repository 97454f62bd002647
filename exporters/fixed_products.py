"""The matrix products with fixed weights of any graph, ours or in standard operators only."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import onnx_ir as ir

from convbert_onnx.exporters.quantize_embeddings import Tables
from convbert_onnx.exporters.quantize_products import (
    NARROWEST,
    NORMS,
    has_fixed_weight,
    initializer,
    numbers_of,
    quantize_columns,
    table_of,
)

__all__ = ["FixedProduct", "fixed_products", "weight_in_bytes"]


@dataclass(frozen=True)
class FixedProduct:
    """A MatMul with a fixed weight.

    Attributes:
        node: the MatMul.
        rows: what it multiplies.
        layer: the layer, from 0, which has what comes before it too; what comes after the last has one more.
    """

    node: ir.Node
    rows: ir.Value
    layer: int

    @property
    def name(self) -> str:
        """The name of the weight, without what says that it is one."""
        return str(self.node.inputs[1].name).removesuffix(".weight")  # type: ignore[union-attr]


def fixed_products(
    model: ir.Model, tables: Tables | None = None, in_float: Collection[int] = ()
) -> Iterator[FixedProduct]:
    """The products that are worth quantizing, but for those of some layers; tables may be their weights too."""
    norms = -1  # that of the embeddings is no layer's
    for node in list(model.graph):
        layer = max(0, norms) // NORMS
        norms += node.op_type in ("AddLayerNorm", "LayerNormalization")
        rows = node.inputs[0] if node.inputs else None
        if rows is None or layer in in_float or not has_fixed_weight(node, tables or {}):
            continue
        if table_of(node.inputs[1]) is not None or not _is_narrow(*numbers_of(node.inputs[1]).shape):
            yield FixedProduct(node, rows, layer)


def _is_narrow(inputs: int, outputs: int) -> bool:
    """Whether a weight is a head's, or makes the span's kernels: little work, and every digit counts."""
    return outputs < min(NARROWEST, inputs)


def weight_in_bytes(
    graph: ir.Graph, product: FixedProduct, fit_pairs: bool, tables: Tables
) -> tuple[ir.Value, ir.Value]:
    """The bytes [inputs, outputs] of a product's weight and the scales [outputs], of a table's rows where it is one."""
    weight = product.node.inputs[1]
    table = table_of(weight)
    if table is not None and table in tables:
        rows, scales = tables[table]
        turned = ir.node("Transpose", [rows], {"perm": [1, 0]})
        graph.insert_before(product.node, turned)
        return turned.outputs[0], scales
    array, scale = quantize_columns(numbers_of(weight), fit_pairs)
    return (
        initializer(graph, f"{product.name}.bytes", array),
        initializer(graph, f"{product.name}.scales", scale),
    )
