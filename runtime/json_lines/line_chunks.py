"""Lines of a file or a pipe, in chunks that are answered together."""

import os
import select
import stat
from collections import deque
from collections.abc import Iterator
from typing import IO

from convbert_onnx.runtime.json_lines.answer_lines import MAX_LINE_BYTES

__all__ = ["line_chunks"]

_MAX_LINES = 64
_MAX_BYTES = 2**20
"""A chunk ends with the line that reaches this."""

_BLOCK = 2**16


def line_chunks(file: IO[bytes]) -> Iterator[list[bytes]]:
    """The lines, each with its line end, in chunks of at most 64. Those that are too long come without their end.

    A regular file has the same chunks however fast it is read. Of a pipe, a terminal or a socket, a chunk is what has
    arrived: the first line is waited for, and no further one is.

    Args:
        file: its descriptor is read, where it has one, so that nothing is left in a buffer of its own.
    """
    descriptor = _stream(file)
    lines: deque[bytes] = deque()
    rest = bytearray()
    held, end = 0, False
    while lines or not end:
        while not end and len(lines) < _MAX_LINES and held < _MAX_BYTES:
            if lines and descriptor is not None and not _has_more(descriptor):
                break
            block = file.read(_BLOCK) if descriptor is None else os.read(descriptor, _BLOCK)
            end = not block
            *whole, tail = block.split(b"\n")
            for part in whole:
                lines.append(bytes(rest) + part[: MAX_LINE_BYTES + 1 - len(rest)] + b"\n")
                held += len(lines[-1])
                rest.clear()
            rest += tail[: MAX_LINE_BYTES + 1 - len(rest)]
            if end and rest:
                lines.append(bytes(rest))
        chunk: list[bytes] = []
        size = 0
        while lines and len(chunk) < _MAX_LINES and size < _MAX_BYTES:
            chunk.append(lines.popleft())
            size += len(chunk[-1])
        held -= size
        if chunk:
            yield chunk


def _stream(file: IO[bytes]) -> int | None:
    """The descriptor of what may have to be waited for."""
    try:
        descriptor = file.fileno()
    except OSError:  # bytes in memory
        return None
    return None if stat.S_ISREG(os.fstat(descriptor).st_mode) else descriptor


def _has_more(descriptor: int) -> bool:
    try:
        return bool(select.select([descriptor], [], [], 0)[0])
    except (OSError, ValueError):  # Windows has this for sockets only; a line there is answered alone
        return False
