"""The head of a CSV file: its separator, its names, and comment lines that are refused."""

from __future__ import annotations

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_head import check_comments, column_names, separator, without_separator_line


@pytest.mark.parametrize(
    ("head", "mark"),
    [(b"a,b;c\n", ","), (b"a;b\n1,2;3\n", ";"), (b'"a,b";c\n', ";"), (b"a\tb\n", "\t"), (b"a|b", "|"), (b"a\n", ",")],
)
def test_the_line_of_names_decides_the_separator(head: bytes, mark: str) -> None:
    assert separator(head) == mark


def test_the_line_of_a_spreadsheet_that_states_the_separator_is_taken_off() -> None:
    assert without_separator_line(b"sep=;\r\na;b\n") == (b"a;b\n", ";")
    assert without_separator_line(b"sep,b\n1,2\n") == (b"sep,b\n1,2\n", None)


def test_names_may_stand_in_quotes_and_hold_the_separator() -> None:
    assert column_names(b'"a,b",c\n1,2\n', ",", True, "f") == ["a,b", "c"]
    assert column_names(b'"a,b",c\n', ",", False, "f") == ['"a', 'b"', "c"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# by hand\nx,y\n1,p\n", "f: line 1 is a comment ('# by hand'), and the line with the names of the columns "
         "must be the first: remove it, so that line 2, 'x,y', is the first"),
        ("# in May, by hand\n# v2\n\nx;y\r\n1;p\n", "f: lines 1 to 2 are comments ('# in May, by hand'), and the line "
         "with the names of the columns must be the first: remove them, so that line 4, 'x;y', is the first"),
        ("\n\n% note\nx\ty\n", "line 3 is a comment ('% note')"),
        ("##format=1\n#chromosome\tstart\n1\t2\n", "remove it, so that line 2, '#chromosome\\tstart', is the first"),
        ("// a\r// b\rx,y\r1,p\r", "lines 1 to 2 are comments"),
        ("# nothing\n", "line 1 is a comment ('# nothing')"),
        ("# nothing\n# more\n", "lines 1 to 2 are comments ('# nothing')"),
        (f"# {'x' * 200_000}\nx,y\n", "remove it, so that line 2, 'x,y', is the first"),
    ],
)  # fmt: skip
def test_comment_lines_before_the_names_are_refused_with_the_lines_to_remove(content: str, message: str) -> None:
    with pytest.raises(DataInvalid) as raised:
        check_comments(content.encode(), None, "f")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        "#,name\n1,a\n", "#chromosome\tstart\tend\n1\t2\t3\n", '#id,"name, full",y\n1,Bob,p\n', "% change,y\n1,p\n",
        '"# a",y\n1,p\n', "x,y\n# 1,p\n", "#id|y\n", "#tag,y\n#a,1\n#b,0\n", "",
    ],
)  # fmt: skip
def test_names_that_begin_with_such_a_mark_are_names(content: str) -> None:
    check_comments(content.encode(), None, "f")
