"""Protobuf messages as lists of fields, for mutations that keep or break the wire format."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from .mutate import INTEGERS, mutate_bytes

__all__ = [
    "Step",
    "WireField",
    "message",
    "mutate_message",
    "parse",
    "random_field_path",
    "random_replacement",
    "replace_field",
    "serialize",
]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_CONTENTS = (
    *(
        b"",
        b"\0",
        b"\xff\xfe",
        b"location",
        b"offset",
        b"../model.onnx",
        b"/etc/passwd",
        b"model.onnx",
        b"C:\\x",
        b"a\0b",
    ),
    *(
        b"-1",
        b"99999999999999999999",
        b"0" * 10_000,
        b"\x0a" * 3000,
        b"Loop",
        b"If",
        b"convbert_onnx",
        b"com.microsoft",
    ),
)

Step = tuple[int, int]
"""A field's number, and its index among the fields with that number in its message."""


class WireField(NamedTuple):
    """A field with the bytes of its content, without the length prefix."""

    number: int
    kind: int
    content: bytes


def parse(data: bytes) -> list[WireField] | None:
    """The fields of a message, or None if the bytes are not a message."""
    fields = []
    position = 0
    try:
        while position < len(data):
            tag, position = _varint(data, position)
            kind = tag & 7
            start = position
            if kind == VARINT:
                _, position = _varint(data, position)
            elif kind == BYTES:
                length, start = _varint(data, position)
                position = start + length
            elif kind in (FIXED64, FIXED32):
                position += 8 if kind == FIXED64 else 4
            else:
                return None
            if position > len(data) or tag < 8:
                return None
            fields.append(WireField(tag >> 3, kind, data[start:position]))
    except IndexError:
        return None
    return fields


def serialize(fields: Sequence[WireField]) -> bytes:
    """Serialize fields."""
    parts = []
    for number, kind, content in fields:
        parts.append(varint(number << 3 | kind))
        parts += [varint(len(content))] * (kind == BYTES) + [content]
    return b"".join(parts)


def replace_field(data: bytes, steps: Sequence[Step], change: Sequence[WireField] | bytes) -> bytes:
    """Replace the field at a path by other fields, or its content by bytes."""
    fields = parse(data) or []
    number, nth = steps[0]
    indices = [index for index, field in enumerate(fields) if field.number == number]
    if nth >= len(indices):
        return data
    index = indices[nth]
    field = fields[index]
    if len(steps) > 1:
        fields[index] = field._replace(content=replace_field(field.content, steps[1:], change))
    else:
        fields[index : index + 1] = [field._replace(content=change)] if isinstance(change, bytes) else change
    return serialize(fields)


def field_at(data: bytes, steps: Sequence[Step]) -> WireField | None:
    """The field at a path, or None."""
    field = None
    for number, nth in steps:
        candidates = [field for field in parse(data) or () if field.number == number]
        if nth >= len(candidates):
            return None
        field = candidates[nth]
        data = field.content
    return field


def random_field_path(data: bytes, random: Random) -> list[Step]:
    """A random path to a field, where every field number of a message is equally likely."""
    steps: list[Step] = []
    while (fields := parse(data)) and (not steps or random.random() < 0.85):
        number = random.choice(sorted({field.number for field in fields}))
        candidates = [field for field in fields if field.number == number]
        nth = random.randrange(len(candidates))
        steps.append((number, nth))
        if candidates[nth].kind != BYTES:
            break
        data = candidates[nth].content
    return steps


def varint(value: int) -> bytes:
    """Encode an integer as a varint."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def message(*contents: tuple[int, bytes | int]) -> bytes:
    """Serialize integers and bytes, given with their field numbers."""
    return serialize(
        [
            WireField(number, VARINT, varint(content))
            if isinstance(content, int)
            else WireField(number, BYTES, content)
            for number, content in contents
        ]
    )


def mutate_message(data: bytes, random: Random) -> bytes:
    """Change one field at a random path."""
    steps = random_field_path(data, random)
    return replace_field(data, steps, random_replacement(data, steps, random)) if steps else data


def random_replacement(data: bytes, steps: Sequence[Step], random: Random) -> list[WireField]:
    """A replacement for a field: none, two, or one with another number, type or content."""
    field = field_at(data, steps)
    assert field is not None
    other = field_at(data, random_field_path(data, random) or steps) or field
    match random.randrange(8):
        case 0:
            return []
        case 1:
            return [field, field]
        case 2:
            return [other]
        case 3:
            return [field._replace(content=other.content)]
        case 4:
            return [field._replace(number=random.choice((0, 1, field.number + 1, 2**29, 2**32 + field.number, 2**61)))]
        case 5:
            return [field._replace(kind=random.randrange(8))]
    if field.kind == VARINT:
        return [field._replace(content=varint(random.choice([n for n in INTEGERS if 0 <= n < 2**70])))]
    return [field._replace(content=random.choice((mutate_bytes(field.content, random), *_CONTENTS)))]
