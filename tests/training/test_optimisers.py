"""Optimisers: which parameters decay, and updates equal to those of PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Placement, TrainOptions
from bench_suite.training.optimisers import make_optimizer

PLACE = Placement("cpu", 1, "32-true")


def test_weight_decay_shrinks_matrices_and_leaves_biases_and_norms() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    nn.init.ones_(module[0].bias)
    before = {name: value.clone() for name, value in module.named_parameters()}
    update = make_optimizer(module, TrainOptions(learning_rate=0.1, weight_decay=0.5), PLACE)
    for parameter in module.parameters():
        parameter.grad = torch.zeros_like(parameter)
    update.step()
    after = dict(module.named_parameters())
    assert torch.allclose(after["0.weight"], before["0.weight"] * 0.95)
    assert all(torch.equal(after[name], before[name]) for name in before if name != "0.weight")


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_pytorchs_with_momentum(nesterov: bool) -> None:
    ours, theirs = nn.Linear(2, 1), nn.Linear(2, 1)
    theirs.load_state_dict(ours.state_dict())
    options = TrainOptions(optimizer="sgd", learning_rate=0.1, momentum=0.8, nesterov=nesterov)
    update = make_optimizer(ours, options, PLACE)
    plain = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.8, nesterov=nesterov)
    for _ in range(3):
        for module, step in ((ours, update), (theirs, plain)):
            step.zero_grad()
            module(torch.ones(1, 2)).square().sum().backward()
            step.step()
    assert torch.allclose(ours.weight, theirs.weight)


def test_frozen_parameters_are_left_out_and_a_frozen_model_is_refused() -> None:
    module = nn.Linear(2, 2)
    module.weight.requires_grad = False
    update = make_optimizer(module, TrainOptions(), PLACE)
    assert [p for group in update.param_groups for p in group["params"]] == [module.bias]
    module.bias.requires_grad = False
    with pytest.raises(BenchError, match="epochs = 0"):
        make_optimizer(module, TrainOptions(), PLACE)


def test_nesterov_without_momentum_says_what_to_set() -> None:
    with pytest.raises(BenchError, match=r"momentum = 0\.9"):
        make_optimizer(nn.Linear(1, 1), TrainOptions(optimizer="sgd", momentum=0.0, nesterov=True), PLACE)
