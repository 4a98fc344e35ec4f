"""Durations: read as people write them in a suite ("10m", "90s", "1h"), and written for people to read."""

from __future__ import annotations

import re

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
"Seconds of each unit."


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration above zero: a number and its unit.

    Raises:
        ValueError: the text is no duration, or the duration is zero.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", duration.strip())
    if match is None or not float(match[1]):
        raise ValueError(f'"{duration}" is no time such as "10m", "90s" or "1h"')
    return float(match[1]) * UNITS[match[2]]


def format_duration(seconds: float) -> str:
    """Return seconds as text for people: `0.8 s`, `51 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"
