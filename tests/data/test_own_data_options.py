"""What a suite states about data that a person brings."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.data.own_data_options import (
    OwnDataOptions,
    check,
    column_options,
    stated_inputs,
    text_options,
)


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


def test_one_column_may_be_stated_without_a_list() -> None:
    assert stated_inputs(OwnDataOptions()) is None
    assert stated_inputs(OwnDataOptions(inputs="a")) == ("a",)


def test_categorical_is_another_way_to_state_a_category() -> None:
    options = OwnDataOptions(categorical=("zip", "code"), columns={"code": "number"}, decimal=",", delimiter=";")
    assert column_options(options).columns == {"zip": "category", "code": "number"}
    assert column_options(options).decimal == ","
    assert text_options(options).delimiter == ";"
