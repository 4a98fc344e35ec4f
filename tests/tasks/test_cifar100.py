"""CIFAR-100: fine or coarse labels of the same images."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import cifar100

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def here(write_images) -> None:
    """40 made-up images; one of them is in both train and test."""
    labels = {"fine_label": [number % 100 for number in range(39)], "coarse_label": [n % 20 for n in range(39)]}
    write_images("uoft-cs/cifar100/cifar100/train-00000-of-00001.parquet", "img", IMAGES[:39], labels)
    test = {"fine_label": [99, 7], "coarse_label": [19, 3]}
    write_images("uoft-cs/cifar100/cifar100/test-00000-of-00001.parquet", "img", IMAGES[38:], test)


@pytest.mark.usefixtures("here")
def test_labels_are_fine_or_coarse_of_the_same_pictures() -> None:
    fine, coarse = (
        cifar100.load(cifar100.Options(labels=labels), Sources(offline=True)) for labels in ("fine", "coarse")
    )
    assert (column(fine.splits["train"], "image") == IMAGES[:39]).all()
    assert (fine.splits["test"].ids == coarse.splits["test"].ids).all()
    assert column(fine.splits["test"], "target").tolist() == [99, 7]
    assert column(coarse.splits["test"], "target").tolist() == [19, 3]
    assert (fine.spec["classes"][99], coarse.spec["classes"][3]) == ("worm", "food_containers")
    assert (fine.source.name, coarse.source.name) == ("cifar100", "cifar100-coarse")
    assert fine.source.fingerprint != coarse.source.fingerprint


@pytest.mark.usefixtures("here")
def test_a_picture_that_stands_in_test_is_left_out_of_train() -> None:
    prepared = prepare(cifar100.load(cifar100.Options(), Sources(offline=True)), 0.0)
    assert len(prepared.splits["train"]) == 38
    assert prepared.source.notes["removed from train, because test has them too"] == 1


def test_classes_are_100_in_the_order_of_the_alphabet_and_20() -> None:
    assert (len(cifar100.FINE), len(cifar100.COARSE)) == (100, 20)
    assert list(cifar100.FINE) == sorted(cifar100.FINE)
    assert list(cifar100.COARSE) == sorted(cifar100.COARSE)


def test_a_file_without_the_wanted_labels_is_named(write_images) -> None:
    write_images("uoft-cs/cifar100/cifar100/train-00000-of-00001.parquet", "img", IMAGES, {"fine_label": range(40)})
    with pytest.raises(DataInvalid, match="no column `coarse_label`"):
        cifar100.load(cifar100.Options(labels="coarse"), Sources(offline=True))
