"""From tables to splits, and what is noted; the situations are in tests/tasks/test_files.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data import model_inputs, own_data
from bench_suite.data.origin import Origin
from bench_suite.data.own_data import assemble
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.sources import Sources


def assembled(splits: dict[str, dict[str, list[Any]]], **options: Any) -> Any:
    raw = RawTables({split: (pa.table(columns),) for split, columns in splits.items()}, textual=True)
    return assemble(OwnDataOptions(label="y", **options), raw, Origin("files:a", "a"), Sources(offline=True))


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
    monkeypatch.setattr(own_data, "same_encoder", lambda *_: False)
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
    encode = model_inputs._inputs
    monkeypatch.setattr(model_inputs, "_inputs", lambda *args: encoded.append("") or encode(*args))
    assembled({"train": part}, **options)
    assert len(encoded) == 1 + rare
