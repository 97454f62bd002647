"""Read lines of bounded length from a file or a pipe, in chunks that are answered together."""

import os
import select
import stat
from collections import deque
from collections.abc import Iterator
from typing import IO

__all__ = ["MAX_CHUNK_BYTES", "MAX_CHUNK_LINES", "MAX_LINE_BYTES", "line_chunks"]

MAX_LINE_BYTES = 4 * 2**20
"""The longest line that is answered; a context of four million characters has about 800,000 words."""

MAX_CHUNK_LINES = 64
MAX_CHUNK_BYTES = 2**20
"""A chunk ends with the line that reaches this size."""

_READ_BYTES = 2**16


def line_chunks(file: IO[bytes]) -> Iterator[list[bytes]]:
    """Read lines, with their line ends, in chunks of at most 64.

    Of a line that is longer than ``MAX_LINE_BYTES``, the first ``MAX_LINE_BYTES`` + 1 bytes are kept.

    The chunks of a regular file do not depend on how fast it is read. From a pipe, a terminal or a socket, a chunk
    contains what has arrived: only its first line is waited for.

    Args:
        file: read through its descriptor if it has one, so that nothing stays in the buffer of the file object.
    """
    descriptor = _stream_descriptor(file)
    lines: deque[bytes] = deque()
    rest = bytearray()
    held, end = 0, False
    while lines or not end:
        while not end and len(lines) < MAX_CHUNK_LINES and held < MAX_CHUNK_BYTES:
            if lines and descriptor is not None and not _has_more(descriptor):
                break
            block = file.read(_READ_BYTES) if descriptor is None else os.read(descriptor, _READ_BYTES)
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
        while lines and len(chunk) < MAX_CHUNK_LINES and size < MAX_CHUNK_BYTES:
            chunk.append(lines.popleft())
            size += len(chunk[-1])
        held -= size
        if chunk:
            yield chunk


def _stream_descriptor(file: IO[bytes]) -> int | None:
    """Return the descriptor of a file whose data may arrive later; None for a regular file or bytes in memory."""
    try:
        descriptor = file.fileno()
    except OSError:  # bytes in memory
        return None
    return None if stat.S_ISREG(os.fstat(descriptor).st_mode) else descriptor


def _has_more(descriptor: int) -> bool:
    try:
        return bool(select.select([descriptor], [], [], 0)[0])
    except (OSError, ValueError):  # on Windows, select works with sockets only; a chunk has one line there
        return False
