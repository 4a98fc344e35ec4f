"""The value of a metric over the seeds and folds of a row: mean and interval, or median and spread, or a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from bench_suite.comparison.verdicts import Verdict
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.columns import Column
from bench_suite.stats.intervals import over_cells
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.records import label_of

MAX_CELLS = 3
"Cells of a row that a footnote names."
MIN_QUARTILES = 4
"Observations from which on quartiles leave some of them out."
Measured = tuple[MetricRow, Record]
"A row of a metric, and the record of its cell."


@dataclass(frozen=True)
class Value:
    """The value of a metric over the seeds of a row."""

    value: float | None
    "The mean over seeds if there is an interval, else the median of the samples; None without a value."
    interval: Interval | None = None
    spread: tuple[float, float] | None = None
    "The first and third quartile of the samples if there is no interval; of two or three, the ends."
    seeds: int = 0
    "The number of seeds with a value."
    n: int | None = None
    "The number of examples behind the value of each seed, if it is the same for all."
    reason: str | None = None
    "The reason why the value or the interval is missing."
    partial: str | None = None
    "How many of the row's seeds have a value, and why the others have none; None if all have one, or none has."
    over_clusters: bool = False
    "Whether the intervals of the seeds are over clusters of examples."
    verdict: Verdict | None = None
    "What a difference from the reference says; None for a metric itself."
    p: float | None = None
    "p of a difference, corrected for all differences of the table."
    is_reference: bool = False
    "Whether the row is itself the reference of the column."

    @property
    def note(self) -> str | None:
        """The footnote of the value: `partial` and `reason`."""
        return "; ".join(filter(None, (self.partial, self.reason))) or None


def row_value(records: Sequence[Record], column: Column, rows: Sequence[Measured]) -> Value:
    """Return the value of a metric in a row of a table.

    Args:
        records: the cells of the row.
        column: the metric.
        rows: its rows in these cells.
    """
    known = [(row, cell) for row, cell in rows if row.value is not None and math.isfinite(row.value)]
    measured, cells = [row for row, _ in known], [cell for _, cell in known]
    reasons = _named_reasons(rows)
    if not measured:
        return Value(None, reason="; ".join(reasons) or _reason_for_absence(records, column))
    mean, interval, interval_reason = over_cells(measured, cells)
    sizes = {row.n for row in measured}
    n = sizes.pop() if len(sizes) == 1 else None
    if interval is not None:
        over_clusters = any(row.interval is not None and row.interval.over == "clusters" for row in measured)
        return Value(mean, interval, None, len(measured), n, over_clusters=over_clusters)
    reason = "; ".join([*reasons, *kind_in_words(measured)]) or None
    value, spread = pooled_median([row.samples or (float(row.value or 0.0),) for row in measured])
    sampled = sum(bool(row.samples) for row in measured)
    if sampled == len(measured) or spread is None:
        return Value(value, None, spread, len(measured), n, reason or (None if sampled else interval_reason))
    one, several = _cell_words(records)
    if len(measured) < MIN_QUARTILES and not sampled:
        few, all_of_them = ("two", "both") if len(measured) == 2 else ("three", "all")
        text = f"{few} observations, one per {one}: the parentheses contain {all_of_them}"
        return Value(value, None, spread, len(measured), n, "; ".join([*reasons, text]))
    which_seeds = f"in {len(measured) - sampled} of {len(measured)} {several}" if sampled else f"per {one}"
    return Value(value, None, spread, len(measured), n, "; ".join([*reasons, f"one observation {which_seeds}"]))


def partial_note(records: Sequence[Record], column: Column, measured: int) -> str | None:
    """Return how many of a row's seeds have a value, and why the others have none; None if all have one, or none has.

    Args:
        records: the cells of the row, one a seed.
        column: the metric.
        measured: the number of seeds with a value.
    """
    if measured in (0, len(records)):
        return None
    reasons: dict[str, None] = {}
    lacking = []
    for record in records:
        own = [
            metric_at(record, position)
            for position, row in enumerate(heads_of(record))
            if row.name == column.name and tuple(row.at.items()) == column.at
        ]
        if not any(row.value is not None and math.isfinite(row.value) for row in own):
            reasons |= dict.fromkeys(row.reason for row in own if row.reason)
            reasons |= {} if own else {_reason_for_absence([record], column): None}
            lacking.append(record)
    without = f" (not {_cell_names(lacking, records)})" if lacking else ""
    return f"{measured} of {len(records)} {_cell_words(records)[1]}{without}: {'; '.join(reasons) or 'no reason given'}"


def _named_reasons(rows: Sequence[Measured]) -> list[str]:
    """Return the different reasons of some rows of a metric; one that some of the cells have names these."""
    by_reason: dict[str, list[Record]] = {}
    for row, record in rows:
        if row.reason:
            by_reason.setdefault(row.reason, []).append(record)
    every = list({id(record): record for _, record in rows}.values())
    return [
        reason if len({*map(id, own)}) == len(every) else f"{_cell_names(own, every)}: {reason}"
        for reason, own in by_reason.items()
    ]


def _cell_names(own: Sequence[Record], records: Sequence[Record]) -> str:
    """Return which of the cells of a row some are: `seed 0, seed 2`; many are counted."""
    axes = [axis for axis in ("seed", "fold") if len({record.cell.get(axis) for record in records}) > 1]
    names = dict.fromkeys(" ".join(f"{axis} {record.cell.get(axis)}" for axis in axes) for record in own)
    if not axes or len(names) > MAX_CELLS:
        return f"{len(own)} of {len(records)} {_cell_words(records)[1]}"
    return ", ".join(names)


def _cell_words(records: Sequence[Record]) -> tuple[str, str]:
    """Return what one of the cells of a row is called, and several of them: they differ in seed, fold, or both."""
    if not any("fold" in record.cell for record in records):
        return "seed", "seeds"
    several_seeds = len({record.cell.get("seed") for record in records}) > 1
    return ("cell", "cells") if several_seeds else ("fold", "folds")


def kind_in_words(rows: Sequence[MetricRow]) -> list[str]:
    """Return the words that tell a reader how to take values that are not estimates.

    Args:
        rows: rows of one metric; their `kind` decides.

    Returns:
        `["one observation"]` if any value is a single observation, `["exact value"]` if all are exact, else `[]`.
    """
    kinds = {row.kind for row in rows}
    if "single" in kinds:
        return ["one observation"]
    return ["exact value"] if kinds == {"exact"} else []


def summary_value(row: MetricRow) -> Value:
    """Return the value of a metric of a whole run."""
    words = [row.reason] if row.reason else []
    words += kind_in_words([row]) if row.value is not None else []
    reason = "; ".join(words) or None
    if row.interval is not None or row.value is None or not row.samples:
        interval = None if row.value is None else over_cells([row])[1]
        return Value(row.value, interval, None, 1, row.n, None if interval else reason)
    value, spread = pooled_median([row.samples])
    return Value(value, None, spread, 1, row.n, reason)


def pooled_median(samples: Sequence[Sequence[float]]) -> tuple[float, tuple[float, float] | None]:
    """Return the median and the quartiles of the samples of several seeds, with equal weight for each seed.

    The median is robust against stray samples. A slower seed has more samples, which must not give it more weight:
    each seed contributes 65 evenly spaced quantiles, from its smallest to its largest sample.

    Args:
        samples: the samples of each seed.

    Returns:
        The median and the first and third quartile; None instead of the quartiles if all samples are equal.
    """
    pooled = np.concatenate([_spaced(np.array(seed, dtype=np.float64)) for seed in samples])
    pooled.sort()
    if pooled[0] == pooled[-1]:
        return float(samples[0][0]), None
    low, median, high = _quantiles(pooled, 4).tolist()
    return min(max(low, median), high), (low, high)


def _spaced(samples: np.ndarray) -> np.ndarray:
    """Return 65 evenly spaced quantiles of the samples of a seed, (65,) float64."""
    if len(samples) == 1:
        return samples.repeat(65)
    samples.sort()
    return np.concatenate([samples[:1], _quantiles(samples, 64), samples[-1:]])


def _quantiles(ordered: np.ndarray, parts: int) -> np.ndarray:
    """Return `statistics.quantiles(ordered, n=parts, method="inclusive")`, digit by digit, (parts − 1,) float64."""
    index, share = _quantile_weights(len(ordered), parts)
    quantiles: np.ndarray = (ordered[index] * (parts - share) + ordered[index + 1] * share) / parts
    return quantiles


@cache
def _quantile_weights(size: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each quantile the sample before it, and the weight of the sample after it, of `parts`."""
    index, share = np.divmod(np.arange(1, parts) * (size - 1), parts)
    return index, share


def _reason_for_absence(records: Sequence[Record], column: Column) -> str:
    label = label_of(column.name)
    unsuccessful = [
        record.probes[label] for record in records if label in record.probes and record.probes[label].status != "ok"
    ]
    if unsuccessful:
        return f"{label} {unsuccessful[0].status}" + (f": {unsuccessful[0].reason}" if unsuccessful[0].reason else "")
    unsuccessful_cells = [record for record in records if record.status != "ok"]
    return f"the cell is {unsuccessful_cells[0].status}" if unsuccessful_cells else "not measured here"
