import io
import os
from itertools import islice
from pathlib import Path

import pytest

from convbert_onnx.runtime.json_lines.line_chunks import MAX_LINE_BYTES, line_chunks


def written(folder: Path, content: bytes) -> Path:
    (folder / "lines").write_bytes(content)
    return folder / "lines"


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_regular_file_gives_chunks_of_64_lines(tmp_path: Path, end: bytes) -> None:
    content = b"\n".join(b"%d" % number for number in range(150)) + end
    with written(tmp_path, content).open("rb") as file:
        chunks = list(line_chunks(file))
    assert [len(chunk) for chunk in chunks] == [64, 64, 22]
    assert b"".join(line for chunk in chunks for line in chunk) == content
    assert list(line_chunks(io.BytesIO(content))) == chunks


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [b"\n"]),
        (b"\n\na\r\n\nb", [b"\n", b"\n", b"a\r\n", b"\n", b"b"]),
        (b"a\rb\x0c\x85\n", [b"a\rb\x0c\x85\n"]),
    ],
)
def test_only_line_feeds_end_lines(content: bytes, lines: list[bytes]) -> None:
    assert [line for chunk in line_chunks(io.BytesIO(content)) for line in chunk] == lines


def test_long_lines_give_small_chunks_and_too_long_lines_are_cut(tmp_path: Path) -> None:
    long, huge = b"x" * 700_000 + b"\n", b"y" * (MAX_LINE_BYTES + 1000) + b"\n"
    with written(tmp_path, long * 5 + huge + b"end").open("rb") as file:
        chunks = list(line_chunks(file))
    assert [len(chunk) for chunk in chunks] == [2, 2, 2, 1]
    assert chunks[2] == [long, b"y" * (MAX_LINE_BYTES + 1) + b"\n"]
    assert chunks[3] == [b"end"]


def test_pipe_gives_what_has_arrived() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as file:
        chunks = line_chunks(file)
        os.write(write, b"one\n")
        assert next(chunks) == [b"one\n"]
        os.write(write, b"two\nthree\nhal")
        assert next(chunks) == [b"two\n", b"three\n"]
        os.write(write, b"f\n" + b"more\n" * 100)
        assert [len(chunk) for chunk in islice(chunks, 2)] == [64, 37]
        os.write(write, b"last")
        os.close(write)
        assert list(chunks) == [[b"last"]]
