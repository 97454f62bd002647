"""Peak memory of this process."""

import sys
from pathlib import Path

__all__ = ["peak_memory"]

_STATUS = Path("/proc/self/status")


def peak_memory() -> int | None:
    """Return the peak of this process's physical memory in bytes, or None if the system does not report it."""
    if _STATUS.exists():
        # On Linux, ru_maxrss starts at the memory of the parent process when it forked.
        peaks = [line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peaks[0]) * 1024 if peaks else None
    if sys.platform == "win32":
        return None
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
