"""Gates: does the mean over seeds of each gated metric hold its least and greatest value?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench_suite.contracts import Interval, MetricRow, Record

Verdict = Literal["passed", "failed", "warning", "absent", "not judged"]


@dataclass(frozen=True)
class Judgement:
    """What one gate says of one group of cells that differ only in their seed."""

    metric: str
    where: str
    "The cells in words: `imdb, minilm`."
    verdict: Verdict
    message: str


def judge(
    gates: Mapping[str, Mapping[str, Any]], records: Iterable[Record], summaries: Iterable[MetricRow] = ()
) -> list[Judgement]:
    """Judge `min` and `max` of each gate: *failed* when the interval is wholly outside, *warning* when the value is.

    A metric that a cell should have and has not is *absent*, which is never counted as fine; one that the cell's
    problem has not, such as `r2` of a classification, is not asked of it. A gate with nothing but a
    `tolerance` compares with a baseline, so by itself it is *not judged*.
    """
    classify_gated: list[Judgement] = []
    groups = by_seed(records)
    summaries = list(summaries)
    for metric, rules in gates.items():
        if not {"min", "max"} & rules.keys():
            classify_gated.append(
                Judgement(metric, "all cells", "not judged", "a tolerance is judged against a baseline")
            )
            continue
        if summarised := [row for row in summaries if row.name == metric]:
            classify_gated += _judge_summary(metric, rules, summarised)
            continue
        found = [judgement for where, members in groups.items() for judgement in _judge(metric, rules, where, members)]
        # A gate that no cell at all could be judged by must not pass unseen.
        classify_gated += found or [Judgement(metric, "all cells", "absent", "no cell has measured it")]
    return classify_gated


def by_seed(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records that differ only in their seed, by what they share, in words."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        labels = {axis: value for axis, value in record.cell.items() if axis != "seed" and value is not None}
        task, model = labels.pop("task", "?"), labels.pop("model", "?")
        usual = {"engine": "native", "precision": "32-true"}
        rest = [f"{axis} {value}" for axis, value in labels.items() if usual.get(axis) != value]
        groups.setdefault(", ".join([str(task), str(model), *rest]), []).append(record)
    return groups


def _judge(metric: str, rules: Mapping[str, Any], where: str, records: Sequence[Record]) -> list[Judgement]:
    from bench_suite.stats.intervals import over_cells

    rows = [row for record in records for row in record.metrics if row.name == metric]
    label = metric.partition("/")[0]
    expected = [r for r in records if not _is_foreign(metric, label, r)]
    if not rows:
        why = next(filter(None, (_error(metric, record) for record in expected)), "")
        missing = Judgement(metric, where, "absent", "no cell has measured it" + (f": {why}" if why else ""))
        return [missing] if expected else []
    classify_gated = []
    for place, group in _by_coordinates(rows).items():
        at = f"{where} ({place})" if place else where
        known = sum(row.value is not None for row in group)
        if known < len(expected):
            said = (row.reason for row in group if row.value is None)
            failed = (_error(metric, record) for record in expected)
            reason = next(filter(None, (*said, *failed)), "a cell failed")
            classify_gated.append(
                Judgement(metric, at, "absent", f"{known} of {len(expected)} seeds have it: {reason}")
            )
            continue
        mean, interval, _ = over_cells(group)
        classify_gated.append(_verdict(metric, at, mean, interval, rules))
    return classify_gated


def unmeasured(metric: str, record: Record) -> str:
    """Why a cell has no row of a metric, as its probe tells; empty where that ended well or is not known."""
    row = record.probes.get(metric.partition("/")[0])
    return "" if row is None or row.status == "ok" else f"probe {row.status}: {row.reason or 'no reason given'}"


def _error(metric: str, record: Record) -> str:
    """What kept a cell from measuring a metric: its own fault, or that of the probe; empty where neither is known."""
    return unmeasured(metric, record) if record.status == "ok" else (record.reason or f"a cell {record.status}")


def _is_foreign(metric: str, label: str, record: Record) -> bool:
    """Whether the cell cannot have this metric: its probe does not apply there, or ended well and knows it not.

    A probe that ended well has a row for each metric of the cell's problem, one without a value among them.
    """
    probe = record.probes.get(label)
    if probe is None:
        return False
    known = any(row.name == metric for row in record.metrics)
    return probe.status == "not applicable" or (record.status == "ok" and probe.status == "ok" and not known)


def _judge_summary(metric: str, rules: Mapping[str, Any], rows: Iterable[MetricRow]) -> list[Judgement]:
    """A metric of the run as a whole: no mean over seeds is left to take."""
    classify_gated = []
    for place, (row, *_) in _by_coordinates(rows).items():
        where = f"all cells ({place})" if place else "all cells"
        if row.value is None:
            classify_gated.append(Judgement(metric, where, "absent", row.reason or "it has no value"))
        else:
            classify_gated.append(_verdict(metric, where, row.value, row.interval, rules))
    return classify_gated


def _verdict(metric: str, where: str, mean: float, interval: Interval | None, rules: Mapping[str, Any]) -> Judgement:
    low, high = (interval.low, interval.high) if interval else (mean, mean)
    shown = f"{mean:.4g}" + (f" [{low:.4g}, {high:.4g}]" if interval else " (no interval)")
    for rule, outside, wholly in (
        ("min", mean < rules.get("min", mean), high < rules.get("min", high)),
        ("max", mean > rules.get("max", mean), low > rules.get("max", low)),
    ):
        if wholly:
            return Judgement(metric, where, "failed", f"{shown} lies outside {rule} {rules[rule]:g}")
        if outside:
            return Judgement(
                metric,
                where,
                "warning",
                f"{shown}: the value is outside {rule} {rules[rule]:g}, its interval is not wholly",
            )
    return Judgement(metric, where, "passed", shown)


def _by_coordinates(rows: Iterable[MetricRow]) -> dict[str, list[MetricRow]]:
    groups: dict[str, list[MetricRow]] = {}
    for row in rows:
        groups.setdefault(", ".join(f"{axis} {value}" for axis, value in sorted(row.at.items())), []).append(row)
    return groups
