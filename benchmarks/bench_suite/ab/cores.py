"""The processors that a comparison uses: the same ones for both sides, those that are least busy now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench_suite.environment import usable_cores

WATCHED_SECONDS = 0.3
STAT = Path("/proc/stat")


def choose_cores(count: int) -> tuple[int, ...]:
    """Return so many of the processors that this process may use, or all if there are fewer: the least busy ones."""
    usable = usable_cores()
    if count >= len(usable):
        return usable
    before = _busy()
    time.sleep(WATCHED_SECONDS)
    after = _busy()
    by_load = sorted(usable, key=lambda core: (after.get(core, 0) - before.get(core, 0), -core))
    return tuple(sorted(by_load[:count]))


def other_cores(cores: Sequence[int]) -> tuple[int, ...]:
    """Return the other processors if there are enough to do the same beside them; else the same ones."""
    others = tuple(core for core in usable_cores() if core not in cores)
    return others[: len(cores)] if len(others) >= len(cores) else tuple(cores)


def _busy() -> dict[int, int]:
    """Return by processor how many ticks it was not idle; empty if the system does not say."""
    ticks = {}
    with suppress(OSError, ValueError, IndexError):
        for line in STAT.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[0].startswith("cpu") and words[0] != "cpu":
                ticks[int(words[0][3:])] = sum(map(int, words[1:])) - int(words[4]) - int(words[5])
    return ticks
