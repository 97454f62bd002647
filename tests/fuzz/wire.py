"""Protobuf messages as lists of fields, to be changed and put together again, whatever the change makes of them."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from .mutate import INTEGERS, mutate_bytes

__all__ = ["Step", "WireField", "edit_randomly", "edited", "join", "message", "other_fields", "parse", "random_steps"]

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
"""The number of a field, and which of the fields of that number in its message."""


class WireField(NamedTuple):
    """A field with the bytes of its content, without the length that stands before them."""

    number: int
    kind: int
    content: bytes


def parse(data: bytes) -> list[WireField] | None:
    """The fields of a message, or None where the bytes are none."""
    found = []
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
            found.append(WireField(tag >> 3, kind, data[start:position]))
    except IndexError:
        return None
    return found


def join(fields: Sequence[WireField]) -> bytes:
    """The message of fields."""
    parts = []
    for number, kind, content in fields:
        parts.append(varint(number << 3 | kind))
        parts += [varint(len(content))] * (kind == BYTES) + [content]
    return b"".join(parts)


def edited(data: bytes, steps: Sequence[Step], change: Sequence[WireField] | bytes) -> bytes:
    """A message with the field at the end of the steps replaced by others, or its content by bytes."""
    fields = parse(data) or []
    number, nth = steps[0]
    places = [place for place, field in enumerate(fields) if field.number == number]
    if nth >= len(places):
        return data
    place = places[nth]
    field = fields[place]
    if len(steps) > 1:
        fields[place] = field._replace(content=edited(field.content, steps[1:], change))
    else:
        fields[place : place + 1] = [field._replace(content=change)] if isinstance(change, bytes) else change
    return join(fields)


def field_at(data: bytes, steps: Sequence[Step]) -> WireField | None:
    """The field at the end of the steps, or None."""
    field = None
    for number, nth in steps:
        found = [one for one in parse(data) or () if one.number == number]
        if nth >= len(found):
            return None
        field = found[nth]
        data = field.content
    return field


def random_steps(data: bytes, random: Random) -> list[Step]:
    """A way to a field: to each number of a message equally often, however many fields have it."""
    steps: list[Step] = []
    while (fields := parse(data)) and (not steps or random.random() < 0.85):
        number = random.choice(sorted({field.number for field in fields}))
        found = [field for field in fields if field.number == number]
        nth = random.randrange(len(found))
        steps.append((number, nth))
        if found[nth].kind != BYTES:
            break
        data = found[nth].content
    return steps


def varint(value: int) -> bytes:
    """A number in groups of seven bits."""
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
    """A message of numbers and bytes, by their fields' numbers."""
    return join(
        [
            WireField(number, VARINT, varint(content))
            if isinstance(content, int)
            else WireField(number, BYTES, content)
            for number, content in contents
        ]
    )


def edit_randomly(data: bytes, random: Random) -> bytes:
    """A message with one field somewhere inside it changed."""
    steps = random_steps(data, random)
    return edited(data, steps, other_fields(data, steps, random)) if steps else data


def other_fields(data: bytes, steps: Sequence[Step], random: Random) -> list[WireField]:
    """What to put in the place of a field: none, two, or one of another number, type or content."""
    field = field_at(data, steps)
    assert field is not None
    other = field_at(data, random_steps(data, random) or steps) or field
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
