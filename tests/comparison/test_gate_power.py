"""Claims about what a gate could find, by the spread in one run: it agrees with simulated comparisons."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.error_rates import Setting, simulate
from bench_suite.comparison.gate_power import GatePower, gate_powers
from bench_suite.comparison.gates import stated_gates
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.store.runs import Run

NAME = "quality/accuracy"


def powers(run: Run, section: dict[str, Any], **changes: Any) -> list[GatePower]:
    """Return what these gates could find by the spread in a run."""
    ids = [record.id for record in run.records()]
    return gate_powers(stated_gates(section), run, ids, **{"seconds": 60.0, **changes})


def spread_run(runs, seeds: int, differing: float) -> Run:
    """Return a run of equally good models, two of which differ on this share of the examples."""
    random = np.random.default_rng(7)
    unsure = random.random(runs.n) < 2 * differing
    cells = [
        (runs.cell(seed), runs.predictions_of(np.where(unsure, random.random(runs.n) < 0.5, True)))
        for seed in range(seeds)
    ]
    return runs.make(cells)


@pytest.mark.parametrize(("seeds", "tolerance"), [(3, 0.03), (5, 0.015), (5, 0.03)])
def test_loss_and_share_are_those_of_simulated_comparisons(runs, seeds, tolerance) -> None:
    run = spread_run(runs, seeds, 0.1)
    (power,) = powers(run, {NAME: {"tolerance": tolerance}})
    values = [row.value for record in run.records() for row in record.metrics]
    stored = [run.read_predictions(record.artifacts[0]) for record in run.records()]
    correct = [predictions["targets"] == predictions["predictions"] for predictions in stored]
    differing = float(np.mean([np.mean(one != other) for one, other in combinations(correct, 2)]))
    spread = np.sqrt(max(0.0, np.var(values, ddof=1) - differing / 2 / runs.n))
    rates = simulate([Setting(runs.n, seeds, differing, spread, tolerance=tolerance)], 0.0, trials=400)
    assert power.undecided == pytest.approx(rates.undecided, abs=0.15)
    assert power.smallest - tolerance == pytest.approx(rates.finds, rel=0.5)
    assert (power.seeds, power.cells, power.paired, power.where) == (seeds, 1, True, "loans, mlp")


def test_a_wider_tolerance_is_decided_more_often(runs) -> None:
    run = spread_run(runs, 5, 0.1)
    shares = [powers(run, {NAME: {"tolerance": tolerance}})[0].undecided for tolerance in (0.002, 0.01, 0.02, 0.1)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.9 > 0.1 > shares[-1]


def test_with_one_seed_the_two_models_count_as_independent(runs) -> None:
    (power,) = powers(spread_run(runs, 1, 0.1), {NAME: {"tolerance": 0.05}})
    assert (power.paired, power.seeds) == (False, 1)
    assert 0.05 < power.smallest < 0.2


def test_models_that_no_seed_changes_are_always_found_equal(runs) -> None:
    same = runs.predictions(0.9)
    (power,) = powers(runs.make([(runs.cell(seed), same) for seed in range(3)]), {NAME: {"tolerance": 0.01}})
    assert power.undecided < 0.01
    assert power.paired


def test_the_cells_in_which_a_gate_finds_least_are_named(runs) -> None:
    random = np.random.default_rng(3)
    cells = [
        (replace(runs.cell(seed, model=model), id=f"{model}{seed}"), runs.predictions_of(random.random(runs.n) > error))
        for model, error in (("sure", 0.01), ("unsure", 0.4))
        for seed in range(3)
    ]
    run = runs.make(cells)
    (power,) = powers(run, {NAME: {"tolerance": 0.02}})
    assert (power.where, power.cells, power.left) == ("loans, unsure", 2, 0)
    (power,) = powers(run, {NAME: {"tolerance": 0.02, "only": {"model": ["sure"]}}})
    assert (power.where, power.scope, power.cells) == ("loans, sure", "model sure", 1)
    (power,) = powers(run, {NAME: {"tolerance": 0.02}}, seconds=0.0)
    assert (power.cells, power.left) == (1, 1), "there was no time for the other"


def test_more_gates_find_less(runs) -> None:
    run = spread_run(runs, 5, 0.1)
    one = powers(run, {NAME: {"tolerance": 0.02}})[0]
    of_two = powers(run, {NAME: [{"tolerance": 0.02}, {"tolerance": 0.02}]})
    assert [power.smallest > one.smallest for power in of_two] == [True, True]


TIMES = (0.5, 0.51, 0.52, 0.49, 0.5)


def rows_of(value: float, **changes: Any) -> tuple[MetricRow, ...]:
    return (MetricRow(NAME, value, "fraction", "higher", **changes),)


@pytest.mark.parametrize(
    ("rows", "undecided", "paired"),
    [
        ([rows_of(0.5, kind="exact")] * 3, False, True),
        ([rows_of(0.5), rows_of(0.6), rows_of(0.7)], True, False),
        ([rows_of(value, interval=Interval(value - 0.01, value + 0.01)) for value in (0.5, 0.5, 0.5)], False, False),
        ([rows_of(0.5, samples=TIMES, interval=Interval(0.4, 0.6, over="processes"))], False, True),
    ],
    ids=["exact counts", "values alone", "intervals", "a timing"],
)  # fmt: skip
def test_what_is_not_paired_by_example_is_judged_as_a_comparison_does(runs, rows, undecided, paired) -> None:
    run = runs.make([(runs.cell(seed, metrics=own), None) for seed, own in enumerate(rows)])
    (power,) = powers(run, {NAME: {"tolerance": "20%"}})
    assert ((power.undecided > 0.5), power.paired) == (undecided, paired)


def test_a_gate_without_a_value_and_one_without_tolerance_have_no_numbers(runs) -> None:
    run = runs.make([(runs.cell(metrics=rows_of(0.5)), None)])
    assert powers(run, {NAME: {"min": 0.1}}) == []
    (power,) = powers(run, {NAME: {"tolerance": 0.1}})
    assert (power.cells, power.smallest) == (0, None), "one value without an interval"
    large = runs.make([(runs.cell(metrics=rows_of(1e308, interval=Interval(0.0, 1.7e308))), None)])
    assert powers(large, {NAME: {"tolerance": 0.1}})[0].cells == 0
    failed = runs.make([(runs.cell(status="failed", probes={"quality": ProbeRow("failed", "k")}), None)])
    assert powers(failed, {NAME: {"tolerance": 0.1}})[0].cells == 0


def test_folds_are_forecast_by_the_corrected_variance_and_never_paired_with_one_another(runs) -> None:
    values = [0.80, 0.84, 0.78, 0.82, 0.76]
    cells = []
    for fold, value in enumerate(values):
        facts = {"fold": fold, "folds": 5, "repeats": 1, "fingerprint": "w", "examples": 500}
        data = {"name": "loans", "fingerprint": f"f{fold}", "train": 400, "test": 100, "folds": facts}
        record = runs.cell()
        row = MetricRow(NAME, value, "fraction", "higher", interval=Interval(value - 0.1, value + 0.1), n=100)
        changed = replace(record, id=f"f{fold}", cell={**record.cell, "fold": fold}, data=data, metrics=(row,))
        cells.append((changed, None))
    (power,) = powers(runs.make(cells), {NAME: {"tolerance": 0.05}})
    assert (power.folds, power.paired, power.where) == (5, False, "loans, mlp")
    # V = (1/5 + 1/4) · 2 · 0.001: about (t(0.99) + t(0.95)) √V = 5.9 · 0.03 above the tolerance.
    assert power.smallest == pytest.approx(0.05 + 5.9 * 0.03, rel=0.15)
