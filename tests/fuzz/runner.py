"""Starts workers, watches them, and starts another where one has crashed or hangs."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from .watched import Plan, State

__all__ = ["Report", "fuzz"]

_ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.05
_MEMORY = Path("/dev/shm")
"""A file system in memory, where there is one: files are written for each input."""


@dataclass(frozen=True)
class Report:
    """What came of a target.

    Attributes:
        target: its name.
        executions: inputs that were run.
        seconds: how long that took.
        findings: names of the faults, each a file in the folder of findings, with a .txt that says more.
    """

    target: str
    executions: int
    seconds: float
    findings: tuple[str, ...]


def fuzz(
    target: str,
    findings: Path,
    *,
    seconds: float,
    executions: int = 2**62,
    seed: int = 0,
    hang_seconds: float = 20.0,
    cpu_seconds: float = 1.0,
    atheris: bool = False,
    replayed: tuple[Path, ...] = (),
) -> Report:
    """Run mutated inputs of a target, or those that are given.

    Args:
        target: name of the target.
        findings: the folder that is given what goes wrong.
        seconds: when to stop.
        executions: after how many inputs to stop, if that is earlier.
        seed: of the random generator.
        hang_seconds: how long one input may take.
        cpu_seconds: how much processor time.
        atheris: let atheris choose what is mutated.
        replayed: inputs to run instead of mutations.
    """
    findings.mkdir(parents=True, exist_ok=True)
    begin, done = time.monotonic(), 0
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as work:
        state_file = Path(work) / "state"
        plan = Plan(
            target=target,
            findings=str(findings),
            state=str(state_file),
            seed=seed,
            until=begin + seconds,
            executions=executions,
            replay=tuple(map(str, replayed)),
            cpu_seconds=cpu_seconds,
            atheris=atheris,
        )
        while True:
            state = State.new(state_file)
            kind, text = _watch(plan, state, hang_seconds)
            done += state.executions
            if kind is None:
                break
            name = f"{kind}-{hashlib.sha256(_key(text).encode()).hexdigest()[:8]}"
            (findings / name).write_bytes(state.data)
            (findings / f"{name}.txt").write_text(text)
            done += 1
            left = executions - done
            if left <= 0 or (not replayed and time.monotonic() > plan.until):
                break
            plan = replace(plan, seed=plan.seed + 1, executions=left, replay=plan.replay[state.executions + 1 :])
            if replayed and not plan.replay:
                break
    names = tuple(sorted(path.stem for path in findings.glob("*.txt")))
    return Report(target, done, time.monotonic() - begin, names)


def _watch(plan: Plan, state: State, hang_seconds: float) -> tuple[str | None, str]:
    """Run one worker to its end: None, or how it failed, and what it printed."""
    command = [sys.executable, "-m", "tests.fuzz.worker", json.dumps(plan.to_dict())]
    with (Path(plan.state + ".stderr")).open("w+b") as stderr:
        environment = {**os.environ, "TMPDIR": str(Path(plan.state).parent)}  # so that a crash leaves nothing there
        worker = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            while worker.poll() is None:
                time.sleep(_POLL_SECONDS)
                since = state.since
                if plan.atheris and (time.monotonic() > plan.until or state.executions >= plan.executions):
                    return None, ""
                # The first input of a worker loads all libraries.
                if since and time.monotonic() - since > hang_seconds * (1 if state.executions else 3):
                    worker.send_signal(signal.SIGABRT)  # faulthandler then says where it was
                    time.sleep(0.5)
                    worker.kill()
                    worker.wait()
                    return "hang", _read(stderr)
        finally:
            worker.kill()
            worker.wait()
        text = f"exit status {worker.returncode}\n{_read(stderr)}"
        if worker.returncode == 0:
            return None, text
        if not state.since:
            raise RuntimeError(f"the worker of {plan.target} failed outside of any input:\n{text}")
        return "crash", text


def _read(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    return stderr.read()[-20_000:].decode(errors="replace")


def _key(text: str) -> str:
    """What tells one fault from another: where in the Python code the process was, or else how it ended."""
    places = re.findall(r'File ".*/(\w+\.py)", line (\d+)', text)
    return repr(places[:4]) if places else text.partition("\n")[0]
