"""Weights of bytes stay in the file: the operating system maps them, and processes that run one file share them.

onnxruntime maps only weights that lie beside a model. A file of ours holds its own, at known places, so that it can
itself lie beside a copy of the model without them.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from convbert_onnx.runtime.protobuf import BYTES, VARINT, Field, Readable, fields, read_varint, write_field

__all__ = ["FOLDER_OPTION", "SMALLEST", "without_bytes"]

FOLDER_OPTION = "session.model_external_initializers_file_folder_path"
"""onnxruntime's option for where the weights lie of a model that comes from memory."""

SMALLEST = 2**12
"""Bytes of a tensor below which reading it is as good."""

# Fields of onnx.proto.
_GRAPH, _INITIALIZER = 7, 5
_DATA_TYPE, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 2, 9, 13, 14
_KEY, _VALUE = 1, 2
_UINT8, _INT8 = 2, 3
"""Types that may begin anywhere; numbers of more bytes would not be where processors want them."""

_EXTERNAL = 1


def without_bytes(path: Path) -> bytes | None:
    """The ONNX model in a file, with its large weights of bytes left in that file, or None where it has none.

    Raises:
        ValueError: this is not a whole ONNX file.
        IndexError: neither is this.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        parts = list(_model(data, path.name.encode()))
        size = sum(map(len, parts))
        return b"".join(parts) if len(data) - size >= SMALLEST else None


def _model(data: mmap.mmap, name: bytes) -> Iterator[bytes]:
    for field in fields(data, 0, len(data)):
        if (field.number, field.kind) == (_GRAPH, BYTES):
            yield write_field(_GRAPH, b"".join(_graph(data, field, name)))
        else:
            yield data[field.start : field.end]


def _graph(data: mmap.mmap, graph: Field, name: bytes) -> Iterator[bytes]:
    for field in fields(data, graph.first, graph.end):
        large = field.number == _INITIALIZER and field.end - field.first >= SMALLEST
        yield _tensor(data, field, name) if large else data[field.start : field.end]


def _tensor(data: mmap.mmap, tensor: Field, name: bytes) -> bytes:
    """A tensor without its numbers, where they are bytes; otherwise as it is."""
    parts = list(fields(data, tensor.first, tensor.end))
    numbers = next((field for field in parts if field.number == _RAW_DATA), None)
    if numbers is None or _data_type(data, parts) not in (_UINT8, _INT8):
        return data[tensor.start : tensor.end]
    content = b"".join(data[field.start : field.end] for field in parts if field is not numbers)
    place = {b"location": name, b"offset": numbers.first, b"length": numbers.end - numbers.first}
    for key, value in place.items():
        text = value if isinstance(value, bytes) else str(value).encode()
        content += write_field(_EXTERNAL_DATA, write_field(_KEY, key) + write_field(_VALUE, text))
    return write_field(_INITIALIZER, content + write_field(_DATA_LOCATION, _EXTERNAL))


def _data_type(data: Readable, parts: list[Field]) -> int | None:
    found = (field for field in parts if (field.number, field.kind) == (_DATA_TYPE, VARINT))
    return next((read_varint(data, field.first)[0] for field in found), None)
