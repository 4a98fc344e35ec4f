"""The changes of several runs since the baselines of their suites, or since another run, for a leaderboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench_suite.comparison.baselines import WORD, base_for, baselines
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.contracts import BenchError
from bench_suite.reports.gate_verdicts import COLUMN, with_changes
from bench_suite.reports.table import Standings
from bench_suite.store.runs import Run, Store


def with_changes_since(
    ranking: Standings, runs: Sequence[Run], against: str | None, notify: Callable[[str], None]
) -> Standings:
    """Return standings whose tables have the change of their ranking metric since a base, after that metric.

    Args:
        ranking: the standings.
        runs: the runs of the standings.
        against: a run, `baseline`, `latest` or `last:N`, as for `bench run --against`; None: the baselines of the
            suites, as far as they exist. If no run has one, the standings stay as they are, and no predictions are
            read.
        notify: called with a line about each run that cannot be compared with its baseline.

    Raises:
        BenchError: `against` is stated, and no run can be compared with it, or it is empty.
    """
    if against is not None and not against.strip():
        raise BenchError("--against is empty: name a run, or `baseline`, `latest` or `last:5`")
    comparisons, errors = list[Comparison](), dict[str, BenchError]()
    for run in runs:
        try:
            comparison = _compared(run, against)
        except BenchError as error:
            errors[run.name] = error
            continue
        comparisons += [comparison] if comparison is not None else []
    if against is not None and errors and not comparisons:
        raise next(iter(errors.values()))
    for name, reason in errors.items():
        notify(f"{name} is not compared: {reason}")
    reference = COLUMN if against in (None, WORD) else str(against)
    if not comparisons:
        return ranking
    return replace(ranking, tables=with_changes(ranking.tables, *comparisons, reference=reference))


def _compared(run: Run, against: str | None) -> Comparison | None:
    """Return the comparison of a run with its base; None if it has no baseline, or is the base itself."""
    store = Store(Path(run.path).parent)
    if against is None and not any(one.suite == run.info["suite"] for one in baselines(store)):
        return None
    base = base_for(store, WORD if against is None else against, run)
    if isinstance(base, Run) and base.name == run.name:
        if against is None:
            return None
        raise BenchError(f"{run.name} is the run to compare with")
    return compare(base, run)
