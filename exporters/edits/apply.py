"""Apply the graph edits in their order."""

from itertools import count

import onnx_ir as ir
from onnx_ir.passes import common

from convbert_onnx.bundle import Target
from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.edits import (
    fold_weights,
    fuse_attention,
    fuse_bias_gelu,
    fuse_bias_mul,
    fuse_depthwise_conv,
    fuse_residual_norm,
    merge_projections,
    sum_embeddings,
)
from convbert_onnx.exporters.edits.base import Outcome

__all__ = ["EDITS", "apply_edits"]

EDITS = (
    fold_weights.EDIT,
    fuse_attention.EDIT,
    fuse_depthwise_conv.EDIT,
    fuse_bias_gelu.EDIT,
    fuse_bias_mul.EDIT,
    fuse_residual_norm.EDIT,
    sum_embeddings.EDIT,
    merge_projections.EDIT,
)


def apply_edits(model: ir.Model, config: ConvBertConfig, target: Target) -> dict[str, str]:
    """Apply the edits that the target allows.

    Returns:
        The outcome of each edit in words, by its name.
    """
    old_names = {node.name for node in model.graph}
    outcomes = {}
    for edit in EDITS:
        if target == "portable" and not edit.portable:
            outcomes[edit.name] = Outcome(0, "it would need operators that are not standard ONNX")
        else:
            outcomes[edit.name] = edit.apply(model, config)
    common.CommonSubexpressionEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)
    _name_new_nodes(model.graph, old_names)
    return {name: str(outcome) for name, outcome in outcomes.items()}


def _name_new_nodes(graph: ir.Graph, old_names: set[str | None]) -> None:
    """Name the nodes that edits added after the module of their weights, or of the nodes before, for profiles."""
    taken = {node.name for node in graph}
    module = ""
    for node in graph:
        weights = [str(value.name) for value in node.inputs if value is not None and value.is_initializer()]
        if weights:
            module = weights[0].rpartition(".")[0]
        if node.name in old_names:
            continue
        base = f"{module if weights else module.rpartition('.')[0]}/{node.op_type}"
        numbered = (base if number == 1 else f"{base}_{number}" for number in count(1))
        node.name = next(name for name in numbered if name not in taken)
        taken.add(node.name)
