"""Replace a bias and an exact Gelu, five operators as PyTorch's exporter writes them, by one BiasGelu."""

from typing import Any

import onnx_ir as ir
from onnxscript.rewriter.pattern import RewriteRule

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.exporters.edits.base import Edit, replacing_patterns
from convbert_onnx.exporters.initializers import has_values, is_vector
from convbert_onnx.operators import DOMAIN

__all__ = ["EDIT"]


def _pattern(op: Any, matmul: Any, bias: Any, root_two: Any, one: Any, half: Any) -> Any:
    biased = op.Add(matmul, bias)
    return op.Mul(biased, op.Mul(half, op.Add(op.Erf(op.Div(biased, root_two)), one)))


def _is_gelu(
    context: Any, matmul: ir.Value, bias: ir.Value, root_two: ir.Value, one: ir.Value, half: ir.Value, **_: Any
) -> bool:
    return is_vector(bias) and has_values(root_two, 2**0.5) and has_values(one, 1) and has_values(half, 0.5)


def _operator(op: Any, matmul: ir.Value, bias: ir.Value, **_: Any) -> Any:
    return op.BiasGelu(matmul, bias, _domain=DOMAIN)


def _why_not(config: ConvBertConfig) -> str:
    return f"no exact Gelu after a bias (hidden_act is {config.hidden_act})"


EDIT = Edit(
    name="fuse_bias_gelu",
    apply=replacing_patterns([RewriteRule(_pattern, _operator, _is_gelu)], _why_not),
)
