"""The probe `stability`: mistakes that make a network depend on more than the example, and churn over records."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Predictions, Threshold
from bench_suite.probes import stability

SUITE = """
[[tasks]]
use = "{task}"
{more}
[[models]]
use = "{model}"
[train]
epochs = 1
[matrix]
threads = 1
[probes.quality]
"""
NOISE = {"task": "planted_noise", "more": "train = 200\ntest = 400"}
CHANGES = ("second pass", "batch_size=1", "batch_size=16", "order", "threads=2")


def measured(trained, **options):
    items = stability.probe(trained, stability.Options(**{"resamples": 200, **options}))
    return {(metric.name, metric.at.get("change")): metric for metric in items}


@pytest.mark.parametrize(
    ("task", "model", "more"),
    [
        ("planted_noise", "mlp", "train = 200\ntest = 400"),
        ("planted_noise", "logistic_regression", "train = 200\ntest = 400"),
        ("digits", "cnn", ""),
        ("planted_terms", "transformer", "size = 60"),
        ("diabetes", "mlp", ""),
    ],
)
def test_models_without_a_mistake_predict_the_same_in_every_pass(train_cells, task, model, more):
    (trained,) = train_cells(SUITE.format(task=task, model=model, more=more))
    metrics = measured(trained, batch_sizes=(1, 16))
    for change in CHANGES:
        for name in ("changed_predictions", "changed_outputs"):
            if (name, change) in metrics:
                metric = metrics[name, change]
                assert (metric.value, metric.interval.low) == (0.0, 0.0)
                assert metric.interval.high == pytest.approx(1 - 0.025 ** (1 / metric.n))
        largest = metrics["largest_difference", change]
        assert 0 <= largest.value < 1e-4
        assert largest.kind == "single"
    assert ("changed_predictions", "order") in metrics or task == "diabetes"


class Normalised(nn.Module):
    """Batch normalisation by the statistics of the batch, also in evaluation mode."""

    def forward(self, table):
        first = functional.batch_norm(table[:, :1], None, None, training=True)
        return torch.cat([-first, first], dim=1)


class Dropped(nn.Module):
    """Dropout that `eval()` does not turn off."""

    def forward(self, table):
        first = functional.dropout(table[:, :1], 0.5) - 0.1
        return torch.cat([-first, first], dim=1)


class Remembering(nn.Module):
    """A state that each call changes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, table):
        self.calls += 1
        first = table[:, :1] + 0.1 * self.calls
        return torch.cat([-first, first], dim=1)


class Positional(nn.Module):
    """A prediction that depends on the position of the example in its batch."""

    def forward(self, table):
        first = table[:, :1] * (1 - 2 * (torch.arange(len(table))[:, None] % 2))
        return torch.cat([-first, first], dim=1)


@pytest.mark.parametrize(
    ("module", "shows", "hides"),
    [
        (Normalised(), {"batch_size=16", "order"}, {"second pass", "threads=2"}),
        (Dropped(), {"second pass"}, set()),
        (Remembering(), {"second pass"}, set()),
        (Positional(), {"batch_size=1", "order"}, {"second pass", "threads=2", "batch_size=16"}),
    ],
)
def test_a_mistake_shows_where_it_must(train_cells, module, shows, hides):
    (trained,) = train_cells(SUITE.format(model="mlp", **NOISE))
    trained = replace(trained, model=replace(trained.network, module=module), _encoded={})
    state = torch.get_rng_state()
    metrics = measured(trained)
    assert torch.equal(torch.get_rng_state(), state), "what comes later draws the same numbers"
    for change in shows:
        assert metrics["changed_outputs", change].interval.low > 0.02, change
    for change in hides:
        assert metrics["changed_predictions", change].value == 0.0, change
    random = "second pass" in shows
    assert ("evaluation mode" in (metrics["changed_outputs", "second pass"].reason or "")) == random
    assert ("two passes" in (metrics["changed_outputs", "order"].reason or "")) == random


def test_a_pass_in_which_the_model_fails_has_the_reason_and_the_others_their_numbers(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp", **NOISE))
    trained = replace(trained, model=replace(trained.network, module=Normalised()), _encoded={})
    metrics = measured(trained)
    failed = metrics["changed_predictions", "batch_size=1"]
    assert failed.value is None
    assert "more than 1 value" in failed.reason
    assert metrics["changed_predictions", "order"].value is not None


def test_classes_are_those_at_the_cells_threshold(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp", **NOISE))

    class Offset(nn.Module):
        """Scores that move with the batch: from 0.25 to 0.35 alone."""

        def forward(self, table):
            logit = torch.logit(torch.tensor(0.35 if len(table) == 1 else 0.25))
            return torch.stack([torch.zeros(len(table)), logit.expand(len(table))], dim=1)

    trained = replace(trained, model=replace(trained.network, module=Offset()), _encoded={})
    assert measured(trained)["changed_predictions", "batch_size=1"].value == 0.0
    trained = replace(trained, _thresholds=[Threshold(0.3)])
    assert measured(trained)["changed_predictions", "batch_size=1"].value == 1.0


def test_the_tolerance_decides_what_counts_as_rounding(train_cells):
    (trained,) = train_cells(SUITE.format(model="mlp", **NOISE))
    exact = measured(trained, tolerance=0.0, batch_sizes=(1,))["largest_difference", "batch_size=1"]
    assert exact.value < stability.TOLERANCES["32-true"]
    changed = measured(trained, tolerance=0.0, batch_sizes=(1,))["changed_outputs", "batch_size=1"]
    assert (changed.value > 0) == (exact.value > 0)


# ── churn ───────────────────────────────────────────────────────────────────────────────────────


def record(seed, status="ok", problem="classification", **cell):
    return SimpleNamespace(
        status=status, cell={"task": "t", "model": "m", "engine": None, "seed": seed, **cell}, data={"problem": problem}
    )


def stored(by_seed, targets=None, ids=None):
    """Return a reader of stored predictions by the seed of the record."""

    def read(record, split):
        values = by_seed.get(record.cell["seed"])
        if values is None:
            return None
        n = len(values)
        rows = np.arange(n) if ids is None else ids[record.cell["seed"]]
        return Predictions(split, rows, {"targets": np.zeros(n) if targets is None else targets, "predictions": values})

    return read


def churn(records, read):
    return list(stability.summarise(records, stability.Options(), read))


def test_cells_that_differ_only_in_their_seed_are_one_group():
    records = [record(seed, fraction=share) for seed in (0, 1) for share in (0.5, 1.0)]
    records.append(record(2, status="failed", fraction=1.0))
    metrics = churn(records, stored({0: np.zeros(100, int), 1: np.arange(100) // 90}))
    assert [(metric.name, metric.value) for metric in metrics] == [("churn", 0.1)] * 2
    assert [dict(metric.at) for metric in metrics] == [
        {"task": "t", "model": "m", "fraction": share} for share in (0.5, 1.0)
    ]  # fmt: skip


def test_examples_in_another_order_are_matched_and_other_examples_refused():
    values = np.arange(50) % 3
    order = np.random.default_rng(0).permutation(50)
    ids = {0: np.arange(50), 1: order}
    (same,) = churn([record(0), record(1)], stored({0: values, 1: values[order]}, ids=ids))
    assert same.value == 0.0
    ids[1] = np.arange(50) + 1
    (other,) = churn([record(0), record(1)], stored({0: values, 1: values}, ids=ids))
    assert (other.value, "different examples" in other.reason) == (None, True)


def test_a_regression_has_its_mean_change():
    targets = np.linspace(-1, 1, 101)
    records = [record(seed, problem="regression") for seed in (0, 1)]
    (metric,) = churn(records, stored({0: targets, 1: targets + 0.3 * (-1) ** np.arange(101)}, targets))
    assert metric.name == "mean_change"
    assert metric.value == pytest.approx(0.3 / targets.std())
    (flat,) = churn(records, stored({0: targets, 1: targets + 1}, np.zeros(101)))
    assert (flat.value, "all targets are equal" in flat.reason) == (None, True)


def test_a_single_seed_and_predictions_that_are_not_stored_have_reasons():
    (single,) = churn([record(0)], stored({0: np.zeros(9)}))
    assert (single.value, "seed = [0, 1, 2]" in single.reason) == (None, True)
    (lost,) = churn([record(0), record(1)], stored({0: np.zeros(9)}))
    assert (lost.value, "stored" in lost.reason) == (None, True)
    assert churn([record(0, problem="ranking"), record(1, problem="ranking")], stored({}))[0].value is None
