"""Weights beside an ONNX file: which files it names, and whether a file from anywhere may name them.

Engines follow a path wherever it leads, so that a model could read any file of this machine.
"""

import os
import stat
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime.model_files.onnx_file import OPEN_FLAGS, FilePart, OnnxFile, Stamp, Tensor

__all__ = ["ExternalData", "ExternalTensor", "external_files", "total_bytes"]

_TYPES: dict[int, type[np.generic]] = {
    1: np.float32,
    2: np.uint8,
    3: np.int8,
    4: np.uint16,
    5: np.int16,
    6: np.int32,
    7: np.int64,
    9: np.bool_,
    10: np.float16,
    11: np.float64,
    12: np.uint32,
    13: np.uint64,
}
"""Numpy's types, by their numbers in onnx.proto."""


@dataclass(frozen=True)
class ExternalTensor:
    """A tensor whose numbers are in another file: their place in it."""

    tensor: Tensor
    location: str
    offset: int
    length: int | None


class ExternalData:
    """The files beside an ONNX file that hold its weights, checked and open.

    Attributes:
        tensors: the tensors that they hold.

    Raises:
        BundleError: the file names what it must not name, or what is not there.
        FileMissingError: a file that it names is not there.
    """

    def __init__(self, file: OnnxFile) -> None:
        self.tensors = [_external(file.path, tensor) for tensor in file.contents.tensors if tensor.entries]
        self._folder = file.path.parent
        self._open: dict[str, tuple[int, Stamp]] = {}
        try:
            for name in sorted({tensor.location for tensor in self.tensors}):
                self._open[name] = _open_beside(file, name)
            for tensor in self.tensors:
                size = self._open[tensor.location][1].size
                needed = tensor.length if tensor.length is not None else tensor.tensor.size or 0
                if tensor.offset + needed > size or (tensor.tensor.size or needed) != needed:
                    raise BundleError(
                        f"{file.path} wants more of {tensor.location} than its {size} bytes: copy the two files again"
                    )
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(stamp.size for _, stamp in self._open.values())

    def close(self) -> None:
        """Close the files."""
        for descriptor, _ in self._open.values():
            os.close(descriptor)

    def unchanged(self) -> bool:
        """Whether the names still lead to these files, and nobody has written into them since they were opened."""
        with suppress(OSError):
            return all(
                stamp == Stamp.of(os.fstat(descriptor)) == Stamp.of((self._folder / name).stat())
                for name, (descriptor, stamp) in self._open.items()
            )
        return False

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Copies of the weights, by their names.

        Raises:
            BundleError: a tensor cannot be had without mapping its file.
        """
        found = {}
        for tensor in self.tensors:
            kind = _TYPES.get(tensor.tensor.kind)
            content = self.content(tensor)
            size = int(np.prod(tensor.tensor.dims, dtype=object)) * (np.dtype(kind).itemsize if kind else 0)
            if kind is None or not tensor.tensor.initializer or len(content) != size:
                raise BundleError(
                    f"the weight {tensor.tensor.name!r} in {tensor.location} cannot be read into memory: pass mmap=True"
                )
            found[tensor.tensor.name] = np.frombuffer(content, kind).reshape(tensor.tensor.dims)
        return found

    def content(self, tensor: ExternalTensor) -> bytes:
        """The bytes of a tensor."""
        descriptor, stamp = self._open[tensor.location]
        end = stamp.size if tensor.length is None else tensor.offset + tensor.length
        return FilePart(descriptor)[tensor.offset : end]


def external_files(path: Path) -> set[str]:
    """The files that hold weights of an ONNX file, as it names them.

    Raises:
        BundleError: the file is damaged.
    """
    with OnnxFile(path) as file:
        return {_external(path, tensor).location for tensor in file.contents.tensors if tensor.entries}


def total_bytes(path: Path) -> int:
    """The size of an ONNX file and of the weights beside it."""
    with OnnxFile(path) as file, closing(ExternalData(file)) as external:
        return file.stamp.size + external.size


def _external(path: Path, tensor: Tensor) -> ExternalTensor:
    """The place that a tensor's entries name."""
    entries = dict(tensor.entries)
    location = entries.get(b"location", b"").decode(errors="replace")
    offset, length = (entries.get(key, b"0") for key in (b"offset", b"length"))
    if len(entries) != len(tensor.entries) or not location or not _is_number(offset) or not _is_number(length):
        raise BundleError(
            f"{path} does not say clearly where the weight {tensor.name!r} is ({dict(tensor.entries)}): do not use it"
        )
    return ExternalTensor(tensor, location, int(offset), int(length) if b"length" in entries else None)


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) < 20


def _open_beside(file: OnnxFile, name: str) -> tuple[int, Stamp]:
    path = file.path
    # As a Windows path, because that has both kinds of separators, and drives.
    place = PureWindowsPath(name)
    if place.anchor or ".." in place.parts or "\0" in name or "_ORT_MEM_ADDR_" in name:
        raise BundleError(f"{path} wants weights from outside its directory ({name!r}): do not use it")
    found = path.parent / name
    try:
        if not stat.S_ISREG(found.stat().st_mode):
            raise FileNotFoundError
        real = found.resolve(strict=True)
        # A cache may keep all files of a model in one directory, and links to them in another.
        if not any(real.is_relative_to(folder) for folder in (path.parent.resolve(), file.real.parent)):
            raise BundleError(
                f"{path} wants weights from outside its directory ({name!r} is a link to {real}): do not use it"
            )
        descriptor = os.open(real, OPEN_FLAGS)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissingError(
            f"{path} keeps its weights in {name}, which is not beside it: copy the two files together"
        ) from error
    except OSError as error:
        raise BundleError(f"{path} keeps its weights in {name}, which cannot be read ({error})") from error
    result = os.fstat(descriptor)
    if result.st_nlink > 1:  # as the package onnx has it: the other name may be any file of this machine
        os.close(descriptor)
        raise BundleError(f"{path} keeps its weights in {name}, which has other names (hard links): copy it")
    return descriptor, Stamp.of(result)
