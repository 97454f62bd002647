"""Serialized ONNX models, damaged or harmless, written without the package onnx."""

from convbert_onnx.runtime.model_files.onnx_proto import (
    DataLocation,
    DataType,
    GraphProto,
    ModelProto,
    OperatorSetIdProto,
    StringStringEntryProto,
    TensorProto,
)
from convbert_onnx.runtime.model_files.protobuf import write_field

__all__ = ["entry_bytes", "model_bytes", "tensor_bytes", "weight_model_bytes"]


def model_bytes(graph: bytes, rest: bytes = b"") -> bytes:
    """Return a model with a graph, followed by other fields."""
    opset = write_field(ModelProto.OPSET_IMPORT, write_field(OperatorSetIdProto.VERSION, 18))
    return write_field(ModelProto.IR_VERSION, 8) + opset + write_field(ModelProto.GRAPH, graph) + rest


def entry_bytes(key: bytes, value: bytes) -> bytes:
    """Return an entry of metadata or external data."""
    return write_field(StringStringEntryProto.KEY, key) + write_field(StringStringEntryProto.VALUE, value)


def tensor_bytes(*dims: int, raw: bytes | None = None, **external_data: str) -> bytes:
    """Return a float tensor called "weight", with its values, external data or neither."""
    content = b"".join(write_field(TensorProto.DIMS, size) for size in dims)
    content += write_field(TensorProto.DATA_TYPE, DataType.FLOAT) + write_field(TensorProto.NAME, b"weight")
    if raw is not None:
        content += write_field(TensorProto.RAW_DATA, raw)
    for key, value in external_data.items():
        content += write_field(TensorProto.EXTERNAL_DATA, entry_bytes(key.encode(), value.encode()))
    return content + (write_field(TensorProto.DATA_LOCATION, DataLocation.EXTERNAL) if external_data else b"")


def weight_model_bytes(*dims: int, raw: bytes | None = None, **external_data: str) -> bytes:
    """Return a model whose graph is one initializer."""
    return model_bytes(write_field(GraphProto.INITIALIZER, tensor_bytes(*dims, raw=raw, **external_data)))
