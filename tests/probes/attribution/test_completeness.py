"""Claims of completeness, and inputs without gradients: a reason in place of numbers that would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Data, Evaluation, Metric, Network, Placement, Predictions, Source
from bench_suite.data.encoded import encoded, stack
from bench_suite.data.splits import MemorySplit, column
from bench_suite.probes import attribution
from bench_suite.probes.attribution.evaluation import MethodResults, _incompleteness
from bench_suite.probes.attribution.methods import MethodVariant
from bench_suite.problems import classification
from bench_suite.training.prediction import predict

PLACE = Placement("cpu", 1, "32-true")
JOBS = 6


class Layers(nn.Module):
    """Two layers with a nonlinearity that may be a module, a function or a module made in `forward`."""

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor], columns: int = 4) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(columns, 16), nn.Linear(16, 2)
        self.activation = activation

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        hidden = self.activation(self.first(table))
        return self.last(self.activation(hidden - 0.5) if not isinstance(self.activation, nn.Module) else hidden)


class Codes(nn.Module):
    """A network of an amount, a job as a code, and a column that is ignored."""

    def __init__(self, embed: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.table = nn.Embedding(JOBS, 4)
        self.last = nn.Linear(5, 2)
        self.embed = embed

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        job = self.table(self.embed(table[:, 1]))
        return self.last(torch.cat([table[:, :1], job], dim=1))


def trained(module: nn.Module, values: np.ndarray, names: tuple[str, ...] = ()) -> Any:
    """Return the probe's input for a network of a table that `encode` does not change."""
    torch.set_num_threads(1)
    target = np.arange(len(values)) % 2
    split = MemorySplit(np.arange(len(values)), {"table": values.astype("float32"), "target": target})
    spec = {"classes": ("no", "yes"), **({"columns": names} if names else {})}
    data = Data("classification", spec, {"train": split, "test": split}, Source("generated", "table", "0"))
    network = Network(module, lambda raw: {"table": raw["table"]}, stack)
    columns = encoded(network, split)

    def predictions(name: str) -> Predictions:
        values = predict(network, classification, columns, Evaluation(64, spec, None), PLACE)
        return Predictions(name, split.ids, {"targets": column(split, "target"), **values})

    return SimpleNamespace(
        network=network, data=data, placement=PLACE, encoded=lambda name: columns, predictions=predictions,
        provides=("gradients", "rectifiers"),
    )  # fmt: skip


def measured(cell: Any, *methods: str, **options: Any) -> list[Metric]:
    chosen = attribution.Options(methods=methods, examples=8, samples=1, shown=0, **options)
    return [item for item in attribution.probe(cell, chosen) if isinstance(item, Metric)]


def reasons_of(metrics: list[Metric]) -> dict[Any, str | None]:
    """Return the reasons of methods without numbers, by method."""
    return {
        metric.at.get("method"): metric.reason
        for metric in metrics
        if metric.name == "insertion_auc" and metric.value is None
    }


VALUES = np.random.default_rng(0).normal(size=(40, 4))


@pytest.mark.parametrize(
    "activation",
    [torch.relu, functional.gelu, lambda values: nn.ReLU()(values), lambda values: values.clamp(min=0)],
    ids=["torch.relu", "gelu", "a module made in forward", "clamp"],
)
def test_deep_lift_has_a_reason_where_its_rules_are_lost(activation: Any) -> None:
    torch.manual_seed(0)
    cell = trained(Layers(activation), VALUES)
    metrics = measured(cell, "deep_lift", "integrated_gradients", smoothed=("deep_lift",), copies=2)
    reasons = reasons_of(metrics)
    assert set(reasons) == {"deep_lift", "smoothed deep_lift"}
    assert all(
        "deep_lift claims changes that sum to the change of the logit" in str(reason) for reason in reasons.values()
    )
    assert "torch.relu" in str(reasons["deep_lift"])
    assert not [m for m in metrics if m.at.get("method") == "deep_lift" and m.value is not None]


def test_deep_lift_has_numbers_where_modules_are_used_once() -> None:
    torch.manual_seed(0)
    metrics = measured(trained(Layers(nn.ReLU()), VALUES), "deep_lift", smoothed=("deep_lift",), copies=2)
    assert not reasons_of(metrics)
    (error,) = [m.value for m in metrics if m.name == "completeness_error" and m.at["method"] == "deep_lift"]
    assert error < 1e-5


def test_what_misses_the_change_by_more_than_is_allowed_is_a_reason_and_rounding_is_none() -> None:
    def results(gap: float, change: float, rounding: float = 0.0) -> MethodResults:
        return MethodResults(claims=[(np.full(4, gap), np.full(4, change), rounding)] * 2)

    assert _incompleteness(MethodVariant("deep_lift"), results(0.009, 1.0)) is None
    assert "2.0% of that change (1% is allowed)" in str(_incompleteness(MethodVariant("deep_lift"), results(0.02, 1.0)))
    assert _incompleteness(MethodVariant("deep_lift"), results(1e-6, 1e-7, 1e-4)) is None
    assert "raise steps" in str(_incompleteness(MethodVariant("integrated_gradients"), results(0.3, 1.0)))
    assert _incompleteness(MethodVariant("input_x_gradient"), results(9.0, 1.0)) is None, "it claims nothing"


def coded() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([random.normal(size=60), random.integers(0, JOBS, 60), random.normal(size=60)], axis=1)


@pytest.mark.parametrize(
    "embed",
    [lambda codes: codes.long(), lambda codes: codes.round().int(), lambda codes: (codes > 2.5).long()],
    ids=["long", "round", "threshold"],
)
def test_codes_without_gradient_are_a_reason_that_names_their_column(embed: Any) -> None:
    torch.manual_seed(0)
    (metric,) = measured(trained(Codes(embed), coded(), ("amount", "job", "age")), "integrated_gradients", "random")
    assert (metric.name, metric.value, metric.at) == ("insertion_auc", None, {})
    assert str(metric.reason).startswith("attribution needs a network that uses fractions of its input; ")
    assert 'column "job" decides the logits without a gradient' in str(metric.reason)


def test_a_column_that_the_network_ignores_is_explained_by_0() -> None:
    torch.manual_seed(0)
    metrics = measured(trained(Layers(nn.ReLU(), 3), coded()), "integrated_gradients")
    assert not reasons_of(metrics)

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(1, 2)

        def forward(self, table: torch.Tensor) -> torch.Tensor:
            return self.last(table[:, :1])

    assert not reasons_of(measured(trained(First(), coded()), "integrated_gradients"))
