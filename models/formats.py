"""The supported weight formats: how to recognize and read each, and which files it consists of."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import filter as matching
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from convbert_onnx.errors import CheckpointError, FileMissingError
from convbert_onnx.models.read_h5 import read_h5
from convbert_onnx.models.read_pickle import read_pickle
from convbert_onnx.models.read_tf1 import read_tf1
from convbert_onnx.models.unreadable import one_line, unreadable

__all__ = ["FORMATS", "SAFETENSORS", "Format", "find_format"]


@dataclass(frozen=True)
class Format:
    """One format of weights.

    Attributes:
        file: pattern of its main file, by which it is recognized.
        read: reads that file; returns the tensors by the reference's names, in its layouts.
        parts: patterns of its other files.
    """

    file: str
    read: Callable[[Path], dict[str, Tensor]]
    parts: tuple[str, ...] = ()


def find_format(names: Iterable[str]) -> tuple[Format, str] | None:
    """The preferred format among the files of a directory and its main file, or None.

    Raises:
        CheckpointError: several files match the preferred format.
    """
    names = list(names)
    for format_ in FORMATS:
        files = sorted(matching(names, format_.file))
        if len(files) > 1:
            raise CheckpointError(f"there are several checkpoints ({', '.join(files)}): move all but one elsewhere")
        if files:
            return format_, files[0]
    return None


def _read_file(path: Path) -> dict[str, Tensor]:
    """Read one safetensors or pickle file."""
    return _read_safetensors(path) if path.suffix == ".safetensors" else read_pickle(path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except OSError:
        raise
    except Exception as error:  # damaged files raise errors of many types
        raise unreadable(path, error) from error


def _read_shards(index: Path) -> dict[str, Tensor]:
    """Read all files that an index names."""
    tensors: dict[str, Tensor] = {}
    for name in _shards(index):
        shard = index.parent / name
        if not shard.is_file():
            raise FileMissingError(f"{shard} is missing, which {index.name} names: copy or download it again")
        tensors |= _read_file(shard)
    return tensors


def _shards(index: Path) -> list[str]:
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{index} is not an index of shards ({one_line(repr(error))}): copy or save it again"
        ) from error
    for name in names:
        # Checkpoints are untrusted: they must not choose which other files are read.
        if not isinstance(name, str) or name != Path(name).name or "\\" in name or name in ("", ".", ".."):
            shown = one_line(repr(name))
            raise CheckpointError(f"{index} names a shard outside its directory ({shown}): save the model again")
        if not name.endswith((".safetensors", ".bin")):
            raise CheckpointError(f"{index} names {one_line(name)} as a shard, which is not one: save the model again")
    return sorted(names)


SAFETENSORS = "model.safetensors"

FORMATS = (
    Format(SAFETENSORS, _read_file),
    Format("model.safetensors.index.json", _read_shards, ("model-*.safetensors",)),
    Format("pytorch_model.bin", _read_file),
    Format("pytorch_model.bin.index.json", _read_shards, ("pytorch_model-*.bin",)),
    Format("*.ckpt", _read_file),
    Format("tf_model.h5", read_h5),
    Format("*.index", read_tf1, ("*.data-?????-of-?????",)),
)
"""All formats in order of preference: safetensors, PyTorch, TensorFlow."""
