"""Since when is a metric better or worse: change points in the runs of a suite, with the rate of false alarms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench_suite import environment
from bench_suite.comparison.history.points import LeftOut, Point, Series, series_of, usable_runs
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError
from bench_suite.stats.change_point_rates import DEPENDENT, AlarmRate, alarm_rate, p_of_dependence
from bench_suite.stats.change_points import LEVEL, Change, change_points, least_points, residuals
from bench_suite.store.columns import heads_of
from bench_suite.store.commands import results_option
from bench_suite.store.runs import Run, Store

MIN_RATIO = 0.02
"Smallest change of a time or a rate that counts, as a ratio."
MIN_SHARE = 0.005
"Smallest change of a metric with a least and a greatest value, as a share of the distance between them."
MIN_OF_OTHERS = 0.01
"Smallest change of any other metric, as a share of the median of its values."
NAMES_SHOWN = 8
"Metrics that an error names at most."
TRIALS = 1000
"Simulated series, over all series of a history."
SIMULATED_WORK = 400_000
"Sum of the squared lengths of the series from which false alarms are simulated, at most, unless one is longer."

Direction = Literal["worse", "better", "differs"]
Verdict = Literal["changed", "no change", "too few"]


class NoHistory(BenchError):
    """There are no runs, or too few of them, to find a change in."""

    exit_status = 4


class UnknownMetric(BenchError):
    """No run has a metric of this name."""


@dataclass(frozen=True)
class Filter:
    """Which series a history shows; empty for all."""

    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    hardware: str = ""
    "A part of the name of a processor or accelerator."

    def __bool__(self) -> bool:
        return bool(self.tasks or self.models or self.hardware)

    def __call__(self, series: Series) -> bool:
        """Return whether a series is shown."""
        names = [str(series.hardware.get("cpu", "")), *(str(gpu.get("name")) for gpu in series.hardware.get("gpu", []))]
        return (
            (not self.tasks or series.task in self.tasks)
            and (not self.models or series.model in self.models)
            and self.hardware.lower() in ", ".join(names).lower()
        )


@dataclass(frozen=True)
class ChangePoint:
    """A change point between two runs."""

    position: int
    "Index of `after` in the points of the series."
    before: Point
    after: Point
    direction: Direction
    change: float
    "The ratio of the values less 1 for times and rates, else the difference."
    low: float | None
    high: float | None
    level: float
    "Confidence level of `low` and `high`."
    p: float | None
    "None for a count that does not vary between runs: each difference is a change."
    also_changed: tuple[str, ...] = ()
    "What else differs between the two runs: a version as `torch 2.6 → 2.7`, `data`, `options`."


@dataclass(frozen=True)
class SeriesVerdict:
    """A series and its change points."""

    series: Series
    verdict: Verdict
    least: float
    "Smallest change that counts, as in `ChangePoint.change`."
    changes: tuple[ChangePoint, ...] = ()
    dependence: float | None = None
    "p-value of the correlation of neighbours; None for too few points."

    @property
    def dependent(self) -> bool:
        """Whether neighbouring runs are alike, so that false alarms are more frequent than the level states."""
        return self.dependence is not None and self.dependence <= DEPENDENT


@dataclass(frozen=True)
class History:
    """A metric in the runs of one suite."""

    metric: str
    suite: str
    verdicts: tuple[SeriesVerdict, ...]
    left_out: tuple[LeftOut, ...]
    runs: int
    "Number of runs of the suite that can be points."
    by_commit: bool
    "Whether the runs are in the order of their commits; otherwise in that of their start."
    min_points: int
    "Number of points from which on a series can have a change point."
    level: float
    alarms: AlarmRate | None = None
    "False alarms in simulated series; None if every series has too few points, or all values of each are equal."
    simulated: int = 0
    "From how many of the series they were simulated."


def history(
    metric: str, suite: str, runs: Sequence[Run], *, repository: Path | None = None,
    dirty: bool = False, branch: str | None = None, least: float | None = None, level: float = LEVEL,
    shown: Filter = Filter(),
) -> History:  # fmt: skip
    """Find the change points of a metric in the runs of a suite.

    Args:
        metric: name of the metric, `probe/metric`.
        suite: name of the suite.
        runs: its runs in any order.
        repository: a folder of the repository with the commits; without it the runs are in the order of their start.
        dirty: accept runs whose files differed from the commit.
        branch: use the runs of this branch only.
        least: smallest change that counts: a ratio for times and rates, else in the metric's unit; None for the
            default of each kind of metric.
        level: largest p-value of a change point.
        shown: the series to judge.
    """
    chosen = [run for run in runs if branch is None or (run.info.get("git") or {}).get("branch") == branch]
    usable, left_out = usable_runs(chosen, dirty=dirty)
    ordered, by_commit = sort_runs(usable, repository)
    series, others = series_of(metric, ordered, least_points(level))
    results = [judge(one, least=least, level=level) for one in series if shown(one)]
    rate, simulated = false_alarms(results, level)
    return History(
        metric, suite, tuple(results), (*left_out, *others),
        len(usable), by_commit, least_points(level), level, rate, simulated,
    )  # fmt: skip


def sort_runs(runs: Sequence[Run], repository: Path | None) -> tuple[list[Run], bool]:
    """Return the runs oldest first, and whether by the times of their commits, which must all be known."""
    by_start = sorted(runs, key=lambda run: (str(run.info["started"]), run.name))
    commits = [str((run.info.get("git") or {}).get("commit")) for run in by_start]
    times = environment.commit_times(repository, commits) if repository is not None else {}
    if not times or not all(commit in times for commit in commits):
        return by_start, False
    times_of = {id(run): times[commit] for run, commit in zip(by_start, commits)}
    return sorted(by_start, key=lambda run: times_of[id(run)]), True


def judge(series: Series, *, least: float | None = None, level: float = LEVEL) -> SeriesVerdict:
    """Find the change points of a series."""
    counted = least_change(series) if least is None else least
    if series.exact:
        verdict, of_counts = _of_counts(series, counted)
        return SeriesVerdict(series, verdict, counted, of_counts)
    if len(series.points) < least_points(level):
        return SeriesVerdict(series, "too few", counted)
    values = scaled(series)
    changes = change_points(values, series.name, least=scaled_least(series, counted), level=level)
    points = tuple(_as_change_point(series, change) for change in changes)
    dependence = p_of_dependence(residuals(values, [change.position for change in changes]), series.name)
    return SeriesVerdict(series, "changed" if points else "no change", counted, points, dependence)


def least_change(series: Series) -> float:
    """Return the smallest change of a series that counts: a ratio for times and rates, else in the metric's unit."""
    if series.timing:
        return MIN_RATIO
    low, high = series.range or (None, None)
    if low is not None and high is not None:
        return MIN_SHARE * (high - low)
    if series.unit == "fraction":
        return MIN_SHARE
    return 0.0 if series.exact else MIN_OF_OTHERS * float(np.median(np.abs(series.values)))


def scaled(series: Series) -> np.ndarray:
    """Return the values (n,) in which changes are found: logarithms of times and rates."""
    values = np.asarray(series.values, dtype=np.float64)
    return np.log(values) if series.timing else values


def scaled_least(series: Series, least: float) -> float:
    """Return the smallest change that counts in the scale of `scaled`."""
    return math.log1p(least) if series.timing else least


def false_alarms(result: Sequence[SeriesVerdict], level: float = LEVEL) -> tuple[AlarmRate | None, int]:
    """Simulate false alarms from the residuals of the series; return their rate and how many series were used."""
    able = [one for one in result if one.verdict != "too few" and not one.series.exact]
    able = [one for one in able if len(set(one.series.values)) > 1]
    lengths = [len(one.series.points) ** 2 for one in able]
    count = max(1, int(np.searchsorted(np.cumsum(sorted(lengths)), SIMULATED_WORK, side="right"))) if able else 0
    chosen = [able[index * len(able) // count] for index in range(min(count, len(able)))]
    if not chosen:
        return None, 0
    trials = -(-TRIALS // len(chosen))
    rates = [
        alarm_rate(
            residuals_of(one), one.series.name, least=scaled_least(one.series, one.least), trials=trials, level=level
        )
        for one in chosen
    ]
    total = AlarmRate(sum(rate.alarms for rate in rates), sum(rate.trials for rate in rates))
    return total, len(chosen)


def residuals_of(result: SeriesVerdict) -> np.ndarray:
    """Return (n,) the values of a series in the scale of `scaled`, less the median of their part between changes."""
    return residuals(scaled(result.series), [change.position for change in result.changes])


def _as_change_point(series: Series, change: Change) -> ChangePoint:
    numbers = [change.shift.value, change.shift.low, change.shift.high]
    value, low, high = ((None if x is None else math.expm1(x)) if series.timing else x for x in numbers)
    return _change_point(series, change.position, float(value or 0.0), low, high, change.shift.level, change.p)


def _change_point(
    series: Series, position: int, value: float, low: float | None, high: float | None, level: float, p: float | None
) -> ChangePoint:
    before, after = series.points[position - 1], series.points[position]
    direction: Direction = "differs"
    if series.better != "none":
        direction = "better" if (value > 0) == (series.better == "higher") else "worse"
    return ChangePoint(position, before, after, direction, value, low, high, level, p, _also_changed(before, after))


def _of_counts(series: Series, least: float) -> tuple[Verdict, tuple[ChangePoint, ...]]:
    """Return the verdict on counts that do not vary between runs: each difference is a change."""
    values = series.values
    changes = tuple(
        _change_point(series, index, values[index] - values[index - 1], None, None, 1.0, None)
        for index in range(1, len(values))
        if values[index] != values[index - 1] and abs(values[index] - values[index - 1]) >= least
    )
    if len(values) < 2:
        return "too few", ()
    return "changed" if changes else "no change", changes


def _also_changed(before: Point, after: Point) -> tuple[str, ...]:
    """Return what differs between two runs beside their commit."""
    texts = []
    for name in dict.fromkeys((*before.facts, *after.facts)):
        old, new = before.facts.get(name, ""), after.facts.get(name, "")
        if old != new:
            texts.append(name if name in ("data", "options") else f"{name} {old or 'none'} → {new or 'none'}")
    return tuple(texts)


# ── from a folder of results ────────────────────────────────────────────────────────────────────


def histories(store: Store, metric: str, *, suite: str | None = None, **options: Any) -> list[History]:
    """Return the history of a metric in each suite that has it, or in one suite.

    Args:
        store: the runs.
        metric: name of the metric; `accuracy` is enough if there is one such name.
        suite: name of the suite; None for all.
        options: those of `history`.

    Raises:
        NoHistory: There are no runs.
        UnknownMetric: No run has the metric.
        BenchError: There is no such suite.
    """
    infos = store.runs()
    suites = dict.fromkeys(info.suite for info in infos)
    if suite is not None and suites and suite not in suites:
        raise BenchError(f'no run of a suite "{suite}" in {store.root}{nearest(suite, suites)}')
    if not suites:
        raise NoHistory(
            f"cannot tell: {store.root} contains no runs yet\n"
            f"  make one with: bench run quickstart{results_option(store.root)}"
        )
    runs: dict[str, list[Run]] = {}
    for info in infos:
        if suite in (None, info.suite):
            runs.setdefault(info.suite, []).append(Run(info.path))
    names = {name: metric_names(members) for name, members in runs.items()}
    full = full_name(metric, {one for of_suite in names.values() for one in of_suite})
    return [history(full, name, members, **options) for name, members in runs.items() if full in names[name]]


def metric_names(runs: Iterable[Run]) -> set[str]:
    """Return the names of the metrics of some runs."""
    return {row.name for run in runs for record in run.records() for row in heads_of(record)}


def full_name(metric: str, known: set[str]) -> str:
    """Return the whole name of a metric, of which the part after the slash is enough if it is unique.

    Raises:
        UnknownMetric: There is none, or several.
    """
    if metric in known:
        return metric
    matches = sorted(name for name in known if name.partition("/")[2] == metric)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UnknownMetric(f'"{metric}" is a metric of several probes; name one: {", ".join(matches)}')
    raise UnknownMetric(f'no run has a metric "{metric}"{nearest(metric, known) or _some_of(known)}')


def _some_of(known: set[str]) -> str:
    """Return in words the first metrics of the runs, and how many more they have."""
    names = sorted(known)
    more = f", and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"\n  they have: {', '.join(names[:NAMES_SHOWN])}{more}" if names else ""
