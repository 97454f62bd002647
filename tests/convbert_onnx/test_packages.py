"""Imports of optional packages."""

import subprocess
import sys
from pathlib import Path

import pytest

from convbert_onnx.packages import load_onnxruntime


def run(code: str, path: Path | None = None) -> str:
    lines = ["import sys", f"sys.path.insert(0, {str(path)!r})" if path else "", code]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert result.returncode == 1
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers"])
def test_error_for_a_missing_package_has_the_install_command(package: str) -> None:
    load = f"from convbert_onnx.packages import load_{package}; load_{package}()"
    message = run(f"sys.modules[{package!r}] = None\n{load}")
    assert f"needs {package}: pip install 'convbert-onnx[cpu]'" in message


def test_both_onnxruntime_packages_together_are_refused(tmp_path: Path) -> None:
    for name in ("onnxruntime", "onnxruntime_gpu"):
        (tmp_path / f"{name}-1.30.0.dist-info").mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.30.0\n"
        (tmp_path / f"{name}-1.30.0.dist-info" / "METADATA").write_text(metadata)
    message = run("from convbert_onnx.packages import load_onnxruntime; load_onnxruntime()", tmp_path)
    assert "both installed" in message
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in message


def test_old_onnxruntime_is_refused(tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("__version__ = '1.21.1'")
    message = run("from convbert_onnx.packages import load_onnxruntime; load_onnxruntime()", tmp_path)
    assert "onnxruntime 1.21.1 is too old, 1.22 or newer is needed: pip install" in message


def test_installed_onnxruntime_is_accepted() -> None:
    assert load_onnxruntime().__name__ == "onnxruntime"
