"""Attacks: on a linear model their effect is known exactly, and no change leaves what is allowed."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.probes.robustness import attacks
from bench_suite.probes.robustness.attacks import (
    ATTACKS,
    Budget,
    Threat,
    fgsm,
    input_gradient,
    is_wrong,
    margin,
    pgd,
    share_at,
    square,
)

BUDGET = Budget(steps=10, restarts=2, queries=300)
EXAMPLES, COLUMNS = 300, 8


def linear() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    """Return a linear model of two classes, inputs and their true classes."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Linear(COLUMNS, 2)
    with torch.no_grad():
        model.weight.copy_(torch.randn(2, COLUMNS, generator=generator))
        model.bias.copy_(torch.randn(2, generator=generator))
    values = torch.randn(EXAMPLES, COLUMNS, generator=generator)
    noise = 0.5 * torch.randn(EXAMPLES, 2, generator=generator)
    return model, values, (model(values).detach() + noise).argmax(dim=1)


def known_margins(model: nn.Linear, values: torch.Tensor, targets: torch.Tensor) -> tuple[np.ndarray, float]:
    """Return the margin of each example and how much of it a change by 1 of every column can take: ‖w‖₁."""
    weight = (model.weight[1] - model.weight[0]).detach().double()
    bias = float((model.bias[1] - model.bias[0]).detach())
    sign = 2.0 * targets.double() - 1.0
    return (sign * (values.double() @ weight + bias)).numpy(), float(weight.abs().sum())


@pytest.mark.parametrize("name", ["fgsm", "pgd"])
@pytest.mark.parametrize("radius", [0.05, 0.2, 0.5])
def test_of_a_linear_model_those_stay_right_whose_margin_exceeds_the_radius_times_the_norm(name, radius):
    model, values, targets = linear()
    margins, norm = known_margins(model, values, targets)
    broken = ATTACKS[name](model, values, targets, Threat(torch.full_like(values, radius)), BUDGET, 0).numpy()
    assert np.array_equal(~broken, margins > radius * norm)
    assert 0.05 < broken.mean() < 1


def test_the_square_attack_breaks_nothing_that_cannot_be_broken_and_nearly_all_that_can():
    model, values, targets = linear()
    margins, norm = known_margins(model, values, targets)
    broken = square(model, values, targets, Threat(torch.full_like(values, 0.2)), BUDGET, 0).numpy()
    possible = margins <= 0.2 * norm
    assert not broken[~possible].any()
    assert broken.sum() > 0.95 * possible.sum()


def test_numbers_that_may_not_move_stay_and_bounds_hold(monkeypatch):
    monkeypatch.setattr(attacks, "BATCH", EXAMPLES)
    model, values, targets = linear()
    radius = torch.full_like(values, 0.5)
    radius[:, :4] = 0.0
    seen: list[torch.Tensor] = []

    def watched(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs.detach())
        return model(inputs) + 1000.0 * nn.functional.one_hot(targets, 2)  # never wrong, so no example is left out

    threat = Threat(radius, low=-1.0, high=1.0)
    clean = values.clamp(-1, 1)
    for attack in ATTACKS.values():
        attack(watched, clean, targets, threat, Budget(5, 1, 3), 0)
    assert len(seen) > 8
    for inputs in seen:
        assert torch.equal(inputs[:, :4], clean[:, :4])
        assert float((inputs - clean).abs().max()) <= 0.5 + 1e-6
        assert float(inputs.min()) >= -1.0
        assert float(inputs.max()) <= 1.0


def test_a_saturated_model_is_broken_by_the_margin_and_not_by_the_cross_entropy():
    model, values, _ = linear()
    answers = model(values).argmax(dim=1)

    def saturated(inputs: torch.Tensor) -> torch.Tensor:
        return 1e4 * model(inputs)

    gradient, _ = input_gradient(saturated, values, answers, entropy=True)
    assert float((gradient == 0).all(dim=1).float().mean()) > 0.9
    threat = Threat(torch.full_like(values, 0.5))
    masked = fgsm(saturated, values, answers, threat, BUDGET, 0)
    broken = pgd(saturated, values, answers, threat, BUDGET, 0)
    assert int(masked.sum()) < 0.2 * int(broken.sum())


def test_gradients_are_those_of_each_example_whatever_the_size_of_a_batch(monkeypatch):
    model, values, targets = linear()
    whole = input_gradient(model, values, targets, entropy=True)
    monkeypatch.setattr(attacks, "BATCH", 7)
    for tensor, other in zip(input_gradient(model, values, targets, entropy=True), whole):
        assert torch.allclose(tensor, other, atol=1e-6)


def test_restarts_and_steps_only_add():
    generator = torch.Generator().manual_seed(1)
    model = nn.Sequential(nn.Linear(COLUMNS, 32), nn.ReLU(), nn.Linear(32, 3))
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    values = torch.randn(EXAMPLES, COLUMNS, generator=generator)
    targets = model(values).argmax(dim=1)
    threat = Threat(torch.full_like(values, 0.1))
    one, three = (pgd(model, values, targets, threat, Budget(10, restarts, 1), 0) for restarts in (1, 3))
    assert bool((one <= three).all())
    assert int(three.sum()) >= int(fgsm(model, values, targets, threat, BUDGET, 0).sum())


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_the_same_each_time_and_draws_from_no_global_state(name):
    model, values, targets = linear()
    threat = Threat(torch.full_like(values, 0.1))
    state = torch.get_rng_state(), np.random.get_state()[2]  # noqa: NPY002 - the state that must not change
    first, second = (ATTACKS[name](model, values, targets, threat, BUDGET, 3) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(state[0], torch.get_rng_state())
    assert state[1] == np.random.get_state()[2]  # noqa: NPY002 - the state that must not change


def test_a_square_of_an_image_is_connected_and_as_large_as_the_schedule_says():
    changed: list[torch.Tensor] = []
    clean = torch.full((1, 20, 20, 3), 0.5)

    def lower_each_time(inputs: torch.Tensor) -> torch.Tensor:
        changed.append(inputs.clone())
        return torch.tensor([[1000.0 - len(changed), 0.0]])

    square(
        lower_each_time, clean, torch.tensor([0]), Threat(torch.full_like(clean, 0.1), 0.0, 1.0), Budget(1, 1, 50), 0
    )
    assert torch.equal(changed[0][:, 0], changed[0][:, 19])  # vertical stripes
    for query, (before, after) in enumerate(pairwise(changed), 1):
        side = round(math.sqrt(share_at(query, 50) * 400))
        where = np.argwhere((before != after).any(dim=3)[0].numpy())
        if len(where):
            assert (np.ptp(where, axis=0) + 1 <= side).all()
    assert share_at(1, 10_000) == 0.8
    assert [0.8 / share_at(query, 10_000) for query in (11, 51, 201, 501, 1001, 9999)] == [2, 4, 8, 16, 32, 512]


def test_a_margin_is_the_true_logit_less_the_largest_other_one_and_no_number_is_a_wrong_answer():
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [float("nan"), 0.0, 0.0]])
    assert margin(logits[:2], torch.tensor([0, 2])).tolist() == [1.0, -1.0]
    assert is_wrong(lambda values: logits, logits, torch.tensor([0, 2, 0])).tolist() == [False, True, True]
