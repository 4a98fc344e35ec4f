"""The planted looks: each check holds, and a rule that is broken on purpose is noticed."""

from __future__ import annotations

import pytest

from bench_suite.comparison import seed_looks
from bench_suite.selftest import runner, seed_checks
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.selftest.seed_checks import TASK
from bench_suite.stats import sequential

CHECKS = [check for check in runner.plan_checks()[1] if check.cell.task.label == TASK]
QUICK = [check for check in CHECKS if "model" not in check.instrument and "loss" not in check.instrument]
"Those that simulate no comparison."


@pytest.mark.parametrize("check", CHECKS, ids=[check.instrument for check in CHECKS])
def test_every_known_answer_is_given(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


BREAKS = {
    "each look at the whole level": (sequential, "nominal_level", lambda first, most, look, level: level),
    "the level divided by the looks": (sequential, "nominal_level", lambda first, most, look, level: level / 5),
    "only the newest look": (
        sequential, "sequential_p",
        lambda first, most, p_values, of_all=sequential.sequential_p: of_all(
            first, most, [1.0] * (len(p_values) - 1) + list(p_values[-1:])
        ),
    ),
    "the smallest p": (sequential, "sequential_p", lambda first, most, p_values: min(p_values)),
    "a look too late": (sequential, "looks", lambda first, most: (3, 5, 9, 12, 15) if most == 15 else (most,)),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_a_break_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, function = BREAKS[broken]
    monkeypatch.setattr(module, name, function)
    assert not all(judge(check, NOTHING).holds for check in QUICK)


def test_a_gate_that_forgets_its_tolerance_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same looks with the tolerance 0: a loss of the tolerance is then a loss."""
    right = seed_looks.sequence_of
    monkeypatch.setattr(
        seed_checks.error_rates, "sequence_of", lambda evidences, margins, seeds: right(evidences, 0.0, seeds)
    )
    of_losses = [check for check in CHECKS if check.instrument == "looks, loss of the tolerance"]
    assert [judge(check, NOTHING).holds for check in of_losses] == [False]
