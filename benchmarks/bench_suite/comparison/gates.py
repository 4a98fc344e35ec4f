"""Gates: do the mean over seeds of each gated metric and its interval lie within the bounds that a suite states?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.suite.cell import name_of

Verdict = Literal["passed", "failed", "cannot tell", "absent", "not judged"]
UNDECIDED_STATUSES: Mapping[str, int] = {"exit 4": 4, "fail": 1, "warn": 0}
"Exit status of *cannot tell* by the option `undecided` of the section `[gate]`."


@dataclass(frozen=True)
class Judgement:
    """The verdict of one gate on one group of cells that differ only in their seed."""

    metric: str
    where: str
    "The cells in words: `imdb, minilm`."
    verdict: Verdict
    message: str
    status: int = 0
    "The exit status that it asks for: 0, 1, 3 or 4."


def judge(
    gates: Mapping[str, Mapping[str, Any]], records: Iterable[Record], summaries: Iterable[MetricRow] = (),
    undecided: str = "exit 4",
) -> list[Judgement]:  # fmt: skip
    """Judge `min` and `max` of each gate by the mean over seeds and its interval.

    *passed*: the mean is inside; the message says if the interval crosses the bound. *failed*: mean and interval are
    outside. *cannot tell*: the mean is outside and the interval crosses the bound, or there are too few seeds for an
    interval that would decide; `undecided` states what that does to the exit status.

    A metric that a cell should have but has not is *absent*, which never counts as fine. A metric that the cell's
    problem does not have, such as `r2` for classification, is not required of it. A gate with only a `tolerance` needs
    a baseline, so it is *not judged* here.

    Args:
        gates: rules by metric: `min`, `max`, `tolerance`.
        records: the run's cells.
        summaries: metrics of the run as a whole.
        undecided: `exit 4`, `fail` or `warn`, for *cannot tell*.
    """
    judgements: list[Judgement] = []
    groups = by_seed(records)
    summaries = list(summaries)
    for metric, rules in gates.items():
        if not {"min", "max"} & rules.keys():
            judgements.append(Judgement(metric, "all cells", "not judged", "a tolerance is judged against a baseline"))
            continue
        if rows := [row for row in summaries if row.name == metric]:
            judgements += _judge_summary(metric, rules, rows)
            continue
        of_metric = [judgement for where, cells in groups.items() for judgement in _judge(metric, rules, where, cells)]
        # A gate that no cell can be judged by must not pass unseen.
        judgements += of_metric or [Judgement(metric, "all cells", "absent", "no cell has measured it", 3)]
    status = UNDECIDED_STATUSES[undecided]
    return [replace(one, status=status) if one.verdict == "cannot tell" else one for one in judgements]


def by_seed(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Group records that differ only in their seed, by the name of what they share, such as `imdb, minilm`."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        labels = {axis: value for axis, value in record.cell.items() if axis != "seed"}
        groups.setdefault(name_of({"task": "?", "model": "?", **labels}), []).append(record)
    return groups


def _judge(metric: str, rules: Mapping[str, Any], where: str, records: Sequence[Record]) -> list[Judgement]:
    """Judge a metric of cells that differ only in their seed, at each of its coordinates."""
    from bench_suite.stats.intervals import over_cells

    rows = [row for record in records for row in record.metrics if row.name == metric]
    label = metric.partition("/")[0]
    expected = [record for record in records if not _is_inapplicable(metric, label, record)]
    if not rows:
        why = next(filter(None, (_error(metric, record) for record in expected)), "")
        absent = Judgement(metric, where, "absent", "no cell has measured it" + (f": {why}" if why else ""), 3)
        return [absent] if expected else []
    judgements = []
    for coordinates, group in _by_coordinates(rows).items():
        at = f"{where} ({coordinates})" if coordinates else where
        known = sum(row.value is not None for row in group)
        if known < len(expected):
            reasons = (row.reason for row in group if row.value is None)
            errors = (_error(metric, record) for record in expected)
            reason = next(filter(None, (*reasons, *errors)), "a cell failed")
            message = f"{known} of {len(expected)} seeds have it: {reason}"
            judgements.append(Judgement(metric, at, "absent", message, 3))
            continue
        mean, interval, _ = over_cells(group)
        judgements.append(_judge_value(metric, at, mean, interval, rules))
    return judgements


def unmeasured(metric: str, record: Record) -> str:
    """Return why a cell has no row of a metric, from its probe; empty if the probe ended well or is not known."""
    row = record.probes.get(metric.partition("/")[0])
    return "" if row is None or row.status == "ok" else f"probe {row.status}: {row.reason or 'no reason given'}"


def _error(metric: str, record: Record) -> str:
    """Return the error of the cell, or of the probe, that kept a metric from being measured; empty if there is none."""
    return unmeasured(metric, record) if record.status == "ok" else (record.reason or f"a cell {record.status}")


def _is_inapplicable(metric: str, label: str, record: Record) -> bool:
    """Return whether the cell cannot have this metric: its probe does not apply, or ended well without the metric.

    A probe that ended well has a row for each metric of the cell's problem, also for those without a value.
    """
    probe = record.probes.get(label)
    if probe is None:
        return False
    known = any(row.name == metric for row in record.metrics)
    return probe.status == "not applicable" or (record.status == "ok" and probe.status == "ok" and not known)


def _judge_summary(metric: str, rules: Mapping[str, Any], rows: Iterable[MetricRow]) -> list[Judgement]:
    """Judge a metric of the run as a whole, which has no mean over seeds."""
    from bench_suite.stats.intervals import over_cells

    judgements = []
    for coordinates, (row, *_) in _by_coordinates(rows).items():
        where = f"all cells ({coordinates})" if coordinates else "all cells"
        if row.value is None:
            judgements.append(Judgement(metric, where, "absent", row.reason or "it has no value", 3))
        else:
            judgements.append(_judge_value(metric, where, *over_cells([row])[:2], rules))
    return judgements


def _judge_value(
    metric: str, where: str, mean: float, interval: Interval | None, rules: Mapping[str, Any]
) -> Judgement:
    """Judge a mean and its interval by `min` and `max`."""
    low, high = (interval.low, interval.high) if interval else (mean, mean)
    numbers = f"{mean:.4g}" + (f" [{low:.4g}, {high:.4g}]" if interval else " (no interval)")
    crossed = ""
    for rule, mean_outside, interval_outside, crosses in (
        ("min", mean < rules.get("min", mean), high < rules.get("min", high), low < rules.get("min", low)),
        ("max", mean > rules.get("max", mean), low > rules.get("max", low), high > rules.get("max", high)),
    ):
        if mean_outside and interval_outside:
            return Judgement(metric, where, "failed", f"{numbers} lies outside {rule} {rules[rule]:g}", 1)
        if mean_outside:
            message = f"{numbers}: the mean is outside {rule} {rules[rule]:g}, and its interval crosses it"
            return Judgement(metric, where, "cannot tell", message, 4)
        if crosses:
            crossed += f"; the interval crosses {rule} {rules[rule]:g}"
    return Judgement(metric, where, "passed", numbers + crossed)


def _by_coordinates(rows: Iterable[MetricRow]) -> dict[str, list[MetricRow]]:
    groups: dict[str, list[MetricRow]] = {}
    for row in rows:
        groups.setdefault(", ".join(f"{axis} {value}" for axis, value in sorted(row.at.items())), []).append(row)
    return groups
