"""The wire format of protobuf, read strictly and without reading what is not asked for.

Strictly, because two readers that disagree on a damaged message would let a file say one thing here and another one in
the engine. What no writer of ONNX files writes is an error: field number 0, groups, tags of more than 32 bits.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

__all__ = ["BYTES", "VARINT", "Data", "Field", "fields", "read_varint", "write_field", "write_varint"]

VARINT, BYTES = 0, 2
"""Kinds of fields: a number, and a message, a string or bytes."""

_FIXED64, _FIXED32 = 1, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}

_BLOCK = 2**16
_LONGEST_HEADER = 15
"""Bytes of a tag and a number, or of a tag and a length."""


class Data(Protocol):
    """Bytes, or something that reads the parts of a file that it is asked for."""

    def __getitem__(self, place: slice, /) -> bytes: ...


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: its number in the message's definition.
        kind: how it is written.
        start: where its tag begins.
        first: where its content begins, after the tag and the length.
        end: where it ends.
    """

    number: int
    kind: int
    start: int
    first: int
    end: int


def fields(data: Data, start: int, end: int) -> Iterator[Field]:
    """The fields of the message between two places.

    Raises:
        ValueError: this is not a whole message.
    """
    base, block = start, data[start : min(start + _BLOCK, end)]
    limit = end - base if base + len(block) == end else len(block) - _LONGEST_HEADER
    position = 0  # within the block
    while base + position < end:
        if position > limit:
            base += position
            position, block = 0, data[base : min(base + _BLOCK, end)]
            limit = end - base if base + len(block) == end else len(block) - _LONGEST_HEADER
        tag, first = read_varint(block, position, 5)
        kind = tag & 7
        if tag < 8 or tag >= 2**32:
            raise ValueError(f"no field has the tag {tag}")
        if kind == VARINT:
            _, last = read_varint(block, first)
        elif kind == BYTES:
            length, first = read_varint(block, first, 5)
            last = first + length
        elif kind in _SIZES:
            last = first + _SIZES[kind]
        else:
            raise ValueError(f"no field of an ONNX file has the type {kind}")
        if base + last > end:
            raise ValueError("a field is longer than the message that holds it")
        yield Field(tag >> 3, kind, base + position, base + first, base + last)
        position = last


def read_varint(block: bytes, position: int, most: int = 10) -> tuple[int, int]:
    """A number of at most so many bytes, and where it ends.

    Raises:
        ValueError: it has more, or the block ends within it.
    """
    if position < len(block) and block[position] < 0x80:
        return block[position], position + 1  # nearly all are this short
    value = shift = 0
    for byte in block[position : position + most]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a number ends nowhere")


def write_varint(value: int) -> bytes:
    """A number that is not negative, as protobuf writes it."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def write_field(number: int, content: bytes | int) -> bytes:
    """A field with a number, or with a length and its bytes."""
    if isinstance(content, int):
        return write_varint(number << 3 | VARINT) + write_varint(content)
    return write_varint(number << 3 | BYTES) + write_varint(len(content)) + content
