"""The virtual environment of the benchmarks: this project and the packages it is compared with, under build/."""

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["ROOT", "WORK", "enter"]

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "benchmark"
"""Files that can be recreated: the environment, the model files, the logs."""

_PINS = ("-c", "constraints.txt", "-c", "benchmarks/constraints.txt")
# Installed one by one: if one fails, only the backends that need it are left out.
_PACKAGES = (("-e", ".[cpu,export]"), ("matplotlib",), ("optimum-onnx", "transformers"), ("openvino",), ("nncf",))


def enter() -> None:
    """Create or update the environment, and restart this command in it.

    Returns only if this process runs in the environment already.
    """
    folder = WORK / "environment"
    python = folder / "bin" / "python"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    stamp = folder / "installed"
    pins = "".join((ROOT / name).read_text() for name in ("constraints.txt", "benchmarks/constraints.txt"))
    state = hashlib.sha256(json.dumps([_PACKAGES, pins, (ROOT / "pyproject.toml").read_text()]).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != state:
        _install(folder, python)
        stamp.write_text(state)
    os.execv(python, [str(python), "-m", "benchmarks", *sys.argv[1:]])


def _install(folder: Path, python: Path) -> None:
    venv.create(folder, with_pip=True, clear=True)
    for number, packages in enumerate(_PACKAGES):
        print(f"installing {packages[-1]}", file=sys.stderr)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PINS, *packages]
        failed = subprocess.run(command, cwd=ROOT).returncode
        if failed and number == 0:
            raise SystemExit("this project cannot be installed: see pip's output above")
        if failed:
            print(f"{packages[-1]} cannot be installed: the backends that need it are left out", file=sys.stderr)
