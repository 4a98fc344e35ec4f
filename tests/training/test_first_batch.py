"""The first batch: lazy layers, and losses that check what a network returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network, Source
from bench_suite.data.encoded import stack
from bench_suite.data.splits import MemorySplit
from bench_suite.problems import classification, regression
from bench_suite.training.first_batch import CheckedLoss, initialise_lazy_layers


class Table(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return self.layers(table)


def data_of(columns: int) -> Data:
    values = np.random.default_rng(0).normal(size=(20, columns)).astype(np.float32)
    split = MemorySplit(np.arange(20), {"table": values, "target": np.arange(20) % 2})
    return Data("classification", {"classes": ["a", "b"]}, {"train": split}, Source("generated", "table", "0"))


def test_lazy_layers_get_shapes_and_weights_and_statistics_are_not_updated() -> None:
    torch.manual_seed(0)
    module = Table(nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.Dropout(0.5), nn.Linear(8, 2))
    initialise_lazy_layers(Network(module, lambda raw: {"table": raw["table"]}, stack), data_of(5))
    assert [tuple(weight.shape) for weight in module.parameters()][:2] == [(8, 5), (8,)]
    assert module.layers[1].running_mean.tolist() == [0.0] * 8
    assert all(part.training for part in module.modules())


def test_a_network_without_lazy_layers_is_not_run() -> None:
    def encode(raw: Any) -> Any:
        raise AssertionError("encoded")

    initialise_lazy_layers(Network(Table(nn.Linear(5, 2)), encode, stack), data_of(5))


@pytest.mark.parametrize(
    ("problem", "outputs", "message"),
    [
        (
            classification,
            {"logits": torch.zeros(4, 2)},
            r"logits, \(examples, 2\).* a dict with logits; return the logits",
        ),
        (classification, (torch.zeros(4, 2), None), "returned a tuple; return the logits alone"),
        (classification, torch.zeros(4, 1), r"shape \(4, 1\) .*one logit for two classes is not enough"),
        (classification, torch.zeros(4), r"shape \(4,\) .*give the last layer two outputs"),
        (classification, torch.zeros(4, 3), r"shape \(4, 3\)"),
        (classification, torch.zeros(4, 2, dtype=torch.int64), "type int64"),
        (regression, torch.zeros(4, 1), r"shape \(4, 1\) .*return outputs.squeeze\(1\)"),
        (regression, {"value": torch.zeros(4)}, "a dict with value; return the numbers alone"),
    ],
)
def test_outputs_of_another_kind_are_refused_with_what_forward_must_return(
    problem: Any, outputs: Any, message: str
) -> None:
    spec = {"classes": ["a", "b"], "mean": 0.0, "scale": 1.0}
    with pytest.raises(BenchError, match=f"forward must return .*{message}"):
        CheckedLoss(problem.loss, problem)(outputs, torch.zeros(4), spec)
    network = Network(nn.Identity(), lambda raw: raw, stack)
    network.module.forward = lambda table: outputs
    with pytest.raises(BenchError, match=f"forward must return .*{message}"):
        problem.predict(network, stack({"table": torch.zeros(4, 1)}), _evaluation(spec))


def test_only_the_first_output_is_checked_and_a_problem_without_a_check_has_none() -> None:
    calls: list[Any] = []

    class Counted:
        check_outputs = staticmethod(lambda outputs, spec: calls.append(outputs))

    loss = CheckedLoss(lambda outputs, targets, spec: torch.tensor(1.0), Counted())
    assert [float(loss(number, None, {})) for number in (1, 2, 3)] == [1.0, 1.0, 1.0]
    assert calls == [1]
    assert float(CheckedLoss(lambda outputs, targets, spec: torch.tensor(2.0), object())(1, None, {})) == 2.0


def _evaluation(spec: Any) -> Any:
    from bench_suite.contracts import Evaluation

    return Evaluation(4, spec, None)
