"""The matrix products with fixed weights of any graph, with our operators or in standard ones only."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import onnx_ir as ir

__all__ = [
    "FixedProduct",
    "Tables",
    "fixed_products",
    "has_fixed_weight",
    "name_of_weight",
    "nodes_by_layer",
    "table_of",
]

Tables = dict[ir.Value, tuple[ir.Value, ir.Value]]
"""The bytes [rows, channels] of a table of embeddings and the scales [rows], by the table."""

_NARROWEST = 64
"""The columns of a product that make it worth bytes, where they are less than half of its inputs."""

_NORMS = 2
"""Norms of a layer."""

_PROJECTION = "project.weight"
"""How the weight's name ends that takes embeddings to the hidden size, where they are smaller."""


@dataclass(frozen=True)
class FixedProduct:
    """A MatMul with a fixed weight.

    Attributes:
        node: the MatMul.
        layer: the layer; see :func:`nodes_by_layer`.
    """

    node: ir.Node
    layer: int

    @property
    def rows(self) -> ir.Value:
        """What it multiplies."""
        rows = self.node.inputs[0]
        assert rows is not None
        return rows


def fixed_products(
    model: ir.Model, tables: Collection[ir.Value] = (), in_float: Collection[int] = ()
) -> Iterator[FixedProduct]:
    """The products that are worth quantizing, but for those of some layers; tables may be their weights too."""
    for node, layer in nodes_by_layer(model):
        if layer not in in_float and has_fixed_weight(node, tables):
            yield FixedProduct(node, layer)


def nodes_by_layer(model: ir.Model) -> Iterator[tuple[ir.Node, int]]:
    """All nodes, and the layer of each.

    Layers count from 0, which has what comes before it too; what comes after the last has one more.
    """
    norms = -1  # that of the embeddings is no layer's
    for node in list(model.graph):
        yield node, max(0, norms) // _NORMS
        norms += node.op_type in ("AddLayerNorm", "LayerNormalization")


def has_fixed_weight(node: ir.Node, tables: Collection[ir.Value]) -> bool:
    """Whether a node is a MatMul whose weight is known, or is one of the tables, and which is worth quantizing.

    Heads and what makes the span's kernels are not: they are little work, and every digit counts. Nor is the projection
    of embeddings: it is less than a hundredth of a model's work, and in bytes it made a fifth of what quantization
    changes in the outputs.
    """
    weight = node.inputs[1] if node.op_type == "MatMul" else None
    if weight is None or table_of(weight) in tables:
        return weight is not None
    if weight.const_value is None or str(weight.name).endswith(_PROJECTION):
        return False
    shape = weight.const_value.shape.numpy()
    return len(shape) == 2 and shape[1] >= min(_NARROWEST, shape[0] / 2)


def table_of(weight: ir.Value | None) -> ir.Value | None:
    """The table of embeddings whose rows are the columns of a weight."""
    node = weight.producer() if weight is not None else None
    return node.inputs[0] if node is not None and node.op_type == "Transpose" else None


def name_of_weight(product: ir.Node) -> str:
    """The name of a MatMul's weight, without what says that it is one."""
    return str(product.inputs[1].name).removesuffix(".weight")  # type: ignore[union-attr]
