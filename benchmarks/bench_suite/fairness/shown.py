"""Rates to look at: bars with their intervals, and one in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench_suite.contracts import Artifact
from bench_suite.fairness.intervals import Rate, of_one


def bars(name: str, title: str, rates: Mapping[str, Rate], least_size: int, caption: str) -> Artifact:
    """A bar a rate with its 95 % interval; one with too few examples behind it stands there without a value."""
    known = {who: rate for who, rate in rates.items() if rate.n >= least_size}
    intervals = {who: of_one(rate) for who, rate in known.items()}
    data = {
        "y": title,
        "bars": {who: known[who].value if who in known else None for who in rates},
        "intervals": {who: [interval.low, interval.high] for who, interval in intervals.items()},
    }
    return Artifact(name, "bars", data, f"{caption}, with 95 % intervals")


def in_words(rate: Rate, least_size: int) -> str:
    """`0.912 [0.880, 0.936]`, or that there are too few examples behind it."""
    if rate.n < least_size:
        return f"too few ({rate.n})"
    interval = of_one(rate)
    return f"{rate.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def some(names: Sequence[str]) -> str:
    """Names in a row; of many the first five, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 6 else ""
    return ", ".join(names[:5] if more else names) + more
