"""The process around a command: closed descriptors, signals, and output that cannot be written."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["discard_unwritten_output", "exit_on_signals", "open_closed_descriptors"]


def open_closed_descriptors() -> None:
    """Open the null device as each closed standard stream, so that no other file gets its number."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def discard_unwritten_output() -> None:
    """Drop output that cannot be written; the interpreter would try again at exit, and report a second error."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            sys.stdout = None


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn signals that end the process into ``SystemExit``, so that temporary files are removed."""
    before = {}
    last = -1.0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal last
        # timeout and others send a signal twice, to the process and to its group: the second must not stop the cleanup.
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
