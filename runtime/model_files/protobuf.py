"""A strict reader and a minimal writer of protobuf's wire format; only the requested parts of a file are read.

Two readers that disagree about a damaged message would let a file say one thing here and another in the engine. So
whatever no writer of ONNX files produces is an error: field number 0, groups, tags of more than 32 bits.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple, Protocol

__all__ = ["ByteSource", "Field", "WireType", "fields", "read_varint", "write_field", "write_varint"]


class WireType(IntEnum):
    """How a field is encoded: as a number, or with a length in bytes before its content."""

    VARINT = 0
    I64 = 1
    LEN = 2
    I32 = 5


_VARINT, _LEN = WireType.VARINT.value, WireType.LEN.value  # plain integers are compared faster
_FIXED_BYTES: dict[int, int] = {WireType.I64: 8, WireType.I32: 4}

_BLOCK_BYTES = 2**16
_MAX_HEADER_BYTES = 15
"""A tag with a varint, or a tag with a length."""


class ByteSource(Protocol):
    """``bytes``, or an object that reads slices of a file."""

    def __getitem__(self, part: slice, /) -> bytes: ...


class Field(NamedTuple):
    """The position of one field of a message.

    Attributes:
        number: the field's number in the definition of the message.
        wire_type: how it is encoded, a :class:`WireType`.
        start: where its tag begins.
        content_start: where its content begins, after the tag and the length.
        end: where it ends.
    """

    number: int
    wire_type: int
    start: int
    content_start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.end - self.content_start

    def content(self, data: ByteSource) -> bytes:
        """Read the content, without tag and length."""
        return data[self.content_start : self.end]

    def encoded(self, data: ByteSource) -> bytes:
        """Read the whole field, with tag and length."""
        return data[self.start : self.end]


def fields(data: ByteSource, start: int, end: int) -> Iterator[Field]:
    """Iterate over the fields of the message between two positions.

    Raises:
        ValueError: the bytes are not a complete message.
    """
    base, block = start, data[start : min(start + _BLOCK_BYTES, end)]
    limit = end - base if base + len(block) == end else len(block) - _MAX_HEADER_BYTES
    position = 0  # within the block
    while base + position < end:
        if position > limit:
            base += position
            position, block = 0, data[base : min(base + _BLOCK_BYTES, end)]
            limit = end - base if base + len(block) == end else len(block) - _MAX_HEADER_BYTES
        tag, content_start = read_varint(block, position, 5)
        wire_type = tag & 7
        if tag < 8 or tag >= 2**32:
            raise ValueError(f"{tag} is not the tag of a field")
        if wire_type == _VARINT:
            _, last = read_varint(block, content_start)
        elif wire_type == _LEN:
            length, content_start = read_varint(block, content_start, 5)
            last = content_start + length
        elif wire_type in _FIXED_BYTES:
            last = content_start + _FIXED_BYTES[wire_type]
        else:
            raise ValueError(f"a field has the wire type {wire_type}, which ONNX files do not use")
        if base + last > end:
            raise ValueError("a field is longer than the message that contains it")
        yield Field(tag >> 3, wire_type, base + position, base + content_start, base + last)
        position = last


def read_varint(block: bytes, position: int, max_bytes: int = 10) -> tuple[int, int]:
    """Read a varint of at most ``max_bytes`` bytes.

    Returns:
        The number, and the position after it.

    Raises:
        ValueError: it is longer, or the block ends within it.
    """
    if position < len(block) and block[position] < 0x80:
        return block[position], position + 1  # nearly all are this short
    value = shift = 0
    for byte in block[position : position + max_bytes]:
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a varint is too long or cut off")


def write_varint(value: int) -> bytes:
    """Encode a number that is not negative as a varint."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def write_field(number: int, content: bytes | int) -> bytes:
    """Encode a field: an integer as a varint, bytes with their length before them."""
    if isinstance(content, int):
        return write_varint(number << 3 | WireType.VARINT) + write_varint(content)
    return write_varint(number << 3 | WireType.LEN) + write_varint(len(content)) + content
