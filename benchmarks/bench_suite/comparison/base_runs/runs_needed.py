"""How many runs a base needs before a gate can decide."""

from __future__ import annotations

from bench_suite.stats.base_runs import BaseRuns, runs_only_difference, with_more_runs
from bench_suite.stats.power import min_detectable_effect

MAX_RUNS = 30
"More runs are not suggested: nobody keeps so many of one state of the code."


def runs_that_decide(runs: BaseRuns, margin: float, level: float) -> str:
    """Return in words how many base runs would find an unchanged metric not worse in 95 of 100 comparisons.

    Args:
        runs: how much the runs vary.
        margin: the tolerance on the scale of the evidence.
        level: that of the one-sided test.

    Returns:
        The words; empty if these runs are enough, so that something else keeps the gate from deciding.
    """

    def decides(count: int) -> bool:
        test = runs_only_difference(0.0, with_more_runs(runs, count))
        return min_detectable_effect(test, level) <= margin

    if decides(runs.count):
        return ""
    count = next((count for count in range(runs.count + 1, MAX_RUNS + 1) if decides(count)), None)
    if count is None:
        return f"the base runs differ too much for this tolerance: not even {MAX_RUNS} would decide"
    return f"about {count} base runs would decide, not {runs.count}"
