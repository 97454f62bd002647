"""A file open for reading, and whether it has changed since it was opened."""

import os
from pathlib import Path
from typing import NamedTuple, Self

from convbert_onnx.runtime.model_files.protobuf import ByteSource

__all__ = ["FileStamp", "OpenFile"]

# Without O_NONBLOCK, opening a named pipe waits for its writer.
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_BLOCK_BYTES = 2**18
_MAX_READ_BYTES = 2**30
"""The most that one system call reads; some systems refuse 2 GB and more."""


class FileStamp(NamedTuple):
    """Identity, size and times of a file: another file, or the same one after a write, has a different stamp."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, result: os.stat_result) -> Self:
        """Return the stamp for a result of ``os.stat``."""
        return cls(result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)

    def same_content(self, other: "FileStamp") -> bool:
        """Whether both are stamps of one file without a write in between; renaming or unlinking it is not a write."""
        return self[:4] == other[:4]


class OpenFile(ByteSource):
    """A file open for reading; its slices are read when they are asked for.

    Attributes:
        stat: the result of ``os.fstat`` when it was opened.
        stamp: the stamp when it was opened.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, _OPEN_FLAGS)
        self._block_start, self._block = 0, b""
        try:
            self.stat = os.fstat(self._descriptor)
        except BaseException:
            self.close()
            raise
        self.stamp = FileStamp.of(self.stat)

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop = part.start, part.stop
        if stop - start > _BLOCK_BYTES:
            return self._read(start, stop)
        # Small slices come from a block that is kept.
        if not self._block_start <= start <= stop <= self._block_start + len(self._block):
            self._block_start, self._block = start, self._read(start, start + _BLOCK_BYTES)
        return self._block[start - self._block_start : stop - self._block_start]

    def current_stamp(self) -> FileStamp:
        """Return the stamp that the open file has now."""
        return FileStamp.of(os.fstat(self._descriptor))

    def unchanged(self, path: Path) -> bool:
        """Whether the path leads to this file and nobody has written to it since it was opened."""
        try:
            return self.stamp == self.current_stamp() == FileStamp.of(path.stat())
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _read(self, start: int, stop: int) -> bytes:
        """Read a range, which is shorter than asked for if the file ends in it."""
        parts = []
        while start < stop and (part := _pread(self._descriptor, min(stop - start, _MAX_READ_BYTES), start)):
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _pread(descriptor: int, count: int, start: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, count, start)
    os.lseek(descriptor, start, os.SEEK_SET)  # Windows
    return os.read(descriptor, count)
