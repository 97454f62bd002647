"""All measurements of one model: write its files, run the backends interleaved, then cold starts."""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.backends import Backend, select_backends
from benchmarks.cold_start import PROGRAMS, cold_start
from benchmarks.environment import ROOT, WORK
from benchmarks.files import FILES
from benchmarks.interleaved import BackendError, Worker, error_line, run_interleaved

__all__ = ["measure"]


def measure(model: str, shapes: Sequence[tuple[int, int]], options: Namespace) -> dict[str, Any]:
    """Measure one model.

    Args:
        model: a preset, or ``toy``.
        shapes: batch sizes and lengths.
        options: the options of the command line.

    Returns:
        The measurements as JSON values; ``left_out`` has the backends that cannot be measured, with the reasons.
    """
    folder = WORK / "files" / model
    folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"model": model, "left_out": {}, "backends": {}, "times": [], "cold_starts": {}}
    backends = select_backends(options.only)
    errors: dict[str, str | None] = {}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for backend in backends:
            _log(f"{model}: loading {backend.name}")
            try:
                _write(backend.file, model, folder, options.keep, errors)
                worker = stack.enter_context(Worker(backend, folder, options.threads))
            except BackendError as failure:
                _leave_out(results, backend.name, str(failure))
                continue
            workers[backend.name] = worker
            results["backends"][backend.name] = {**worker.loaded, "bytes": _file_bytes(folder, backend)}
        for batch, length in shapes:
            _log(f"{model}: {batch}x{length}, {len(workers)} backends")
            times, failures = run_interleaved(workers, batch, length, options.repeats, options.patience)
            results["times"].append({"batch": batch, "length": length, "ms": times})
            for name, reason in failures.items():
                _leave_out(results, name, reason)
        for name, worker in workers.items():
            results["backends"][name]["peak_memory"] = worker.close()
    for _ in range(options.cold_starts):
        for backend in backends:
            if backend.name in PROGRAMS and backend.name not in results["left_out"]:
                _start_cold(results, backend, folder, options.threads)
    return results


def _write(name: str, model: str, folder: Path, keep: bool, errors: dict[str, str | None]) -> None:
    """Write a file and the files that it needs, each once.

    Args:
        name: a key of ``FILES``.
        model: a preset, or ``toy``.
        folder: the model's folder.
        keep: do not write a file again that exists.
        errors: by file, the error of writing it or None; files in it are not written again.

    Raises:
        BackendError: the file cannot be written.
    """
    if name not in errors:
        for need in FILES[name].needs:
            _write(need, model, folder, keep, errors)
        errors[name] = None
        if not (keep and (folder / FILES[name].path).exists()):
            _log(f"{model}: writing {name}")
            command = [sys.executable, "-m", "benchmarks.files", name, model, str(folder)]
            result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            errors[name] = error_line(result.stderr) if result.returncode else None
    reason = errors[name]
    if reason is not None:
        raise BackendError(reason)


def _start_cold(results: dict[str, Any], backend: Backend, folder: Path, threads: int) -> None:
    _log(f"{results['model']}: cold start of {backend.name}")
    try:
        result = cold_start(backend.name, folder / FILES[backend.file].path, threads)
    except subprocess.CalledProcessError as error:
        _leave_out(results, f"{backend.name}, cold start", error_line(error.stderr))
        return
    results["cold_starts"].setdefault(backend.name, []).append(result)


def _file_bytes(folder: Path, backend: Backend) -> int:
    """The size of a backend's file, with its external weights."""
    path = folder / FILES[backend.file].path
    files = path.rglob("*.safetensors") if path.is_dir() else path.parent.glob(f"{path.stem}.*")
    return sum(file.stat().st_size for file in files)


def _leave_out(results: dict[str, Any], name: str, reason: str) -> None:
    _log(f"{results['model']}: {name} is left out: {reason}")
    results["left_out"][name] = reason


def _log(text: str) -> None:
    print(text, file=sys.stderr)
