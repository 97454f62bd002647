import json
import subprocess
import sys
from pathlib import Path

import pytest

from convbert_onnx.runtime.benchmarking import memory
from convbert_onnx.runtime.benchmarking.memory import peak_memory


def test_peak_memory_includes_freed_memory() -> None:
    code = (
        "from convbert_onnx.runtime.benchmarking.memory import peak_memory\n"
        "before = peak_memory()\n"
        "bytes(1) * 10**8\n"
        "print([before, peak_memory()])"
    )
    before, after = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    assert 10**8 <= after < before + 2 * 10**8


def test_peak_memory_uses_getrusage_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resource")
    monkeypatch.setattr(memory, "_STATUS", Path("/nowhere"))
    assert (peak_memory() or 0) > 2**20
