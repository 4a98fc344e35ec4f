"""The planted flaws: each is named and nothing else is, and a check that is broken on purpose is noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import FINDING_CODES, Interval
from bench_suite.data.checks import (
    duplicates,
    groups,
    identifiers,
    labels,
    leaks,
    near_pictures,
    near_texts,
    repeated,
    shift,
)
from bench_suite.execution import result_checks
from bench_suite.selftest import runner
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.selftest.finding_checks import TASK

CHECKS = [check for check in runner.plan_checks()[1] if check.cell.task.label == TASK]


def ids(checks: list[Check]) -> list[str]:
    return [f"{check.cell.model.label} {check.instrument}" for check in checks]


@pytest.mark.parametrize("check", CHECKS, ids=ids(CHECKS))
def test_every_planted_flaw_is_named_and_clean_data_have_no_finding(check: Check) -> None:
    finding = judge(check, NOTHING)
    assert finding.holds, (finding.measured, finding.reason)


def test_every_code_has_a_flawed_and_a_clean_data_set() -> None:
    assert {check.cell.model.label for check in CHECKS} == {*FINDING_CODES}
    assert len(CHECKS) == 2 * sum(check.known > 0 for check in CHECKS)


def naive_interval(values: list[float], members: object) -> tuple[float, Interval, None]:
    """Return the interval of independent values, which folds are not."""
    mean, half = float(np.mean(values)), 2.7764 * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return mean, Interval(mean - half, mean + half), None


BREAKS: dict[str, tuple[Any, str, Any]] = {
    "equal rows": (duplicates, "shared_rows", lambda task, first, second: (np.array([1]), np.array([2]))),
    "customers": (repeated, "MIN_SHARED", 0.9),
    "near pictures": (near_pictures, "EQUAL", 1.1),
    "mirrored pictures": (near_pictures, "EQUAL", 1.1),
    "near texts": (near_texts, "MIN_JACCARD", 0.99),
    "leak": (leaks, "MIN_AUC", 0.8),
    "number leak": (leaks, "MIN_AUC", 0.4),
    "length": (leaks, "attributes_of", lambda modality, inputs: {"nothing": np.zeros(len(inputs))}),
    "brightness": (leaks, "attributes_of", lambda modality, inputs: {"nothing": np.zeros(len(inputs))}),
    "identifier": (identifiers, "KOLMOGOROV", 100.0),
    "shift": (shift, "MARGIN", 0.49),
    "category": (labels, "absent_categories", lambda task: iter(())),
    "small group": (groups, "MIN_EXAMPLES", 5),
    "folds": (result_checks, "over_folds", naive_interval),
    "chance": (result_checks, "ONE_SIDED", -1.0),
    "overfit": (result_checks, "FAR", 0.0),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_check_is_outside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, attribute, value = BREAKS[name]
    monkeypatch.setattr(module, attribute, value)
    checks = [check for check in CHECKS if check.instrument.startswith(f"{name},")]
    assert len(checks) == 2
    assert not all(judge(check, NOTHING).holds for check in checks)
