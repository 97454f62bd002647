"""What the command line has to do with the process around it: standard streams, signals, and errors in one line."""

import io
import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

import click

from convbert_onnx.errors import ConvBertError, InputError, OutputError
from convbert_onnx.json_text import to_json

__all__ = ["Group", "Text", "is_file_name", "open_input", "open_stream", "print_json", "print_text"]


class Group(click.Group):
    """Shows errors as one line, with a traceback only after ``--debug``, and cleans up when it is told to end."""

    def main(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        _fill_closed_descriptors()
        if sys.stderr is None:  # bars and messages would go elsewhere, or fail
            sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a code page must not stop what is for people
        with _ending_on_signals():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: D102
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # whoever read a broken pipe has enough; click ends quietly
        except (Exception, KeyboardInterrupt) as error:
            _forget_unwritten()
            if ctx.params["debug"]:
                raise
            raise click.ClickException(_in_one_line(error)) from error


class Text(click.types.StringParamType):
    """Text from the command line, which is UTF-8 even where the locale says otherwise."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Decode what the locale could not."""
        if not re.search("[\ud800-\udfff]", value):
            return value
        try:
            return os.fsencode(value).decode()
        except UnicodeError:
            self.fail(f"{value!r} is not UTF-8: pass text in UTF-8, or write it to a file for --input", param, ctx)


def print_text(text: str) -> None:
    """Print a line for people."""
    _standard_output()
    click.echo(text)


def print_json(value: Any, indent: int | None = None) -> None:
    """Print JSON for machines, in UTF-8."""
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
    """Whether output of this name is a file to be written whole, and not a stream: ``-``, a pipe, a device."""
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
        # Not by its name: that would begin a file anew which the shell appends to, and cannot open a socket.
        own = os.dup(descriptor)
    except OSError as error:
        raise OutputError(f"{name} is closed: name a file") from error
    with os.fdopen(own, "wb") as file:
        yield file


_OWN = re.compile(r"/dev/std(out|err)|/(?:dev|proc/self)/fd/(\d{1,9})")


def _own_descriptor(name: str) -> int | None:
    found = _OWN.fullmatch(name)
    if found is None:
        return None
    return int(found[2]) if found[2] else {"out": 1, "err": 2}[found[1]]


def _standard_output() -> IO[bytes]:
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    sys.stdout.flush()
    return sys.stdout.buffer


def _in_one_line(error: BaseException) -> str:
    text = re.sub(r"\s*[\r\n]\s*", " ", str(error).strip())
    if isinstance(error, ConvBertError):
        return text
    if isinstance(error, OSError):
        return f"{error.strerror}: {os.fsdecode(error.filename)}" if error.strerror and error.filename else text
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, MemoryError):
        return "there is not enough memory: give less at a time, or run on a larger machine"
    return (
        f"unexpected {type(error).__name__}: {text or 'no reason given'}. This is a bug of convbert-onnx: please "
        "report what `convbert-onnx --debug ...` shows for the same arguments"
    )


def _forget_unwritten() -> None:
    """Drop output that cannot be written, which the interpreter would try, and complain of, once more at its end."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            sys.stdout = None


def _fill_closed_descriptors() -> None:
    """Open nothing as the standard streams that are closed, whose numbers a file would get otherwise."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Let signals that end the process end it as an exception, so that temporary files are removed."""
    before = {}
    last = -1.0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal last
        # Some send it twice in a row (timeout, to the process and to its group): that must not stop the cleaning up.
        now = time.monotonic()
        if last < 0 or now - last > 1:
            last = now
            raise SystemExit(128 + number)

    with suppress(ValueError):  # not in the main thread
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
                before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
