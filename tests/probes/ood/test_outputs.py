"""Outputs of networks: the logits behind the stored scores, and what the last linear layer receives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import special
from torch import nn

from bench_suite.contracts import BenchError
from bench_suite.probes.ood.outputs import outputs_of
from bench_suite.training.compiling import compile_module

SUITE = """
[[tasks]]
use = "{task}"
{more}
[[models]]
use = "{model}"
{options}
[train]
epochs = 1
[matrix]
threads = 1
[probes.quality]
"""


@pytest.fixture
def cell(train_cells):
    def make(task="planted_noise", model="mlp", more="", options=""):
        return train_cells(SUITE.format(task=task, model=model, more=more, options=options))[0]

    return make


@pytest.mark.parametrize(
    ("task", "model", "more", "options", "width"),
    [
        ("planted_noise", "mlp", "train = 200\ntest = 100", "hidden = [12]", 12),
        ("planted_noise", "mlp", "train = 200\ntest = 100", 'hidden = [12]\noutput = "softmax"', 12),
        ("digits", "cnn", "", "channels = [4, 8]", 32),
        ("planted_terms", "transformer", "size = 60", "dimension = 16", 16),
        ("planted_terms", "bag_of_words", "size = 60", "dimension = 24", 24),
    ],
)
def test_the_last_layer_makes_the_logits_of_its_features_and_these_the_stored_scores(
    cell, task, model, more, options, width
):
    trained = cell(task, model, more, options)
    rows = np.random.default_rng(0).permutation(len(trained.data.splits["test"]))[:70]
    done: list[int] = []
    outputs = outputs_of(trained, "test", rows, done.append)
    assert done[-1] == 70
    assert special.softmax(outputs.logits, axis=1) == pytest.approx(
        trained.predictions("test")["scores"][rows], abs=1e-6
    )
    assert outputs.features.shape == (70, width)
    last = [part for part in trained.network.module.modules() if isinstance(part, nn.Linear)][-1]
    with torch.no_grad():
        logits = last(torch.from_numpy(outputs.features)).numpy()
    if "softmax" in options:
        logits = special.softmax(logits, axis=1)
    assert logits == pytest.approx(outputs.logits, abs=1e-5)


def test_no_hook_stays_in_the_network(cell):
    trained = cell(more="train = 200\ntest = 100")
    outputs_of(trained, "test", np.arange(10))
    assert not any(part._forward_pre_hooks for part in trained.network.module.modules())


def test_a_network_without_such_a_layer_has_no_features(cell):
    trained = cell(more="train = 200\ntest = 100")

    class Sums(nn.Module):
        def forward(self, table):
            return table[:, :2]

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 2)

        def forward(self, table):
            return self.head(table.reshape(len(table), 2, 2)).mean(dim=1)

    for module in (Sums(), Pooled()):
        other = replace(trained, model=replace(trained.network, module=module), _encoded={})
        outputs = outputs_of(other, "test", np.arange(10))
        assert outputs.features is None
        assert outputs.logits.shape == (10, 2)


def test_outputs_that_are_not_finite_are_an_error(cell):
    trained = cell(more="train = 200\ntest = 100")
    with torch.no_grad():
        trained.network.module.layers[-1].bias.fill_(torch.nan)
    with pytest.raises(BenchError, match="not finite"):
        outputs_of(trained, "test", np.arange(10))


def test_a_compiled_network_has_its_features_too(cell):
    trained = cell(more="train = 200\ntest = 100")
    plain = outputs_of(trained, "test", np.arange(10))
    calls: list[int] = []

    def counting(module, examples):
        calls.append(1)
        return module.forward

    compile_module(trained.network.module)
    trained.network.module._compiled_call_impl = torch.compile(trained.network.module._call_impl, backend=counting)
    compiled = outputs_of(trained, "test", np.arange(10))
    assert compiled.features == pytest.approx(plain.features)
    assert not calls
