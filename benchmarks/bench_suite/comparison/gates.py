"""Gates: do the mean over seeds and folds of each gated metric and its interval lie within the suite's bounds?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from bench_suite.components.options import show
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.suite.cell import POOLED, group_name
from bench_suite.suite.spec import Gate, judged_name

Verdict = Literal["passed", "failed", "cannot tell", "absent", "not judged"]
UNDECIDED_STATUSES: Mapping[str, int] = {"exit 4": 4, "fail": 1, "warn": 0}
"Exit status of *cannot tell* by the option `undecided` of the section `[gate]`."


ALL_CELLS = "all cells"
"The cells of a gate without `only`, in words."


class DamagedGate(ValueError):
    """A gate in `run.json` that cannot be read; the message says which."""


@dataclass(frozen=True)
class Judgement:
    """The verdict of one gate on one group of cells that differ only in their seed and fold."""

    metric: str
    where: str
    "The cells in words: `imdb, minilm`."
    verdict: Verdict
    message: str
    status: int = 0
    "The exit status that it asks for: 0, 1, 3 or 4."
    needs_baseline: bool = False
    "Whether it is *not judged* because only a comparison with a baseline judges a tolerance."
    ratio_to: str = ""
    "The model to whose value the ratio is judged; empty for the value itself."

    @property
    def name(self) -> str:
        """What is judged, in words: `throughput/train, ratio to logistic_regression`."""
        return judged_name(self.metric, self.ratio_to)


# ── gates of a run ──────────────────────────────────────────────────────────────────────────────


def stated_gates(section: Mapping[str, Any]) -> tuple[Gate, ...]:
    """Return the gates that `run.json` states.

    Args:
        section: by metric a table of rules, or a list of such tables; in a table `only` chooses cells, and `ratio_to`
            names a reference.

    Raises:
        DamagedGate: A gate does not have this form, or a bound is no number.
    """
    return tuple(gate for metric, stated in section.items() for gate in _gates_of_metric(metric, stated))


def _gates_of_metric(metric: str, stated: Any) -> Iterator[Gate]:
    for table in stated if isinstance(stated, list) else [stated]:
        try:
            rules = {rule: value for rule, value in table.items() if rule not in ("only", "ratio_to")}
            ratio_to = table.get("ratio_to", "")
            if not isinstance(ratio_to, str):
                raise TypeError
            only = {axis: tuple(values) for axis, values in table.get("only", {}).items()}
            if not 0 <= tolerance_number(rules.get("tolerance", 0.0)) < math.inf:
                raise ValueError
            for rule in ("min", "max"):
                float(rules.get(rule, 0.0))
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise DamagedGate(f"the gate on {metric} is {stated}") from None
        yield Gate(metric, rules, only=only, ratio_to=ratio_to)


def tolerance_number(tolerance: float | str) -> float:
    """Return a tolerance as a number: `"5%"` as 0.05."""
    return float(tolerance.rstrip("% ")) / 100 if isinstance(tolerance, str) else float(tolerance)


def applies(gate: Gate, labels: Mapping[str, Any]) -> bool:
    """Return whether a gate is for cells of a plan or a record with these labels; none of its reference is."""
    return labels.get("model") != gate.ratio_to and all(
        axis in labels and _as_in_json(labels[axis]) in [_as_in_json(value) for value in values]
        for axis, values in gate.only.items()
    )


def _as_in_json(value: Any) -> Any:
    """Return a value of an axis as a record has it: lists instead of tuples."""
    return [_as_in_json(member) for member in value] if isinstance(value, (list, tuple)) else value


def scope_text(gate: Gate) -> str:
    """Return the cells of a gate in words: `all cells`, `model mlp, seed 0 or 1`."""
    parts = [
        f"{axis} {' or '.join(value if isinstance(value, str) else show(value) for value in values)}"
        for axis, values in gate.only.items()
    ]
    return ", ".join(parts) or ALL_CELLS


# ── verdicts ────────────────────────────────────────────────────────────────────────────────────


def judge(
    gates: Iterable[Gate], records: Iterable[Record], summaries: Iterable[MetricRow] = (), undecided: str = "exit 4"
) -> list[Judgement]:
    """Judge `min` and `max` of each gate by the mean over seeds and its interval, in the cells that it is for.

    *passed*: the mean is inside; the message says if the interval crosses the bound. *failed*: mean and interval are
    outside. *cannot tell*: the mean is outside and the interval crosses the bound, or there are too few seeds for an
    interval that would decide; `undecided` states what that does to the exit status.

    A metric that a cell should have but has not is *absent*, which never counts as fine. A metric that the cell's
    problem does not have, such as `r2` for classification, is not required of it, nor is one of a probe that the suite
    does not apply to the cell. A gate with only a `tolerance` needs a baseline, so it is *not judged* here.

    Args:
        gates: each is judged by itself; none of a ratio, which `ratios.gates.judge_run` judges too.
        records: the run's cells.
        summaries: metrics of the run as a whole; a gate with `only` does not judge them.
        undecided: `exit 4`, `fail` or `warn`, for *cannot tell*.
    """
    judgements: list[Judgement] = []
    records, summaries = list(records), list(summaries)
    for gate in gates:
        metric, rules, scope = gate.metric, gate.rules, scope_text(gate)
        if gate.ratio_to:
            raise ValueError(f"{gate.name} is no value of a cell")
        if not {"min", "max"} & rules.keys():
            judgements.append(without_bounds(gate))
            continue
        rows = [row for row in summaries if row.name == metric]
        if rows and not gate.only:
            judgements += _judge_summary(metric, rules, rows)
            continue
        groups = by_seed(record for record in records if applies(gate, record.cell))
        of_metric = [judgement for where, cells in groups.items() for judgement in _judge(gate, where, cells)]
        # A gate that no cell can be judged by must not pass unseen.
        why = "it is a metric of the whole run, which has no cells to choose" if rows else "no cell has measured it"
        judgements += of_metric or [Judgement(metric, scope, "absent", why, 3)]
    return with_status(judgements, undecided)


def judge_group(gate: Gate, where: str, records: Sequence[Record], undecided: str = "exit 4") -> list[Judgement]:
    """Judge `min` and `max` of a gate in one group of cells, as `judge` does; empty if they cannot have its metric.

    Args:
        gate: the gate; its `only` has chosen the cells.
        where: the name of the group.
        records: the cells of the group.
        undecided: as in `judge`.
    """
    return with_status(_judge(gate, where, records), undecided)


def without_bounds(gate: Gate) -> Judgement:
    """Return the judgement of a gate with a tolerance only."""
    why = "a tolerance is judged against a baseline"
    return Judgement(gate.metric, scope_text(gate), "not judged", why, needs_baseline=True, ratio_to=gate.ratio_to)


def with_status(judgements: Iterable[Judgement], undecided: str) -> list[Judgement]:
    """Return the judgements with the exit status that *cannot tell* asks for."""
    status = UNDECIDED_STATUSES[undecided]
    return [replace(one, status=status) if one.verdict == "cannot tell" else one for one in judgements]


def by_seed(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Group records that differ only in seed and fold, by the name of what they share, such as `imdb, minilm`."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(group_name(record.cell), []).append(record)
    return groups


def seeds_text(cells: Iterable[Mapping[str, Any]]) -> str:
    """Return the seeds of some cells in words, and their folds if they have any: `seed 0`, `seeds 0, 1, fold 3`."""
    parts, labels = [], list(cells)
    for axis in POOLED:
        values = list(dict.fromkeys(str(cell.get(axis)) for cell in labels if axis == "seed" or axis in cell))
        if values:
            parts.append(f"{axis if len(values) == 1 else f'{axis}s'} {', '.join(values)}")
    return ", ".join(parts)


def _judge(gate: Gate, where: str, records: Sequence[Record]) -> list[Judgement]:
    """Judge a metric of cells that differ only in their seed and fold, at each of its coordinates."""
    from bench_suite.stats.intervals import over_cells

    metric, rules = gate.metric, gate.rules
    if gate.only.keys() & set(POOLED):
        where = f"{where}, {seeds_text(record.cell for record in records)}"
    rows = [
        (metric_at(record, position), record)
        for record in records
        for position, row in enumerate(heads_of(record))
        if row.name == metric
    ]
    label = metric.partition("/")[0]
    expected = [record for record in records if not is_inapplicable(metric, label, record)]
    if not rows:
        why = next(filter(None, (error_of(metric, record) for record in expected)), "")
        absent = Judgement(metric, where, "absent", "no cell has measured it" + (f": {why}" if why else ""), 3)
        return [absent] if expected else []
    judgements = []
    for coordinates, group in _by_coordinates(rows).items():
        at = f"{where} ({coordinates})" if coordinates else where
        known = sum(row.value is not None for row, _ in group)
        if known < len(expected):
            reasons = (row.reason for row, _ in group if row.value is None)
            errors = (error_of(metric, record) for record in expected)
            reason = next(filter(None, (*reasons, *errors)), "a cell failed")
            cells = "cells" if any("fold" in record.cell for record in expected) else "seeds"
            message = f"{known} of {len(expected)} {cells} have it: {reason}"
            judgements.append(Judgement(metric, at, "absent", message, 3))
            continue
        mean, interval, _ = over_cells([row for row, _ in group], [record for _, record in group])
        judgements.append(judge_value(metric, at, mean, interval, rules))
    return judgements


def unmeasured(metric: str, record: Record) -> str:
    """Return why a cell has no row of a metric, from its probe; empty if the probe ended well or is not known."""
    row = record.probes.get(metric.partition("/")[0])
    return "" if row is None or row.status == "ok" else f"probe {row.status}: {row.reason or 'no reason given'}"


def is_not_asked(label: str, record: Record) -> bool:
    """Return whether the suite does not apply the probe of this label to a cell (`only` of the probe).

    A record names all probes of its cell, also those that do not apply or that an error kept from running.
    """
    return label not in record.probes and (record.status == "ok" or bool(record.probes))


def error_of(metric: str, record: Record) -> str:
    """Return the error of the cell, or of the probe, that kept a metric from being measured; empty if there is none."""
    return unmeasured(metric, record) if record.status == "ok" else (record.reason or f"a cell {record.status}")


def is_inapplicable(metric: str, label: str, record: Record) -> bool:
    """Return whether the cell cannot have this metric: its probe does not apply, or ended well without the metric.

    A probe that ended well has a row for each metric of the cell's problem, also for those without a value.
    """
    if is_not_asked(label, record):
        return True
    probe = record.probes.get(label)
    if probe is None:
        return False
    known = any(row.name == metric for row in heads_of(record))
    return probe.status == "not applicable" or (record.status == "ok" and probe.status == "ok" and not known)


def _judge_summary(metric: str, rules: Mapping[str, Any], rows: Iterable[MetricRow]) -> list[Judgement]:
    """Judge a metric of the run as a whole, which has no mean over seeds."""
    from bench_suite.stats.intervals import over_cells

    judgements = []
    for coordinates, ((row, _), *_) in _by_coordinates((row, None) for row in rows).items():
        where = f"all cells ({coordinates})" if coordinates else "all cells"
        if row.value is None:
            judgements.append(Judgement(metric, where, "absent", row.reason or "it has no value", 3))
        else:
            judgements.append(judge_value(metric, where, *over_cells([row])[:2], rules))
    return judgements


def judge_value(metric: str, where: str, mean: float, interval: Interval | None, rules: Mapping[str, Any]) -> Judgement:
    """Judge a mean and its interval by `min` and `max`."""
    low, high = (interval.low, interval.high) if interval else (mean, mean)
    bounds = [bound for rule, bound in rules.items() if rule in ("min", "max")]
    numbers = _number(mean, bounds)
    numbers += f" [{_number(low, bounds)}, {_number(high, bounds)}]" if interval else " (no interval)"
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


def _number(value: float, bounds: Iterable[float]) -> str:
    """Return a number with four digits, or with as many as it takes to differ from the bounds that it differs from."""
    differing = [bound for bound in bounds if bound != value]
    texts = (f"{value:.{digits}g}" for digits in range(4, 18))
    return next(text for text in texts if float(text) == value or all(float(text) != bound for bound in differing))


def _by_coordinates(rows: Iterable[tuple[MetricRow, Any]]) -> dict[str, list[tuple[MetricRow, Any]]]:
    """Return rows, each with its record if it has one, by their coordinates in words."""
    groups: dict[str, list[tuple[MetricRow, Any]]] = {}
    for row, cell in rows:
        where = ", ".join(f"{axis} {value}" for axis, value in sorted(row.at.items()))
        groups.setdefault(where, []).append((row, cell))
    return groups
