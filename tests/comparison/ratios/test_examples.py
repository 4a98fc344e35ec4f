"""Claims about ratios from stored predictions: paired by example whatever their order, and never over others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.changed_examples import location_of
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.pairing import Group, pair_of
from bench_suite.comparison.ratios.examples import Ratio, by_examples
from bench_suite.comparison.rescoring import Unpaired
from bench_suite.comparison.strategies import PairedMetric
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import MetricRow, Predictions
from bench_suite.metrics.macro_f1 import macro_f1

NAMES = ("linear", "mlp")


def value_of(name: str, predictions: Predictions) -> float:
    """Return accuracy or the macro F1."""
    targets, predicted = predictions["targets"], predictions["predictions"]
    return macro_f1(targets, predicted) if name == "macro_f1" else float((targets == predicted).mean())


def ratio(
    runs, *sides: tuple[Predictions, Predictions], weight: float = 1.0, name: str = "accuracy", **row: Any
) -> Ratio:
    """Return the ratio of a model to its reference, from their predictions in this order, one pair a seed."""
    metric, cells = f"quality/{name}", []
    for seed, pair in enumerate(sides):
        for model, predictions in zip(NAMES, pair):
            stated = {"of_predictions": True, **row}
            rows = (MetricRow(metric, value_of(name, predictions), "fraction", "higher", **stated),)
            cells.append((runs.cell(seed, model, metrics=rows), predictions))
    run = runs.make(cells)
    records = {(record.cell["seed"], record.cell["model"]): record for record in run.records()}
    pairs = tuple(pair_of(*(records[seed, model] for model in NAMES)) for seed in range(len(sides)))
    location = location_of(Group("loans, mlp", pairs, True, NAMES), run, run, MetricFiles())
    values = [(pair.base.metrics[0], pair.head.metrics[0]) for pair in pairs]
    return Ratio(PairedMetric(Row(metric, "loans, mlp", True, better="higher"), values, location), weight)


def answers(runs, share: float, seed: int, n: int = 400) -> Predictions:
    """Return predictions, this share of which is right: the easiest examples, except a few."""
    return runs.predictions(share, seed, n)


@pytest.mark.parametrize(("name", "method"), [("accuracy", "examples"), ("macro_f1", "resampling")])
def test_the_variance_is_that_of_the_bootstrap(runs, name: str, method: str) -> None:
    reference, model = (answers(runs, share, seed) for share, seed in ((0.9, 1), (0.7, 2)))
    difference, found_by = by_examples([ratio(runs, (reference, model), name=name)])
    random, draws = np.random.default_rng(0), []
    for _ in range(1000):
        rows = random.integers(0, 400, 400)
        parts = [replace(p, columns={k: v[rows] for k, v in p.columns.items()}) for p in (model, reference)]
        draws.append(np.log(value_of(name, parts[0]) / value_of(name, parts[1])))
    assert found_by == method
    assert difference.value == pytest.approx(np.log(value_of(name, model) / value_of(name, reference)))
    assert difference.error == pytest.approx(np.std(draws), rel=0.12)
    assert difference.n == 400


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_the_change_is_paired_by_example_whatever_their_order(runs, name: str) -> None:
    first = [(answers(runs, 0.9, s), answers(runs, 0.7, 10 + s)) for s in range(3)]
    second = [(answers(runs, 0.9, 20 + s), answers(runs, 0.65, 30 + s)) for s in range(3)]
    order = np.random.default_rng(0).permutation(400)
    shuffled = [
        tuple(replace(p, ids=p.ids[order], columns={k: v[order] for k, v in p.columns.items()}) for p in pair)
        for pair in second
    ]
    base = ratio(runs, *first, weight=-1.0, name=name)
    plain, mixed = (by_examples([ratio(runs, *sides, name=name), base])[0] for sides in (second, shuffled))
    assert mixed.value == pytest.approx(plain.value)
    assert mixed.variance == pytest.approx(plain.variance)
    heads = by_examples([ratio(runs, *second, name=name)])[0]
    assert plain.error < heads.error, "what is easy for all four sides drops out"


def test_the_same_predictions_are_no_difference_and_other_scores_are_not_the_same(runs) -> None:
    sides = (answers(runs, 0.9, 1), answers(runs, 0.7, 2))
    base = ratio(runs, sides, weight=-1.0)
    difference, method = by_examples([ratio(runs, sides), base])
    assert (method, difference.value, difference.variance) == ("same predictions", 0.0, 0.0)
    other = replace(sides[1], columns={**sides[1].columns, "scores": sides[1]["scores"] * np.float32(0.9)})
    difference, method = by_examples([ratio(runs, (sides[0], other)), base])
    assert (method, difference.value) == ("examples", 0.0)
    assert difference.variance_per_loss == pytest.approx(1 / 400 / value_of("accuracy", sides[1]))


def test_clusters_of_examples_are_not_independent(runs) -> None:
    sides = [answers(runs, 0.9, 1), answers(runs, 0.7, 2)]
    for name in ("accuracy", "macro_f1"):
        clustered = [replace(p, columns={**p.columns, "cluster": np.arange(400) // 10}) for p in sides]
        difference, _ = by_examples([ratio(runs, tuple(clustered), name=name)])
        assert (difference.n, difference.sample_unit) == (40, "clusters")


def test_other_examples_are_refused_and_metrics_of_other_data_are_not_computed_again(runs) -> None:
    sides = (answers(runs, 0.9, 1), answers(runs, 0.7, 2))
    fewer = (answers(runs, 0.9, 1, 300), answers(runs, 0.7, 2, 300))
    with pytest.raises(ValueError, match="the two runs were tested on different examples: 100 lost"):
        by_examples([ratio(runs, sides), ratio(runs, fewer, weight=-1.0)])
    with pytest.raises(ValueError, match="model and reference were tested on different examples"):
        by_examples([ratio(runs, (sides[0], fewer[1]))])
    with pytest.raises(Unpaired, match="does not state that the predictions"):
        by_examples([ratio(runs, sides, of_predictions=False)])


def test_a_value_that_is_not_above_0_has_no_logarithm(runs) -> None:
    none = runs.predictions_of(np.zeros(400, dtype=bool))
    with pytest.raises(ValueError, match="mlp has the value 0, so there is no ratio"):
        ratio(runs, (answers(runs, 0.9, 1), none)).logarithms()
    assert ratio(runs, (answers(runs, 0.9, 1), answers(runs, 0.9, 1))).logarithms() == [0.0]
