"""Inputs as models receive them; pictures are tested in tests/tasks/test_files.py and test_hub.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.model_inputs import encode_inputs, same_encoder
from bench_suite.data.origin import Origin
from bench_suite.data.own_data_options import OwnDataOptions
from bench_suite.data.sources import Sources

SOURCES = Sources(offline=True)
ORIGIN = Origin("files:mine", "mine")


def test_categories_that_train_lacks_and_missing_values_are_noted() -> None:
    notes: dict[str, Any] = {}
    tables = {
        "train": pa.table({"n": [1.0, None], "w": ["a", "b"]}), "test": pa.table({"n": [2.0, 3.0], "w": ["a", "c"]}),
    }  # fmt: skip
    values, spec = encode_inputs(OwnDataOptions(), ("n", "w"), "table", SOURCES, ORIGIN, tables, notes)
    assert values["test"].shape == (2, len(spec["columns"]))
    assert notes == {
        "missing values": 1, "values of rare categories, or of categories that train lacks": "1 of 4 (25.0%)",
    }  # fmt: skip


def test_empty_texts_are_counted_and_refused_if_all_are() -> None:
    notes: dict[str, Any] = {}
    tables = {"train": pa.table({"t": ["a", ""]})}
    values, spec = encode_inputs(OwnDataOptions(), ("t",), "text", SOURCES, ORIGIN, tables, notes)
    assert (values, spec, notes) == ({"train": ["a", ""]}, {}, {"empty texts": 1})
    with pytest.raises(DataInvalid, match="mine: all 2 texts of train are empty"):
        encode_inputs(OwnDataOptions(), ("t",), "text", SOURCES, ORIGIN, {"train": pa.table({"t": ["", ""]})}, notes)


def test_a_part_without_a_category_is_encoded_in_another_way() -> None:
    whole = pa.table({"w": ["a", "b", "a", "b"]})
    assert same_encoder(OwnDataOptions(), ("w",), whole, np.array([0, 1]))
    assert not same_encoder(OwnDataOptions(), ("w",), whole, np.array([0, 2]))
