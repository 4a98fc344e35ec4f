"""Claims about the importance of columns: it is the mean magnitude of attributions, of columns as a person has them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench_suite.contracts import Metric
from bench_suite.data.table_inputs import TableInput
from bench_suite.probes import attribution
from bench_suite.probes.attribution import importance
from bench_suite.probes.attribution.methods import MethodVariant

pytest.importorskip("captum", reason="captum is not installed; the extra `attribution` brings it")


def measured(cell, **options):
    """Return importances by column, and the chart."""
    options = {"methods": ("integrated_gradients",), "examples": 4, "shown": 0, "samples": 1, **options}
    items = list(attribution.probe(cell, attribution.Options(**options)))
    metrics = {m.at["column"]: m for m in items if isinstance(m, Metric) and m.name == "column_importance"}
    return metrics, next((item for item in items if item.name == "importance"), None)


class Linear(torch.nn.Module):
    """A linear classifier of a table."""

    def __init__(self, weights):
        super().__init__()
        self.layer = torch.nn.Linear(len(weights), 2, bias=False)
        with torch.no_grad():
            self.layer.weight[0] = 0.0
            self.layer.weight[1] = torch.as_tensor(weights, dtype=torch.float32)

    def forward(self, table):
        return self.layer(table)


WEIGHTS = np.array([3.0, -1.0, 0.5, 0.0])


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(1.0, [1.0, 2.0, 3.0, 4.0], (300, 4))


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient", "feature_ablation"])
def test_of_a_linear_model_it_is_the_weight_times_the_mean_distance_from_the_reference(table_cell, values, method):
    """The logit of class 0 is constant, so only examples of class 1 have an attribution: with weight w · (x − mean)."""
    cell = table_cell(Linear(WEIGHTS), values, ("a", "b", "c", "d"))
    metrics, chart = measured(cell, methods=(method,))
    predicted = values.astype("float32") @ WEIGHTS > 0
    expected = np.abs(WEIGHTS * (values - values.mean(axis=0)) * predicted[:, None]).mean(axis=0)
    assert [metrics[name].value for name in "abcd"] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert list(metrics) == [name for _, name in sorted(zip(-expected, "abcd"))]
    assert metrics["a"].at == {"method": method, "column": "a"}
    assert metrics["a"].n == 300
    assert metrics["d"].value == 0.0
    assert metrics["d"].reason == "all resamples agree"
    assert list(chart.data["bars"]) == list(metrics)
    assert chart.data["intervals"]["a"] == [metrics["a"].interval.low, metrics["a"].interval.high]
    assert "d" not in chart.data["intervals"]


def test_the_interval_contains_the_mean_of_many_more_examples(table_cell):
    random = np.random.default_rng(1)
    many = random.normal(0.0, 1.0, (20_000, 2))
    (truth, _) = measured(table_cell(Linear([1.0, 0.2]), many, ("a", "b")), importance=20_000)
    few = table_cell(Linear([1.0, 0.2]), many[:400], ("a", "b"))
    metrics, _ = measured(few)
    for name in "ab":
        assert metrics[name].interval.low < truth[name].value < metrics[name].interval.high


def test_the_numbers_of_a_category_are_summed_and_magnitudes_added():
    parts = torch.tensor([[1.0, -3.0, 0.5], [2.0, 2.0, -0.5]])
    column = TableInput("job", (0, 1), "category", ("cook", "nurse"))
    assert importance.of_column(parts, column, signed=True).tolist() == [2.0, 4.0]
    assert importance.of_column(parts, column, signed=False).tolist() == [4.0, 4.0]


def test_a_category_is_one_column(table_cell, values):
    cell = table_cell(Linear(WEIGHTS), values, ("job=a", "job=b", "c", "d"))
    cell.data.spec.update(raw_columns=("job", "job", "c", "d"), kinds=("category", "category", "number", "number"))
    metrics, _ = measured(cell)
    assert set(metrics) == {"job", "c", "d"}


def test_the_first_method_whose_numbers_have_a_unit_is_taken(table_cell, values):
    variants = list(map(MethodVariant, ("random", "saliency", "integrated_gradients")))
    assert importance.chosen_method(variants) == MethodVariant("saliency")
    assert importance.chosen_method(variants[:1]) is None
    cell = table_cell(Linear(WEIGHTS), values)
    metrics, _ = measured(cell, methods=("random", "saliency"))
    assert {metric.at["method"] for metric in metrics.values()} == {"saliency"}
    assert measured(cell, methods=("random",)) == ({}, None)
    assert measured(cell, importance=0) == ({}, None)


def test_a_method_that_fits_a_model_takes_the_explained_examples_only(table_cell, values):
    cell = table_cell(Linear(WEIGHTS), values)
    metrics, _ = measured(cell, methods=("kernel_shap",), coalitions=40)
    assert {metric.n for metric in metrics.values()} == {4}


def test_a_chart_shows_the_greatest_and_counts_all(table_cell):
    values = np.random.default_rng(0).normal(size=(50, 30))
    metrics, chart = measured(table_cell(Linear(np.arange(30.0)), values))
    assert len(metrics) == 30
    assert len(chart.data["bars"]) == importance.MAX_BARS
    assert "The 20 of 30 columns with the greatest" in chart.caption
