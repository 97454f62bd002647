"""The span-based dynamic convolution as one operator, in eager PyTorch and in ONNX export.

ConvBERT (arXiv 2008.02496), section 3.3: every position has its own kernel, which all channels of a head share::

    w[b,s,h,:]   = softmax over K of kernel_logits[b,s,h,:]
    out[b,s,h,:] = sum over j of w[b,s,h,j] * values[b, s + j - K//2, h, :]

Values outside the sequence or masked count as zero.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["span_dynamic_conv"]

_VERSION = 1


def span_dynamic_conv(
    values: Tensor, kernel_logits: Tensor, mask: Tensor | None, *, num_heads: int, kernel_size: int
) -> Tensor:
    """Convolve ``values`` with a separate kernel at each position.

    Args:
        values: float [B, S, H*D].
        kernel_logits: float [B, S, H*K], the kernels before their softmax.
        mask: int64 [B, S], 0 at positions whose values count as zero; None: no position is masked.
        num_heads: H.
        kernel_size: K, odd.

    Returns:
        float [B, S, H*D].
    """
    if torch.onnx.is_in_onnx_export():
        # symbolic() adds one node to the trace, but computes no values.
        return torch.onnx.ops.symbolic(
            "convbert_onnx::SpanDynamicConv",
            (values, kernel_logits) if mask is None else (values, kernel_logits, mask),
            attrs={"num_heads": num_heads, "kernel_size": kernel_size},
            dtype=values.dtype,
            shape=values.shape,
            version=_VERSION,
        )
    return _op(values, kernel_logits, mask, num_heads, kernel_size)


def _formula(values: Tensor, kernel_logits: Tensor, mask: Tensor | None, num_heads: int, kernel_size: int) -> Tensor:
    batch, sequence, channels = values.shape
    if mask is not None:
        values = torch.where(mask.unsqueeze(-1).bool(), values, 0)
    padded = F.pad(values, (0, 0, kernel_size // 2, kernel_size // 2))
    windows = padded.view(batch, -1, num_heads, channels // num_heads).unfold(1, kernel_size, 1)  # [B, S, H, D, K]
    weights = kernel_logits.view(batch, sequence, num_heads, kernel_size, 1).softmax(dim=3)
    return (windows @ weights).reshape(batch, sequence, channels)


@torch.library.custom_op("convbert_onnx::span_dynamic_conv", mutates_args=())
def _op(values: Tensor, kernel_logits: Tensor, mask: Tensor | None, num_heads: int, kernel_size: int) -> Tensor:
    return _formula(values, kernel_logits, mask, num_heads, kernel_size)


@_op.register_fake
def _shape(values: Tensor, kernel_logits: Tensor, mask: Tensor | None, num_heads: int, kernel_size: int) -> Tensor:
    return torch.empty_like(values)


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    values, kernel_logits, mask, ctx.num_heads, ctx.kernel_size = inputs
    ctx.has_mask = mask is not None
    ctx.save_for_backward(*(tensor for tensor in (values, kernel_logits, mask) if tensor is not None))


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
    values, kernel_logits, *rest = ctx.saved_tensors
    mask = rest[0] if ctx.has_mask else None
    _, pull = torch.func.vjp(lambda v, k: _formula(v, k, mask, ctx.num_heads, ctx.kernel_size), values, kernel_logits)[
        :2
    ]
    return *pull(gradient), None, None, None


_op.register_autograd(_backward, setup_context=_keep_for_backward)
