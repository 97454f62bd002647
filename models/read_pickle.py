"""Files that torch.save wrote: a state dict, or a trainer's checkpoint with one inside."""

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
    """The named tensors in a file: all of it, or the one entry of it that is a state dict.

    Raises:
        CheckpointError: the file is damaged, holds other objects than tensors, or no or several state dicts.
    """
    _refuse_what_grows(path)
    try:
        # weights_only: a pickle may otherwise run code of whoever wrote it.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} cannot be read as weights (it is damaged, or holds Python objects, which may run code): save the "
            "model's state_dict() there, or write it with save_pretrained"
        ) from error
    except Exception as error:  # of many kinds, for files that are damaged in different places
        raise unreadable(path, error) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds something else than named tensors: save the model's state dict there")
    return _state_dict(content, path)


def _state_dict(content: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    if _is_state_dict(content):
        return dict(content)
    inner = {name: value for name, value in content.items() if isinstance(value, Mapping) and _is_state_dict(value)}
    if len(inner) != 1:
        found = f"several state dicts ({', '.join(map(repr, inner))})" if inner else "something else than named tensors"
        raise CheckpointError(f"{path} holds {found}: save the model's state dict there")
    return dict(*inner.values())


def _is_state_dict(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())


def _refuse_what_grows(path: Path) -> None:
    """Refuse files that become much larger in memory than they are: torch.save writes none of these.

    Archives may be compressed, and ``bytearray`` is the one function that the weights-only reader calls with a size
    that a file chooses.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            compressed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
    except OSError:
        raise
    except Exception:
        compressed = False  # an old file without an archive around it, or a damaged one, about which torch says more
    with path.open("rb") as file:
        empty = file.seek(0, 2) == 0
        grows = compressed or (not empty and _holds(file, b"bytearray\n"))
    if grows:
        raise CheckpointError(f"{path} cannot be read as weights (torch.save writes no such file): save it again")


def _holds(file: BinaryIO, text: bytes) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(text) >= 0
