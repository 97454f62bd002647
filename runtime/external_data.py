"""Weights beside an ONNX file: which files it names, and whether a file from anywhere may name them.

onnxruntime 1.22 follows a path wherever it leads, so that a model could read any file of this machine. The ``onnx``
package is not here to ask, so the file's protobuf messages are walked, without reading the weights.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime.protobuf import BYTES, fields

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
        texts = [(field.number, data[field.first : field.end]) for field in fields(data, start, end)]
        if (_KEY, b"location") in texts:
            yield from (value.decode() for number, value in texts if number == _VALUE)
        return
    inner = _FIELDS[message]
    for field in fields(data, start, end):
        if field.kind == BYTES and field.number in inner:
            yield from _locations(data, inner[field.number], field.first, field.end)
