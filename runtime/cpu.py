"""What this machine's CPU does with products of bytes."""

import platform
from functools import cache
from pathlib import Path
from typing import get_args

from convbert_onnx.bundle import Cpu
from convbert_onnx.errors import InputError

__all__ = ["cpu_of_this_machine", "pairs_saturate"]

_VNNI = {"avx512_vnni", "avx_vnni", "avx512vnni", "avxvnni"}
_CPUINFO = Path("/proc/cpuinfo")


@cache
def cpu_of_this_machine() -> Cpu:
    """The form for this machine; where the system does not tell of VNNI, the one that is right without it."""
    if platform.machine().lower() in ("aarch64", "arm64"):
        return "arm64"
    try:
        flags = next(line for line in _CPUINFO.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return "avx2"
    return "vnni" if _VNNI & set(flags.split()) else "avx2"


def pairs_saturate(cpu: Cpu) -> bool:
    """Whether products of bytes are added in pairs of 16 bits, as x86 without VNNI does, where large ones saturate.

    Raises:
        InputError: there is no such CPU.
    """
    if cpu not in get_args(Cpu):
        raise InputError(f"cpu must be one of auto, {', '.join(get_args(Cpu))}, not {cpu!r}")
    return cpu == "avx2"
