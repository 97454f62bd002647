"""What a worker process and the process that watches it share: the input that runs, and since when."""

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
    """What a worker does.

    Attributes:
        target: the target's name.
        findings: the folder for inputs with which something went wrong.
        state: the file of the worker's :class:`State`.
        seed: of the random generator.
        until: when to stop, by the monotonic clock.
        executions: after how many executions to stop.
        replay: inputs to run instead of mutations.
        cpu_seconds: processor time for an execution.
        atheris: let atheris choose what is mutated, by the code that it reaches.
        memory_bytes: memory that an execution may add, beside twice the size of its input.
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
    """Executions so far, the start of the current one (0 between two), and its input; the file outlives a crash."""

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
