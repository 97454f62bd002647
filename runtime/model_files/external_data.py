"""External data: the weights of an ONNX file that are in other files next to it.

Engines follow any path that a model names, so a model could read every file of the machine. Here a path must stay in
the directory of the model.
"""

import stat
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.onnx_parser import Tensor
from convbert_onnx.runtime.model_files.onnx_proto import DataType
from convbert_onnx.runtime.model_files.open_file import OpenFile

__all__ = ["ExternalData", "ExternalTensor", "external_files", "total_bytes"]

_NUMPY_TYPES: dict[int, type[np.generic]] = {
    DataType.FLOAT: np.float32,
    DataType.UINT8: np.uint8,
    DataType.INT8: np.int8,
    DataType.UINT16: np.uint16,
    DataType.INT16: np.int16,
    DataType.INT32: np.int32,
    DataType.INT64: np.int64,
    DataType.BOOL: np.bool_,
    DataType.FLOAT16: np.float16,
    DataType.DOUBLE: np.float64,
    DataType.UINT32: np.uint32,
    DataType.UINT64: np.uint64,
}


@dataclass(frozen=True)
class ExternalTensor:
    """A tensor, with the file that has its values, their offset, and their length in bytes if declared."""

    tensor: Tensor
    location: str
    offset: int
    length: int | None


class ExternalData:
    """The external data files of an ONNX file, checked and open.

    Attributes:
        tensors: the tensors whose values are in them.

    Raises:
        BundleError: the ONNX file names a file that it must not read, or a range beyond its end.
        FileMissingError: a file is missing.
    """

    def __init__(self, file: OnnxFile) -> None:
        self.tensors = [_external_tensor(file.path, tensor) for tensor in file.contents.tensors if tensor.external_data]
        self._folder = file.path.parent
        self._files: dict[str, OpenFile] = {}
        try:
            for name in sorted({tensor.location for tensor in self.tensors}):
                self._files[name] = _open_next_to(file, name)
            for tensor in self.tensors:
                size = self._files[tensor.location].stamp.size
                needed = tensor.length if tensor.length is not None else tensor.tensor.size or 0
                if tensor.offset + needed > size or (tensor.tensor.size or needed) != needed:
                    raise BundleError(
                        f"{file.path} needs more of {tensor.location} than its {size} bytes: copy the two files again"
                    )
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.stamp.size for file in self._files.values())

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()

    def unchanged(self) -> bool:
        """Whether the names still lead to these files and nobody has written to them since they were opened."""
        return all(file.unchanged(self._folder / name) for name, file in self._files.items())

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Read the weights into memory.

        Returns:
            The arrays, by the names of their tensors.

        Raises:
            BundleError: a tensor can only be used by mapping its file.
        """
        arrays = {}
        for external in self.tensors:
            tensor = external.tensor
            dtype = _NUMPY_TYPES.get(tensor.data_type)
            content = self.content(external)
            size = int(np.prod(tensor.dims, dtype=object)) * (np.dtype(dtype).itemsize if dtype else 0)
            if dtype is None or not tensor.initializer or len(content) != size:
                raise BundleError(
                    f"the weight {tensor.name!r} in {external.location} cannot be read into memory: pass mmap=True"
                )
            arrays[tensor.name] = np.frombuffer(content, dtype).reshape(tensor.dims)
        return arrays

    def content(self, tensor: ExternalTensor) -> bytes:
        """Read the bytes of a tensor."""
        file = self._files[tensor.location]
        return file[tensor.offset : file.stamp.size if tensor.length is None else tensor.offset + tensor.length]


def external_files(path: Path) -> set[str]:
    """Return the names of the external data files of an ONNX file, as it spells them.

    Raises:
        BundleError: the file is damaged.
    """
    with OnnxFile(path) as file:
        return {_external_tensor(path, tensor).location for tensor in file.contents.tensors if tensor.external_data}


def total_bytes(path: Path) -> int:
    """Return the size of an ONNX file together with its external data."""
    with OnnxFile(path) as file, closing(ExternalData(file)) as external:
        return file.size + external.size


def _external_tensor(path: Path, tensor: Tensor) -> ExternalTensor:
    """Read the location from the entries of a tensor's external data."""
    entries = dict(tensor.external_data)
    location = entries.get(b"location", b"").decode(errors="replace")
    offset, length = (entries.get(key, b"0") for key in (b"offset", b"length"))
    if len(entries) != len(tensor.external_data) or not location or not _is_number(offset) or not _is_number(length):
        raise BundleError(
            f"{path} has an invalid location for {tensor.name!r} ({dict(tensor.external_data)}): do not use it"
        )
    return ExternalTensor(tensor, location, int(offset), int(length) if b"length" in entries else None)


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) < 20


def _open_next_to(model: OnnxFile, name: str) -> OpenFile:
    path = model.path
    # As a Windows path, which has both kinds of separators, and drives.
    parsed = PureWindowsPath(name)
    if parsed.anchor or ".." in parsed.parts or "\0" in name or "_ORT_MEM_ADDR_" in name:
        raise BundleError(f"{path} names weights outside its directory ({name!r}): do not use it")
    named = path.parent / name
    try:
        if not stat.S_ISREG(named.stat().st_mode):
            raise FileNotFoundError
        real = named.resolve(strict=True)
        # A cache may keep all files of a model in one directory and links to them in another.
        if not any(real.is_relative_to(folder) for folder in (path.parent.resolve(), model.real.parent)):
            raise BundleError(
                f"{path} names weights outside its directory ({name!r} is a link to {real}): do not use it"
            )
        file = OpenFile(real)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileMissingError(
            f"{path} keeps its weights in {name}, which is not next to it: copy the two files together"
        ) from error
    except OSError as error:
        raise BundleError(f"{path} keeps its weights in {name}, which cannot be read ({error})") from error
    if file.stat.st_nlink > 1:  # as the package onnx does: the other name may belong to any file of the machine
        file.close()
        raise BundleError(f"{path} keeps its weights in {name}, which has other names (hard links): copy it")
    return file
