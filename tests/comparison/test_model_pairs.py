"""`bench compare --models`: cells of two models, of one run or of two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.comparison.conftest import Runs

from bench_suite.comparison.compare import compare
from bench_suite.comparison.model_pairs import pair_models
from bench_suite.comparison.preconditions import ComparisonError


def test_two_models_of_one_run_are_paired_by_seed(runs: Runs) -> None:
    cells = [
        (runs.cell(s, model), runs.predictions(share, s)) for model, share in (("a", 0.9), ("b", 0.8)) for s in (0, 1)
    ]
    run = runs.make(cells)
    comparison = compare(run, run, models=("a", "b"))
    row = runs.gated_row(comparison)
    assert (row.verdict, row.seeds, comparison.status) == ("regressed", 2, 1)
    assert row.difference == pytest.approx(-0.1, abs=0.01)
    assert "a → b" in comparison.notes
    assert compare(run, run, models=("b", "a")).status == 0


def test_models_of_two_runs_are_paired_though_their_ids_differ(runs: Runs) -> None:
    base = runs.make([(runs.cell(0, "old"), runs.predictions(0.8))])
    head = runs.make([(runs.cell(0, "new"), runs.predictions(0.8))])
    assert runs.gated_row(compare(base, head, models=("old", "new"))).method == "same predictions"


def test_different_training_options_are_noted_and_compared(runs: Runs) -> None:
    options = {"train": {"epochs": 9}, "placement": {"device": "cpu", "threads": 1}}
    cells = [(runs.cell(0, "a"), runs.predictions(0.8)), (runs.cell(0, "b", options=options), runs.predictions(0.8))]
    run = runs.make(cells)
    pairing = pair_models(run, run, ("a", "b"))
    assert len(pairing.groups) == 1
    assert "they were trained with different options: train.epochs 3 → 9" in pairing.notes


def test_labels_that_one_of_the_models_lacks_do_not_keep_them_apart(runs: Runs) -> None:
    trees = runs.cell(0, "trees")
    labels = {name: value for name, value in trees.cell.items() if name not in ("engine", "precision")}
    run = runs.make(
        [(runs.cell(0, "net"), runs.predictions(0.8)), (replace(trees, cell=labels), runs.predictions(0.8))]
    )
    assert len(pair_models(run, run, ("net", "trees")).groups) == 1


def test_what_only_one_model_has_is_listed(runs: Runs) -> None:
    run = runs.make([(runs.cell(s, m), runs.predictions(0.8, s)) for m, s in (("a", 0), ("a", 1), ("b", 0), ("b", 2))])
    codes = {(cell.reason_code, cell.detail) for cell in pair_models(run, run, ("a", "b")).uncompared}
    assert codes == {("new", "a has no such cell"), ("missing", "b has no such cell")}


def test_other_data_and_failures_are_not_compared(runs: Runs) -> None:
    data = {"name": "loans", "fingerprint": "bbbbbbbbbb"}
    cells = [
        (runs.cell(0, "a"), runs.predictions(0.8)),
        (runs.cell(0, "b", data=data), runs.predictions(0.8)),
        (runs.cell(1, "a"), runs.predictions(0.8)),
        (runs.cell(1, "b", status="failed", reason="out of memory", metrics=()), None),
    ]
    run = runs.make(cells)
    codes = {cell.reason_code for cell in pair_models(run, run, ("a", "b")).uncompared}
    assert codes == {"other data", "failed"}


def test_an_unknown_model_is_refused_with_the_nearest_name(runs: Runs) -> None:
    run = runs.of(0.8)
    with pytest.raises(ComparisonError, match=r'has no model "mpl"; did you mean "mlp"\?'):
        compare(run, run, models=("mlp", "mpl"))


def test_a_cell_that_fits_several_is_refused(runs: Runs) -> None:
    cells = []
    for width in (32, 64):
        cell = runs.cell(0, "net", id=f"net{width}")
        cells.append((replace(cell, cell={**cell.cell, "models.net.hidden": width}), runs.predictions(0.8)))
    run = runs.make([*cells, (runs.cell(0, "trees"), runs.predictions(0.8))])
    for models in (("net", "trees"), ("trees", "net")):
        with pytest.raises(ComparisonError, match="--between model"):
            compare(run, run, models=models)


def test_a_model_is_not_compared_with_itself(runs: Runs) -> None:
    run = runs.of(0.8)
    with pytest.raises(ComparisonError, match="the same run"):
        compare(run, run, models=("mlp", "mlp"))
