"""The environment that the contestants share: this project and its peers, installed under build/."""

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
"""Everything that can be made again: the environment, the contestants' files, their logs."""

_PINS = ("-c", "constraints.txt", "-c", "benchmarks/constraints.txt")
# One by one, so that a peer that cannot be installed here costs its own columns only.
_PACKAGES = (("-e", ".[cpu,export]"), ("matplotlib",), ("optimum-onnx", "transformers"), ("openvino",), ("nncf",))


def enter() -> None:
    """Go on in the environment, which is made or brought up to date first.

    Does not return, unless this process runs there already.
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
            raise SystemExit("this project itself cannot be installed: pip's own words are above")
        if failed:
            print(f"without {packages[-1]}: its contestants will be left out", file=sys.stderr)
