"""Fashion-MNIST: grey images from a folder in the hub's layout."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import fashion_mnist

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
FILE = "zalando-datasets/fashion_mnist/fashion_mnist/{}-00000-of-00001.parquet"


def test_pictures_and_labels_are_those_of_the_files(write_images) -> None:
    write_images(FILE.format("train"), "image", IMAGES[:20], {"label": [number % 10 for number in range(20)]})
    write_images(FILE.format("test"), "image", IMAGES[20:], {"label": list(range(10))})
    data = fashion_mnist.load(fashion_mnist.Options(), Sources(offline=True))
    assert (column(data.splits["test"], "image")[..., 0] == IMAGES[20:]).all()
    assert column(data.splits["test"], "image").shape[1:] == data.spec["shape"] == (28, 28, 1)
    assert column(data.splits["test"], "target").tolist() == list(range(10))
    assert data.spec["classes"][9] == "ankle boot"
    assert (data.source.name, data.source.origin) == ("fashion_mnist", "folder:zalando-datasets/fashion_mnist")
    assert {name: len(split) for name, split in prepare(data, 0.1).splits.items()} == {
        "train": 18, "test": 10, "validation": 2
    }  # fmt: skip


def test_coloured_pictures_become_grey(write_images) -> None:
    for part in ("train", "test"):
        write_images(FILE.format(part), "image", np.stack([IMAGES[:9]] * 3, axis=-1), {"label": [0] * 9})
    data = fashion_mnist.load(fashion_mnist.Options(), Sources(offline=True))
    assert (column(data.splits["test"], "image")[..., 0] == IMAGES[:9]).all()


def test_labels_outside_the_ten_classes_are_named(write_images) -> None:
    write_images(FILE.format("train"), "image", IMAGES[:20], {"label": [10, -1, *[0] * 18]})
    write_images(FILE.format("test"), "image", IMAGES[20:], {"label": list(range(10))})
    data = fashion_mnist.load(fashion_mnist.Options(), Sources(offline=True))
    with pytest.raises(DataInvalid, match=r"labels outside its 10 classes \(0 to 9\): -1 \(1 times\), 10 \(1 times\)"):
        prepare(data, 0.1)


def test_a_split_without_pictures_is_named(write_images) -> None:
    write_images(FILE.format("train"), "image", IMAGES[:20], {"label": [0] * 20})
    write_images(FILE.format("test"), "image", IMAGES[:0], {"label": np.empty(0, dtype=np.int64)})
    with pytest.raises(DataInvalid, match="split `test` is empty"):
        prepare(fashion_mnist.load(fashion_mnist.Options(), Sources(offline=True)), 0.1)
