"""Memory of this process, as the system counts it, and what is left for it."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from pathlib import Path

from bench_suite.environment import MEBIBYTE


def reset_peak() -> bool:
    """Let the peak begin anew; return False if the system does not allow it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def peak_memory() -> float:
    """Return the peak memory of this process in MiB, since its start or since `reset_peak`."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 if sys.platform != "darwin" else kilobytes / MEBIBYTE


def current_memory() -> float:
    """Return the memory of this process in MiB; its peak if the system does not state the present."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return peak_memory()


def available_memory() -> float | None:
    """Return the MiB that this process can still take without swapping; None if the system does not state it.

    In a control group with a limit, as in a container, it is at most what the group has left; files that the system
    keeps in memory count as available.
    """
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return min(int(line.split()[1]) / 1024, _left_in_group(CONTROL_GROUP))
    return None


CONTROL_GROUP = Path("/sys/fs/cgroup")
"Folder in which Linux shows the limits of the control group that a container has for a root."


def _left_in_group(folder: Path) -> float:
    """Return the MiB that a control group has left; infinite if it has no limit. Both versions of Linux are read."""
    for part, limit, used, inactive in (
        (folder, "memory.max", "memory.current", "inactive_file"),
        (folder / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        with suppress(OSError, ValueError):  # there is no such file, or the limit is `max`
            left = int((part / limit).read_text()) - int((part / used).read_text())
            for line in (part / "memory.stat").read_text().splitlines():
                name, _, value = line.partition(" ")
                left += int(value) if name == inactive else 0
            return max(0, left) / MEBIBYTE
    return float("inf")
