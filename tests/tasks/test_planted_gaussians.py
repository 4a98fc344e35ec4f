"""Planted Gaussians: the sizes of the first column are normal, at the stated distance between test and shift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.tasks import planted_gaussians


def sizes(data, split: str) -> np.ndarray:
    raw = data.splits[split].take(np.arange(len(data.splits[split])))
    assert np.array_equal(raw["table"][:, 0] > 0, raw["target"] == 1)
    return np.abs(raw["table"][:, 0])


def test_sizes_are_normal_with_the_stated_means_and_classes_are_equal() -> None:
    options = planted_gaussians.Options(apart=7.0, distance=2.0)
    data = planted_gaussians.load(options, Sources(offline=True))
    for split, mean in (("train", 7.0), ("test", 7.0), ("shift:nearer", 5.0)):
        values = sizes(data, split)
        assert stats.kstest(values, stats.norm(mean).cdf).statistic < 2 / len(values)
    assert tuple(data.splits) == ("train", "test", "shift:nearer")


def test_validation_leaves_the_classes_equal_so_that_their_mean_stays_near_0() -> None:
    data = prepare(planted_gaussians.load(planted_gaussians.Options(), Sources(offline=True)), 0.1)
    train = data.splits["train"].take(np.arange(len(data.splits["train"])))
    assert abs(train["target"].mean() - 0.5) < 0.01
    assert abs(train["table"][:, 0].mean()) < 0.1


@pytest.mark.parametrize(("options", "words"), [({"train": 5}, "halved"), ({"distance": 5.0}, "both sides of 0")])
def test_options_that_would_break_the_answer_are_refused(options, words) -> None:
    with pytest.raises(ValueError, match=words):
        planted_gaussians.check(planted_gaussians.Options(**options))
