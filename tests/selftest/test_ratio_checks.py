"""The planted ratios and runs: each check holds, and a formula that is broken on purpose is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench_suite.selftest import runner
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.selftest.ratio_checks import TASK
from bench_suite.stats import base_runs, ratios

CHECKS = [check for check in runner.plan_checks()[1] if check.cell.task.label == TASK]
contrast, by_example, with_runs, alone = (
    ratios.welch_contrast, ratios.log_ratio_by_example, base_runs.with_base_runs, base_runs.runs_only_difference,
)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=[check.instrument for check in CHECKS])
def test_every_known_answer_is_given(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


BREAKS = {
    "the machine is not taken out": (ratios, "welch_contrast", lambda added, removed: contrast(added[:1], added[1:])),
    "a ratio of one example": (ratios, "log_ratio_by_example", lambda a, b: by_example(a, b) - by_example(a, b) + a),
    "runs without drift": (base_runs, "with_base_runs", lambda paired, runs: paired),
    "head without a deviation": (
        base_runs, "runs_only_difference",
        lambda value, runs: replace(alone(value, runs), variance=runs.observed / runs.count),
    ),
    "a normal law": (base_runs, "runs_only_difference", lambda value, runs: replace(alone(value, runs), df=1e9)),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_a_break_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, function = BREAKS[broken]
    monkeypatch.setattr(module, name, function)
    assert not all(judge(check, NOTHING).holds for check in CHECKS)
