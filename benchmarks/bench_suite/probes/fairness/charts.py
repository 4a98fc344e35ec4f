"""Rates to look at: bars with their intervals, one in words, and who has the lowest and the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench_suite.contracts import Artifact
from bench_suite.probes.fairness.intervals import Rate, of_one


def bars(name: str, title: str, rates: Mapping[str, Rate], least_size: int, caption: str) -> Artifact:
    """A bar a rate with its 95 % interval; one with too few examples behind it stands there and says so."""
    known = {who: rate for who, rate in rates.items() if rate.n >= least_size}
    intervals = {who: of_one(rate) for who, rate in known.items()}
    data = {
        "y": title,
        "bars": {who: known[who].value if who in known else None for who in rates},
        "intervals": {who: [interval.low, interval.high] for who, interval in intervals.items()},
        "reasons": {who: in_words(rate, least_size) for who, rate in rates.items() if who not in known},
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


def furthest(families: Mapping[str, Mapping[str, Rate]]) -> str:
    """Of several families of rates by group, each under its name, the one in which two groups lie furthest apart."""
    apart = {
        name: max(rate.value for rate in rates.values()) - min(rate.value for rate in rates.values())
        for name, rates in families.items()
    }
    return max(apart, key=lambda name: apart[name])


@dataclass(frozen=True)
class Ends:
    """Between whom a number lies."""

    metric: str
    value: float
    rate: str
    "In words: `selection rate`."
    lowest: str
    "`yes (31 of 42)`; where several share the lowest rate, all of them."
    highest: str
    attribute: str | None = None

    def __str__(self) -> str:
        if self.lowest == self.highest:
            return f"{self.rate}: the same of all"
        if self.metric.startswith("worst_"):
            return f"{self.rate}: lowest of {self.lowest}"
        return f"{self.rate}: lowest of {self.lowest}, highest of {self.highest}"


def ends_of(metric: str, value: float, title: str, rates: Mapping[str, Rate], attribute: str | None = None) -> Ends:
    """Who has the lowest of the rates and who the highest, each with its counts."""
    values = [rate.value for rate in rates.values()]
    lowest, highest = (
        some([f"{who} ({rate.hits} of {rate.n})" for who, rate in rates.items() if rate.value == end])
        for end in (min(values), max(values))
    )
    return Ends(metric, value, title, lowest, highest, attribute)


def between(ends: Sequence[Ends]) -> Artifact:
    """A table of who has the lowest and the highest rate behind each number."""
    attributed = any(each.attribute for each in ends)
    columns = [*(["attribute"] if attributed else []), "metric", "value", "rate", "lowest", "highest"]
    rows = [
        [
            *([each.attribute] if attributed else []),
            each.metric,
            f"{each.value:.3f}",
            each.rate,
            each.lowest,
            each.highest,
        ]
        for each in ends
    ]
    return Artifact(
        "between", "table", {"columns": columns, "rows": rows}, "Between whom: the lowest and the highest rate"
    )
