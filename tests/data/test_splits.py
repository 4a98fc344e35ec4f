"""Splits return the requested rows, in memory and on disk."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.ragged import Ragged
from bench_suite.data.splits import (
    CHUNK,
    Changed,
    Joined,
    MemorySplit,
    Subset,
    chosen_groups,
    column,
    fingerprint_of,
    fingerprints_of,
    targets_of,
)


def texts(n: int, start: int = 0, classes: int = 2) -> MemorySplit:
    words = [f"text {number}" for number in range(start, start + n)]
    target = np.arange(n) % classes
    return MemorySplit(content_ids(words), {"text": words, "target": target}, {"odd": np.arange(n) % 2})


def test_rows_come_in_the_order_and_as_often_as_asked() -> None:
    ragged = Ragged.from_lists([[1], [2, 3], []])
    split = MemorySplit(np.arange(3), {"text": ["a", "b", "c"], "tokens": ragged, "target": np.array([5, 6, 7])})
    taken = split.take(np.array([2, 0, 2]))
    assert taken["text"] == ["c", "a", "c"]
    assert taken["tokens"].lists() == [[], [1], []]
    assert taken["target"].tolist() == [7, 5, 7]


def test_a_subset_of_a_subset_is_a_view_of_the_whole() -> None:
    whole = texts(10)
    view = Subset(Subset(whole, np.array([9, 5, 1])), np.array([2, 0]))
    assert view.take(np.array([0, 1]))["text"] == ["text 1", "text 9"]
    assert view.ids.tolist() == whole.ids[[1, 9]].tolist()
    assert view.groups["odd"].tolist() == [1, 1]
    assert column(view, "text") == ["text 1", "text 9"]
    assert len(view) == 2


def test_two_splits_are_joined_row_by_row() -> None:
    both = Joined(texts(3), texts(2, start=3))
    rows = np.array([4, 0, 3, 2])
    assert both.take(rows)["text"] == ["text 4", "text 0", "text 3", "text 2"]
    assert both.take(np.array([4]))["text"] == ["text 4"]
    assert both.take(np.array([1]))["text"] == ["text 1"]
    assert column(both, "text") == [f"text {number}" for number in range(5)]
    assert both.groups["odd"].tolist() == [0, 1, 0, 0, 1]
    assert len(both.ids) == 5


def test_a_change_touches_values_and_not_ids() -> None:
    whole = texts(3)
    loud = Changed(whole, lambda raw: {**raw, "text": [text.upper() for text in raw["text"]]})
    assert column(loud, "text") == ["TEXT 0", "TEXT 1", "TEXT 2"]
    assert (loud.ids == whole.ids).all()
    assert column(whole, "text")[0] == "text 0"


def test_columns_of_other_lengths_than_the_ids_are_refused() -> None:
    with pytest.raises(DataInvalid, match="`target` has 3 rows, but there are 2 ids"):
        MemorySplit(np.arange(2), {"target": np.arange(3)})


def test_splits_can_be_sent_to_another_process() -> None:
    sent = pickle.loads(pickle.dumps(Subset(texts(5), np.array([3]))))
    assert sent.take(np.array([0]))["text"] == ["text 3"]


def test_a_column_that_is_not_there_is_none() -> None:
    assert column(texts(3), "image") is None
    assert column(Joined(texts(3), texts(3)), "image") is None


def test_a_split_on_disk_is_read_in_chunks(tmp_path: Path, disk_split: Any) -> None:
    split = disk_split(tmp_path / "rows.npy", 3 * CHUNK + 5)
    assert (column(split, "target") == split.ids % 3).all()
    assert split.most == CHUNK


def test_targets_of_a_split_on_disk_are_had_without_reading_where_it_knows_them(
    tmp_path: Path, disk_split: Any, labelled_split: Any
) -> None:
    split = labelled_split(tmp_path / "rows.npy", 100, classes=3)
    view = Subset(Subset(split, np.arange(50, 100)), np.array([3, 0]))
    assert column(view, "target").tolist() == [53 % 3, 50 % 3]
    assert column(Joined(view, split), "target").tolist() == [53 % 3, 50 % 3, *(split.ids % 3).tolist()]
    assert split.most == 0
    assert targets_of(Subset(disk_split(tmp_path / "other.npy", 10), np.arange(3))) is None
    assert targets_of(Joined(split, disk_split(tmp_path / "other.npy", 10))) is None


def test_a_change_may_be_one_of_targets_so_they_are_taken(tmp_path: Path, labelled_split: Any) -> None:
    def flipped(raw: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**raw, "target": 1 - raw["target"]}

    for split in (texts(4), labelled_split(tmp_path / "rows.npy", 4)):
        read = column(Changed(split, flipped), "target").tolist()
        assert read == [1 - target for target in split.take(np.arange(4))["target"].tolist()]


def test_the_fingerprint_sees_targets_groups_and_who_is_where() -> None:
    one, other = texts(4), texts(4, start=4)
    base = fingerprint_of({"train": one, "test": other})
    assert base == fingerprint_of({"test": other, "train": one})
    assert base != fingerprint_of({"train": other, "test": one})
    relabelled = MemorySplit(one.ids, {**one.columns, "target": 1 - one.columns["target"]}, one.groups)
    assert base != fingerprint_of({"train": relabelled, "test": other})
    assert base != fingerprint_of({"train": MemorySplit(one.ids, one.columns), "test": other})


def test_fingerprints_of_splits_see_what_examples_are_and_how_often_but_not_where() -> None:
    words, target = ["a", "b", "a", "c"], np.array([0, 1, 1, 0])
    sex = np.array(["f", "m", "m", "f"])

    def split(rows: Sequence[int], target: Any = target, **groups: np.ndarray) -> dict[str, str]:
        chosen = [words[row] for row in rows]
        known = {name: values[list(rows)] for name, values in groups.items()}
        return fingerprints_of({"s": MemorySplit(content_ids(chosen), {"target": target[list(rows)]}, known)})["s"]

    one = split([0, 1, 2, 3])
    assert one == split([0, 1, 2, 3], target.astype(np.uint8))
    for order in ([2, 1, 0, 3], [3, 2, 1, 0]):
        other = split(order)
        assert (other["examples"], other["order"] == one["order"]) == (one["examples"], False)
    assert one["examples"] not in {
        split([0, 1, 3])["examples"], split([0, 1, 2, 3, 3])["examples"], split([0, 1, 2, 2, 3])["examples"],
        split([0, 0, 1, 3])["examples"], split([0, 1, 2, 3], 1 - target)["examples"],
        split([0, 1, 2, 3], target / 2)["examples"], split([0, 1, 2, 3], sex=sex)["examples"],
    }  # fmt: skip
    grouped = split([0, 1, 2, 3], sex=sex)
    assert grouped["examples"] == split([3, 0, 1, 2], sex=sex)["examples"]
    assert grouped["examples"] not in {split([0, 1, 2, 3], sex=sex[[1, 0, 2, 3]])["examples"],
                                       split([0, 1, 2, 3], age=sex)["examples"]}  # fmt: skip


@pytest.mark.parametrize(
    "target",
    [
        np.array([0.5, np.nan, -1.0]), np.array([[1, 2], [3, 4], [5, 6]]), np.array(["dog", "a cat", "eel"]),
        ["x", "yy", "zzz"], Ragged.from_lists([[1], [2, 3], []]), [[1, 2], [], [3]],
        np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]"),
    ],
)  # fmt: skip
def test_targets_of_any_form_are_in_the_fingerprints(target: Any) -> None:
    split = MemorySplit(content_ids(["a", "b", "c"]), {"target": target})
    there, back, other = (
        fingerprints_of({"s": part})["s"]["examples"]
        for part in (split, split.at(np.array([2, 0, 1])), MemorySplit(split.ids[[1, 0, 2]], split.columns))
    )
    assert there == back != other


def test_a_split_whose_targets_must_be_read_has_no_fingerprint_and_is_not_read(
    tmp_path: Path, disk_split: Any, labelled_split: Any
) -> None:
    unknown, known = disk_split(tmp_path / "a.npy", 9), labelled_split(tmp_path / "b.npy", 9)
    assert fingerprints_of({"train": known, "test": unknown}) == {}
    assert list(fingerprints_of({"train": known})) == ["train"]
    assert unknown.most == known.most == 0


def test_groups_are_all_by_default_and_an_unknown_one_is_named() -> None:
    available = {"black": np.zeros(1), "male": np.zeros(1)}
    assert list(chosen_groups(available, None)) == ["black", "male"]
    assert list(chosen_groups(available, ("male",))) == ["male"]
    assert chosen_groups(available, ()) == {}
    with pytest.raises(DataInvalid, match="no group `femal` in this task; it has: black, male"):
        chosen_groups(available, ("femal",))
