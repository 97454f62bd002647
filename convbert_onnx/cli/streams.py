"""Standard streams, and files that are named like streams."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from convbert_onnx.errors import InputError, OutputError
from convbert_onnx.json_text import to_json

__all__ = ["Text", "is_file_name", "open_input", "open_stream", "print_json", "print_text"]


class Text(click.types.StringParamType):
    """Text from the command line, read as UTF-8 whatever the locale is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Decode bytes that the locale could not decode."""
        if not re.search("[\ud800-\udfff]", value):
            return value
        try:
            return os.fsencode(value).decode()
        except UnicodeError:
            self.fail(f"{value!r} is not UTF-8: pass text in UTF-8, or write it to a file for --input", param, ctx)


def print_text(text: str) -> None:
    """Print text for people."""
    _standard_output()
    click.echo(text)


def print_json(value: object, indent: int | None = None) -> None:
    """Print JSON, in UTF-8."""
    output = _standard_output()
    output.write(to_json(value, indent) + b"\n")
    output.flush()


@contextmanager
def open_input(name: str) -> Iterator[IO[bytes]]:
    """Open a file, or standard input as ``-``."""
    if name != "-":
        with Path(name).open("rb") as file:
            yield file
    elif sys.stdin is None:
        raise InputError("standard input is closed: name a file")
    else:
        yield sys.stdin.buffer


def is_file_name(name: str) -> bool:
    """Whether output of this name is a file that is written as a whole, not a stream: ``-``, a pipe or a device."""
    path = Path(name)
    return name != "-" and _own_descriptor(name) is None and (path.is_file() or path.is_dir() or not path.exists())


@contextmanager
def open_stream(name: str) -> Iterator[IO[bytes]]:
    """Open output that is not a file."""
    if name == "-":
        yield _standard_output()
        return
    descriptor = _own_descriptor(name)
    if descriptor is None:
        with Path(name).open("wb") as file:
            yield file
        return
    try:
        # Not by name: that would truncate a file to which the shell appends, and cannot open a socket.
        own = os.dup(descriptor)
    except OSError as error:
        raise OutputError(f"{name} is closed: name a file") from error
    with os.fdopen(own, "wb") as file:
        yield file


_DESCRIPTOR = re.compile(r"/dev/std(out|err)|/(?:dev|proc/self)/fd/(\d{1,9})")


def _own_descriptor(name: str) -> int | None:
    found = _DESCRIPTOR.fullmatch(name)
    if found is None:
        return None
    return int(found[2]) if found[2] else {"out": 1, "err": 2}[found[1]]


def _standard_output() -> IO[bytes]:
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    sys.stdout.flush()
    return sys.stdout.buffer
