"""The field numbers and data types of ``onnx.proto`` that this package reads or writes.

Classes and members have the names of the messages and fields in ``onnx.proto``.
"""

from enum import IntEnum

from convbert_onnx.runtime.model_files.protobuf import Field, WireType

__all__ = [
    "AttributeProto",
    "DataLocation",
    "DataType",
    "Dimension",
    "FunctionProto",
    "GraphProto",
    "ModelProto",
    "NodeProto",
    "OperatorSetIdProto",
    "StringStringEntryProto",
    "TensorProto",
    "TensorShapeProto",
    "TensorTypeProto",
    "TrainingInfoProto",
    "TypeProto",
    "ValueInfoProto",
    "is_graph",
    "is_initializer",
    "is_metadata",
]


class ModelProto(IntEnum):
    """A model."""

    IR_VERSION = 1
    GRAPH = 7
    OPSET_IMPORT = 8
    METADATA_PROPS = 14
    TRAINING_INFO = 20
    FUNCTIONS = 25


class TrainingInfoProto(IntEnum):
    """Graphs for training."""

    INITIALIZATION = 1
    ALGORITHM = 2


class GraphProto(IntEnum):
    """A graph."""

    NODE = 1
    NAME = 2
    INITIALIZER = 5
    INPUT = 11
    OUTPUT = 12
    SPARSE_INITIALIZER = 15


class FunctionProto(IntEnum):
    """A function of a model."""

    NODE = 7
    ATTRIBUTE_PROTO = 11


class NodeProto(IntEnum):
    """A node."""

    INPUT = 1
    OUTPUT = 2
    OP_TYPE = 4
    ATTRIBUTE = 5
    DOMAIN = 7


class AttributeProto(IntEnum):
    """An attribute of a node."""

    NAME = 1
    I = 3  # noqa: E741 -- its name in onnx.proto
    T = 5
    G = 6
    TENSORS = 10
    GRAPHS = 11
    SPARSE_TENSOR = 22
    SPARSE_TENSORS = 23


class TensorProto(IntEnum):
    """A tensor with its values, or with the position of its values in another file."""

    DIMS = 1
    DATA_TYPE = 2
    NAME = 8
    RAW_DATA = 9
    EXTERNAL_DATA = 13
    DATA_LOCATION = 14


class DataLocation(IntEnum):
    """Values of ``TensorProto.DATA_LOCATION``."""

    DEFAULT = 0
    EXTERNAL = 1


class DataType(IntEnum):
    """Values of ``TensorProto.DATA_TYPE``."""

    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13
    COMPLEX64 = 14
    COMPLEX128 = 15
    BFLOAT16 = 16
    FLOAT8E4M3FN = 17
    FLOAT8E4M3FNUZ = 18
    FLOAT8E5M2 = 19
    FLOAT8E5M2FNUZ = 20
    UINT4 = 21
    INT4 = 22
    FLOAT4E2M1 = 23
    FLOAT8E8M0 = 24
    UINT2 = 25
    INT2 = 26


class StringStringEntryProto(IntEnum):
    """An entry of the metadata, or of a tensor's external data."""

    KEY = 1
    VALUE = 2


class OperatorSetIdProto(IntEnum):
    """The version of an operator set that a model uses."""

    DOMAIN = 1
    VERSION = 2


class ValueInfoProto(IntEnum):
    """The declaration of an input or output."""

    NAME = 1
    TYPE = 2


class TypeProto(IntEnum):
    """A type."""

    TENSOR_TYPE = 1


class TensorTypeProto(IntEnum):
    """``TypeProto.Tensor``: the type of a tensor."""

    ELEM_TYPE = 1
    SHAPE = 2


class TensorShapeProto(IntEnum):
    """A shape."""

    DIM = 1


class Dimension(IntEnum):
    """``TensorShapeProto.Dimension``: the size of one axis, or its name."""

    DIM_VALUE = 1
    DIM_PARAM = 2


def is_graph(field: Field) -> bool:
    """Whether a field of a model is its graph."""
    return (field.number, field.wire_type) == (ModelProto.GRAPH, WireType.LEN)


def is_initializer(field: Field) -> bool:
    """Whether a field of a graph is an initializer."""
    return (field.number, field.wire_type) == (GraphProto.INITIALIZER, WireType.LEN)


def is_metadata(field: Field) -> bool:
    """Whether a field of a model is an entry of its metadata."""
    return (field.number, field.wire_type) == (ModelProto.METADATA_PROPS, WireType.LEN)
