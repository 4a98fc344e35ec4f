"""Inputs without gradients: a reason that names the columns, in place of numbers that would be wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import Metric
from bench_suite.probes import attribution

JOBS = 6


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


def measured(cell: Any, *methods: str, **options: Any) -> list[Metric]:
    chosen = attribution.Options(methods=methods, examples=8, samples=1, shown=0, **options)
    return [item for item in attribution.probe(cell, chosen) if isinstance(item, Metric)]


def coded() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([random.normal(size=60), random.integers(0, JOBS, 60), random.normal(size=60)], axis=1)


@pytest.mark.parametrize(
    "embed",
    [lambda codes: codes.long(), lambda codes: codes.round().int(), lambda codes: (codes > 2.5).long()],
    ids=["long", "round", "threshold"],
)
def test_codes_without_gradient_are_a_reason_that_names_their_column(embed: Any, table_cell: Any) -> None:
    torch.manual_seed(0)
    (metric,) = measured(table_cell(Codes(embed), coded(), ("amount", "job", "age")), "integrated_gradients", "random")
    assert (metric.name, metric.value, metric.at) == ("insertion_auc", None, {})
    assert str(metric.reason).startswith("attribution needs a network that uses fractions of its input; ")
    assert 'column "job" decides the logits without a gradient' in str(metric.reason)


def test_a_column_that_the_network_ignores_is_explained_by_0(table_cell: Any) -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(1, 2)

        def forward(self, table: torch.Tensor) -> torch.Tensor:
            return self.last(table[:, :1])

    metrics = measured(table_cell(First(), coded()), "integrated_gradients")
    assert {metric.name for metric in metrics if metric.value is None} == {"localisation_auroc", "pointing_game"}
