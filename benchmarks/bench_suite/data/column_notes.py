"""What is noted of a column: that its owner may have meant another type, with the line that states it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.contracts import DataInvalid
from bench_suite.data.column_types import Column, columns_line
from bench_suite.data.column_values import all_match, any_match
from bench_suite.data.date_formats import MAX_LENGTH, MAX_TRIED, date_form, in_words, number_date_format, number_digits
from bench_suite.data.number_formats import CODE, NUMBER
from bench_suite.data.number_values import numbers_of_text

_NUMBER_LIKE = (
    r"^[^0-9A-Za-z]{0,3}[-+]?\p{Nd}+([.,' \x{a0}\x{2009}\x{202f}\x{2019}]\p{Nd}+)*([eE][-+]?[0-9]+)?[^0-9A-Za-z]{0,3}$"
)
_MARKED_CODE = r"^[^0-9A-Za-z.+-]{1,3}0[0-9]"
'A code with a leading zero after marks, such as `\'007` and `="007"` of spreadsheets.'
_VERSION_LIKE = r"^[0-9]+\.([0-9]+\.)*([0-9]{1,2}\.([0-9]+\.)*[0-9]+|[0-9]+\.[0-9]{1,2})$"
"Two points or more, and fewer than three digits between or after them."
_MARKS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (".", "'"), (",", " "), (",", "'"))
"Decimal marks, and marks between thousands, that are tried for a note."
NEARLY_ALL, FEW_OTHERS = 0.9, 2
"If this share of a column of text, or all but this many values, look like numbers or dates, a note says so."
MAX_LISTED = 5
"Values that a note lists."


def note_on_dates(name: str, values: pa.Array) -> str:
    """Return a note on a column of texts of which most look like dates or times of day; empty if they do not.

    Args:
        name: The column.
        values: Its different values, without missing ones.
    """
    tried = values.take(pa.array(np.arange(0, len(values), len(values) // MAX_TRIED or 1)))
    form = date_form(pc.utf8_slice_codeunits(tried, 0, MAX_LENGTH + 1).to_pylist(), NEARLY_ALL)  # texts may be long
    if form is None or not _nearly_all(int(form.matches.sum()), len(tried)):
        return ""
    what = "times of day" if form.times_of_day else "dates"
    others = tried.filter(pa.array(~form.matches))
    if not form.statement:
        first, second = map(repr, form.examples)
        advice = f"write all in one form, not some as {first} and others as {second}, to have them read as {what}"
    else:
        absent = f" with {_missing_values(others)}" if len(others) else ""
        also = f" ({show(form.other)} fits as well)" if form.other else ""
        advice = f"{columns_line(name, form.statement)}{absent} reads them as {what}{also}"
    return _note(what, values, int(form.matches.sum()), len(tried), others, advice)


def note_on_numbers(name: str, values: pa.Array) -> str:
    """Return a note on a column of texts of which most look like numbers; empty if they do not.

    Args:
        name: The column.
        values: Its different values, without missing ones.
    """
    matches = pc.and_not(
        pc.match_substring_regex(values, _NUMBER_LIKE), pc.match_substring_regex(values, _VERSION_LIKE)
    )
    count = pc.sum(matches).as_py() or 0
    if not _nearly_all(count, len(values)) or any_match(values, _MARKED_CODE):
        return ""
    like, others = values.filter(matches), values.filter(pc.invert(matches))
    absent = _missing_values(others)
    line = columns_line(name, "number")
    if all_match(like, NUMBER):
        advice = f"{absent if absent and not any_match(like, CODE) else line} would make it numbers"
    elif lines := _marks_that_read(name, like):
        stated = [line, *([" or ".join(lines)] if lines[0] else []), *([absent] if absent else [])]
        advice = f"{stated[0]}{' with ' if stated[1:] else ''}{' and '.join(stated[1:])} would make it numbers"
    else:
        advice = "write all in one plain form, such as -1234.5, to have them read as numbers"
    return _note("numbers", values, count, len(values), others, advice)


def _marks_that_read(name: str, values: pa.Array) -> list[str]:
    """Return the lines on decimal and thousands that read texts as numbers if the suite calls them so.

    One empty line: none is needed. No line: nothing reads them, since their units or forms differ.
    """
    tried = values.take(pa.array(np.arange(0, len(values), len(values) // MAX_TRIED or 1)))
    lines: list[str] = []
    for decimal, thousands in _MARKS:
        pair = decimal == "," and thousands not in ("", ".")
        if (pair and lines) or (thousands == "." and not any_match(tried, r"\.")):
            continue
        column = Column(name, "number", "", decimal=decimal, thousands=thousands, units=True)
        try:
            numbers_of_text(column, pa.chunked_array([tried]), name)
        except DataInvalid:
            continue
        if not thousands and decimal == ".":
            return [""]
        of_thousands = f"thousands = {show(thousands)}"
        both = f"decimal = {show(decimal)} and {of_thousands}" if pair else of_thousands
        lines.append(both if thousands else f"decimal = {show(decimal)}")
    return lines


def may_be_dates(values: Sequence[pa.ChunkedArray]) -> bool:
    """Return whether all numbers of a column may be dates such as 202412 or 20241231; the extremes show most others."""
    ends = [pc.min_max(chunk).as_py() for chunk in values]
    present = [end for both in ends for end in both.values() if end is not None]
    return bool(present) and number_digits(min(present), max(present)) is not None


def note_on_digits(name: str, values: Sequence[pa.ChunkedArray], ending: str = "") -> str:
    """Return a note on a column of numbers that are all dates, such as 20241231; empty if they are not.

    Args:
        name: The column.
        values: Its numbers in each split.
        ending: What stands after the digits of each, such as `.0`.
    """
    present = [chunk.drop_null().to_numpy() for chunk in values]
    numbers = np.concatenate(present) if present else np.zeros(0)
    form = number_date_format(numbers)
    if not form:
        return ""
    count = len(np.unique(numbers))
    return (
        f"read as a number, although all {count} different values are dates written as {in_words(form)}: "
        f"{columns_line(name, f'date:{form}{ending}')} reads them as dates"
    )


def _nearly_all(count: int, of: int) -> bool:
    return count > 0 and (count >= NEARLY_ALL * of or (count > FEW_OTHERS and of - count <= FEW_OTHERS))


def _missing_values(others: pa.Array) -> str:
    """Return the line that calls values missing ones; empty without values."""
    marks = ", ".join(show(other[:40]) for other in others[:MAX_LISTED].to_pylist())
    return f"missing_values = [{marks}]" if marks else ""


def _note(what: str, values: pa.Array, count: int, of: int, others: pa.Array, advice: str) -> str:
    first = f"; the first other value is {others[0].as_py()[:40]!r}" if len(others) else ""
    among = f"its {of}" if of == len(values) else f"the {of} that were tried of its {len(values)}"
    return f"read as text, although {count} of {among} different values look like {what}{first}: {advice}"
