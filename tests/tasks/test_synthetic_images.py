"""Synthetic images: exact shapes, a fixed seed, and no file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, DataInvalid
from bench_suite.data.checks.checked_task import CheckedTask
from bench_suite.data.checks.runner import check_task
from bench_suite.data.encoded import encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.models import cnn
from bench_suite.tasks import synthetic_images


def images(**options: Any) -> Data:
    return synthetic_images.load(synthetic_images.Options(**options), Sources(offline=True))


def test_images_have_the_stated_size_channels_and_classes() -> None:
    data = images(size=9, channels=1, classes=5, examples=50)
    taken = data.splits["test"].take(np.arange(25))
    assert taken["image"].shape == (25, 9, 9, 1)
    assert taken["image"].dtype == np.uint8
    assert taken["image"].min() < 10 < 245 < taken["image"].max()
    assert set(taken["target"].tolist()) == set(range(5)) == set(range(len(data.spec["classes"])))


def test_the_defaults_are_those_of_imagenet_and_cost_nothing_before_they_are_taken() -> None:
    data = images(examples=100_000)
    assert len(data.splits["train"]) == 100_000
    assert data.splits["train"].take(np.array([99_999]))["image"].shape == (1, 224, 224, 3)
    assert len(data.spec["classes"]) == 1000


def test_the_same_options_give_the_same_examples_and_others_do_not() -> None:
    first, again, other = images(size=8), images(size=8), images(size=9)
    assert first.source.fingerprint == again.source.fingerprint != other.source.fingerprint
    assert np.array_equal(first.splits["train"].ids, again.splits["train"].ids)


def test_the_defaults_have_no_finding() -> None:
    data = images(size=8)
    assert check_task(CheckedTask("synthetic", data, {})).findings == ()
    assert not prepare(data, 0.1).source.prominent


def test_an_attribute_is_refused() -> None:
    with pytest.raises(DataInvalid, match="no group `age`"):
        images(groups=("age",))


def test_a_network_takes_them_as_they_are() -> None:
    data = prepare(images(size=28, channels=1, classes=10, examples=40), 0.0)
    network = cnn.build(data, cnn.Options())
    batch = network.collate(encoded(network, data.splits["train"]).take(torch.arange(4)))
    assert network.module(**batch.inputs).shape == (4, 10)
