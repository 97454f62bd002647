"""Memory-mapped int8 weights: they stay in the file, and processes that run the same file share them.

onnxruntime maps only weights that lie next to a model, as external data. A file of this project contains its weights
at known offsets, so it can serve as the external data of a copy of its model without them.
"""

from collections.abc import Iterator, Mapping

from convbert_onnx.runtime.model_files.onnx_file import OnnxFile
from convbert_onnx.runtime.model_files.onnx_parser import Tensor
from convbert_onnx.runtime.model_files.onnx_proto import (
    DataLocation,
    DataType,
    GraphProto,
    ModelProto,
    StringStringEntryProto,
    TensorProto,
    is_graph,
)
from convbert_onnx.runtime.model_files.protobuf import ByteSource, Field, fields, write_field

__all__ = ["EXTERNAL_FOLDER_OPTION", "MIN_MAPPED_BYTES", "externalize_int8_weights"]

EXTERNAL_FOLDER_OPTION = "session.model_external_initializers_file_folder_path"
"""onnxruntime's option for the folder with the external data of a model that is passed as bytes."""

MIN_MAPPED_BYTES = 2**12
"""Smaller tensors are read rather than mapped."""

_MAPPED_TYPES = (DataType.UINT8, DataType.INT8)
"""One-byte types, which need no alignment; offsets of other types could be unaligned."""


def externalize_int8_weights(file: OnnxFile) -> bytes | None:
    """Return the serialized model with its large int8 and uint8 weights as external data in ``file`` itself.

    None if it has no such weights.
    """
    mapped = {tensor.field.start: tensor for tensor in file.contents.tensors if _can_be_mapped(tensor)}
    return b"".join(_model(file, mapped)) if mapped else None


def _can_be_mapped(tensor: Tensor) -> bool:
    return (
        tensor.initializer
        and tensor.plain
        and tensor.raw_data is not None
        and tensor.data_type in _MAPPED_TYPES
        and tensor.raw_data.size >= MIN_MAPPED_BYTES
    )


def _model(file: OnnxFile, mapped: Mapping[int, Tensor]) -> Iterator[bytes]:
    name = file.real.name.encode()
    for field in fields(file.data, 0, file.size):
        if is_graph(field):
            yield write_field(ModelProto.GRAPH, b"".join(_graph(file.data, field, mapped, name)))
        else:
            yield field.encoded(file.data)


def _graph(data: ByteSource, graph: Field, mapped: Mapping[int, Tensor], name: bytes) -> Iterator[bytes]:
    for field in fields(data, graph.content_start, graph.end):
        tensor = mapped.get(field.start)
        yield field.encoded(data) if tensor is None else _external_tensor(data, tensor, name)


def _external_tensor(data: ByteSource, tensor: Tensor, name: bytes) -> bytes:
    """Encode an initializer that refers to its values in the file ``name`` instead of containing them."""
    raw = tensor.raw_data
    assert raw is not None  # see _can_be_mapped
    content = data[tensor.field.content_start : raw.start] + data[raw.end : tensor.field.end]
    entries = {b"location": name, b"offset": b"%d" % raw.content_start, b"length": b"%d" % raw.size}
    for key, value in entries.items():
        entry = write_field(StringStringEntryProto.KEY, key) + write_field(StringStringEntryProto.VALUE, value)
        content += write_field(TensorProto.EXTERNAL_DATA, entry)
    return write_field(GraphProto.INITIALIZER, content + write_field(TensorProto.DATA_LOCATION, DataLocation.EXTERNAL))
