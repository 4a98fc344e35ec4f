"""Planted unstable: the sign of the first column, and what each mistake makes of it in evaluation mode."""

from __future__ import annotations

import pytest
import torch

from bench_suite.models.planted_unstable import Options, build
from bench_suite.tasks import planted_noise


@pytest.fixture
def module():
    data = planted_noise.load(planted_noise.Options(train=40, test=20), None)

    def make(mistake):
        return build(data, Options(mistake=mistake)).module.eval()

    return make


TABLE = torch.tensor([[1.0, 9], [-2, 9], [3, 9], [-4, 9], [5, 9], [6, 9]])


def classes(module, table=TABLE):
    with torch.no_grad():
        return module(table).argmax(dim=1).tolist()


def test_without_a_mistake_it_predicts_the_sign(module):
    assert classes(module("none")) == [1, 0, 1, 0, 1, 1]


def test_a_position_turns_the_sign_of_every_second_example(module):
    assert classes(module("position")) == [1, 1, 1, 1, 1, 0]
    assert [classes(module("position"), row[None])[0] for row in TABLE] == [1, 0, 1, 0, 1, 1]


def test_batch_normalisation_compares_with_the_batch(module):
    assert classes(module("batch_norm"), TABLE[4:]) == [0, 1]
    with pytest.raises(ValueError, match="more than 1 value"):
        classes(module("batch_norm"), TABLE[:1])


def test_dropout_turns_the_stated_share(module):
    torch.manual_seed(0)
    turned = 1 - torch.tensor(classes(module("dropout"), torch.ones(4000, 2))).float().mean()
    assert turned.item() == pytest.approx(0.25, abs=0.03)
