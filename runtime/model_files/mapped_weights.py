"""int8 weights stay in the file: the operating system maps them, and processes that run one file share them.

onnxruntime maps only weights that lie beside a model. A file of ours holds its own, at known places, so that it can
itself lie beside a copy of the model without them.
"""

from collections.abc import Iterator, Mapping

from convbert_onnx.runtime.model_files.onnx_file import OnnxFile, Tensor, is_graph
from convbert_onnx.runtime.model_files.protobuf import Data, Field, fields, write_field

__all__ = ["FOLDER_OPTION", "SMALLEST", "without_bytes"]

FOLDER_OPTION = "session.model_external_initializers_file_folder_path"
"""onnxruntime's option for where the weights lie of a model that comes from memory."""

SMALLEST = 2**12
"""Bytes of a tensor below which reading it is as good."""

# Fields of onnx.proto.
_GRAPH, _INITIALIZER = 7, 5
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_KEY, _VALUE = 1, 2
_UINT8, _INT8 = 2, 3
"""Types that may begin anywhere; numbers of more bytes would not be where processors want them."""

_EXTERNAL = 1


def without_bytes(file: OnnxFile) -> bytes | None:
    """The ONNX model in a file, with its large int8 and uint8 weights left in that file, or None where it has none."""
    mapped = {tensor.place.start: tensor for tensor in file.contents.tensors if _can_be_mapped(tensor)}
    return b"".join(_model(file, mapped)) if mapped else None


def _can_be_mapped(tensor: Tensor) -> bool:
    return (
        tensor.initializer
        and tensor.plain
        and tensor.raw is not None
        and tensor.kind in (_UINT8, _INT8)
        and tensor.raw.end - tensor.raw.first >= SMALLEST
    )


def _model(file: OnnxFile, mapped: Mapping[int, Tensor]) -> Iterator[bytes]:
    name = file.real.name.encode()
    for field in fields(file.data, 0, file.stamp.size):
        if is_graph(field):
            yield write_field(_GRAPH, b"".join(_graph(file.data, field, mapped, name)))
        else:
            yield file.data[field.start : field.end]


def _graph(data: Data, graph: Field, mapped: Mapping[int, Tensor], name: bytes) -> Iterator[bytes]:
    for field in fields(data, graph.first, graph.end):
        tensor = mapped.get(field.start)
        yield data[field.start : field.end] if tensor is None else _elsewhere(data, tensor, name)


def _elsewhere(data: Data, tensor: Tensor, name: bytes) -> bytes:
    """A tensor that says where its numbers are, in the file of that name, instead of having them."""
    raw = tensor.raw
    assert raw is not None  # otherwise it could not be mapped
    content = data[tensor.place.first : raw.start] + data[raw.end : tensor.place.end]
    place = {b"location": name, b"offset": b"%d" % raw.first, b"length": b"%d" % (raw.end - raw.first)}
    for key, value in place.items():
        content += write_field(_EXTERNAL_DATA, write_field(_KEY, key) + write_field(_VALUE, value))
    return write_field(_INITIALIZER, content + write_field(_DATA_LOCATION, _EXTERNAL))
