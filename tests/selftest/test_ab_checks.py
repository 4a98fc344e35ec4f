"""The planted timings: each check holds, and a test that is broken on purpose is noticed."""

from __future__ import annotations

import math

import pytest

from bench_suite.ab import bisection, trial
from bench_suite.selftest import runner
from bench_suite.selftest.ab_checks import TASK
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.stats import anytime, anytime_power

CHECKS = [check for check in runner.plan_checks()[1] if check.cell.task.label == TASK]
log_evidence, crossings, half_width = anytime.log_evidence, anytime_power.crossings, anytime.half_width


@pytest.mark.parametrize("check", CHECKS, ids=[check.instrument for check in CHECKS])
def test_every_known_answer_is_given(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


def t_test_at_every_look(values, margin, level):
    """Return crossings of a plain t-test that is looked at after each block."""
    import numpy as np
    from scipy import special

    n = np.arange(1, values.shape[1] + 1)
    mean = np.cumsum(values, axis=1) / n
    squares = np.cumsum(values**2, axis=1) - n * mean**2
    t = mean * np.sqrt(n) / np.sqrt(np.maximum(squares / np.maximum(n - 1, 1), 1e-300))
    holds = (n >= 3) & (t >= special.stdtrit(np.maximum(n - 1, 1), 1 - level))
    first = np.where(holds.any(axis=1), holds.argmax(axis=1), values.shape[1])
    return first, np.full(len(values), values.shape[1])


BREAKS = {
    "no shrinkage": (anytime, "log_evidence", lambda n, distance, squares: n / 2 * math.log1p(distance**2 / squares)
                     if squares else 0.0),
    "another exponent": (anytime, "log_evidence", lambda n, d, squares: log_evidence(n, d, squares) * (n - 1) / n),
    "an interval of 95 %": (anytime, "half_width", lambda n, squares, level: half_width(n, squares, 0.05)),
    "a t-test at every look": (anytime_power, "crossings", t_test_at_every_look),
    "a mean of rounds": (
        trial.statistics, "median", lambda values: sum(values := list(values)) / len(values),
    ),
    "a bisection that stops early": (
        bisection, "bisect", lambda commits, test: bisection.Bisection(commits, first_bad=len(commits) - 1),
    ),
    "too few blocks": (anytime, "required_blocks", lambda *arguments: 7),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_a_break_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, function = BREAKS[broken]
    monkeypatch.setattr(module, name, function)
    assert not all(judge(check, NOTHING).holds for check in CHECKS)
