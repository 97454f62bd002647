"""State that a worker process shares with its monitor: the running input and its start time."""

import mmap
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["MAX_INPUT_BYTES", "Plan", "State"]

MAX_INPUT_BYTES = 4 * 2**20
_HEAD = struct.Struct("<QdQ")


@dataclass(frozen=True)
class Plan:
    """The task of a worker.

    Attributes:
        target: the target's name.
        findings: the folder for inputs that show a fault.
        state: the file of the worker's :class:`State`.
        seed: seed of the random generator.
        until: end time, on the monotonic clock.
        executions: maximum number of executions.
        replay: inputs to run instead of mutations.
        cpu_seconds: maximum CPU time of an execution.
        atheris: use atheris for coverage-guided mutation.
        memory_bytes: maximum memory that an execution may add, in addition to twice the size of its input.
    """

    target: str
    findings: str
    state: str
    seed: int
    until: float
    executions: int
    replay: tuple[str, ...]
    cpu_seconds: float
    atheris: bool
    memory_bytes: int = 200 * 2**20

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class State:
    """Completed executions, start time of the current one (or 0) and its input, in a file that survives a crash."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._data = mmap.mmap(file.fileno(), 0)

    @classmethod
    def new(cls, path: Path) -> Self:
        with path.open("wb") as file:
            file.truncate(_HEAD.size + MAX_INPUT_BYTES)
        return cls(path)

    def begin(self, executions: int, now: float, data: bytes) -> None:
        self._data[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._data, 0, executions, now, len(data))

    def end(self, executions: int) -> None:
        _HEAD.pack_into(self._data, 0, executions, 0.0, 0)

    @property
    def executions(self) -> int:
        return int(_HEAD.unpack_from(self._data)[0])

    @property
    def since(self) -> float:
        return float(_HEAD.unpack_from(self._data)[1])

    @property
    def data(self) -> bytes:
        size = _HEAD.unpack_from(self._data)[2]
        return self._data[_HEAD.size : _HEAD.size + size]
