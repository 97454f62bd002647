"""Check that stored weights fit a config, by names, types and shapes, before memory is allocated for them."""

import re
from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor, nn

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError
from convbert_onnx.models.weights import Weight, in_other_head

__all__ = ["check_sizes", "check_weights", "to_float32"]

_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)

_SIZES = (
    ("vocab_size", "embeddings.word_embeddings.weight", 0),
    ("embedding_size", "embeddings.word_embeddings.weight", 1),
    ("max_position_embeddings", "embeddings.position_embeddings.weight", 0),
    ("type_vocab_size", "embeddings.token_type_embeddings.weight", 0),
    ("hidden_size", "encoder.layer.0.output.LayerNorm.weight", 0),
    ("intermediate_size", "encoder.layer.0.intermediate.dense.bias", 0),
    ("conv_kernel_size", "encoder.layer.0.attention.self.key_conv_attn_layer.depthwise.weight", 2),
)
"""Config fields, and the weight and axis that have the same size."""

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")

_MAX_NAMES = 24
"""Names per kind of problem in a message; the checkpoint of another model can have thousands."""


def check_sizes(stored: Mapping[str, Tensor], config: ConvBertConfig, source: str) -> None:
    """Check that the sizes in a config are those of the weights.

    Raises:
        CheckpointError: a size differs; the message names the field.
    """
    layers = len({match[1] for name in stored if (match := _LAYER.match(name))})
    differences = [("num_hidden_layers", layers)] if config.num_hidden_layers > layers else []
    for field, name, axis in _SIZES:
        tensor = stored.get(name)
        if tensor is not None and tensor.ndim > axis and tensor.shape[axis] != getattr(config, field):
            differences.append((field, tensor.shape[axis]))
    if differences:
        sizes = ", ".join(
            f"{field} is {getattr(config, field)} in the config and {size} in the weights"
            for field, size in differences
        )
        raise CheckpointError(f"{source} does not fit its config: {sizes}; use the config.json of the same model")


def check_weights(
    stored: Mapping[str, Tensor],
    expected: Iterable[Weight],
    shapes: Mapping[str, torch.Size],
    outside: Collection[str],
    source: str,
) -> None:
    """Check that the stored weights are exactly those expected, as floats of the right shapes.

    Args:
        stored: tensors by the reference's names.
        expected: the weights of the model.
        shapes: the shape of each tensor of our state dict.
        outside: names of weights outside the model, which are ignored.
        source: where the tensors come from, for messages.

    Raises:
        CheckpointError: weights are missing, unexpected, of the wrong shape or not floats; they are listed.
    """
    expected = list(expected)
    names = {weight.reference for weight in expected}
    problems = {
        "missing": [weight.reference for weight in expected if weight.reference not in stored],
        "unexpected": [
            name for name in stored if name not in names and not in_other_head(name) and name not in outside
        ],
        "wrong shape": [],
        "not usable": [],
    }
    for weight in expected:
        tensor = stored.get(weight.reference)
        if tensor is None:
            continue
        shape = _reference_shape(weight, shapes)
        if tuple(tensor.shape) != shape:
            problems["wrong shape"].append(f"{weight.reference} {tuple(tensor.shape)} instead of {shape}")
        elif reason := _unusable(tensor):
            problems["not usable"].append(f"{weight.reference} {reason}")
    if any(problems.values()):
        text = "; ".join(f"{kind}: {_join_names(names)}" for kind, names in problems.items() if names)
        raise CheckpointError(f"{source} does not fit its config. {text}")


def to_float32(weight: Weight, tensor: Tensor, source: str) -> Tensor:
    """Convert a stored tensor to our shape and to fp32, on the CPU.

    Raises:
        CheckpointError: a value is NaN or infinite.
    """
    tensor = weight.read(tensor.detach()).to("cpu", torch.float32).contiguous()
    if not bool(tensor.isfinite().all()):
        raise CheckpointError(
            f"{source} has NaN or infinite values in {weight.reference}: take a checkpoint from before the training "
            "diverged"
        )
    return tensor


def _reference_shape(weight: Weight, shapes: Mapping[str, torch.Size]) -> tuple[int, ...]:
    return tuple(weight.write(torch.empty(shapes[weight.ours], device="meta")).shape)


def _unusable(tensor: Tensor) -> str:
    """The reason why a tensor is not a plain array of floats; empty if it is one."""
    if tensor.is_meta:
        return "is on the meta device, without values: load the weights first"
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided:
        return f"is a {type(tensor).__name__} ({tensor.layout}): save plain tensors"
    return "" if tensor.dtype in _FLOATS else f"is {tensor.dtype}, not floating point"


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(name[:200] for name in names[:_MAX_NAMES]) + more
