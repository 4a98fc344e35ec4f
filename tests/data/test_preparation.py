"""Preparation separates train, validation and test, and reports the rows that it removed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Data, DataInvalid, Source
from bench_suite.data.fingerprint import content_ids, contents
from bench_suite.data.preparation import (
    drop_rows,
    drop_test_duplicates,
    duplicates_of,
    hold_out,
    prepare,
)
from bench_suite.data.ragged import Ragged
from bench_suite.data.smoke import SMOKE_EXAMPLES
from bench_suite.data.splits import (
    MemorySplit,
    column,
    fingerprint_of,
    fingerprints_of,
    targets_of,
)


def texts(n: int, start: int = 0, classes: int = 2) -> MemorySplit:
    words = [f"text {number}" for number in range(start, start + n)]
    target = np.arange(n) % classes
    return MemorySplit(content_ids(words), {"text": words, "target": target}, {"odd": np.arange(n) % 2})


def of(*words: str, target: list[int] | None = None) -> MemorySplit:
    """Return texts, each of class 0 unless `target` states another."""
    return MemorySplit(content_ids(words), {"text": list(words), "target": np.array(target or [0] * len(words))})


def data(**splits: Any) -> Data:
    spec = {"classes": ("no", "yes")}
    return Data("classification", spec, splits, Source("generated", "made up", "0"))


# ── disjoint splits ─────────────────────────────────────────────────────────────────────────────


def test_a_tenth_is_held_out_and_classes_keep_their_shares() -> None:
    train, validation = hold_out(texts(1000), 0.1)
    assert (len(train), len(validation)) == (900, 100)
    assert np.bincount(column(validation, "target")).tolist() == [50, 50]
    assert not np.isin(train.ids, validation.ids).any()


def in_groups(*sizes: int) -> Data:
    train, groups = texts(sum(sizes)), np.repeat(np.arange(len(sizes)), sizes)
    return data(train=replace(train, clusters=groups), test=texts(10, start=1000))


def test_groups_stay_whole_when_some_are_held_out_and_a_share_that_they_miss_is_noted() -> None:
    prepared = prepare(in_groups(50, 10, 10, 10, 10, 10), 0.1)
    assert len(prepared.splits["validation"]) == 10
    assert "validation" not in prepared.source.notes
    prepared = prepare(in_groups(40, 35, 25), 0.1)
    assert len(prepared.splits["validation"]) == 25
    assert prepared.source.notes["validation"] == "25.0% of train and not 10.0%, as groups stay whole"
    assert "validation" in prepared.source.prominent
    with pytest.raises(DataInvalid, match=r"all 20 training examples are one group, .* validation = 0"):
        prepare(in_groups(20), 0.1)


def test_the_same_examples_are_held_out_of_shuffled_rows() -> None:
    whole = texts(300)
    mixed = whole.at(np.random.default_rng(0).permutation(300))
    assert set(hold_out(whole, 0.2)[1].ids.tolist()) == set(hold_out(mixed, 0.2)[1].ids.tolist())


def test_equal_texts_are_never_held_out_from_one_another() -> None:
    words = [f"text {number % 90}" for number in range(100)]
    whole = MemorySplit(content_ids(words), {"text": words, "target": np.arange(100) % 2})
    train, validation = hold_out(whole, 0.3)
    assert not np.isin(contents(validation.ids), contents(train.ids)).any()


def test_a_split_on_disk_is_parted_without_being_read(tmp_path: Path, disk_split: Any) -> None:
    split = disk_split(tmp_path / "rows.npy", 1000)
    train, validation = hold_out(split, 0.1)
    assert (len(train), len(validation)) == (900, 100)
    assert split.most == 0
    assert not train.in_memory


def test_duplicates_of_test_are_found_in_train_however_often_they_stand_there() -> None:
    train = MemorySplit(content_ids(["a", "b", "a", "c"]), {"text": ["a", "b", "a", "c"]})
    test = MemorySplit(content_ids(["c", "a"]), {"text": ["c", "a"]})
    rows = duplicates_of(test, train)
    assert rows.tolist() == [0, 2, 3]
    assert column(drop_rows(train, rows), "text") == ["b"]
    assert drop_rows(train, rows[:0]) is train


def test_classes_of_a_split_on_disk_keep_their_shares_where_it_knows_its_targets(
    tmp_path: Path, labelled_split: Any
) -> None:
    split = labelled_split(tmp_path / "rows.npy", 1000)
    train, validation = hold_out(split, 0.1)
    assert np.bincount(targets_of(validation)).tolist() == [50, 50]
    assert np.bincount(targets_of(train)).tolist() == [450, 450]
    assert split.most == 0


def test_the_only_example_of_a_class_is_never_held_out() -> None:
    target = [0] * 10 + [1] * 10 + list(range(2, 12))
    split = of(*(f"text {number}" for number in range(30)), target=target)
    train, validation = hold_out(split, 0.5)
    assert set(column(train, "target").tolist()) == set(range(12))
    assert len(validation) == 15
    alone = of("a", "b", "c", target=[0, 1, 2])
    assert [len(part) for part in hold_out(alone, 0.5)] == [3, 0]


def test_what_is_tested_on_is_neither_trained_nor_chosen_by() -> None:
    splits = {
        "train": of("a", "tested", "validated", "shifted", "tested", "all"),
        "validation": of("validated", "tested", "shifted", "all", "b"),
        "test": of("tested", "all", "shifted too"),
        "shift:far": of("shifted", "all", "shifted too"),
    }
    apart, notes, left_out = drop_test_duplicates(splits)
    assert column(apart["train"], "text") == ["a"]
    assert column(apart["validation"], "text") == ["validated", "b"]
    assert (apart["test"], apart["shift:far"]) == (splits["test"], splits["shift:far"])
    assert notes == {
        "removed from validation, because test has them too": 2,
        "removed from validation, because shift:far has them too": 1,
        "removed from train, because test has them too": 3,
        "removed from train, because shift:far has them too": 1,
        "removed from train, because validation has them too": 1,
    }
    assert left_out
    assert drop_test_duplicates({"train": of("a"), "test": of("b")})[1:] == ({}, "")


@given(st.lists(st.integers(0, 12), min_size=1), st.lists(st.integers(0, 12), min_size=1), st.lists(st.integers(0, 12)))
def test_whatever_is_repeated_no_example_is_learnt_from_and_tested_on(
    train: list[int], test: list[int], validation: list[int]
) -> None:
    parts = {"train": train, "test": test, "validation": validation}
    remaining, notes, _ = drop_test_duplicates({name: of(*map(str, numbers)) for name, numbers in parts.items()})
    by_name = {name: [int(word) for word in column(split, "text")] for name, split in remaining.items()}
    assert by_name["test"] == test
    assert by_name["validation"] == [number for number in validation if number not in test]
    assert by_name["train"] == [number for number in train if number not in {*test, *validation}]
    assert sum(notes.values()) == sum(map(len, parts.values())) - sum(map(len, by_name.values()))


# ── prepare ─────────────────────────────────────────────────────────────────────────────────────


def test_validation_is_carved_out_of_train_where_the_task_brings_none() -> None:
    prepared = prepare(data(train=texts(100), test=texts(10, start=100)), 0.1)
    assert {name: len(split) for name, split in prepared.splits.items()} == {"train": 90, "validation": 10, "test": 10}


def test_the_tasks_own_validation_stays_as_it_is() -> None:
    own = texts(7, start=200)
    prepared = prepare(data(train=texts(100), validation=own, test=texts(10, start=100)), 0.1)
    assert prepared.splits["validation"] is own
    assert len(prepared.splits["train"]) == 100


def test_without_validation_everything_is_trained_on() -> None:
    brought = data(train=texts(100), validation=texts(7, start=200), test=texts(10, start=100))
    prepared = prepare(brought, 0.0)
    assert len(prepared.splits["train"]) == 107
    assert "validation" not in prepared.splits
    assert "validation" in brought.splits
    assert len(prepare(data(train=texts(100), test=texts(10, start=100)), 0.0).splits["train"]) == 100


def test_smoke_leaves_64_examples_a_split_with_all_classes() -> None:
    prepared = prepare(
        data(train=texts(1000), test=texts(500, start=1000), **{"shift:far": texts(30)}), 0.2, smoke=True
    )
    sizes = {name: len(split) for name, split in prepared.splits.items()}
    assert sizes == {"train": SMOKE_EXAMPLES, "validation": SMOKE_EXAMPLES, "test": SMOKE_EXAMPLES, "shift:far": 30}
    assert np.bincount(column(prepared.splits["test"], "target")).tolist() == [32, 32]


def test_smoke_finds_64_examples_among_nothing_but_duplicates() -> None:
    words = ["same"] * 200
    split = MemorySplit(content_ids(words), {"text": words, "target": np.arange(200) % 2})
    assert len(prepare(data(train=split, test=texts(10)), 0.1, smoke=True).splits["train"]) == SMOKE_EXAMPLES


def test_labels_outside_the_classes_are_named_and_counted() -> None:
    wrong = texts(20)
    target = wrong.columns["target"].copy()
    target[[3, 4]] = 2
    target[5] = -1
    bad = MemorySplit(wrong.ids, {**wrong.columns, "target": target})
    with pytest.raises(DataInvalid) as raised:
        prepare(data(train=texts(50), test=bad), 0.1)
    message = str(raised.value)
    assert "split `test` has labels outside its 2 classes (0 to 1): -1 (1 times), 2 (2 times)" in message


def test_targets_that_are_no_classes_are_let_be() -> None:
    for target in (Ragged.from_lists([[9], [9, 9], [], [9]]), np.array([1.5, 99.0, -3.0, 2.0])):
        train, test = (MemorySplit(np.arange(4) + first, {"target": target}) for first in (0, 4))
        prepare(data(train=train, test=test), 0.5)


def test_labels_of_a_split_on_disk_are_checked_where_it_knows_them(tmp_path: Path, labelled_split: Any) -> None:
    split = labelled_split(tmp_path / "rows.npy", 10, classes=3)
    with pytest.raises(DataInvalid, match=r"split `test` has labels outside its 2 classes \(0 to 1\): 2 \(3 times\)"):
        prepare(data(train=texts(10), test=split), 0.1)
    assert split.most == 0


def test_duplicates_are_left_out_of_train_counted_and_seen_by_the_fingerprint() -> None:
    brought = data(train=texts(100), test=texts(20, start=90))
    prepared = prepare(brought, 0.1)
    assert {name: len(split) for name, split in prepared.splits.items()} == {"train": 81, "validation": 9, "test": 20}
    assert prepared.source.notes == {"removed from train, because test has them too": 10}
    assert prepared.source.fingerprint != brought.source.fingerprint
    assert prepare(data(train=texts(100), test=texts(20, start=100)), 0.1).source == brought.source


def test_the_fingerprints_are_those_of_the_examples_before_any_are_held_out() -> None:
    brought = data(train=texts(100), test=texts(20, start=90))
    assert prepare(brought, 0.1).source.fingerprints == {}, "the task states a fingerprint of its own kind"
    own = replace(brought, source=replace(brought.source, fingerprint=fingerprint_of(brought.splits)))
    first = prepare(own, 0.1).source.fingerprints
    assert first == prepare(own, 0.3).source.fingerprints == fingerprints_of(
        {"train": texts(90), "test": texts(20, start=90)}
    )  # fmt: skip
    backwards = {name: split.at(np.arange(len(split))[::-1]) for name, split in own.splits.items()}
    other = replace(own, splits=backwards, source=replace(own.source, fingerprint=fingerprint_of(backwards)))
    prepared = prepare(other, 0.1)
    assert {name: part["examples"] for name, part in prepared.source.fingerprints.items()} == {
        name: part["examples"] for name, part in first.items()
    }
    assert prepared.source.fingerprint != prepare(own, 0.1).source.fingerprint
    assert set(prepared.splits["validation"].ids) == set(prepare(own, 0.1).splits["validation"].ids)


def test_duplicates_on_disk_are_left_out_without_reading(tmp_path: Path, disk_split: Any) -> None:
    train, test = disk_split(tmp_path / "train.npy", 100), disk_split(tmp_path / "test.npy", 20)
    test.ids = np.arange(90, 110)
    prepared = prepare(data(train=train, test=test), 0.1)
    assert len(prepared.splits["train"]) + len(prepared.splits["validation"]) == 90
    assert not np.isin(prepared.splits["train"].ids, test.ids).any()
    assert train.most == test.most == 0


def test_without_validation_nothing_that_is_tested_on_is_trained_on_either() -> None:
    prepared = prepare(data(train=of("a"), validation=of("b", "c"), test=of("c")), 0.0)
    assert column(prepared.splits["train"], "text") == ["a", "b"]


def test_where_all_of_train_is_tested_on_that_is_said() -> None:
    same = texts(10)
    with pytest.raises(DataInvalid, match="all 10 examples of `train` are also in a split that is tested on"):
        prepare(data(train=same, test=same), 0.1)


def test_row_numbers_are_refused_as_ids() -> None:
    numbered = MemorySplit(np.arange(9), {"target": np.arange(9) % 2})
    fewer = MemorySplit(np.arange(4), {"target": np.arange(4) % 2})
    with pytest.raises(DataInvalid, match=r"ids of `train` and of `test` both count from 0.*content_ids"):
        prepare(data(train=numbered, test=fewer), 0.1)


def test_a_class_with_one_example_is_learnt_from_and_noted() -> None:
    target = [0, 1, 2, 3, 3, 3, *[4] * 20]
    train = of(*(f"text {number}" for number in range(26)), target=target)
    brought = data(train=train, test=of("other"))
    brought = replace(brought, spec={"classes": ("a", "b", "c", "d", "e", "f")})
    prepared = prepare(brought, 0.1)
    assert set(column(prepared.splits["train"], "target").tolist()) == {0, 1, 2, 3, 4}
    assert prepared.source.notes == {
        "classes with one training example": "a, b, c",
        "classes without a training example": "f",
    }


def test_a_missing_or_empty_split_is_named() -> None:
    with pytest.raises(DataInvalid, match="gives no `test` split; it gives: train"):
        prepare(data(train=texts(10)), 0.1)
    with pytest.raises(DataInvalid, match="split `test` is empty; it needs at least one example"):
        prepare(data(train=texts(10), test=texts(0)), 0.1)
    with pytest.raises(DataInvalid, match=r"1 training example leaves none to validate on; .* validation = 0"):
        prepare(data(train=texts(1), test=texts(5, start=1)), 0.1)
    with pytest.raises(DataInvalid, match="2 training examples of as many classes leave none to validate on"):
        prepare(data(train=texts(2), test=texts(5, start=2)), 0.1)


def test_splits_on_disk_are_prepared_without_being_read(tmp_path: Path, disk_split: Any) -> None:
    train, test = disk_split(tmp_path / "train.npy", 50_000), disk_split(tmp_path / "test.npy", 500)
    test.ids = np.arange(50_000, 50_500)
    prepared = prepare(data(train=train, test=test), 0.1, smoke=True)
    assert {name: len(split) for name, split in prepared.splits.items()} == dict.fromkeys(
        prepared.splits, SMOKE_EXAMPLES
    )
    assert train.most == test.most == 0
