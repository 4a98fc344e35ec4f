"""Folds: each example is tested on once in each repeat, and a group never stands on two sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.data.fingerprint import content_ids
from bench_suite.data.folds import TooFewGroups, folds_of


def ids_of(n: int) -> np.ndarray:
    return content_ids(np.arange(n))


@given(st.integers(2, 7), st.integers(0, 3), st.lists(st.integers(0, 3), min_size=20, max_size=80))
@settings(max_examples=30, deadline=None)
def test_sizes_and_classes_of_folds_are_even(folds: int, repeat: int, listed: list[int]) -> None:
    classes = np.array(listed)
    drawn = folds_of(ids_of(len(classes)), None, classes, folds, repeat, separate=True)
    sizes = np.bincount(drawn, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for number in set(listed):
        of_class = np.bincount(drawn[classes == number], minlength=folds)
        assert of_class.max() - of_class.min() <= 1


def test_folds_do_not_depend_on_the_order_of_rows() -> None:
    values, classes = np.arange(200), np.arange(200) % 3
    order = np.random.default_rng(0).permutation(200)
    drawn = folds_of(content_ids(values), None, classes, 5, 1, separate=False)
    again = folds_of(content_ids(values[order]), None, classes[order], 5, 1, separate=False)
    assert np.array_equal(drawn[order], again)


def test_repeats_shuffle_the_examples_in_another_way() -> None:
    drawn = [folds_of(ids_of(500), None, None, 5, repeat, separate=True) for repeat in range(3)]
    # Two examples of one fold stand in one fold of another repeat with a chance of about 1/5.
    together = [(one[:, None] == one[None, :])[np.triu_indices(500, 1)] for one in drawn]
    for mine, theirs in ((0, 1), (0, 2), (1, 2)):
        assert (together[mine] & together[theirs]).sum() / together[mine].sum() == pytest.approx(0.2, abs=0.03)


def test_a_group_stands_in_one_fold_and_folds_stay_even() -> None:
    random = np.random.default_rng(1)
    groups = random.integers(0, 60, 600)
    classes = (groups % 5 == 0).astype(np.int64)
    for repeat in range(4):
        drawn = folds_of(ids_of(600), groups, classes, 5, repeat, separate=True)
        assert sum(len({*groups[drawn == fold].tolist()}) for fold in range(5)) == len({*groups.tolist()})
        assert np.bincount(drawn) == pytest.approx(np.full(5, 120), abs=20)
        shares = [classes[drawn == fold].mean() for fold in range(5)]
        assert shares == pytest.approx([classes.mean()] * 5, abs=0.06)


def test_repeats_of_groups_of_different_sizes_differ() -> None:
    groups = np.repeat(np.arange(30), np.arange(1, 31))
    first, second = (folds_of(ids_of(len(groups)), groups, None, 5, repeat, separate=True) for repeat in (0, 1))
    pairs = np.triu_indices(len(groups), 1)
    together = [(one[:, None] == one[None, :])[pairs] for one in (first, second)]
    assert (together[0] != together[1]).mean() > 0.1


def test_equal_examples_stay_together_unless_they_are_separate() -> None:
    ids = content_ids(np.repeat(np.arange(40), 3))
    drawn = folds_of(ids, None, None, 4, 0, separate=False).reshape(40, 3)
    assert (drawn == drawn[:, :1]).all()
    assert np.bincount(drawn[:, 0]).tolist() == [10, 10, 10, 10]
    separate = folds_of(ids, None, None, 4, 0, separate=True).reshape(40, 3)
    assert not (separate == separate[:, :1]).all()


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(TooFewGroups, match="3 groups"):
        folds_of(ids_of(30), np.arange(30) % 3, None, 4, 0, separate=True)
    with pytest.raises(TooFewGroups, match="2 different examples"):
        folds_of(content_ids(np.arange(10) % 2), None, None, 3, 0, separate=False)


def test_repeats_that_cannot_differ_are_refused() -> None:
    groups = np.arange(40) % 4  # four groups, each of which is a fold
    with pytest.raises(TooFewGroups, match="repeat 1 has the same folds as repeat 0"):
        folds_of(ids_of(40), groups, None, 4, 1, separate=True)
