"""Quotation marks: whether they enclose values; files that are refused for them are in test_csv_text.py."""

from __future__ import annotations

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_quotes import encloses_values


@pytest.mark.parametrize(
    ("content", "encloses"),
    [
        ("a,b\n1,2\n", False), ('a,b\n"1",2\n', True), ('a,b\n5" disk,1\n', False), ('a,b\n"say ""x""",1\n', True),
        ('a,b\n"1,2",3\n', True), ('a\n"x\ny, z"\n', True), ('"a","b"', True),
    ],
)  # fmt: skip
def test_marks_enclose_values_if_one_begins_with_a_mark(content: str, encloses: bool) -> None:
    assert encloses_values(content.encode(), ",", "f") is encloses


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('a,b\n"x"y,2\n', "is followed by a mark in line 2 that neither closes it nor is doubled"),
        ('a,b\n"x,2\n', "that begins a value in line 2 is never closed"),
        ('a,b\n1, "x"\n', "a space stands before the quotation mark in line 2"),
        ('a,b\n"x,1\ny",2\n', "begins in line 2 goes on in the next line"),
    ],
)
def test_marks_that_do_not_match_are_refused_with_their_line(content: str, message: str) -> None:
    with pytest.raises(DataInvalid, match=message):
        encloses_values(content.encode(), ",", "f")
