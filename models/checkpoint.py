"""Reading and writing checkpoints in the reference's layout and names."""

import dataclasses
import hashlib
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from convbert_onnx.config import ConvBertConfig
from convbert_onnx.errors import CheckpointError, FileMissingError, MissingHeadError
from convbert_onnx.models.weights import BACKBONE, Weight, known_elsewhere, weights_of

__all__ = ["from_reference", "hash_weights", "read", "to_reference", "weights_file", "write"]

_FILES = ("model.safetensors", "pytorch_model.bin")


def weights_file(directory: Path) -> Path:
    """The weights file of a checkpoint: model.safetensors, or else pytorch_model.bin.

    Raises:
        FileMissingError: there is no such directory, or none of the files in it.
    """
    if not directory.is_dir():
        raise FileMissingError(f"{directory} is no directory: name one with config.json and {' or '.join(_FILES)}")
    for name in _FILES:
        if (directory / name).is_file():
            return directory / name
    raise FileMissingError(f"{directory} has neither {' nor '.join(_FILES)}: save the model there with save_pretrained")


def hash_weights(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and values, the same for the same model whatever file it came from."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    """The weights file of a checkpoint, and the tensors in it under the reference's names.

    Raises:
        FileMissingError: there is no such directory, or no weights file in it.
        CheckpointError: the file cannot be read.
    """
    path = weights_file(directory)
    try:
        if path.suffix == ".safetensors":
            return path, load_file(path)
        # weights_only: a pickle may otherwise run code of whoever wrote it.
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{path} cannot be read as weights ({reason}): copy or save it again") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(f"{path} holds something else than named tensors: save the model's state dict there")
    return path, tensors


def write(directory: Path, head: str, config: ConvBertConfig, tensors: Mapping[str, Tensor]) -> None:
    """Write config.json and model.safetensors as the reference's ``save_pretrained`` does."""
    directory.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.detach().contiguous() for name, tensor in to_reference(tensors, head, config).items()}
    save_file(stored, directory / _FILES[0], metadata={"format": "pt"})
    config = dataclasses.replace(config, architectures=(head,))
    (directory / "config.json").write_text(config.to_json(), encoding="utf-8")


def from_reference(
    stored: Mapping[str, Tensor],
    head: str,
    config: ConvBertConfig,
    shapes: Mapping[str, torch.Size],
    allow_random_head: bool,
    source: str,
) -> dict[str, Tensor]:
    """The state dict of our class with the name ``head``, in fp32.

    Args:
        stored: tensors under the reference's names, with or without the backbone's prefix.
        head: name of the class.
        config: the model's config.
        shapes: the shape of each tensor of our state dict.
        allow_random_head: draw the head's weights where none of them is stored.
        source: where the tensors come from, for messages.

    Raises:
        MissingHeadError: the head's weights are missing and must not be drawn.
        CheckpointError: weights are missing, unexpected or of the wrong shape.
    """
    stored = {name.removeprefix(BACKBONE): tensor for name, tensor in stored.items()}
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
    tensors = {weight.ours: weight.read(stored[weight.reference]) for weight in wanted if weight.reference in stored}
    _check(source, stored, tensors, wanted, shapes)
    return drawn | {name: tensor.float().contiguous() for name, tensor in tensors.items()}


def to_reference(tensors: Mapping[str, Tensor], head: str, config: ConvBertConfig) -> dict[str, Tensor]:
    """Our state dict under the reference's names and in its shapes."""
    backbone, top = weights_of(head, config)
    prefix = "" if head == "ConvBertModel" else BACKBONE
    named = {prefix + weight.reference: weight for weight in backbone} | {weight.reference: weight for weight in top}
    return {name: weight.write(tensors[weight.ours]) for name, weight in named.items()}


def _draw(weights: Iterable[Weight], shapes: Mapping[str, torch.Size], spread: float) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {weight.ours: torch.randn(shapes[weight.ours], generator=generator) * spread for weight in weights}


def _check(
    source: str,
    stored: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    wanted: list[Weight],
    shapes: Mapping[str, torch.Size],
) -> None:
    names = {weight.reference for weight in wanted}
    missing = [weight.reference for weight in wanted if weight.ours not in tensors]
    unexpected = [name for name in stored if name not in names and not known_elsewhere(name)]
    misshapen = [
        f"{weight.reference} {tuple(stored[weight.reference].shape)} instead of {_reference_shape(weight, shapes)}"
        for weight in wanted
        if weight.ours in tensors and tensors[weight.ours].shape != shapes[weight.ours]
    ]
    if missing or unexpected or misshapen:
        problems = [
            f"{kind}: {', '.join(found)}"
            for kind, found in (("missing", missing), ("unexpected", unexpected), ("wrong shape", misshapen))
            if found
        ]
        raise CheckpointError(f"{source} does not fit its config. {'; '.join(problems)}")


def _reference_shape(weight: Weight, shapes: Mapping[str, torch.Size]) -> tuple[int, ...]:
    return tuple(weight.write(torch.empty(shapes[weight.ours], device="meta")).shape)
