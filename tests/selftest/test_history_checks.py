"""The planted histories: each is judged as known, and a search that is broken on purpose is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.history import changes as history
from bench_suite.selftest import runner
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.selftest.history_checks import TASK
from bench_suite.stats import change_points, energy_splits
from bench_suite.stats.shift import Shift

CHECKS = [check for check in runner.plan_checks()[1] if check.cell.task.label == TASK]
shift_between, p_of_search = change_points.shift_between, change_points.p_of_search


@pytest.mark.parametrize("check", CHECKS, ids=[check.instrument for check in CHECKS])
def test_every_planted_history_gives_the_known_answer(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


def of_one_split(parts: Any, statistic: float, random: Any, level: float, permutations: int) -> float:
    """Return a p-value as if there were one split to choose and not 50: as many times smaller."""
    p = p_of_search(parts, statistic, random, 1.0, 499)
    assert p is not None
    return p / 50


def without_the_observed(parts: Any, statistic: float, random: Any, level: float, permutations: int) -> float:
    draws = np.concatenate([*change_points.permuted_statistics(parts, random, permutations)])
    return float(np.mean(draws >= statistic * (1 - 1e-9)))


def turned(before: Any, after: Any) -> Shift:
    return shift_between(after, before)


BREAKS: dict[str, tuple[Any, str, Any, str]] = {
    "a p-value that takes the split as known": (
        change_points, "p_of_search", of_one_split, "history, false alarms of 100",
    ),
    "a p-value that can be 0": (change_points, "p_of_search", without_the_observed, "history, p of the change"),
    "a shift in the wrong direction": (change_points, "shift_between", turned, "history, size of the change"),
    "permuted series that are all alike": (
        change_points, "largest_statistics", lambda columns: np.zeros(columns.shape[1]), "history, stray values",
    ),
    "a position that is one too late": (
        change_points, "best_position", lambda values: energy_splits.best_position(values) + 1,
        "history, run of the change",
    ),
    "a least change that is ignored": (history, "MIN_RATIO", 0.0, "history, change of one per cent"),
    "differences where ratios are meant": (history, "scaled", lambda series: np.asarray(series.values),
                                           "history, size of the change"),
    "one change at most": (change_points, "_parts", lambda n, positions: [] if positions else [(0, n)],
                           "history, change and repair"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_search_that_is_broken_on_purpose_is_noticed(name: str, monkeypatch) -> None:
    module, attribute, replacement, instrument = BREAKS[name]
    monkeypatch.setattr(module, attribute, replacement)
    (check,) = [check for check in CHECKS if check.instrument == instrument]
    assert not judge(check, NOTHING).holds
