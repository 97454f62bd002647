"""Replace bias, residual and LayerNormalization after a matmul by one AddLayerNorm."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.exporters.edits.base import Edit, replacing_patterns
from convbert_onnx.exporters.initializers import is_vector
from convbert_onnx.operators import DOMAIN

__all__ = ["EDIT"]


def _pattern(op: Any, matmul: Any, bias: Any, residual: Any, gamma: Any, beta: Any) -> Any:
    total = op.Add(residual, op.Add(matmul, bias))
    return op.LayerNormalization(total, gamma, beta, _allow_other_attributes=True, _outputs=["normalized"])


def _is_over_the_last_axis(context: Any, bias: ir.Value, normalized: ir.Value, **_: Any) -> bool:
    node = normalized.producer()
    return is_vector(bias) and node is not None and node.attributes.get_int("axis", -1) == -1


def _operator(
    op: Any,
    matmul: ir.Value,
    bias: ir.Value,
    residual: ir.Value,
    gamma: ir.Value,
    beta: ir.Value,
    normalized: ir.Value,
) -> Any:
    node = normalized.producer()
    assert node is not None
    epsilon = node.attributes.get_float("epsilon", 1e-5)
    return op.AddLayerNorm(matmul, bias, residual, gamma, beta, epsilon=epsilon, _domain=DOMAIN)


EDIT = Edit(
    name="fuse_residual_norm",
    apply=replacing_patterns(
        [RewriteRule(_pattern, _operator, _is_over_the_last_axis)],
        lambda config: "no norm of a residual and a matmul with a bias",
    ),
)
