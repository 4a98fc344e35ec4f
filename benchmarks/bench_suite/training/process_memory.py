"""Peak memory of this process, as the system counts it."""

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
