"""Detection of the int8 matmuls of this machine."""

import platform
from pathlib import Path

import pytest

from convbert_onnx.runtime.sessions import cpu
from convbert_onnx.runtime.sessions.cpu import cpu_of_this_machine

VNNI = {"avx512_vnni", "avx_vnni", "amx_int8"}


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cpu_of_this_machine.cache_clear()


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="this system has no /proc/cpuinfo")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="only for x86")
def test_cpu_of_this_machine_agrees_with_cpuinfo() -> None:
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    assert cpu_of_this_machine() == ("vnni" if VNNI & set(flags.split()) else "avx2")


@pytest.mark.parametrize(
    ("machine", "saturates", "expected"),
    [("x86_64", False, "vnni"), ("x86_64", True, "avx2"), ("AMD64", True, "avx2"), ("aarch64", False, "arm64")],
)
def test_cpu_of_this_machine_depends_on_saturation(
    machine: str, saturates: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(cpu, "_saturates", lambda: saturates)
    assert cpu_of_this_machine() == expected
    cpu_of_this_machine.cache_clear()
