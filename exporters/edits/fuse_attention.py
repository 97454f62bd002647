"""Replace self-attention, the operators between its projections and its output, by one MaskedAttention."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns
from convbert_onnx.exporters.initializers import has_values
from convbert_onnx.operators import DOMAIN

__all__ = ["EDIT"]


def _pattern(
    op: Any, query: Any, key: Any, value: Any, by_head: Any, key_by_head: Any, value_by_head: Any, root: Any, flat: Any,
    added: Any,
) -> Any:  # fmt: skip
    queries = op.Transpose(op.Reshape(query, by_head, _outputs=["split"]), perm=[0, 2, 1, 3])
    keys = op.Transpose(op.Reshape(key, key_by_head), perm=[0, 2, 3, 1])
    values = op.Transpose(op.Reshape(value, value_by_head), perm=[0, 2, 1, 3])
    scores = op.Add(op.Div(op.MatMul(queries, keys), root), added)
    context = op.Transpose(op.MatMul(op.Softmax(scores, axis=-1), values), perm=[0, 2, 1, 3])
    return op.Reshape(context, flat)


def _is_attention(context: Any, split: ir.Value, root: ir.Value, added: ir.Value, **_: Any) -> bool:
    heads = _heads_and_size(split)
    return heads is not None and has_values(root, heads[1] ** 0.5) and _mask(added) is not None


def _heads_and_size(split: ir.Value) -> tuple[int, int] | None:
    """The number of heads and the channels per head, from the tensor [B, S, H, D]."""
    if split.shape is None or len(split.shape) != 4:
        return None
    heads, size = split.shape[2], split.shape[3]
    return (heads, size) if isinstance(heads, int) and isinstance(size, int) else None


def _mask(added: ir.Value) -> ir.Value | None:
    """The int64 mask [B, S] in ``(1 - Cast(Unsqueeze(mask, [1, 2]))) * lowest``."""
    scaled = added.producer()
    if scaled is None or scaled.op_type != "Mul":
        return None
    inverted = next((value.producer() for value in scaled.inputs if value is not None and value.producer()), None)
    if inverted is None or inverted.op_type != "Sub" or not has_values(inverted.inputs[0], 1):
        return None
    cast = inverted.inputs[1].producer() if inverted.inputs[1] is not None else None
    if cast is None or cast.op_type != "Cast" or cast.inputs[0] is None:
        return None
    unsqueezed = cast.inputs[0].producer()
    if unsqueezed is None or unsqueezed.op_type != "Unsqueeze" or not has_values(unsqueezed.inputs[1], 1, 2):
        return None
    return unsqueezed.inputs[0]


def _operator(
    op: Any, query: ir.Value, key: ir.Value, value: ir.Value, split: ir.Value, added: ir.Value, **_: Any
) -> Any:
    heads = _heads_and_size(split)
    assert heads is not None
    return op.MaskedAttention(query, key, value, _mask(added), num_heads=heads[0], _domain=DOMAIN)


EDIT = Edit(
    name="fuse_attention",
    apply=replacing_patterns(
        [RewriteRule(_pattern, _operator, _is_attention)],
        lambda config: "no attention with a padding mask of the expected form",
    ),
    portable=False,
)
