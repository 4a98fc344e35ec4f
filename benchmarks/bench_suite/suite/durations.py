"""Durations as people write them in a suite: "10m", "90s", "1h"."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
"Seconds of each unit."


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration: a number above zero and its unit. Raises ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", duration.strip())
    if match is None or not float(match[1]):
        raise ValueError(f'"{duration}" is no time such as "10m", "90s" or "1h"')
    return float(match[1]) * UNITS[match[2]]
