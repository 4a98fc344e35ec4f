"""Quotation marks of a CSV file: whether they enclose values, or the line that is wrong."""

from __future__ import annotations

import numpy as np

from bench_suite.contracts import DataInvalid

QUOTE, NEWLINES = ord('"'), (ord("\n"), ord("\r"))


def encloses_values(content: bytes, delimiter: str, name: str) -> bool:
    """Return whether quotation marks enclose values; False if none begins a value, so that all are text.

    Raises:
        DataInvalid: A value is opened and not closed as it must be, or the file reads as well with a row on each line.
    """
    if b'"' not in content:
        return False  # the rows are the same either way, and are parsed faster without quotes
    data = np.frombuffer(content, dtype=np.uint8)
    marks = np.flatnonzero(data == QUOTE)
    ends = np.zeros(256, dtype=bool)
    ends[[ord(delimiter), *NEWLINES]] = True
    before = ends[data[marks - 1]] | (marks == 0)
    after = ends[data[np.minimum(marks + 1, len(data) - 1)]] | (marks == len(data) - 1)
    if not before.any():
        _check_spaces(marks, after, data, ord(delimiter), name, content)
        return False
    opened, closed = _pairs(marks, before, after, data, name, content)
    lines = np.flatnonzero(data == NEWLINES[0])
    inside = np.searchsorted(lines, closed) - np.searchsorted(lines, opened)
    if inside.any() and _reads_line_by_line(content, delimiter):
        line = int(np.searchsorted(lines, opened[int(np.flatnonzero(inside)[0])])) + 1
        raise DataInvalid(
            f"{name}: the value in quotation marks that begins in line {line} goes on in the next line, and the file "
            "reads as well with a row on each line: state quotes = true if it does, quotes = false if the mark is text"
        )
    return True


def _check_spaces(
    marks: np.ndarray, after: np.ndarray, data: np.ndarray, delimiter: int, name: str, content: bytes
) -> None:
    """Refuse values in quotation marks after a space, such as `1, "a"`: the marks would be part of the text."""
    spaced = (data[marks - 1] == ord(" ")) & (data[marks - 2] == delimiter) & (marks > 1)
    if spaced.any() and after.any():
        line = content.count(b"\n", 0, int(marks[spaced][0])) + 1
        raise DataInvalid(
            f"{name}: a space stands before the quotation mark in line {line}, so the mark would be part of the text: "
            "remove the spaces after separators, or state quotes = false"
        )


def _pairs(
    marks: np.ndarray, before: np.ndarray, after: np.ndarray, data: np.ndarray, name: str, content: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the marks that open and close values, two (k,) arrays.

    Args:
        marks: (m,) positions of all marks.
        before: (m,) bool: the mark stands at the beginning of a value.
        after: (m,) bool: the mark stands at the end of a value.
        data: The file's bytes.
        name: What messages call the file.
        content: The same bytes.
    """
    even, odd = slice(0, None, 2), slice(1, None, 2)
    adjacent_before = np.r_[False, np.diff(marks) == 1]
    adjacent_after = np.r_[np.diff(marks) == 1, False]
    # In a regular file the marks open and close in turn; a doubled mark closes and opens again at once.
    regular = len(marks) % 2 == 0 and bool(
        (before | adjacent_before)[even].all() and (after | adjacent_after)[odd].all()
    )
    if regular:
        return marks[even], marks[odd]
    opened: list[int] = []
    closed: list[int] = []
    inside, skip = False, -1
    for number, mark in enumerate(marks.tolist()):
        if mark == skip:
            continue
        if not inside:
            if before[number]:  # any other mark outside of quotes is text
                opened.append(mark)
                inside = True
        elif adjacent_after[number]:
            skip = mark + 1
        elif after[number]:
            closed.append(mark)
            inside = False
        else:
            raise DataInvalid(_unclosed(content, opened[-1], mark, name))
    if inside:
        raise DataInvalid(_unclosed(content, opened[-1], None, name))
    return np.array(opened), np.array(closed)


def _unclosed(content: bytes, opened: int, mark: int | None, name: str) -> str:
    line = content.count(b"\n", 0, opened) + 1
    if mark is None:
        what = "is never closed"
    else:
        other = content.count(b"\n", 0, mark) + 1
        what = f"is followed by a mark in line {other} that neither closes it nor is doubled"
    return (
        f"{name}: the quotation mark that begins a value in line {line} {what}: correct it, or state quotes = false if "
        "marks are part of the text"
    )


def _reads_line_by_line(content: bytes, delimiter: str) -> bool:
    """Return whether every line has as many columns as the first if quotation marks are text."""
    mark = delimiter.encode()
    lines = [line for line in content.splitlines() if line]
    columns = lines[0].count(mark)
    return columns > 0 and all(line.count(mark) == columns for line in lines)
