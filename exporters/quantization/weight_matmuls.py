"""Find the matmuls of a graph that have a constant weight and are worth quantizing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import onnx_ir as ir

__all__ = [
    "Tables",
    "WeightMatMul",
    "embedding_table",
    "is_weight_matmul",
    "nodes_by_layer",
    "weight_matmuls",
    "weight_name",
]

Tables = dict[ir.Value, tuple[ir.Value, ir.Value]]
"""Quantized embedding tables: the int8 rows [rows, channels] and their scales [rows], by the float table."""

_MIN_COLUMNS = 64
"""Columns that a weight needs to be worth quantizing, where half of its rows are more."""

_NORMS_PER_LAYER = 2

_PROJECTION_SUFFIX = "project.weight"
"""End of the name of the weight that projects embeddings to the hidden size, where they are smaller."""


@dataclass(frozen=True)
class WeightMatMul:
    """A MatMul with a constant weight.

    Attributes:
        node: the MatMul.
        layer: the layer; see :func:`nodes_by_layer`.
    """

    node: ir.Node
    layer: int

    @property
    def input(self) -> ir.Value:
        """The activation that it multiplies."""
        value = self.node.inputs[0]
        assert value is not None
        return value


def weight_matmuls(
    model: ir.Model, tables: Collection[ir.Value] = (), float_layers: Collection[int] = ()
) -> Iterator[WeightMatMul]:
    """The matmuls that are worth quantizing.

    Args:
        model: a graph with our operators, or in standard operators.
        tables: embedding tables that are quantized; matmuls whose weight is one of them, transposed, are included.
        float_layers: layers to leave out.
    """
    for node, layer in nodes_by_layer(model):
        if layer not in float_layers and is_weight_matmul(node, tables):
            yield WeightMatMul(node, layer)


def nodes_by_layer(model: ir.Model) -> Iterator[tuple[ir.Node, int]]:
    """All nodes, each with the number of its layer.

    Layers count from 0. Layer 0 includes the nodes before it; the nodes after the last layer have one number more.
    """
    norms = -1  # the norm of the embeddings belongs to no layer
    for node in list(model.graph):
        yield node, max(0, norms) // _NORMS_PER_LAYER
        norms += node.op_type in ("AddLayerNorm", "LayerNormalization")


def is_weight_matmul(node: ir.Node, tables: Collection[ir.Value]) -> bool:
    """Whether a node is a MatMul with a constant weight or one of the tables, and is worth quantizing.

    Heads and the layers that generate the span's kernels are not: they are little work, and sensitive to rounding. Nor
    is the projection of the embeddings: it is less than a hundredth of a model's work, and in int8 it caused a fifth of
    the change of the outputs.
    """
    weight = node.inputs[1] if node.op_type == "MatMul" else None
    if weight is None or embedding_table(weight) in tables:
        return weight is not None
    if weight.const_value is None or str(weight.name).endswith(_PROJECTION_SUFFIX):
        return False
    shape = weight.const_value.shape.numpy()
    return len(shape) == 2 and shape[1] >= min(_MIN_COLUMNS, shape[0] / 2)


def embedding_table(weight: ir.Value | None) -> ir.Value | None:
    """The table that a weight is the transpose of, as the tied vocabulary of fill-mask is; None for other weights."""
    node = weight.producer() if weight is not None else None
    return node.inputs[0] if node is not None and node.op_type == "Transpose" else None


def weight_name(matmul: ir.Node) -> str:
    """The name of a MatMul's weight without the suffix ``.weight``."""
    return str(matmul.inputs[1].name).removesuffix(".weight")  # type: ignore[union-attr]
