"""Fractions: nested, stratified, drawn by content; only train is reduced."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bench_suite.contracts import Data, Source
from bench_suite.data.fractions import subsample
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, column
from bench_suite.tasks import mnist


@pytest.fixture(scope="module")
def digits() -> Data:
    return prepare(mnist.load(mnist.Options(data="sample"), Sources(offline=True)), 0.1)


def test_smaller_parts_are_within_larger_ones_and_have_each_class_in_its_share(digits: Data) -> None:
    parts = [subsample(digits, fraction).splits["train"] for fraction in (0.01, 0.1, 0.3, 1.0)]
    assert [len(part) for part in parts] == [36, 360, 1080, 3600]
    for smaller, larger in pairwise(parts):
        assert set(smaller.ids.tolist()) < set(larger.ids.tolist())
    for part in parts:
        counts = np.bincount(column(part, "target"), minlength=10)
        assert counts.max() - counts.min() <= 2


def test_other_splits_stay_and_one_example_is_the_least(digits: Data) -> None:
    part = subsample(digits, 1e-6)
    assert len(part.splits["train"]) == 1
    assert part.splits["test"] is digits.splits["test"]
    assert part.splits["validation"] is digits.splits["validation"]


def test_the_order_of_rows_has_no_say(digits: Data) -> None:
    train = digits.splits["train"]
    rows = np.random.default_rng(0).permutation(len(train))
    turned = MemorySplit(train.ids[rows], train.take(rows), {})
    other = Data(digits.problem, digits.spec, {**digits.splits, "train": turned}, Source("generated", "turned", "0"))
    same = [set(subsample(data, 0.2).splits["train"].ids.tolist()) for data in (digits, other)]
    assert same[0] == same[1]
