"""Common examples: what two test sets share, whatever the order, and how often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.common_examples import SplitChange, match, rows_of
from bench_suite.contracts import Predictions
from bench_suite.data.fingerprint import content_ids


def side(words: str, targets: Any, groups: str = "") -> Predictions:
    """Return predictions whose inputs are single letters; `was` is the position of each example."""
    columns = {"targets": targets, "was": np.arange(len(words))}
    known = {"sex": np.array(list(groups))} if groups else {}
    return Predictions("test", content_ids(list(words)), columns, known)


def pairs(base: Predictions, head: Predictions) -> list[tuple[int, int]]:
    mine, theirs, _ = match(base, head)
    return list(zip(mine.tolist(), theirs.tolist()))


def test_lost_gained_and_relabelled_examples_are_counted_and_the_others_matched() -> None:
    base, head = side("abcde", np.array([0, 1, 0, 1, 0])), side("xedcb", np.array([0, 0, 0, 0, 1]))
    _, _, change = match(base, head)
    assert change == SplitChange(3, lost=1, gained=1, relabelled=1)
    assert str(change) == "1 lost, 1 gained, 1 relabelled"
    assert sorted(pairs(base, head)) == [(1, 4), (2, 3), (4, 1)]


def test_equal_examples_are_matched_as_often_as_both_sides_have_them() -> None:
    base, head = side("aaab", np.array([0, 0, 1, 1])), side("baaa", np.array([1, 1, 1, 0]))
    mine, theirs, change = match(base, head)
    assert change == SplitChange(3, relabelled=1)
    assert [base["targets"][row] for row in mine] == [head["targets"][row] for row in theirs]
    assert match(side("aab", np.zeros(3, int)), side("abbb", np.zeros(4, int)))[2] == SplitChange(2, lost=1, gained=2)


def test_the_same_examples_in_another_order_are_no_change_even_if_equal_ones_have_different_targets() -> None:
    """The id of the first of two equal examples is that of another one after shuffling."""
    words, targets = "aabbcd", np.array([0, 1, 1, 0, 0, 1])
    order = np.array([1, 0, 5, 3, 2, 4])
    base, head = side(words, targets, "ffmmfm"), side("".join(words[i] for i in order), targets[order], "ffmmmf")
    mine, theirs, change = match(base, head)
    assert change == SplitChange(6)
    assert not change.any
    assert mine.tolist() == np.argsort(base.ids).tolist(), "in the order of the ids of base"
    for row, other in zip(mine, theirs):
        assert words[row] == words[order[other]]
        assert base["targets"][row] == head["targets"][other]


def test_examples_in_another_group_are_common_and_counted() -> None:
    base, head = side("abc", np.zeros(3, int), "ffm"), side("cab", np.zeros(3, int), "mmf")
    assert match(base, head)[2] == SplitChange(3, regrouped=1)
    assert str(match(base, head)[2]) == "1 in another group"
    assert match(base, side("abc", np.zeros(3, int)))[2] == SplitChange(3, regrouped=3)


@pytest.mark.parametrize(
    ("targets", "other"),
    [
        (np.array([0, 1], np.int64), np.array([0, 1], np.uint8)),
        (np.array([0.5, np.nan]), np.array([0.5, np.nan])),
        (np.array([0.0, 1.0]), np.array([-0.0, 1.0])),
        (["dog", "a cat"], np.array(["dog", "a cat"])),
        ([[1, 2], [3]], [np.array([1, 2]).tolist(), [3]]),
        (np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]])),
    ],
)
def test_targets_of_any_form_are_matched_by_their_values(targets: Any, other: Any) -> None:
    shuffled = rows_of(side("ab", other), np.array([1, 0]))
    assert match(side("ab", targets), shuffled)[2] == SplitChange(2)
    assert match(side("abc", [*targets, targets[0]]), side("bac", [other[1], other[0], other[0]]))[2].relabelled == 0
    assert match(side("ab", targets), side("ba", other))[2].relabelled == 2


def test_counts_are_those_of_multisets_for_many_random_test_sets() -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        sizes = random.integers(1, 30, 2)
        words = ["".join(random.choice(list("abcd"), size)) for size in sizes]
        targets = [random.integers(0, 2, size) for size in sizes]
        base, head = (side(word, target) for word, target in zip(words, targets))
        mine, theirs, change = match(base, head)
        both = [Counter(zip(word, target.tolist())) for word, target in zip(words, targets)]
        common = both[0] & both[1]
        rest = [Counter(word for word, _ in (side - common).elements()) for side in both]
        relabelled = (rest[0] & rest[1]).total()
        assert change == SplitChange(
            common.total(), rest[0].total() - relabelled, rest[1].total() - relabelled, relabelled
        )
        assert Counter(zip((words[0][row] for row in mine), targets[0][mine].tolist())) == common
        assert Counter(zip((words[1][row] for row in theirs), targets[1][theirs].tolist())) == common
        assert len(set(mine.tolist())) == len(set(theirs.tolist())) == common.total()
