"""Weights of bytes stay in the file: the operating system maps them, and processes that run one file share them.

onnxruntime maps only weights that lie beside a model. A file of ours holds its own, at known places, so that it can
itself lie beside a copy of the model without them.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from convbert_onnx.runtime.protobuf import BYTES, VARINT, Field, fields, read_varint, write_field

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
        # Looked for before anything is copied: a model of floats may have gigabytes.
        graphs = [field for field in fields(data, 0, len(data)) if _is_graph(field)]
        parts = (field for graph in graphs for field in fields(data, graph.first, graph.end))
        if not any(_numbers(data, field) for field in parts):
            return None
        return b"".join(_model(data, path.name.encode()))


def _is_graph(field: Field) -> bool:
    return (field.number, field.kind) == (_GRAPH, BYTES)


def _numbers(data: mmap.mmap, field: Field) -> Field | None:
    """The numbers of a graph's field that is a large weight of bytes."""
    if field.number != _INITIALIZER or field.end - field.first < SMALLEST:
        return None
    parts = list(fields(data, field.first, field.end))
    kinds = {read_varint(data, part.first)[0] for part in parts if (part.number, part.kind) == (_DATA_TYPE, VARINT)}
    return next((part for part in parts if part.number == _RAW_DATA and kinds in ({_UINT8}, {_INT8})), None)


def _model(data: mmap.mmap, name: bytes) -> Iterator[bytes]:
    for field in fields(data, 0, len(data)):
        if _is_graph(field):
            yield write_field(_GRAPH, b"".join(_graph(data, field, name)))
        else:
            yield data[field.start : field.end]


def _graph(data: mmap.mmap, graph: Field, name: bytes) -> Iterator[bytes]:
    for field in fields(data, graph.first, graph.end):
        numbers = _numbers(data, field)
        yield _tensor(data, field, numbers, name) if numbers else data[field.start : field.end]


def _tensor(data: mmap.mmap, tensor: Field, numbers: Field, name: bytes) -> bytes:
    """A tensor that says where its numbers are, in the file of that name, instead of having them."""
    content = data[tensor.first : numbers.start] + data[numbers.end : tensor.end]
    place = {b"location": name, b"offset": b"%d" % numbers.first, b"length": b"%d" % (numbers.end - numbers.first)}
    for key, value in place.items():
        content += write_field(_EXTERNAL_DATA, write_field(_KEY, key) + write_field(_VALUE, value))
    return write_field(_INITIALIZER, content + write_field(_DATA_LOCATION, _EXTERNAL))
