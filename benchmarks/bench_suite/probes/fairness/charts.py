"""Charts: bars of rates with their intervals, a rate as text, and the groups with the lowest and the highest rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench_suite.contracts import Artifact
from bench_suite.probes.fairness.intervals import Rate, wilson_interval

LISTED = 5
"Names that `abbreviate` lists of a long sequence."


def bars(name: str, title: str, rates: Mapping[str, Rate], least_size: int, caption: str) -> Artifact:
    """Return a bar for each rate with its 95 % interval; a rate of too few examples has the reason instead."""
    sufficient = {group: rate for group, rate in rates.items() if rate.n >= least_size}
    intervals = {group: wilson_interval(rate) for group, rate in sufficient.items()}
    data = {
        "y": title,
        "bars": {group: sufficient[group].value if group in sufficient else None for group in rates},
        "intervals": {group: [interval.low, interval.high] for group, interval in intervals.items()},
        "reasons": {group: format_rate(rate, least_size) for group, rate in rates.items() if group not in sufficient},
    }
    return Artifact(name, "bars", data, f"{caption}, with 95 % intervals")


def format_rate(rate: Rate, least_size: int) -> str:
    """Return `0.912 [0.880, 0.936]`, or `too few (n)` if the rate has fewer than `least_size` examples."""
    if rate.n < least_size:
        return f"too few ({rate.n})"
    interval = wilson_interval(rate)
    return f"{rate.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def abbreviate(names: Sequence[str]) -> str:
    """Return the names, separated by commas; of more than six, the first five and the number of the others."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED + 1 else ""
    return ", ".join(names[:LISTED] if more else names) + more


def widest_family(families: Mapping[str, Mapping[str, Rate]]) -> str:
    """Return the name of the family of rates by group with the largest difference between two groups."""
    ranges = {
        name: max(rate.value for rate in rates.values()) - min(rate.value for rate in rates.values())
        for name, rates in families.items()
    }
    return max(ranges, key=lambda name: ranges[name])


@dataclass(frozen=True)
class Extremes:
    """The groups with the lowest and the highest rate behind a metric."""

    metric: str
    value: float
    rate: str
    "The rate's name as text: `selection rate`."
    lowest: str
    "`yes (31 of 42)`; if several groups share the lowest rate, all of them."
    highest: str
    all_equal: bool = False
    "Whether all groups have the same rate."
    lowest_only: bool = False
    "Whether the metric depends on the lowest rate only."
    attribute: str | None = None

    def __str__(self) -> str:
        if self.all_equal:
            return f"{self.rate}: the same for all"
        if self.lowest_only:
            return f"{self.rate}: lowest for {self.lowest}"
        return f"{self.rate}: lowest for {self.lowest}, highest for {self.highest}"


def find_extremes(
    metric: str,
    value: float,
    title: str,
    rates: Mapping[str, Rate],
    *,
    lowest_only: bool = False,
    attribute: str | None = None,
) -> Extremes:
    """Return the groups with the lowest and the highest of the rates, each with its counts."""
    values = [rate.value for rate in rates.values()]
    lowest, highest = (
        abbreviate([f"{group} ({rate.hits} of {rate.n})" for group, rate in rates.items() if rate.value == extreme])
        for extreme in (min(values), max(values))
    )
    return Extremes(metric, value, title, lowest, highest, min(values) == max(values), lowest_only, attribute)


def extremes_table(extremes: Sequence[Extremes]) -> Artifact:
    """Return a table of the groups with the lowest and the highest rate behind each metric."""
    attributed = any(row.attribute for row in extremes)
    columns = [*(["attribute"] if attributed else []), "metric", "value", "rate", "lowest", "highest"]
    rows = [
        [*([row.attribute] if attributed else []), row.metric, f"{row.value:.3f}", row.rate, row.lowest, row.highest]
        for row in extremes
    ]
    data = {"columns": columns, "rows": rows}
    return Artifact("between", "table", data, "The groups with the lowest and the highest rate behind each metric")
