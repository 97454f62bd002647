"""Interleaved measurement: each backend loads its file once, then all run in turn at every shape."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.backends import Backend
from benchmarks.environment import ROOT

__all__ = ["BackendError", "Worker", "error_line", "run_interleaved"]

_REST_S = 0.06
"""Pause before each run: the threads of the previous engine keep spinning briefly and would slow down the next one."""

_WARM_UP_RUNS = 2
_MIN_RUNS = 5


class BackendError(Exception):
    """A backend cannot be measured; the message is the reason."""


class Worker:
    """The process of one backend.

    Attributes:
        loaded: the first message of the process: ``open_ms`` and ``note``.
    """

    def __init__(self, backend: Backend, folder: Path, threads: int) -> None:
        self._log = folder / f"{backend.name.replace(' ', '-')}.log"
        command = [sys.executable, "-m", "benchmarks.worker", backend.name, str(folder), str(threads)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
            )
        self.loaded = self._answer()

    def run(self, batch: int, length: int) -> float:
        """Run the model once; returns the milliseconds.

        Raises:
            BackendError: the process has ended.
        """
        try:
            print(json.dumps([batch, length]), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise BackendError(error_line(self._log.read_text())) from None
        ms: float = self._answer()["ms"]
        return ms

    def close(self) -> int | None:
        """End the process; returns its peak memory in bytes, or None where the system does not report it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            peak: int | None = self._answer()["peak_memory"]
        except BackendError:
            peak = None
        self._process.wait()
        return peak

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise BackendError(error_line(self._log.read_text()))
        answer: dict[str, Any] = json.loads(line)
        return answer


def run_interleaved(
    workers: dict[str, Worker], batch: int, length: int, repeats: int, patience_s: float
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Run all backends in turn at one shape.

    Args:
        workers: by backend name; those that fail are removed.
        batch: batch size.
        length: sequence length.
        repeats: timed runs of each backend.
        patience_s: seconds after which five timed runs are enough.

    Returns:
        The milliseconds of each backend's runs, and the reason for each backend that failed.
    """
    times: dict[str, list[float]] = {name: [] for name in workers}
    failures: dict[str, str] = {}
    start = time.monotonic()
    for iteration in range(_WARM_UP_RUNS + repeats):
        if iteration >= _WARM_UP_RUNS + _MIN_RUNS and time.monotonic() - start > patience_s:
            break
        for name, worker in list(workers.items()):
            time.sleep(_REST_S)
            try:
                ms = worker.run(batch, length)
            except BackendError as failure:
                failures[name] = f"{batch}x{length}: {failure}"
                del workers[name], times[name]
                continue
            if iteration >= _WARM_UP_RUNS:
                times[name].append(ms)
    return times, failures


def error_line(log: str) -> str:
    """The last line of a log, which is the error message of a traceback."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "the process ended without a message (out of memory? see dmesg)"
