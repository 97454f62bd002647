"""Reading and writing checkpoints in the reference's layout and names."""

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
from convbert_onnx.models.fit import check_fit, in_single_precision
from convbert_onnx.models.formats import SAFETENSORS, Format, find_format
from convbert_onnx.models.weights import BACKBONE, Weight, weights_of

__all__ = ["from_reference", "hash_weights", "read", "to_reference", "write"]

_OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def _find_weights(directory: Path) -> tuple[Format, Path]:
    """The format of a checkpoint's weights, and the file that stands for it."""
    if not directory.is_dir():
        raise FileMissingError(f"{directory} is not a directory: name one with config.json and weights")
    try:
        found = find_format(path.name for path in directory.iterdir() if path.is_file())
    except CheckpointError as error:
        raise CheckpointError(f"{directory}: {error}") from error
    if found is None:
        raise describe_missing_weights(directory)
    return found[0], directory / found[1]


def hash_weights(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values, the same for the same model whatever file it came from."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    """The weights file of a checkpoint (of several, the best format's), and its tensors under the reference's names.

    Raises:
        FileMissingError: there is no such directory, no weights file in it, or a part of it is not there.
        CheckpointError: the file cannot be read.
        MissingExtraError: reading it needs a package that is not installed.
    """
    known, path = _find_weights(directory)
    return path, {_modern(name): tensor for name, tensor in known.read(path).items()}


def _modern(name: str) -> str:
    """Names of normalizations as they are today; the first versions of the reference had TensorFlow's."""
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
    """The state dict of our class with the name ``head``, in fp32.

    Args:
        stored: tensors under the reference's names, without the backbone's prefix.
        head: name of the class.
        config: the model's config.
        shapes: the shape of each tensor of our state dict.
        outside: names of weights that do not belong to the model, and may be there.
        allow_random_head: draw the head's weights where none of them is stored.
        source: where the tensors come from, for messages.

    Raises:
        MissingHeadError: the head's weights are missing and must not be drawn.
        CheckpointError: weights are missing, unexpected, of the wrong shape, or not finite.
    """
    backbone, top = weights_of(head, config)
    drawn: dict[str, Tensor] = {}
    if top and not any(weight.reference in stored for weight in top):
        if not allow_random_head:
            raise MissingHeadError(
                f"{source} has no trained {head} head ({', '.join(weight.reference for weight in top)}): fine-tune the "
                "model for this task first, or pass --allow-random-head (allow_random_head=True) for a test"
            )
        drawn, top = _draw(top, shapes, config.initializer_range), []
    wanted = backbone + top
    check_fit(stored, wanted, shapes, outside, source)
    return drawn | {weight.ours: in_single_precision(weight, stored[weight.reference], source) for weight in wanted}


def to_reference(tensors: Mapping[str, Tensor], head: str, config: ConvBertConfig) -> dict[str, Tensor]:
    """Our state dict under the reference's names and in its shapes."""
    backbone, top = weights_of(head, config)
    prefix = "" if head == "ConvBertModel" else BACKBONE
    named = {prefix + weight.reference: weight for weight in backbone} | {weight.reference: weight for weight in top}
    return {name: weight.write(tensors[weight.ours]) for name, weight in named.items()}


def _draw(weights: Iterable[Weight], shapes: Mapping[str, torch.Size], spread: float) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {weight.ours: torch.randn(shapes[weight.ours], generator=generator) * spread for weight in weights}
