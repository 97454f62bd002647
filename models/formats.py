"""The files that weights come in: how each format is recognized, which files belong to it, and how it is read."""

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
        file: pattern of the file that stands for it.
        read: from that file to the tensors in it, under the reference's names and in its layouts.
        parts: patterns of the files that belong to it besides.
    """

    file: str
    read: Callable[[Path], dict[str, Tensor]]
    parts: tuple[str, ...] = ()


def find_format(names: Iterable[str]) -> tuple[Format, str] | None:
    """The best format among the files of a directory, and the file that stands for it; None where there is none.

    Raises:
        CheckpointError: the best format is there several times.
    """
    names = list(names)
    for found in FORMATS:
        files = sorted(matching(names, found.file))
        if len(files) > 1:
            raise CheckpointError(f"there are several checkpoints ({', '.join(files)}): move all but one elsewhere")
        if files:
            return found, files[0]
    return None


def _read_file(path: Path) -> dict[str, Tensor]:
    """The tensors of one safetensors or pickle file."""
    return _read_safetensors(path) if path.suffix == ".safetensors" else read_pickle(path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except OSError:
        raise
    except Exception as error:  # of several kinds, for files that are damaged in different places
        raise unreadable(path, error) from error


def _read_shards(index: Path) -> dict[str, Tensor]:
    """The tensors of all the files that an index names."""
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
        # A checkpoint comes from somebody else: it must not choose which other files are read.
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
"""All formats, the best first: safe to read, then of PyTorch, then of TensorFlow."""
