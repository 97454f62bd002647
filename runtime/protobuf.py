"""The wire format of protobuf, walked without the package onnx, and without reading what is not asked for."""

import mmap
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["BYTES", "VARINT", "Field", "fields", "read_varint", "write_field", "write_varint"]

VARINT, BYTES = 0, 2
"""Kinds of fields: a number, and a message, a string or bytes."""

_FIXED64, _FIXED32 = 1, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


class Field(NamedTuple):
    """One field of a message.

    Attributes:
        number: its number in the message's definition.
        kind: how it is written.
        start: where its tag begins.
        first: where its content begins, behind the tag and the length.
        end: where it ends.
    """

    number: int
    kind: int
    start: int
    first: int
    end: int


def fields(data: mmap.mmap, start: int, end: int) -> Iterator[Field]:
    """The fields of the message between two places.

    Raises:
        ValueError: there is no whole message.
        IndexError: the data end within it.
    """
    position = start
    while position < end:
        tag, first = read_varint(data, position)
        kind = tag & 7
        if kind == VARINT:
            _, last = read_varint(data, first)
        elif kind == BYTES:
            length, first = read_varint(data, first)
            last = first + length
        elif kind in _SIZES:
            last = first + _SIZES[kind]
        else:
            raise ValueError(f"no field has the type {kind}")
        if last > end:
            raise ValueError("a field is longer than the message that holds it")
        yield Field(tag >> 3, kind, position, first, last)
        position = last


def read_varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    """A number, and where it ends."""
    value = data[position]
    position += 1
    if value < 0x80:
        return value, position
    value &= 0x7F
    for shift in range(7, 70, 7):
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number has more than ten bytes")


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
