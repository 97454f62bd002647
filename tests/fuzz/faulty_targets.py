"""Targets with one fault each, to test that the runner detects it."""

import os
import time
from random import Random

from .mutate import mutate_bytes
from .targets import Target, allow_documented_errors


def _target(fault: object) -> Target:
    """A target that calls ``fault`` for inputs that begin with b"!"."""

    def run(data: bytes) -> None:
        if data.startswith(b"!") and callable(fault):
            fault()

    def mutate(data: bytes, random: Random) -> bytes:
        return b"!" + mutate_bytes(data, random)

    return Target(run, mutate, lambda: [b"harmless"])


def _raise() -> None:
    with allow_documented_errors():
        raise KeyError("injected")


def _raise_without_number() -> None:
    with allow_documented_errors():
        raise OSError("not from a file system")


def _panic() -> None:
    raise BaseException("as extensions in Rust do")


def _allocate() -> None:
    bytearray(300 * 2**20)


def _allocate_a_terabyte() -> None:
    bytearray(2**40)


def _spin() -> None:
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass


def _wait() -> None:
    time.sleep(3600)


ABORT, EXIT = _target(os.abort), _target(lambda: os._exit(3))
EXCEPTION, OS_ERROR, PANIC = _target(_raise), _target(_raise_without_number), _target(_panic)
MEMORY, TERABYTE, SLOW, HANG = map(_target, (_allocate, _allocate_a_terabyte, _spin, _wait))
HARMLESS = _target(None)
