"""Read files written by torch.save: a state dict, or a trainer's checkpoint that contains one."""

import mmap
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from convbert_onnx.errors import CheckpointError
from convbert_onnx.models.unreadable import unreadable

__all__ = ["read_pickle"]


def read_pickle(path: Path) -> dict[str, Tensor]:
    """Read the state dict in a file: the whole content, or its only entry that is a state dict.

    Raises:
        CheckpointError: the file is damaged, holds objects other than tensors, or not exactly one state dict.
    """
    _refuse_expanding(path)
    try:
        # weights_only: without it, a pickle can run arbitrary code.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} cannot be read as weights (it is damaged, or holds Python objects, which can run code): save the "
            "model's state_dict() there, or write it with save_pretrained"
        ) from error
    except Exception as error:  # damaged files raise errors of many types
        raise unreadable(path, error) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} does not hold named tensors: save the model's state dict there")
    return _state_dict(content, path)


def _state_dict(content: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    if _is_state_dict(content):
        return dict(content)
    inner = {name: value for name, value in content.items() if isinstance(value, Mapping) and _is_state_dict(value)}
    if len(inner) != 1:
        problem = (
            f"holds several state dicts ({', '.join(map(repr, inner))})" if inner else "does not hold named tensors"
        )
        raise CheckpointError(f"{path} {problem}: save the model's state dict there")
    return dict(*inner.values())


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _refuse_expanding(path: Path) -> None:
    """Refuse files that take much more memory than their size; torch.save does not write such files.

    These are compressed archives, and pickles that call ``bytearray``, the only function allowed by the weights-only
    unpickler that takes a size from the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
    except OSError:
        raise
    except Exception:
        compressed = False  # an old format without an archive, or a damaged file, for which torch has a better message
    with path.open("rb") as file:
        empty = file.seek(0, 2) == 0
        expands = compressed or (not empty and _holds(file, b"bytearray\n"))
    if expands:
        raise CheckpointError(f"{path} cannot be read as weights (torch.save writes no such file): save it again")


def _holds(file: BinaryIO, text: bytes) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(text) >= 0
