"""Read and write checkpoints with the reference's tensor names and layouts."""

import dataclasses
import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError, FileMissingError, MissingHeadError, OutputError
from convbert_onnx.files import replacing
from convbert_onnx.models.checkpoint_files import describe_missing_weights
from convbert_onnx.models.fit import check_weights, to_float32
from convbert_onnx.models.formats import SAFETENSORS, Format, find_format
from convbert_onnx.models.weights import BACKBONE, Weight, weights_of

__all__ = ["from_reference", "hash_weights", "read", "to_reference", "write"]

_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def _find_weights(directory: Path) -> tuple[Format, Path]:
    """The format of a checkpoint's weights, and its main file."""
    if not directory.is_dir():
        raise FileMissingError(f"{directory} is not a directory: name one with config.json and weights")
    try:
        match = find_format(path.name for path in directory.iterdir() if path.is_file())
    except CheckpointError as error:
        raise CheckpointError(f"{directory}: {error}") from error
    if match is None:
        raise describe_missing_weights(directory)
    return match[0], directory / match[1]


def hash_weights(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values: equal models have equal hashes, whatever their file format."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    """Read the weights of a checkpoint; of several formats, the preferred one.

    Returns:
        The weights file, and its tensors by the reference's names.

    Raises:
        FileMissingError: the directory, a weights file in it, or a part of the weights does not exist.
        CheckpointError: the file cannot be read.
        MissingExtraError: reading it needs a package that is not installed.
    """
    format_, path = _find_weights(directory)
    return path, {_current_name(name): tensor for name, tensor in format_.read(path).items()}


def _current_name(name: str) -> str:
    """Rename normalization weights: the first versions of the reference used TensorFlow's names."""
    for old, new in _OLD_NAMES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def write(directory: Path, head: str, config: ConvBertConfig, tensors: Mapping[str, Tensor]) -> None:
    """Write config.json and model.safetensors as the reference's ``save_pretrained`` does."""
    stored = {name: tensor.detach().contiguous() for name, tensor in to_reference(tensors, head, config).items()}
    config = dataclasses.replace(config, architectures=(head,))
    with replacing(directory / SAFETENSORS) as path:
        try:
            save_file(stored, path, metadata={"format": "pt"})
        except SafetensorError as error:
            raise OutputError(f"{directory / SAFETENSORS} cannot be written: {error}") from error
        path.with_name("config.json").write_text(config.to_json(), encoding="utf-8")


def from_reference(
    stored: Mapping[str, Tensor],
    head: str,
    config: ConvBertConfig,
    shapes: Mapping[str, torch.Size],
    *,
    outside: Collection[str] = (),
    allow_random_head: bool = False,
    source: str = "the state dict",
) -> dict[str, Tensor]:
    """Convert tensors of the reference to the state dict of our class named ``head``, in fp32.

    Args:
        stored: tensors by the reference's names, without the backbone's prefix.
        head: name of the class.
        config: the model's config.
        shapes: the shape of each tensor of our state dict.
        outside: names of weights outside the model, which are ignored.
        allow_random_head: initialize the head randomly if none of its weights is stored.
        source: where the tensors come from, for messages.

    Raises:
        MissingHeadError: the head's weights are missing, and ``allow_random_head`` is False.
        CheckpointError: weights are missing, unexpected, of the wrong shape, or not finite.
    """
    backbone, head_weights = weights_of(head, config)
    random_head: dict[str, Tensor] = {}
    if head_weights and not any(weight.reference in stored for weight in head_weights):
        if not allow_random_head:
            names = ", ".join(weight.reference for weight in head_weights)
            raise MissingHeadError(
                f"{source} has no trained {head} head ({names}): fine-tune the model for this task first, or pass "
                "allow_random_head=True for a test"
            )
        random_head, head_weights = _random_weights(head_weights, shapes, config.initializer_range), []
    expected = backbone + head_weights
    check_weights(stored, expected, shapes, outside, source)
    return random_head | {weight.ours: to_float32(weight, stored[weight.reference], source) for weight in expected}


def to_reference(tensors: Mapping[str, Tensor], head: str, config: ConvBertConfig) -> dict[str, Tensor]:
    """Convert our state dict to the reference's names and shapes."""
    backbone, head_weights = weights_of(head, config)
    prefix = "" if head == "ConvBertModel" else BACKBONE
    named = {prefix + weight.reference: weight for weight in backbone} | {
        weight.reference: weight for weight in head_weights
    }
    return {name: weight.write(tensors[weight.ours]) for name, weight in named.items()}


def _random_weights(weights: Iterable[Weight], shapes: Mapping[str, torch.Size], std: float) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {weight.ours: torch.randn(shapes[weight.ours], generator=generator) * std for weight in weights}
