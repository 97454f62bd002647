"""An ONNX file that is open for reading, parsed without the package ``onnx``.

Everything is read through one descriptor, so that the contents of a file and of its replacement are never mixed.
"""

import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from convbert_onnx.errors import BundleError, FileMissingError
from convbert_onnx.runtime.model_files.onnx_parser import Contents, parse_model
from convbert_onnx.runtime.model_files.open_file import OpenFile

__all__ = ["INCOMPLETE", "OnnxFile"]

_MAX_FILE_BYTES = 2**31 - 1
"""The largest protobuf message that the engine reads."""

INCOMPLETE = "is not a complete ONNX file (truncated, damaged or another kind of file)"
"""What errors say about a damaged file."""


class OnnxFile:
    """An ONNX file that is open for reading.

    Attributes:
        path: the path that was passed.
        real: the path of the file itself if ``path`` is a link.
        data: its bytes.
        size: the number of bytes.
        contents: its metadata and tensors.

    Raises:
        FileMissingError: there is no such file.
        BundleError: it cannot be read, or is not a complete ONNX file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.real = path.resolve()
            self.data = OpenFile(self.real)
        except FileNotFoundError as error:
            raise FileMissingError(f"{path} does not exist: name an exported .onnx file") from error
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
            raise BundleError(f"{path} cannot be read ({error}): check its permissions") from error
        try:
            if not stat.S_ISREG(self.data.stat.st_mode):
                raise BundleError(f"{path} is not a regular file: name an exported .onnx file")
            self.size = self.data.stamp.size
            if self.size > _MAX_FILE_BYTES:
                raise BundleError(f"{path} has more than 2 GB, which no ONNX file can have: export the model again")
            self.contents = self._parse()
        except BaseException:
            self.data.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.data.close()

    def read(self) -> bytes:
        """Read the whole file.

        Raises:
            BundleError: it was written to after it was opened.
        """
        content = self.data[0 : self.size]
        # The file may have lost its name meanwhile, which changes its full stamp.
        if not self.data.current_stamp().same_content(self.data.stamp):
            raise BundleError(f"{self.path} was written to while it was read: wait until that is done")
        return content

    def unchanged(self) -> bool:
        """Whether the path still leads to this file and nobody has written to it since it was opened."""
        return self.data.unchanged(self.real)

    def _parse(self) -> Contents:
        try:
            return parse_model(self.data, self.size)
        except (ValueError, OSError) as error:
            raise BundleError(f"{self.path} {INCOMPLETE}: {error}; export or copy it again") from error
