"""Digits: the images that scikit-learn loads, scaled like all other images."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from bench_suite.contracts import Data
from bench_suite.data.fingerprint import contents
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import digits


@pytest.fixture(scope="module")
def data() -> Data:
    return digits.load(digits.Options(), Sources(offline=True))


def test_nothing_of_what_scikit_learn_loads_is_lost(data: Data) -> None:
    images = np.concatenate([column(split, "image") for split in data.splits.values()])
    targets = np.concatenate([column(split, "target") for split in data.splits.values()])
    rows = np.column_stack([np.rint(images.reshape(-1, 64) / 255 * 16), targets])
    oracle = load_digits()
    expected = np.column_stack([oracle.data, oracle.target])
    assert np.array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert (images.min(), images.max(), len(np.unique(images))) == (0, 255, 17)


def test_1797_digits_are_dealt_four_to_one_each_class_with_its_share(data: Data) -> None:
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 1438, "test": 359}
    taken = data.splits["train"].take(np.arange(2))
    assert taken["image"].shape == (2, *data.spec["shape"]) == (2, 8, 8, 1)
    assert (taken["image"].dtype, taken["target"].dtype) == (np.uint8, np.int64)
    counts = [np.bincount(column(split, "target"), minlength=10) for split in data.splits.values()]
    assert np.abs(counts[1] - (counts[0] + counts[1]) / 5).max() < 1
    assert not np.isin(contents(data.splits["train"].ids), contents(data.splits["test"].ids)).any()


def test_full_and_sample_mean_the_same(data: Data) -> None:
    assert digits.load(digits.Options(data="sample"), Sources()).source == data.source
    assert data.source.name == "digits"


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_networks_take_8_by_8_pixels(data: Data, name: str) -> None:
    import importlib

    import torch

    model = importlib.import_module(f"bench_suite.models.{name}")
    network = model.build(data, model.Options())
    columns = network.encode(data.splits["train"].take(np.arange(5)))
    batch = network.collate({column: torch.as_tensor(values) for column, values in columns.items()})
    assert network.module(**batch.inputs).shape == (5, 10)
