"""What the name of a file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.data.file_names import advice_on, ending, format_of, is_data, is_picture, split_of, stem


@pytest.mark.parametrize(
    ("name", "known", "kind", "picture"),
    [
        ("A.CSV.gz", None, ".csv", False),
        ("Test_24.csv", "test", ".csv", False),
        ("my.val.JPG", "validation", ".jpg", True),
    ],
)
def test_what_a_name_says(name: str, known: str | None, kind: str, picture: bool) -> None:
    assert ending(name) == kind
    assert is_picture(name) is picture
    assert split_of(name) == known


def test_formats_and_data_are_known_by_the_ending_in_any_case_and_compression() -> None:
    assert format_of(Path("A.JSONL.xz")) == "json"
    assert format_of(Path("a.PNG")) == "pictures"
    assert is_data("a.tsv.zst")
    assert not is_data("a.txt")
    assert stem("Train.CSV.gz") == "train"


def test_a_format_that_is_not_read_has_advice() -> None:
    assert advice_on("a.xlsx") == "save each sheet as CSV"
    assert advice_on("a.txt.gz") == "write a CSV with a column of texts"
    assert advice_on("a.csv") is None
