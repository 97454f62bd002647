"""Start and monitor workers; replace those that crash or hang."""

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

from .worker_state import Plan, State

__all__ = ["Report", "fuzz"]

_ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.05
_MEMORY = Path("/dev/shm")
"""A file system in memory, if available: every input writes files."""


@dataclass(frozen=True)
class Report:
    """The result of fuzzing a target.

    Attributes:
        target: its name.
        executions: number of inputs run.
        seconds: duration.
        findings: names of the faults; for each, the findings folder has the input and a .txt file with details.
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
    replay: tuple[Path, ...] = (),
) -> Report:
    """Run mutated inputs of a target, or given inputs.

    Args:
        target: name of the target.
        findings: the folder for inputs that show a fault.
        seconds: maximum duration.
        executions: maximum number of inputs.
        seed: seed of the random generator.
        hang_seconds: maximum duration of one input.
        cpu_seconds: maximum CPU time of one input.
        atheris: use atheris for coverage-guided mutation.
        replay: inputs to run instead of mutations.
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
            replay=tuple(map(str, replay)),
            cpu_seconds=cpu_seconds,
            atheris=atheris,
        )
        while True:
            state = State.new(state_file)
            kind, text = _monitor(plan, state, hang_seconds)
            done += state.executions
            if kind is None:
                break
            name = f"{kind}-{hashlib.sha256(_fault_key(text).encode()).hexdigest()[:8]}"
            (findings / name).write_bytes(state.data)
            (findings / f"{name}.txt").write_text(text)
            done += 1
            left = executions - done
            if left <= 0 or (not replay and time.monotonic() > plan.until):
                break
            plan = replace(plan, seed=plan.seed + 1, executions=left, replay=plan.replay[state.executions + 1 :])
            if replay and not plan.replay:
                break
    names = tuple(sorted(path.stem for path in findings.glob("*.txt")))
    return Report(target, done, time.monotonic() - begin, names)


def _monitor(plan: Plan, state: State, hang_seconds: float) -> tuple[str | None, str]:
    """Run one worker until it ends; returns the kind of failure or None, and its standard error."""
    command = [sys.executable, "-m", "tests.fuzz.worker", json.dumps(plan.to_dict())]
    with (Path(plan.state + ".stderr")).open("w+b") as stderr:
        environment = {**os.environ, "TMPDIR": str(Path(plan.state).parent)}  # a crash leaves no files behind
        worker = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            while worker.poll() is None:
                time.sleep(_POLL_SECONDS)
                since = state.since
                if plan.atheris and (time.monotonic() > plan.until or state.executions >= plan.executions):
                    return None, ""
                # The first input of a worker loads all libraries.
                if since and time.monotonic() - since > hang_seconds * (1 if state.executions else 3):
                    worker.send_signal(signal.SIGABRT)  # faulthandler prints the traceback
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
            raise RuntimeError(f"the worker of {plan.target} failed outside any input:\n{text}")
        return "crash", text


def _read(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    return stderr.read()[-20_000:].decode(errors="replace")


def _fault_key(text: str) -> str:
    """A key that identifies a fault: the place in the Python code, or else the exit status."""
    places = re.findall(r'File ".*/(\w+\.py)", line (\d+)', text)
    return repr(places[:4]) if places else text.partition("\n")[0]
