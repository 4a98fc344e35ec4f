"""Notes on what was done to data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench_suite.data.data_notes import absent_classes, listed, similar_classes, with_unread
from bench_suite.data.file_sets import FileSet
from bench_suite.data.labels import Labels
from bench_suite.data.raw_tables import RawTables


def labels(*classes: str) -> Labels:
    return Labels("classification", classes, {})


def test_a_long_list_is_counted() -> None:
    assert listed(["a", "b"]) == "2: a, b"
    assert listed(list("abcdefg")) == "7: a, b, c, d, e and 2 more"
    assert listed(3) == 3


def test_files_that_no_row_names_are_noted_as_not_read() -> None:
    files = FileSet("mine", Path("/x"), "csv", {}, ("a.txt", "b.png"))
    raw = with_unread(RawTables({}, True, {"n": 1}, frozenset({"b.png"})), files)
    assert raw.notes == {"n": 1, "files not read": ["a.txt"]}


def test_class_names_of_one_form_are_noted() -> None:
    assert similar_classes(labels("Yes", "yes", "no")) == {
        "classes of nearly one name": "2 of 3 differ only in case, spaces or Unicode form, such as 'Yes' and 'yes'"
    }
    assert similar_classes(labels("yes", "no")) == {}


def test_classes_that_a_split_lacks_are_noted() -> None:
    targets = {"train": np.array([0]), "validation": np.array([0, 1]), "test": np.array([1])}
    assert absent_classes(labels("p", "q"), targets) == {"classes absent from test": "1: p"}
