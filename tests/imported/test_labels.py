"""Columns of texts that store each different text once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bench_suite.imported.labels import from_array, labels_of, numbered, sort_key


def test_labels_are_the_texts_of_the_rows_in_any_form() -> None:
    texts = ["x", "y", "x", "z"]
    plain = labels_of(np.array(texts, dtype=object))
    assert plain.codes.tolist() == [0, 1, 0, 2]
    chunks = pa.chunked_array([pa.array(texts[:2]).dictionary_encode(), pa.array(texts[2:]).dictionary_encode()])
    for labels in (plain, from_array(pa.array(texts)), from_array(chunks), labels_of(plain)):
        assert labels.expanded().tolist() == texts
        assert [labels[row] for row in range(len(labels))] == texts
        assert labels.texts_of(np.array([3, 1])) == ["z", "y"]
        assert labels.words.to_pylist() == ["x", "y", "z"]


def test_no_rows_have_no_labels() -> None:
    assert from_array(pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))).expanded().tolist() == []


def test_rows_without_a_name_are_numbered() -> None:
    assert numbered(3).expanded().tolist() == ["0", "1", "2"]


def test_numbers_are_sorted_by_value_and_before_texts() -> None:
    assert sorted(["b", "10", "nan", "2", "a", "-1.5"], key=sort_key) == ["-1.5", "2", "10", "a", "b", "nan"]
