"""The system that a benchmark ran on: CPU, memory, operating system and package versions."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["describe_system"]

_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
_ARM_FLAGS = ("asimd", "asimddp", "i8mm", "bf16", "sve")
_PACKAGES = ("convbert-onnx", "onnxruntime", "torch", "transformers", "optimum-onnx", "openvino", "numpy")


def describe_system() -> dict[str, Any]:
    """CPU, memory in bytes, Python, and the versions of packages (None for packages that are not installed)."""
    cpu = _cpuinfo()
    flags = (cpu.get("flags") or cpu.get("Features") or "").split()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu.get("model name") or platform.processor() or platform.machine(),
        "family": " ".join(f"{key} {cpu[key]}" for key in ("cpu family", "model") if key in cpu),
        "flags": [flag for flag in (*_FLAGS, *_ARM_FLAGS) if flag in flags],
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _cpuinfo() -> dict[str, str]:
    """The entries of /proc/cpuinfo for the first processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
