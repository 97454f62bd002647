"""All measurements of one model: its files, the turns of all contestants, and their cold starts."""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.backends import Contestant, choose
from benchmarks.cold_start import PROGRAMS, cold_start
from benchmarks.environment import ROOT, WORK
from benchmarks.files import FILES
from benchmarks.interleaved import ContestantError, Worker, last_words, take_turns

__all__ = ["measure"]


def measure(model: str, shapes: Sequence[tuple[int, int]], options: Namespace) -> dict[str, Any]:
    """What JSON can hold of a model's measurements; who cannot take part is in ``left_out`` with the reason.

    Args:
        model: its name.
        shapes: batch and length.
        options: of the command.
    """
    folder = WORK / "files" / model
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"model": model, "left_out": {}, "contestants": {}, "times": [], "cold_starts": {}}
    chosen = choose(options.only)
    made: dict[str, str | None] = {}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contestant in chosen:
            _say(f"{model}: opening {contestant.name}")
            try:
                _make(contestant.file, model, folder, options.keep, made)
                worker = stack.enter_context(Worker(contestant, folder, options.threads))
            except ContestantError as failure:
                _leave_out(found, contestant.name, str(failure))
                continue
            workers[contestant.name] = worker
            found["contestants"][contestant.name] = {**worker.opened, "bytes": _bytes(folder, contestant)}
        for batch, length in shapes:
            _say(f"{model}: {batch}x{length}, {len(workers)} contestants")
            times, failures = take_turns(workers, batch, length, options.repeats, options.patience)
            found["times"].append({"batch": batch, "length": length, "ms": times})
            for name, reason in failures.items():
                _leave_out(found, name, reason)
        for name, worker in workers.items():
            found["contestants"][name]["peak_memory"] = worker.close()
    for _ in range(options.cold_starts):
        for contestant in chosen:
            if contestant.name in PROGRAMS and contestant.name not in found["left_out"]:
                _start_cold(found, contestant, folder, options.threads)
    return found


def _make(name: str, model: str, folder: Path, keep: bool, made: dict[str, str | None]) -> None:
    """Make a file and those that it needs, each once; ``made`` says for each what went wrong, if anything did.

    Raises:
        ContestantError: the file cannot be made.
    """
    if name not in made:
        for need in FILES[name].needs:
            _make(need, model, folder, keep, made)
        made[name] = None
        if not (keep and (folder / FILES[name].path).exists()):
            _say(f"{model}: making {name}")
            command = [sys.executable, "-m", "benchmarks.files", name, model, str(folder)]
            result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            made[name] = last_words(result.stderr) if result.returncode else None
    reason = made[name]
    if reason is not None:
        raise ContestantError(reason)


def _start_cold(found: dict[str, Any], contestant: Contestant, folder: Path, threads: int) -> None:
    _say(f"{found['model']}: cold start of {contestant.name}")
    try:
        result = cold_start(contestant.name, folder / FILES[contestant.file].path, threads)
    except subprocess.CalledProcessError as error:
        _leave_out(found, f"{contestant.name}, cold start", last_words(error.stderr))
        return
    found["cold_starts"].setdefault(contestant.name, []).append(result)


def _bytes(folder: Path, contestant: Contestant) -> int:
    """The size of a contestant's file, with the weights beside it."""
    path = folder / FILES[contestant.file].path
    files = path.rglob("*.safetensors") if path.is_dir() else path.parent.glob(f"{path.stem}.*")
    return sum(file.stat().st_size for file in files)


def _leave_out(found: dict[str, Any], name: str, reason: str) -> None:
    _say(f"{found['model']}: without {name}: {reason}")
    found["left_out"][name] = reason


def _say(text: str) -> None:
    print(text, file=sys.stderr)
