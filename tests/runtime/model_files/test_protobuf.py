"""The wire format of protobuf: what is written can be read, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convbert_onnx.runtime.model_files.protobuf import (
    ByteSource,
    WireType,
    fields,
    read_varint,
    write_field,
    write_varint,
)

NUMBERS = st.integers(1, 2**29 - 1)
CONTENTS = st.integers(0, 2**64 - 1) | st.binary(max_size=300)


@given(value=st.integers(0, 2**64 - 1), before=st.binary(max_size=3), after=st.binary(max_size=3))
def test_varint_round_trip(value: int, before: bytes, after: bytes) -> None:
    encoded = write_varint(value)
    assert read_varint(before + encoded + after, len(before)) == (value, len(before) + len(encoded))


@pytest.mark.parametrize(
    ("block", "max_bytes"), [(b"", 10), (b"\x80", 10), (b"\x80" * 10 + b"\x01", 10), (b"\x80\x01", 1)]
)
def test_read_varint_refuses_long_and_truncated_numbers(block: bytes, max_bytes: int) -> None:
    with pytest.raises(ValueError, match="varint"):
        read_varint(block, 0, max_bytes)


@given(message=st.lists(st.tuples(NUMBERS, CONTENTS), max_size=8))
def test_fields_returns_what_write_field_wrote(message: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(write_field(number, content) for number, content in message)
    found = list(fields(data, 0, len(data)))
    assert [field.number for field in found] == [number for number, _ in message]
    assert b"".join(field.encoded(data) for field in found) == data
    for field, (_, content) in zip(found, message, strict=True):
        if isinstance(content, int):
            assert field.wire_type == WireType.VARINT
            assert read_varint(field.content(data), 0) == (content, field.size)
        else:
            assert field.wire_type == WireType.LEN
            assert field.content(data) == content


def test_fields_reads_numbers_of_fixed_size() -> None:
    data = bytes([1 << 3 | WireType.I64, *range(8), 2 << 3 | WireType.I32, *range(4)])
    assert [(field.number, field.size) for field in fields(data, 0, len(data))] == [(1, 8), (2, 4)]


@pytest.mark.parametrize(
    "data",
    [b"\x00\x00", b"\x0b", b"\x0e", b"\x08", b"\x0a\x02a", b"\x0d\x00", b"\x80\x80\x80\x80\x10\x00"],
    ids=bytes.hex,
)
def test_fields_refuses_damaged_messages(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"varint|tag|wire type|longer"):
        list(fields(data, 0, len(data)))


def test_fields_skips_large_contents_without_reading_them() -> None:
    class Recorder(ByteSource):
        read = 0

        def __getitem__(self, part: slice, /) -> bytes:
            self.read += part.stop - part.start
            return data[part]

    data = write_field(1, bytes(10**7)) + write_field(2, 5) + write_field(3, bytes(10**7))
    source = Recorder()
    assert [field.number for field in fields(source, 0, len(data))] == [1, 2, 3]
    assert source.read < 10**6
