"""From tables to splits: options, and what is noted; the situations are in tests/tasks/test_files.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data import own_data
from bench_suite.data.own_data import Origin, OwnDataOptions, assemble, check, listed
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.sources import Sources


def assembled(splits: dict[str, dict[str, list[Any]]], **options: Any) -> Any:
    raw = RawTables({split: (pa.table(columns),) for split, columns in splits.items()}, textual=True)
    return assemble(OwnDataOptions(label="y", **options), raw, Origin("files:a", "a"), Sources(offline=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ()}, "inputs names no column"),
        ({"inputs": ("a", "a")}, "inputs names a column twice"),
        ({"inputs": "label"}, "nothing would be left to learn"),
        ({"columns": {"label": "ignore"}}, "but the task uses it"),
        ({"delimiter": ";;"}, "is not one mark"),
        ({"encoding": "utf-9"}, "is not known"),
        ({"split": {"test": 2}}, "is not a share"),
        ({"split": {"column": "label"}}, "split reads the label"),
        ({"test": "a", "train": "a"}, "one split is named twice"),
    ],
)
def test_contradictions_are_refused_before_anything_is_read(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(OwnDataOptions(**options))


def test_columns_uses_and_missing_values_are_told() -> None:
    part = {"n": ["1", "", "3"], "w": ["a", "b", "a"], "y": ["p", "q", "p"], "id": ["x", "y", "z"]}
    result = assembled({"train": part, "test": part}, columns={"id": "ignore"}, groups=("w",))
    assert result.inputs == ("n",)
    assert {name: column.type for name, column in result.columns.items()} == {
        "n": "number", "w": "category", "y": "category",
    }  # fmt: skip
    assert result.missing["n"] == 2
    assert result.modality == "table"
    assert result.data.splits["train"].groups["w"].tolist() == ["a", "b", "a"]
    assert np.isnan(result.data.splits["train"].columns["table"][1, 0])


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    part = {"n": ["1", "2"], "y": ["p", "q"]}
    with pytest.raises(DataInvalid, match=r"split train: there is no column `m`.*\(it has: n, y\)"):
        assembled({"train": part, "test": part}, inputs=("m",))


def test_a_long_list_is_counted() -> None:
    assert listed(["a", "b"]) == "2: a, b"
    assert listed(list("abcdefg")) == "7: a, b, c, d, e and 2 more"
    assert listed(3) == 3


@pytest.mark.parametrize("rare", [False, True])
def test_a_drawn_split_is_encoded_by_the_categories_of_its_train_part(
    rare: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether or not all rows together are encoded alike, in which case nothing is encoded again."""
    drawn = np.random.default_rng(0)
    words = ["ab"[number % 2] for number in range(200)]
    if rare:
        words = [f"rare {number}" if number % 4 == 0 else word for number, word in enumerate(words)]
    part = {
        "n": [f"{value:.2f}" for value in drawn.normal(size=200)], "w": words, "g": ["u", "v"] * 100,
        "y": ["p", "q", "p", "p"] * 50,
    }  # fmt: skip
    options: dict[str, Any] = {"groups": ("g",), "inputs": ("n", "w"), "split": {"test": 0.3, "validation": 0.1}}
    at_once = assembled({"train": part}, **options)
    monkeypatch.setattr(own_data, "_same_encoder", lambda *_: False)
    again = assembled({"train": part}, **options)
    assert at_once.data.source == again.data.source
    assert at_once.data.spec == again.data.spec
    for role, split in again.data.splits.items():
        other = at_once.data.splits[role]
        assert np.array_equal(split.ids, other.ids)
        assert np.array_equal(split.columns["table"], other.columns["table"])
        assert np.array_equal(split.columns["target"], other.columns["target"])
        assert split.groups["g"].tolist() == other.groups["g"].tolist()
    monkeypatch.undo()
    encoded: list[str] = []
    encode = own_data._inputs
    monkeypatch.setattr(own_data, "_inputs", lambda *args: encoded.append("") or encode(*args))
    assembled({"train": part}, **options)
    assert len(encoded) == 1 + rare
