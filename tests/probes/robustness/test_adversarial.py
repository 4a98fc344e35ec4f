"""Robust accuracy: exact for a linear model, the worst case over attacks, and what makes it doubtful."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from bench_suite.contracts import Artifact
from bench_suite.probes.robustness import adversarial
from bench_suite.probes.robustness.adversarial import Settings, attacked_accuracy
from bench_suite.probes.robustness.attacks import Budget

N, COLUMNS = 200, 6
BUDGET = Budget(10, 1, 150)
ATTACKS = ("fgsm", "pgd", "square")


class Linear(nn.Module):
    def __init__(self, weight: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float32))

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return table @ self.weight.T


def rows() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    table = random.standard_normal((N, COLUMNS)) * [1, 2, 3, 4, 5, 6]
    return {"table": table, "target": (table.sum(axis=1) + 4 * random.standard_normal(N) > 0).astype(np.int64)}


def measured(cell, radii=(0.1, 0.3), attacks=ATTACKS):
    items = list(attacked_accuracy(cell, np.arange(N), Settings(radii, attacks, BUDGET, 200)))
    metrics = {(m.name, *m.at.values()): m for m in items if not isinstance(m, Artifact)}
    assert all(m.reason or m.interval for m in metrics.values())
    return metrics, {item.name: item for item in items if isinstance(item, Artifact)}


def weights() -> np.ndarray:
    return np.stack([np.zeros(COLUMNS), np.array([1.0, -0.5, 0.2, 1.0, 0.7, 0.9])])


def test_of_a_linear_network_it_is_the_share_with_a_margin_above_the_radius_times_the_norm(network_cell):
    raw = rows()
    metrics, artifacts = measured(network_cell(Linear(weights()), raw))
    margins = (2 * raw["target"] - 1) * (raw["table"] @ weights()[1])
    norm = np.abs(weights()[1] * raw["table"].std(axis=0)).sum()
    for radius in (0.1, 0.3):
        stays = int((margins > radius * norm).sum())
        metric = metrics["robust_accuracy", radius]
        assert metric.value == stays / N
        known = binomtest(stays, N).proportion_ci(0.95, method="exact")
        assert (metric.interval.low, metric.interval.high) == pytest.approx((known.low, known.high))
        assert metric.n == N
        assert metrics["accuracy_under_attack", "pgd", radius].value == stays / N
        assert metrics["accuracy_under_attack", "square", radius].value >= stays / N
    series = artifacts["attacks"].data["series"]
    assert set(series) == {"all attacks", *ATTACKS}
    assert series["pgd"][0] == [0.0, pytest.approx((margins > 0).mean())]


def test_an_example_that_any_attack_breaks_is_broken_and_so_is_one_that_was_wrong(network_cell, monkeypatch):
    raw = rows()
    right = torch.tensor((raw["table"] @ weights()[1] > 0) == raw["target"])
    todo = torch.nonzero(right).squeeze(1)

    def every(number: int):
        def attack(forward, clean, targets, threat, budget, seed):
            return torch.arange(len(clean)) % number == 0

        return attack

    monkeypatch.setattr(adversarial, "ATTACKS", {"fgsm": every(2), "pgd": every(3)})
    metrics, _ = measured(network_cell(Linear(weights()), raw), (0.1,), ("fgsm", "pgd"))
    places = torch.arange(len(todo))
    assert metrics["accuracy_under_attack", "fgsm", 0.1].value == pytest.approx(int((places % 2 != 0).sum()) / N)
    both = int(((places % 2 != 0) & (places % 3 != 0)).sum())
    assert metrics["robust_accuracy", 0.1].value == pytest.approx(both / N)


def test_what_is_broken_at_a_radius_is_broken_at_a_larger_one(network_cell, monkeypatch):
    def at_the_small_radius_only(forward, clean, targets, threat, budget, seed):
        small = bool(threat.radius.max() < 1.0)
        return torch.full((len(clean),), small, dtype=torch.bool)

    monkeypatch.setattr(adversarial, "ATTACKS", {"fgsm": at_the_small_radius_only})
    metrics, _ = measured(network_cell(Linear(weights()), rows()), (0.9, 0.1), ("fgsm",))
    assert metrics["robust_accuracy", 0.1].value == metrics["robust_accuracy", 0.9].value == 0.0


class Staircase(Linear):
    """The same answers as a linear model, with logits that are flat nearly everywhere."""

    def forward(self, table: torch.Tensor) -> torch.Tensor:
        logits = super().forward(table)
        return logits + (torch.floor(logits) - logits).detach() - (logits - logits.detach()) * (1 + 1e-3)


class Deaf(Linear):
    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return super().forward(table.detach())


class Flat(Linear):
    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return torch.round(super().forward(table))


class Random(Linear):
    def forward(self, table: torch.Tensor) -> torch.Tensor:
        return super().forward(table) + torch.rand(len(table), 2)


def test_gradients_that_mislead_are_noticed_by_the_attack_without_gradients(network_cell):
    metrics, _ = measured(network_cell(Staircase(weights()), rows()))
    assert "gradients may be masked" in metrics["robust_accuracy", 0.3].reason
    assert metrics["robust_accuracy", 0.3].value < metrics["accuracy_under_attack", "pgd", 0.3].value
    honest, _ = measured(network_cell(Linear(weights()), rows()))
    assert honest["robust_accuracy", 0.3].reason is None


@pytest.mark.parametrize(("module", "reason"), [(Deaf, "no gradient reaches"), (Flat, "is 0 for all")])
def test_without_gradients_the_attack_that_needs_none_remains(network_cell, module, reason):
    metrics, _ = measured(network_cell(module(weights()), rows()))
    for name in ("fgsm", "pgd"):
        assert reason in metrics["accuracy_under_attack", name, 0.1].reason
        assert metrics["accuracy_under_attack", name, 0.1].value is None
    assert metrics["robust_accuracy", 0.1].value == metrics["accuracy_under_attack", "square", 0.1].value
    none, _ = measured(network_cell(module(weights()), rows()), attacks=("pgd",))
    assert none["robust_accuracy", 0.1].value is None


def test_a_network_that_is_random_has_a_remark(network_cell):
    metrics, _ = measured(network_cell(Random(weights()), rows()))
    assert "random in evaluation mode" in metrics["robust_accuracy", 0.1].reason


def test_an_estimator_a_regression_and_a_strange_encoding_have_a_reason_at_each_radius(network_cell, rule_cell):
    estimator, _ = measured(rule_cell(rows(), lambda raw: (np.asarray(raw["table"])[:, 0] > 0) * 1))
    regression, _ = measured(rule_cell(rows(), lambda raw: raw["table"][:, 0], problem="regression"))
    strange, _ = measured(network_cell(Linear(weights()), rows(), lambda raw: {"other": raw["table"]}))
    for metrics, word in ((estimator, "gradients"), (regression, "regression"), (strange, "one input")):
        assert set(metrics) == {("robust_accuracy", 0.1), ("robust_accuracy", 0.3)}
        assert all(metric.value is None and word in metric.reason for metric in metrics.values())


def test_two_measurements_are_equal_bit_for_bit_and_leave_the_network_as_it_was(network_cell):
    cell = network_cell(Linear(weights()), rows())
    cell.network.module.train()
    first, second = measured(cell), measured(cell)
    assert first == second
    assert cell.network.module.training
    assert cell.network.module.weight.grad is None
