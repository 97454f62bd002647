"""Do stored weights fit a config? Asked of names, types and shapes, before anything of their size is made."""

import re
from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor, nn

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError
from convbert_onnx.models.weights import Weight, known_elsewhere

__all__ = ["check_fit", "check_sizes", "in_single_precision"]

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
"""Fields of a config, and the weight and axis that say the same."""

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")

_LISTED = 24
"""Names of one kind in a message; a checkpoint of something else can have thousands."""


def check_sizes(stored: Mapping[str, Tensor], config: ConvBertConfig, source: str) -> None:
    """Make sure that a config asks for no other sizes than the weights have.

    Raises:
        CheckpointError: it does; the message names the field.
    """
    layers = len({match[1] for name in stored if (match := _LAYER.match(name))})
    found = [("num_hidden_layers", layers)] if config.num_hidden_layers > layers else []
    for field, name, axis in _SIZES:
        tensor = stored.get(name)
        if tensor is not None and tensor.ndim > axis and tensor.shape[axis] != getattr(config, field):
            found.append((field, tensor.shape[axis]))
    if found:
        sizes = ", ".join(
            f"{field} is {getattr(config, field)} there and {size} in the weights" for field, size in found
        )
        raise CheckpointError(f"{source} does not fit its config: {sizes}; use the config.json of the same model")


def check_fit(
    stored: Mapping[str, Tensor],
    wanted: Iterable[Weight],
    shapes: Mapping[str, torch.Size],
    outside: Collection[str],
    source: str,
) -> None:
    """Make sure that the wanted weights are there, as floats of the right shapes, and no others.

    Args:
        stored: tensors under the reference's names.
        wanted: the weights of the model.
        shapes: the shape of each tensor of our state dict.
        outside: names of weights that do not belong to the model, and may be there.
        source: where the tensors come from, for messages.

    Raises:
        CheckpointError: weights are missing, unexpected, of the wrong shape or no floats; they are listed.
    """
    wanted = list(wanted)
    names = {weight.reference for weight in wanted}
    problems = {
        "missing": [weight.reference for weight in wanted if weight.reference not in stored],
        "unexpected": [
            name for name in stored if name not in names and not known_elsewhere(name) and name not in outside
        ],
        "wrong shape": [],
        "not usable": [],
    }
    for weight in wanted:
        tensor = stored.get(weight.reference)
        if tensor is None:
            continue
        shape = _reference_shape(weight, shapes)
        if tuple(tensor.shape) != shape:
            problems["wrong shape"].append(f"{weight.reference} {tuple(tensor.shape)} instead of {shape}")
        elif reason := _unusable(tensor):
            problems["not usable"].append(f"{weight.reference} {reason}")
    if any(problems.values()):
        text = "; ".join(f"{kind}: {_listed(found)}" for kind, found in problems.items() if found)
        raise CheckpointError(f"{source} does not fit its config. {text}")


def in_single_precision(weight: Weight, tensor: Tensor, source: str) -> Tensor:
    """A stored tensor as it is used here: in our shape, in fp32, in this machine's memory.

    Raises:
        CheckpointError: a number in it is NaN or infinite.
    """
    tensor = weight.read(tensor.detach()).to("cpu", torch.float32).contiguous()
    if not bool(tensor.isfinite().all()):
        raise CheckpointError(
            f"{source} has NaN or infinite numbers in {weight.reference}: take a checkpoint from before the training "
            "diverged"
        )
    return tensor


def _reference_shape(weight: Weight, shapes: Mapping[str, torch.Size]) -> tuple[int, ...]:
    return tuple(weight.write(torch.empty(shapes[weight.ours], device="meta")).shape)


def _unusable(tensor: Tensor) -> str:
    """Why a tensor is no plain array of floats; empty where it is."""
    if tensor.is_meta:
        return "is on the meta device, without numbers: load the weights first"
    if type(tensor) not in (Tensor, nn.Parameter) or tensor.layout != torch.strided:
        return f"is a {type(tensor).__name__} ({tensor.layout}): save plain tensors"
    return "" if tensor.dtype in _FLOATS else f"is {tensor.dtype}, not floating point"


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", ".join(name[:200] for name in found[:_LISTED]) + more
