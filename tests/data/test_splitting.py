"""Splits are drawn by content: complete, disjoint, stratified, and independent of the order of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench_suite.data.fingerprint import content_ids, contents
from bench_suite.data.splitting import (
    FAR,
    TOLERANCE,
    assign_groups,
    is_far,
    rows_by_content,
    select_stratified,
    shuffle_by_content,
    split_by_content,
)


@st.composite
def examples(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    texts = draw(st.lists(st.text(alphabet="abc", max_size=3), min_size=3, max_size=60))
    target = np.array(draw(st.lists(st.integers(0, 2), min_size=len(texts), max_size=len(texts))))
    test = draw(st.integers(1, len(texts) - 2))
    validation = draw(st.integers(0, len(texts) - test - 1))
    return content_ids(texts), target, {"test": test, "validation": validation, "train": len(texts) - test - validation}


@given(examples())
@settings(max_examples=200)
def test_every_row_lands_in_one_part_and_no_content_in_two(
    case: tuple[np.ndarray, np.ndarray, dict[str, int]],
) -> None:
    ids, target, counts = case
    parts = split_by_content(ids, target, counts)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(ids)))
    if len(set(contents(ids).tolist())) >= 3 and counts["validation"]:
        seen = [set(contents(ids[rows]).tolist()) for rows in parts.values()]
        assert sum(len(part) for part in seen) == len(set.union(*seen))


@given(examples(), st.booleans())
def test_rows_in_ascending_order_are_those_of_the_same_parts(
    case: tuple[np.ndarray, np.ndarray, dict[str, int]], separate: bool
) -> None:
    parts, ascending = (split(*case, separate=separate) for split in (split_by_content, rows_by_content))
    assert {name: sorted(rows.tolist()) for name, rows in parts.items()} == {
        name: rows.tolist() for name, rows in ascending.items()
    }


@given(examples(), st.randoms())
def test_the_order_of_rows_has_no_say(case: tuple[np.ndarray, np.ndarray, dict[str, int]], random) -> None:
    ids, target, counts = case
    order = list(range(len(ids)))
    random.shuffle(order)
    one, other = split_by_content(ids, target, counts), split_by_content(ids[order], target[order], counts)
    for name in counts:
        assert set(ids[one[name]].tolist()) == set(ids[order][other[name]].tolist())


def test_sizes_are_exact_and_classes_keep_their_shares() -> None:
    ids = content_ids(np.arange(1000))
    target = np.repeat([0, 1, 2], [700, 200, 100])
    parts = split_by_content(ids, target, {"test": 105, "train": 895})
    assert len(parts["test"]) == 105
    shares = np.bincount(target[parts["test"]])
    assert (np.abs(shares - 105 * np.array([0.7, 0.2, 0.1])) < 1).all()


def test_examples_that_stand_twice_all_land_in_the_last_part() -> None:
    texts = [f"text {number}" for number in range(100)] + ["text 3", "text 50"]
    parts = split_by_content(content_ids(texts), None, {"test": 20, "train": 82})
    assert len(parts["test"]) == 20
    assert {texts[row] for row in parts["test"]}.isdisjoint({"text 3", "text 50"})


def test_where_all_stand_twice_whole_groups_are_dealt() -> None:
    texts = [f"text {number // 4}" for number in range(400)]
    parts = split_by_content(content_ids(texts), None, {"test": 81, "train": 319})
    test, train = ({texts[row] for row in parts[name]} for name in ("test", "train"))
    assert test.isdisjoint(train)
    assert len(parts["test"]) == 84


def test_one_content_alone_is_cut_all_the_same() -> None:
    parts = split_by_content(content_ids(["same"] * 10), None, {"test": 3, "train": 7})
    assert [len(rows) for rows in parts.values()] == [3, 7]


def test_a_shuffle_leaves_no_trace_of_the_order_before() -> None:
    order = shuffle_by_content(content_ids(np.arange(10_000)))
    assert sorted(order.tolist()) == list(range(10_000))
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.03


def test_ids_that_count_up_are_shuffled_too() -> None:
    order = shuffle_by_content(np.arange(10_000))
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.03


def test_where_a_class_runs_out_others_stand_in() -> None:
    order = np.array([0, 1, 2, 5])  # of classes 0, 0, 0, 1; the other rows of class 1 are taken already
    picked = select_stratified(order, np.array([0, 0, 0, 1, 1, 1]), 3)
    assert order[picked].tolist() == [0, 1, 5]
    assert select_stratified(order, np.array([0, 0, 0, 1, 1, 1]), 4).all()
    assert select_stratified(order, np.array([0, 0, 0, 1, 1, 1]), 9).all()


def test_no_part_starts_with_the_classes_that_another_had_enough_of() -> None:
    target = np.arange(5000) % 10
    parts = split_by_content(content_ids(np.arange(5000)), target, {"test": 1000, "train": 4000})
    for rows in parts.values():
        assert np.bincount(target[rows[:200]], minlength=10).max() < 40


def test_picking_takes_the_first_of_each_class() -> None:
    order = np.array([4, 3, 2, 1, 0])
    picked = select_stratified(order, np.array([0, 0, 1, 1, 1]), 2)
    assert order[picked].tolist() == [4, 1]


@pytest.mark.parametrize("counts", [{"test": 0.2, "train": 0.8}, {"test": 1, "train": 1}, {"test": -1, "train": 11}])
def test_counts_that_do_not_sum_to_all_examples_are_explained(counts):
    with pytest.raises(ValueError, match="whole numbers that sum to the 10 examples"):
        split_by_content(np.arange(10), None, counts)


def by_lack(group_of_row: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the part of each group by what parts lack alone: large groups first."""
    sizes = np.bincount(group_of_row)
    filled, parts = np.zeros(len(shares)), np.zeros(len(sizes), dtype=np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        parts[group] = np.argmax((shares * len(group_of_row) - filled) / (shares * len(group_of_row)))
        filled[parts[group]] += sizes[group]
    return parts


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=40), st.sampled_from([(0.2, 0.8), (0.2, 0.1, 0.7), (0.1, 0.9)])
)
def test_groups_keep_their_parts_if_every_part_is_near_its_share_and_come_nearer_otherwise(
    sizes: list[int], stated: tuple[float, ...]
) -> None:
    shares, groups = np.array(stated), np.repeat(np.arange(len(sizes)), sizes)
    none = np.zeros(len(groups), dtype=np.int64)
    before, now = by_lack(groups, shares), assign_groups(groups, none, shares)
    reached = [np.bincount(parts[groups], minlength=len(shares)) / len(groups) for parts in (before, now)]
    near = np.abs(reached[0] - shares).max() <= TOLERANCE and not is_far(reached[0][:-1], shares[:-1]).any()
    assert np.array_equal(now, before) or not near
    assert np.abs(reached[1] - shares).max() <= np.abs(reached[0] - shares).max() or reached[0][-1] == 0
    assert reached[1][-1] > 0


def test_what_is_far_is_more_than_twice_or_less_than_half() -> None:
    assert FAR == 2
    assert is_far(np.array([0.41, 0.4, 0.1, 0.09]), np.full(4, 0.2)).tolist() == [True, False, False, True]


def test_a_large_group_of_equal_examples_is_trained_on() -> None:
    """Half of all texts are empty, say: they are no test set."""
    ids = content_ids(np.array([0] * 50 + [number // 5 for number in range(5, 55)]))
    parts = split_by_content(ids, np.zeros(100, dtype=np.int64), {"test": 20, "train": 80})
    assert len(parts["test"]) == 20
    assert (contents(ids[parts["train"]]) == contents(ids[:1])).sum() == 50
