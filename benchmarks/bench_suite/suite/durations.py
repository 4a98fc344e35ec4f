"""Durations as people write them in a suite: "10m", "90s", "1h"."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
"Seconds of each unit."


def seconds_of(duration: str) -> float:
    """Seconds of a duration above zero, a number and its unit. Raises `ValueError` where it is no such."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", duration.strip())
    if found is None or not float(found[1]):
        raise ValueError(f'"{duration}" is no time such as "10m", "90s" or "1h"')
    return float(found[1]) * UNITS[found[2]]
