"""Weights beside an ONNX file: which files it names, and whether a file from anywhere may name them.

onnxruntime 1.22 follows a path wherever it leads, so that a model could read any file of this machine. The ``onnx``
package is not here to ask, so the file's protobuf messages are walked, without reading the weights.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from convbert_onnx.errors import BundleError, FileMissingError

__all__ = ["check_external_data", "external_files", "total_bytes"]

# The fields of each message of onnx.proto that may lead to a tensor, with the message that they hold.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KEY, _VALUE = 1, 2


def check_external_data(path: Path) -> None:
    """Make sure that what an ONNX file names beside it is in its directory.

    Raises:
        BundleError: the file is damaged, or names a file outside its directory.
        FileMissingError: a file that it names is not there.
    """
    for name in sorted(external_files(path)):
        # As a Windows path, because that has both kinds of separators, and drives.
        place = PureWindowsPath(name)
        if place.anchor or ".." in place.parts:
            raise BundleError(f"{path} wants weights from outside its directory ({name!r}): do not use it")
        if not (path.parent / name).is_file():
            raise FileMissingError(
                f"{path} keeps its weights in {name}, which is not beside it: copy the two files together"
            )


def total_bytes(path: Path) -> int:
    """The size of an ONNX file and of the weights beside it."""
    return sum(file.stat().st_size for file in (path, *(path.parent / name for name in external_files(path))))


def external_files(path: Path) -> set[str]:
    """The files that hold weights of an ONNX file, as it names them.

    Raises:
        BundleError: the file is damaged.
    """
    if path.stat().st_size == 0:
        return set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return set(_locations(data, "model", 0, len(data)))
        except (IndexError, ValueError) as error:
            raise BundleError(
                f"{path} is not a whole ONNX file (cut short, damaged or something else): export or copy it again"
            ) from error


def _locations(data: mmap.mmap, message: str, start: int, end: int) -> Iterator[str]:
    """The values of all entries with the key ``location`` in a message."""
    if message == "entry":
        fields = [(number, data[first:last]) for number, first, last in _fields(data, start, end)]
        if (_KEY, b"location") in fields:
            yield from (value.decode() for number, value in fields if number == _VALUE)
        return
    inner = _FIELDS[message]
    for number, first, last in _fields(data, start, end):
        if number in inner:
            yield from _locations(data, inner[number], first, last)


def _fields(data: mmap.mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each field that has a length."""
    while position < end:
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, position = _varint(data, position)
        elif kind == _BYTES:
            length, position = _varint(data, position)
            if position + length > end:
                raise ValueError("a field is longer than the message that holds it")
            yield number, position, position + length
            position += length
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no field has the type {kind}")
    if position != end:
        raise ValueError("a message ends within a field")


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = data[position]
    position += 1
    if value < 0x80:
        return value, position
    value &= 0x7F
    for shift in range(7, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number has more than ten bytes")
