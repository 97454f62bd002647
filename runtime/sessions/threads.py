"""The number of threads to compute with."""

import math
import os
from pathlib import Path

__all__ = ["available_cores"]

_CGROUP = Path("/sys/fs/cgroup")
_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def available_cores(cgroup: Path = _CGROUP) -> int:
    """Return the number of physical cores that this process may use, given its affinity and its container's CPU quota.

    onnxruntime itself counts the cores of the machine, so in a container it starts more threads than it can use.
    """
    cores = _physical_cores()
    quota = _quota(cgroup)
    return max(1, min(cores, math.ceil(quota)) if quota is not None else cores)


def _physical_cores() -> int:
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    try:
        return len({Path(_TOPOLOGY.format(cpu)).read_text() for cpu in allowed})
    except OSError:
        return len(allowed)


def _quota(cgroup: Path) -> float | None:
    """Return the CPU quota of the cgroup (version 2, else 1) in processors, or None without a limit."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if limit in ("max", "-1") else int(limit) / int(period)
