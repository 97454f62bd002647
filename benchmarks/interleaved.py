"""The measurement: contestants open their files, and then take turns on every shape."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.backends import Contestant
from benchmarks.environment import ROOT

__all__ = ["ContestantError", "Worker", "last_words", "take_turns"]

_REST_S = 0.06
"""Idle threads of the engine before spin for a while after its run, and would slow down whoever comes next."""

_WARM_UP = 2
_FEWEST = 5


class ContestantError(Exception):
    """A contestant cannot take part, and why."""


class Worker:
    """A contestant's process.

    Attributes:
        opened: what it said when it was ready: ``open_ms`` and ``note``.
    """

    def __init__(self, contestant: Contestant, folder: Path, threads: int) -> None:
        self._log = folder / f"{contestant.name.replace(' ', '-')}.log"
        command = [sys.executable, "-m", "benchmarks.worker", contestant.name, str(folder), str(threads)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1
            )
        self.opened = self._answer()

    def run(self, batch: int, length: int) -> float:
        """Milliseconds of one run.

        Raises:
            ContestantError: the process has ended.
        """
        try:
            print(json.dumps([batch, length]), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            raise ContestantError(last_words(self._log.read_text())) from None
        ms: float = self._answer()["ms"]
        return ms

    def close(self) -> int | None:
        """End the process; the bytes of memory that it held at most, where the system says."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            peak: int | None = self._answer()["peak_memory"]
        except ContestantError:
            peak = None
        self._process.wait()
        return peak

    def kill(self) -> None:
        """End the process, whatever it is doing."""
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
            raise ContestantError(last_words(self._log.read_text()))
        answer: dict[str, Any] = json.loads(line)
        return answer


def take_turns(
    workers: dict[str, Worker], batch: int, length: int, repeats: int, patience_s: float
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Milliseconds of each contestant's runs, and why those failed that did.

    Args:
        workers: by name; those that fail are taken out.
        batch: texts.
        length: tokens of each text.
        repeats: timed runs of each.
        patience_s: seconds after which five timed runs are enough.
    """
    times: dict[str, list[float]] = {name: [] for name in workers}
    failures: dict[str, str] = {}
    start = time.monotonic()
    for turn in range(_WARM_UP + repeats):
        if turn >= _WARM_UP + _FEWEST and time.monotonic() - start > patience_s:
            break
        for name, worker in list(workers.items()):
            time.sleep(_REST_S)
            try:
                ms = worker.run(batch, length)
            except ContestantError as failure:
                failures[name] = f"{batch}x{length}: {failure}"
                del workers[name], times[name]
                continue
            if turn >= _WARM_UP:
                times[name].append(ms)
    return times, failures


def last_words(log: str) -> str:
    """The line of a traceback that says what was wrong."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "ended without a word (see dmesg: out of memory?)"
