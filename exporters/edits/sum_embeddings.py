"""The embeddings add up in one operator before their norm."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns

__all__ = ["EDIT"]


def _pattern(op: Any, words: Any, types: Any, positions: Any, gamma: Any, beta: Any) -> Any:
    total = op.Add(op.Add(words, types), positions)
    return op.LayerNormalization(total, gamma, beta, _allow_other_attributes=True, _outputs=["normalized"])


def _one_sum(
    op: Any,
    words: ir.Value,
    types: ir.Value,
    positions: ir.Value,
    gamma: ir.Value,
    beta: ir.Value,
    normalized: ir.Value,
) -> Any:
    node = normalized.producer()
    assert node is not None
    return op.LayerNormalization(op.Sum(words, types, positions), gamma, beta, **node.attributes)


EDIT = Edit(
    name="sum_embeddings",
    purpose="What the norm of the embeddings adds up is one Sum, not two additions that become a slow operator.",
    apply=replacing_patterns(
        [RewriteRule(_pattern, _one_sum)], lambda config: "no norm of the sum of three embeddings"
    ),
)
