"""Runs that cannot be compared are refused before anything is compared."""

from __future__ import annotations

import pytest

from bench_suite.comparison.baselines import set_baseline
from bench_suite.comparison.compare import compare
from bench_suite.comparison.preconditions import ComparisonError, check_common


def test_a_base_has_a_cell_only_if_it_ended_well(runs) -> None:
    base = runs.make([(runs.cell(), runs.predictions(0.9)), (runs.cell(1, status="failed", reason="no memory"), None)])
    check_common(base, ["mlp0", "other"])
    for ids in (["mlp1"], ["other"], []):
        with pytest.raises(ComparisonError, match="has none of these cells: its suite, its options or a component"):
            check_common(base, ids)
    with pytest.raises(ComparisonError, match="smoke run"):
        check_common(runs.of(0.9, smoke=True), ["mlp0"])


@pytest.mark.parametrize(
    "gate",
    [
        {"quality/accuracy": {"tolerance": "x"}},
        {"quality/accuracy": {"tolerance": -1}},
        {"quality/accuracy": {"tolerance": 10**400}},
        {"quality/accuracy": None},
    ],
)
def test_a_damaged_gate_is_wrong_input(runs, gate) -> None:
    with pytest.raises(ComparisonError, match=r"run\.json is damaged: the gate on quality/accuracy is "):
        compare(runs.of(0.9), runs.of(0.9, gate=gate))


@pytest.mark.parametrize("side", ["base", "head"])
def test_smoke_runs_are_refused(runs, side: str) -> None:
    smoke, whole = runs.of(0.9, smoke=True), runs.of(0.9)
    with pytest.raises(ComparisonError, match=r"smoke run, which is never compared"):
        compare(*((smoke, whole) if side == "base" else (whole, smoke)))


def test_a_run_is_never_compared_with_itself(runs) -> None:
    run = runs.of(0.9)
    with pytest.raises(ComparisonError, match="HEAD is the run that the baseline was made from: run the suite first"):
        compare(set_baseline(runs.store, run).run, run)
    with pytest.raises(ComparisonError, match="BASE and HEAD are the same run") as error:
        compare(run, run)
    assert error.value.exit_status == 2


def test_runs_without_a_common_cell_are_wrong_input_and_say_what_they_have(runs) -> None:
    base = runs.of(0.9)
    head = runs.make([(runs.cell(model="cnn"), runs.predictions(0.9))])
    with pytest.raises(ComparisonError, match=r"no cell in common\n  loans, cnn, seed 0: new") as error:
        compare(base, head)
    assert error.value.exit_status == 2
    with pytest.raises(ComparisonError, match="has none of these cells"):
        check_common(base, ["cnn0"])
