"""Claims of completeness: a method whose changes do not sum to the whole change has a reason and no numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Metric
from bench_suite.probes import attribution
from bench_suite.probes.attribution.evaluation import MethodResults, _incompleteness
from bench_suite.probes.attribution.methods import MethodVariant


class Layers(nn.Module):
    """Two layers with a nonlinearity that may be a module, a function or a module made in `forward`."""

    def __init__(self, activation: Callable[[torch.Tensor], torch.Tensor], columns: int = 4) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(columns, 16), nn.Linear(16, 2)
        self.activation = activation

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        hidden = self.activation(self.first(table))
        return self.last(self.activation(hidden - 0.5) if not isinstance(self.activation, nn.Module) else hidden)


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
def test_deep_lift_has_a_reason_where_its_rules_are_lost(activation: Any, table_cell: Any) -> None:
    torch.manual_seed(0)
    cell = table_cell(Layers(activation), VALUES)
    metrics = measured(cell, "deep_lift", "integrated_gradients", smoothed=("deep_lift",), copies=2)
    reasons = reasons_of(metrics)
    assert set(reasons) == {"deep_lift", "smoothed deep_lift"}
    assert all(
        "deep_lift claims changes that sum to the change of the logit" in str(reason) for reason in reasons.values()
    )
    assert "torch.relu" in str(reasons["deep_lift"])
    assert not [m for m in metrics if m.at.get("method") == "deep_lift" and m.value is not None]


def test_deep_lift_has_numbers_where_modules_are_used_once(table_cell: Any) -> None:
    torch.manual_seed(0)
    metrics = measured(table_cell(Layers(nn.ReLU()), VALUES), "deep_lift", smoothed=("deep_lift",), copies=2)
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
