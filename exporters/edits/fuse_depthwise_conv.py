"""Replace a depthwise convolution with its mask and Transposes by one DepthwiseConv on channels-last tensors."""

from typing import Any

import numpy as np
import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns
from convbert_onnx.exporters.initializers import has_values
from convbert_onnx.operators import DOMAIN

__all__ = ["EDIT"]


def _unmasked(op: Any, hidden: Any, weight: Any) -> Any:
    channels_first = op.Transpose(hidden, perm=[0, 2, 1])
    convolved = op.Conv(channels_first, weight, _allow_other_attributes=True, _outputs=["convolved"])
    return op.Transpose(convolved, perm=[0, 2, 1])


def _masked(op: Any, hidden: Any, weight: Any, is_real: Any, zero: Any) -> Any:
    return _unmasked(op, op.Where(is_real, hidden, zero), weight)


def _is_depthwise(context: Any, weight: ir.Value, convolved: ir.Value, **others: Any) -> bool:
    if not weight.is_initializer() or weight.shape is None or len(weight.shape) != 3:
        return False
    channels, inputs, size = weight.shape.numpy()
    node = convolved.producer()
    assert node is not None
    attributes = node.attributes
    return (
        inputs == 1
        and size % 2 == 1
        and attributes.get_int("group", 1) == channels
        and list(attributes.get_ints("pads", [0, 0])) == [size // 2, size // 2]
        and list(attributes.get_ints("strides", [1])) == [1]
        and list(attributes.get_ints("dilations", [1])) == [1]
    )


def _is_masked_depthwise(context: Any, is_real: ir.Value, zero: ir.Value, **others: Any) -> bool:
    return has_values(zero, 0) and _mask(is_real) is not None and _is_depthwise(context, **others)


def _mask(is_real: ir.Value) -> ir.Value | None:
    """The int64 mask [B, S] in ``Cast(Unsqueeze(mask, -1))``."""
    cast = is_real.producer()
    column = cast.inputs[0].producer() if cast is not None and cast.op_type == "Cast" and cast.inputs[0] else None
    if (
        column is None
        or column.op_type != "Unsqueeze"
        or not (has_values(column.inputs[1], 2) or has_values(column.inputs[1], -1))
    ):
        return None
    return column.inputs[0]


def _operator(op: Any, hidden: ir.Value, weight: ir.Value, **_: Any) -> Any:
    return op.DepthwiseConv(hidden, _channels_last(op, weight), _domain=DOMAIN)


def _masked_operator(op: Any, hidden: ir.Value, weight: ir.Value, is_real: ir.Value, **_: Any) -> Any:
    return op.DepthwiseConv(hidden, _channels_last(op, weight), _mask(is_real), _domain=DOMAIN)


def _channels_last(op: Any, weight: ir.Value) -> ir.Value:
    """The weight [C, 1, K] as [K, C]."""
    assert weight.const_value is not None and weight.name is not None
    transposed = np.ascontiguousarray(weight.const_value.numpy()[:, 0].T)
    value: ir.Value = op.initializer(ir.tensor(transposed), name=f"{weight.name}.channels_last")
    return value


EDIT = Edit(
    name="fuse_depthwise_conv",
    apply=replacing_patterns(
        [
            RewriteRule(_masked, _masked_operator, _is_masked_depthwise),
            RewriteRule(_unmasked, _operator, _is_depthwise),
        ],
        lambda config: "no depthwise convolution between two Transposes",
    ),
)
