"""Which products of bytes this machine is known to have."""

from pathlib import Path

import pytest

from convbert_onnx.runtime import cpu
from convbert_onnx.runtime.cpu import cpu_of_this_machine


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx2 avx512f avx512_vnni", "vnni"),
        ("x86_64", "fpu avx2 avx_vnni", "vnni"),
        ("x86_64", "fpu avx2 avx512f", "avx2"),
        ("x86_64", None, "avx2"),
        ("aarch64", None, "arm64"),
        ("arm64", None, "arm64"),
    ],
)
def test_the_cpu_is_known(
    machine: str, flags: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(cpu, "_CPUINFO", tmp_path / "cpuinfo")
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    cpu_of_this_machine.cache_clear()
    assert cpu_of_this_machine() == expected
    cpu_of_this_machine.cache_clear()
