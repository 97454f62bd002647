"""Replace the bias of the pointwise convolution and the multiplication by the query by one BiasMul."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns
from convbert_onnx.exporters.initializers import is_vector
from convbert_onnx.operators import DOMAIN

__all__ = ["EDIT"]


def _pattern(op: Any, hidden: Any, weight: Any, bias: Any, factor: Any) -> Any:
    return op.Mul(op.Add(op.MatMul(hidden, weight, _outputs=["matmul"]), bias), factor)


def _is_elementwise(context: Any, bias: ir.Value, factor: ir.Value, **_: Any) -> bool:
    # A constant factor would be broadcast; BiasMul does not broadcast.
    return is_vector(bias) and not factor.is_initializer() and factor.producer() is not None


def _operator(op: Any, matmul: ir.Value, bias: ir.Value, factor: ir.Value, hidden: ir.Value, weight: ir.Value) -> Any:
    return op.BiasMul(op.MatMul(hidden, weight), bias, factor, _domain=DOMAIN)


EDIT = Edit(
    name="fuse_bias_mul",
    apply=replacing_patterns(
        [RewriteRule(_pattern, _operator, _is_elementwise)],
        lambda config: "no matmul with a bias is multiplied by another tensor",
    ),
)
