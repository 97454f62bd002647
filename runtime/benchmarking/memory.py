"""The memory of this process."""

import sys
from pathlib import Path

__all__ = ["peak_memory"]

_STATUS = Path("/proc/self/status")


def peak_memory() -> int | None:
    """The most bytes of physical memory that this process ever held, or None where the system does not say."""
    if _STATUS.exists():
        # Not ru_maxrss, which on Linux starts with what the parent held when it made this process.
        found = [line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(found[0]) * 1024 if found else None
    if sys.platform == "win32":
        return None
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
