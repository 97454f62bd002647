"""Replace the two additions before the norm of the embeddings by one Sum.

onnxruntime would fuse the additions and the norm into an operator that is slower.
"""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns

__all__ = ["EDIT"]


def _pattern(op: Any, words: Any, types: Any, positions: Any, gamma: Any, beta: Any) -> Any:
    total = op.Add(op.Add(words, types), positions)
    return op.LayerNormalization(total, gamma, beta, _allow_other_attributes=True, _outputs=["normalized"])


def _replacement(
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
    apply=replacing_patterns(
        [RewriteRule(_pattern, _replacement)], lambda config: "no norm of the sum of three embeddings"
    ),
)
