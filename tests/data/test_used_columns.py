"""Which columns a task reads."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.class_names import with_class_names
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.split_rules import SplitRule, read_rule
from bench_suite.data.used_columns import (
    check_columns,
    check_stated_columns,
    class_columns,
    group_columns,
    input_columns,
    names_of_classes,
    stated_columns,
)

TABLE = pa.table({"a": ["1"], "who": ["x"], "day": ["2024-01-01"], "id": ["7"], "label": ["p"]})
RAW = RawTables({"train": (TABLE,)}, textual=True)


def test_all_columns_are_inputs_that_serve_no_other_purpose() -> None:
    notes: dict[str, Any] = {}
    options = OwnDataOptions(groups=("who",), columns={"id": "ignore"}, split={"after": "2024-01-01", "by": "day"})
    assert input_columns(options, RAW, "mine", notes) == ("a", "day")
    assert notes == {"inputs": "all other columns: a, day"}
    assert input_columns(OwnDataOptions(inputs="a"), RAW, "mine", {}) == ("a",)
    assert input_columns(OwnDataOptions(split={"test": 0.2, "by": "id"}), RAW, "mine", {}) == ("a", "who", "day")
    with pytest.raises(DataInvalid, match="mine has no column to learn from beside `label`"):
        input_columns(OwnDataOptions(), RawTables({"train": (TABLE.select(["label"]),)}, True), "mine", {})


def test_columns_of_groups_and_of_classes_stay_text() -> None:
    assert group_columns(read_rule({"test": 0.2, "by": "who"})) == ("who",)
    assert group_columns(read_rule({"after": "2024-01-01", "by": "day"})) == ()
    assert group_columns(SplitRule(column="part")) == ("part",)
    assert class_columns(OwnDataOptions(problem="classification")) == ("label",)
    assert class_columns(OwnDataOptions()) == ()


def test_the_only_input_of_images_holds_paths() -> None:
    assert stated_columns(OwnDataOptions(modality="image"), ("a",), ()).columns == {"a": "picture"}
    assert stated_columns(OwnDataOptions(), ("a",), ()).columns == {}


def test_names_of_classes_in_a_file_precede_those_of_the_readme() -> None:
    named = TABLE.replace_schema_metadata(with_class_names(None, {"label": ("x", "y")}))
    stated = {"label": ("p", "q"), "who": ("u",), "gone": ("v",)}
    assert names_of_classes(RAW, stated) == {"label": ("p", "q"), "who": ("u",)}
    assert names_of_classes(RawTables({"train": (named,)}, True), stated)["label"] == ("x", "y")


def test_a_column_that_a_split_lacks_is_named() -> None:
    raw = RawTables({"train": (TABLE,), "test": (TABLE.drop_columns(["label"]),)}, True)
    with pytest.raises(DataInvalid, match=r'split test: there is no column `label`(.|\n)*leave it out: test = ""'):
        check_columns(raw, ["a", "label"], "mine", "label", {"train": "train", "test": "test"})
    with pytest.raises(DataInvalid, match="columns states the type of `b`, and there is no such column"):
        check_stated_columns(OwnDataOptions(columns={"b": "text"}), RAW, "mine")
