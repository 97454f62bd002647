"""A parser that finds the metadata and tensors of an ONNX file in one pass, within limits, and checks them.

It also refuses nodes that are known to crash engines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from math import prod
from typing import NamedTuple

from convbert_onnx.operators import DOMAIN
from convbert_onnx.runtime.model_files.onnx_proto import (
    AttributeProto,
    DataType,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    StringStringEntryProto,
    TensorProto,
    TrainingInfoProto,
    is_graph,
    is_metadata,
)
from convbert_onnx.runtime.model_files.protobuf import ByteSource, Field, WireType, fields, read_varint

__all__ = ["MAX_DEPTH", "MAX_FIELDS", "Contents", "Tensor", "parse_model"]

MAX_FIELDS = 2**18
"""Fields of all messages together. A base model has about five thousand."""

MAX_DEPTH = 100
"""Nested messages; protobuf has the same limit."""

_MAX_METADATA_BYTES = 2**26
"""All metadata together; the largest entry is tokenizer.json."""

_NESTED: dict[type[IntEnum], dict[int, type[IntEnum]]] = {
    ModelProto: {
        ModelProto.GRAPH: GraphProto,
        ModelProto.TRAINING_INFO: TrainingInfoProto,
        ModelProto.FUNCTIONS: FunctionProto,
    },
    TrainingInfoProto: {TrainingInfoProto.INITIALIZATION: GraphProto, TrainingInfoProto.ALGORITHM: GraphProto},
    GraphProto: {GraphProto.NODE: NodeProto, GraphProto.INITIALIZER: TensorProto},
    FunctionProto: {FunctionProto.NODE: NodeProto, FunctionProto.ATTRIBUTE_PROTO: AttributeProto},
    NodeProto: {NodeProto.ATTRIBUTE: AttributeProto},
    AttributeProto: {
        AttributeProto.T: TensorProto,
        AttributeProto.G: GraphProto,
        AttributeProto.TENSORS: TensorProto,
        AttributeProto.GRAPHS: GraphProto,
    },
}
"""The fields of each message that contain messages, as far as they can lead to a tensor."""

_SPARSE: dict[type[IntEnum], set[IntEnum]] = {
    GraphProto: {GraphProto.SPARSE_INITIALIZER},
    AttributeProto: {AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS},
}
"""Fields with sparse tensors. Exporters do not write them; the engine makes dense tensors of any size of them."""

_VARIADIC = [
    (NodeProto.OP_TYPE, name) for name in (b"Concat", b"Einsum", b"Max", b"Mean", b"Min", b"SequenceConstruct", b"Sum")
]

_BITS: dict[int, int] = {
    DataType.UINT8: 8,
    DataType.INT8: 8,
    DataType.BOOL: 8,
    DataType.FLOAT8E4M3FN: 8,
    DataType.FLOAT8E4M3FNUZ: 8,
    DataType.FLOAT8E5M2: 8,
    DataType.FLOAT8E5M2FNUZ: 8,
    DataType.FLOAT8E8M0: 8,
    DataType.UINT16: 16,
    DataType.INT16: 16,
    DataType.FLOAT16: 16,
    DataType.BFLOAT16: 16,
    DataType.FLOAT: 32,
    DataType.INT32: 32,
    DataType.UINT32: 32,
    DataType.INT64: 64,
    DataType.DOUBLE: 64,
    DataType.UINT64: 64,
    DataType.COMPLEX64: 64,
    DataType.COMPLEX128: 128,
    DataType.UINT4: 4,
    DataType.INT4: 4,
    DataType.FLOAT4E2M1: 4,
    DataType.UINT2: 2,
    DataType.INT2: 2,
}
"""Bits of one value."""


class Tensor(NamedTuple):
    """A tensor in a file.

    Attributes:
        field: the tensor's field in its graph or attribute.
        name: its name.
        data_type: a :class:`DataType`, or a number that this release does not know.
        dims: its shape.
        raw_data: the field with its values as bytes; None if they are stored in another way or in another file.
        plain: whether it has exactly one name, data type and ``raw_data``, and no other fields but ``dims``.
        external_data: keys and values that say where its values are in another file.
        initializer: whether it is an initializer of the model's graph.
    """

    field: Field
    name: str
    data_type: int
    dims: tuple[int, ...]
    raw_data: Field | None
    plain: bool
    external_data: tuple[tuple[bytes, bytes], ...]
    initializer: bool

    @property
    def size(self) -> int | None:
        """Bytes of its values, or None if the data type is unknown."""
        bits = _BITS.get(self.data_type)
        return None if bits is None else -(-prod(self.dims) * bits // 8)


@dataclass
class Contents:
    """The metadata and tensors of a file.

    Attributes:
        metadata: the entries of ``metadata_props``.
        tensors: all tensors, in the order of the file.
    """

    metadata: dict[str, str] = field(default_factory=dict)
    tensors: list[Tensor] = field(default_factory=list)


def parse_model(data: ByteSource, size: int) -> Contents:
    """Parse a serialized model of ``size`` bytes.

    Raises:
        ValueError: it is damaged, exceeds a limit, or holds something that engines crash on.
    """
    parser = _Parser(data)
    graphs = [part for part in parser.message(ModelProto, 0, size, 1) if is_graph(part)]
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs")
    return parser.contents


class _Parser:
    """One pass over the messages of a file, with limits on the time and memory that a malicious file can cost."""

    def __init__(self, data: ByteSource) -> None:
        self.contents = Contents()
        self._data = data
        self._fields_left = MAX_FIELDS
        self._metadata_bytes_left = _MAX_METADATA_BYTES

    def message(self, message: type[IntEnum], start: int, end: int, depth: int) -> list[Field]:
        """Parse a message; return its fields if it is a model or a node."""
        if depth > MAX_DEPTH:
            raise ValueError(f"its messages are nested more than {MAX_DEPTH} deep")
        nested, sparse = _NESTED[message], _SPARSE.get(message, ())
        own_fields = []
        for part in self._fields(start, end):
            inner = nested.get(part.number) if part.wire_type == WireType.LEN else None
            if inner is TensorProto:
                initializer = message is GraphProto and depth == 2
                self.contents.tensors.append(self._tensor(part, initializer=initializer))
            elif part.number in sparse:
                raise ValueError("it has sparse tensors")
            elif inner is not None:
                self.message(inner, part.content_start, part.end, depth + 1)
            if message in (ModelProto, NodeProto):
                own_fields.append(part)
            if message is ModelProto and is_metadata(part):
                self._add_metadata(part)
        if message is NodeProto:
            self._check_node(own_fields)
        return own_fields

    def _fields(self, start: int, end: int) -> Iterator[Field]:
        for part in fields(self._data, start, end):
            self._fields_left -= 1
            if self._fields_left < 0:
                raise ValueError(f"it has more than {MAX_FIELDS} fields")
            yield part

    def _check_node(self, parts: list[Field]) -> None:
        """Refuse nodes that crash engines.

        Engines before 1.24 crash on an input of our operators that is left out with an empty name. All engines crash on
        such an input of an operator with any number of inputs, and on a Split whose number of outputs is not
        ``num_outputs``.
        """
        texts = [(part.number, part.content(self._data)) for part in parts if part.wire_type == WireType.LEN]
        if (NodeProto.INPUT, b"") in texts and not {(NodeProto.DOMAIN, DOMAIN.encode()), *_VARIADIC}.isdisjoint(texts):
            raise ValueError("an operator that needs all of its inputs has one without a name")
        if (NodeProto.OP_TYPE, b"Split") in texts:
            outputs = sum(number == NodeProto.OUTPUT for number, _ in texts)
            for part in parts:
                if (part.number, part.wire_type) == (NodeProto.ATTRIBUTE, WireType.LEN):
                    self._check_split(list(self._fields(part.content_start, part.end)), outputs)

    def _check_split(self, attribute: list[Field], outputs: int) -> None:
        names, values = [], []
        for part in attribute:
            match part.number, part.wire_type:
                case AttributeProto.NAME, WireType.LEN:
                    names.append(part.content(self._data))
                case AttributeProto.I, WireType.VARINT:
                    values.append(self._number(part))
        if b"num_outputs" in names and values != [outputs]:
            raise ValueError("a Split has another number of outputs than its num_outputs")

    def _add_metadata(self, part: Field) -> None:
        self._metadata_bytes_left -= part.size
        if self._metadata_bytes_left < 0:
            raise ValueError(f"its metadata is larger than {_MAX_METADATA_BYTES // 2**20} MB")
        key, value = self._entry(part)
        try:
            self.contents.metadata[key.decode()] = value.decode()
        except UnicodeDecodeError as error:
            raise ValueError("its metadata is not UTF-8") from error

    def _entry(self, part: Field) -> tuple[bytes, bytes]:
        """Return key and value of a ``StringStringEntryProto``."""
        parts = [part for part in self._fields(part.content_start, part.end) if part.wire_type == WireType.LEN]
        texts = {part.number: part.content(self._data) for part in parts}
        if len(texts) != len(parts):
            raise ValueError("an entry has two keys or two values")
        return texts.get(StringStringEntryProto.KEY, b""), texts.get(StringStringEntryProto.VALUE, b"")

    def _tensor(self, tensor: Field, *, initializer: bool) -> Tensor:
        parts = list(self._fields(tensor.content_start, tensor.end))
        dims: list[int] = []
        external_data: list[tuple[bytes, bytes]] = []
        data_type, name, raw_data = 0, "", None
        for part in parts:
            match part.number, part.wire_type:
                case TensorProto.DIMS, WireType.VARINT:
                    dims.append(self._number(part))
                case TensorProto.DATA_TYPE, WireType.VARINT:
                    data_type = self._number(part)
                case TensorProto.NAME, WireType.LEN:
                    name = part.content(self._data).decode(errors="replace")
                case TensorProto.RAW_DATA, WireType.LEN:
                    raw_data = part
                case TensorProto.EXTERNAL_DATA, WireType.LEN:
                    external_data.append(self._entry(part))
        once = [TensorProto.DATA_TYPE, TensorProto.NAME, TensorProto.RAW_DATA]
        others = [part for part in parts if (part.number, part.wire_type) != (TensorProto.DIMS, WireType.VARINT)]
        plain = raw_data is not None and sorted(part.number for part in others) == once
        result = Tensor(tensor, name, data_type, tuple(dims), raw_data, plain, tuple(external_data), initializer)
        _check_size(result)
        return result

    def _number(self, part: Field) -> int:
        return read_varint(part.content(self._data), 0)[0]


def _check_size(tensor: Tensor) -> None:
    """Refuse a tensor with fewer values than its shape declares: engines allocate memory before they check."""
    if tensor.external_data:
        return  # the other file is checked when it is opened
    if tensor.raw_data is None:
        # Each value takes at least one byte, which can hold four values of the smallest types.
        fits = prod(tensor.dims) <= 4 * tensor.field.size
    else:
        fits = tensor.size in (None, tensor.raw_data.size)
    if not fits:
        raise ValueError(
            f"the tensor {tensor.name!r} does not have as many values as its shape {list(tensor.dims)} declares"
        )
