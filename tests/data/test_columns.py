"""Columns of a data set become texts, images, or one table of numbers, whatever their type."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.class_names import with_class_names
from bench_suite.data.columns import Form, group_values, modality_of, numbers_as_text, table_encoder, texts
from bench_suite.data.splits import CHUNK

TABLE = pa.table({
    "text": ["a", None, " "],
    "more": ["x", "y", ""],
    "age": [30.0, None, 50.0],
    "job": ["nurse", "", "cook"],
    "code": [1, 2, 1],
    "png": pa.array([b"1", b"2", b"3"]),
    "list": [[1], [2], [3]],
    "when": [datetime(1970, 1, 2), datetime(1970, 1, 1, 12), None],
})  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "stated", "modality"),
    [
        (["text", "more"], None, "text"), (["text", "age"], None, "table"), (["age", "when"], None, "table"),
        (["png"], None, "image"), (["text"], "table", "table"),
    ],
)  # fmt: skip
def test_the_modality_follows_from_the_types_of_the_columns(inputs, stated, modality):
    assert modality_of(TABLE, inputs, "set", stated) == modality


@pytest.mark.parametrize(
    ("inputs", "stated", "message"),
    [
        (["png", "age"], None, 'set: `png` holds images, so it must be the only input: inputs = "png"'),
        (["png"], "text", 'set: modality = "text", but `png` holds images'),
        (["text"], "image", 'set: modality = "image", but `text` holds no images'),
        (["list"], None, "set: the input `list` holds list<.*>; images, texts, numbers, truth values and times"),
    ],
)
def test_columns_that_do_not_fit_are_refused_by_name(inputs, stated, message):
    with pytest.raises(DataInvalid, match=message):
        modality_of(TABLE, inputs, "set", stated)


def test_several_texts_are_joined_and_empty_rows_are_counted():
    assert texts(TABLE, ["text"], " | ") == (["a", "", " "], 2)
    assert texts(TABLE, ["text", "more"], "|") == (["a|x", "|y", " |"], 1)


def test_text_that_looks_like_numbers_is_noted_with_the_first_value_that_does_not():
    table = pa.table({"price": [*["1,5"] * 9, "free", "", None], "word": [*["a"] * 6, *["1"] * 6]})
    assert numbers_as_text(table, ["price", "word"]) == {
        "column `price`": "read as text, although 9 of its 10 values look like numbers; the first other value is 'free'"
    }


def test_a_table_is_numbers_and_a_column_for_each_frequent_category():
    encoder = table_encoder(TABLE, ["age", "job", "code"], ["code"], most=1)
    assert encoder.columns == ("age", "job=cook", "job=missing", "code=1")
    values, missing, unknown = encoder(TABLE, "set")
    np.testing.assert_array_equal(values, [[30, 0, 0, 1], [np.nan, 0, 1, 0], [50, 1, 0, 1]])
    assert (missing, unknown) == (2, 2)


def test_class_numbers_have_the_names_of_their_classes():
    table = TABLE.select(["code"]).replace_schema_metadata(with_class_names(None, {"code": ("a", "b")}))
    encoder = table_encoder(table, ["code"], [], most=5)
    assert encoder.columns == ("code=b", "code=missing")
    values, missing, unknown = encoder(table, "set")
    assert (values.tolist(), missing, unknown) == ([[1, 0], [0, 1], [1, 0]], 1, 0)
    assert group_values(table, "code").tolist() == ["b", "unknown", "b"]


def test_times_are_days_since_1970_and_infinite_numbers_are_refused():
    encoder = table_encoder(TABLE, ["when"], [], most=5)
    np.testing.assert_array_equal(encoder(TABLE, "set")[0], [[1.0], [0.5], [np.nan]])
    table = pa.table({"x": [1.0, float("inf")]})
    with pytest.raises(DataInvalid, match="set, column `x`: 1 values are infinite"):
        table_encoder(table, ["x"], [], most=5)(table, "set")


def test_a_sensitive_attribute_is_its_categories_in_words():
    assert group_values(pa.table({"g": [True, False, None]}), "g").tolist() == ["yes", "no", "unknown"]
    assert group_values(pa.table({"g": [1.0, 2.5, None]}), "g").tolist() == ["1", "2.5", "unknown"]


def test_forms_of_images_add_up_and_colour_wins():
    form = Form("L", {(2, 3): 1}) | Form("RGB", {(2, 3): 2, (4, 4): 1})
    assert form == Form("RGB", {(2, 3): 3, (4, 4): 1})


def test_a_long_table_is_encoded_as_its_parts_are():
    rows = 3 * CHUNK + 5
    drawn = np.random.default_rng(0)
    words = np.array(["a", "b", "c", ""])[drawn.integers(0, 4, rows)]
    table = pa.table({"n": drawn.normal(size=rows), "w": words, "k": drawn.integers(0, 3, rows)})
    encoder = table_encoder(table, ["n", "w", "k"], ["k"], 2)
    values, missing, unknown = encoder(table, "t")
    one_by_one = [
        table["n"].to_numpy(),
        *(words == word for word in encoder.categories["w"]),
        words == "",
        *(table["k"].to_numpy() == int(code) for code in encoder.categories["k"]),
    ]
    assert values.flags["C_CONTIGUOUS"]
    assert np.array_equal(values, np.stack(one_by_one, axis=1).astype(np.float64))
    assert missing == (words == "").sum()
    known = [*encoder.categories["w"], ""], [int(code) for code in encoder.categories["k"]]
    assert unknown == (~np.isin(words, known[0])).sum() + (~np.isin(table["k"].to_numpy(), known[1])).sum()
