"""The bias of the pointwise convolution and the product with the query become one operator of ours."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns
from convbert_onnx.exporters.initializers import is_vector
from convbert_onnx.operators import DOMAIN

__all__ = ["EDIT"]


def _pattern(op: Any, hidden: Any, weight: Any, bias: Any, factor: Any) -> Any:
    return op.Mul(op.Add(op.MatMul(hidden, weight, _outputs=["product"]), bias), factor)


def _is_product_of_tensors(context: Any, bias: ir.Value, factor: ir.Value, **_: Any) -> bool:
    # Elementwise, without broadcasting: a constant factor would be something else.
    return is_vector(bias) and not factor.is_initializer() and factor.producer() is not None


def _operator(op: Any, product: ir.Value, bias: ir.Value, factor: ir.Value, hidden: ir.Value, weight: ir.Value) -> Any:
    return op.BiasMul(op.MatMul(hidden, weight), bias, factor, _domain=DOMAIN)


EDIT = Edit(
    name="fuse_bias_mul",
    purpose="The span's key gets its bias in the pass that multiplies it with the query.",
    apply=replacing_patterns(
        [RewriteRule(_pattern, _operator, _is_product_of_tensors)],
        lambda config: "no product with a bias is multiplied with another tensor",
    ),
)
