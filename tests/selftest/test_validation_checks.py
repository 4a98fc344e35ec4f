"""The known answers of the probe `validation`, and breaks of it that they notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench_suite.metrics import accuracy
from bench_suite.selftest import runner, validation_checks
from bench_suite.selftest.checks import NOTHING, Check, judge

CHECKS = {
    check.instrument: check for check in runner.plan_checks()[1] if check.cell.task.label == validation_checks.TASK
}
trained = validation_checks._trained


@pytest.mark.parametrize("check", CHECKS.values(), ids=[*CHECKS])
def test_the_known_answer_is_measured(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


def of_test() -> Any:
    known = trained()
    known.predictions = lambda split: validation_checks._predictions("test")
    return known


def of_the_last_epoch() -> Any:
    known = trained()
    known.history = replace(known.history, best_epoch=validation_checks.EPOCHS)
    return known


def without_the_last_epoch() -> Any:
    known = trained()
    known.history = replace(known.history, epochs=known.history.epochs[:-1])
    return known


@pytest.mark.parametrize(
    ("wrong", "noticed"),
    [
        (of_test, "validation, accuracy"),
        (of_the_last_epoch, "validation, best_epoch"),
        (without_the_last_epoch, "validation, epochs"),
    ],
)
def test_a_probe_that_reads_something_else_is_noticed(
    wrong: Callable[[], Any], noticed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation_checks, "_trained", wrong)
    assert {name for name, check in CHECKS.items() if not judge(check, NOTHING).holds} == {noticed}


def test_a_metric_that_is_off_by_one_example_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = accuracy.accuracy
    monkeypatch.setattr(accuracy, "accuracy", lambda targets, predictions: right(targets, predictions) + 0.01)
    assert not judge(CHECKS["validation, accuracy"], NOTHING).holds
