"""Conversion of texts and of stored values to numbers: what is no number is refused with its row."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.contracts import DataInvalid
from bench_suite.data.column_types import Column, columns_line
from bench_suite.data.column_values import are_texts, blanked
from bench_suite.data.number_formats import EXACT, NUMBER, is_whole, large_integer, marks_line, normalized

_UNIT = r"[^0-9.,+()\s-]*"
_WITH_UNIT = rf"^(?P<sign>[-+]?)\s*(?P<before>{_UNIT})\s*(?P<number>[-+]?[0-9.,].*?)\s*(?P<after>{_UNIT})$"


def numbers_of_text(column: Column, values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return texts as int64 or float64, null for a missing value.

    Raises:
        DataInvalid: A text is no number.
    """
    present = pc.utf8_trim_whitespace(blanked(values, column.missing))
    if column.units:
        present = _without_unit(pc.replace_substring(present, "\u2212", "-"), name)
    written = normalized(present, column.decimal, column.thousands)
    if written is not None:
        written = pc.replace_substring_regex(written, r"^\+", "")
        try:
            return without_marks(written.cast(pa.int64() if column.whole else pa.float64()), column.missing)
        except pa.ArrowException:
            if column.whole:  # more than 64 bits
                try:
                    return without_marks(written.cast(pa.float64()), column.missing)
                except pa.ArrowException:
                    pass
    raise DataInvalid(_no_number(column, present, name))


def _no_number(column: Column, values: pa.ChunkedArray, name: str) -> str:
    """Return the message for a column that the suite calls one of numbers, with the first value that is none."""
    marks = marks_line(column.decimal, column.thousands)
    for row, value in enumerate(values.to_pylist()):
        if value is None:
            continue
        written = normalized(pa.array([value]), column.decimal, column.thousands)
        if written is None or not re.match(NUMBER, written[0].as_py()):
            other = ""
            if re.match(r"^[-+]?[0-9][0-9.,' ]*$", value) or not column.units:
                other = f"state decimal and thousands as it is written (now {marks}), "
            of_card = f", and {column.why}" if column.of_card else ""
            word = f"state {columns_line(column.name, 'category')}, " if column.of_card else ""
            return (
                f"{name}: {value!r} in row {row} is no number{of_card}: correct it, {word}{other}or state "
                f"missing_values = [{show(value)}] if it stands for a missing one"
            )
    return f"{name}: a value is no number with {marks}"


def _without_unit(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return numbers without what stands before or after each of them, such as `$` or `%`.

    Raises:
        DataInvalid: Not all have the same.
    """
    distinct = pc.unique(values).drop_null()
    parts = pc.extract_regex(distinct, _WITH_UNIT)
    units: dict[tuple[str, str], str] = {}
    for value, part in zip(distinct.to_pylist(), parts.to_pylist()):
        if part is not None:  # else no number, which is reported with its row
            units.setdefault((part["before"], part["after"]), value)
    if len(units) > 1:
        examples = " and ".join(repr(value) for value in list(units.values())[:2])
        raise DataInvalid(f"{name}: {examples} are not numbers of one unit: write all in the same")
    if not units or next(iter(units)) == ("", ""):
        return values
    return pc.replace_substring_regex(values, _WITH_UNIT, r"\1\3")


def unit_of(column: Column, chunks: Sequence[pa.ChunkedArray]) -> str:
    """Return what stands beside each number of a column that was read, such as `$` or `kg`; empty if nothing does.

    Args:
        column: The column; only if the suite states that it holds numbers may there be a unit.
        chunks: Its values as they stand in the files.
    """
    for values in chunks if column.units else ():
        if not are_texts([values]):
            continue
        distinct = pc.unique(pc.utf8_trim_whitespace(blanked(values, column.missing))).drop_null()
        for part in pc.extract_regex(distinct, _WITH_UNIT).to_pylist():
            if part is not None:
                return " ".join(filter(None, (part["before"], part["after"])))
    return ""


def stored_numbers(column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return stored numbers as int64 or float64, null for NaN and marks; times of day and durations in seconds.

    Whole numbers that are too large for a model are rounded if the suite states the type.
    """
    kind = values.type
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        whole = values.cast(pa.int32() if pa.types.is_time32(kind) else pa.int64()).cast(pa.float64())
        return pa.chunked_array([pc.divide(chunk, unit) for chunk in whole.chunks], pa.float64())
    try:
        plain_values = values.cast(pa.int64() if is_whole(kind) else pa.float64())
    except pa.ArrowException:  # uint64, or a decimal of more digits
        plain_values = values.cast(pa.float64(), safe=False)
    if pa.types.is_floating(plain_values.type):
        plain_values = pc.if_else(pc.is_nan(plain_values), pa.scalar(None, plain_values.type), plain_values)
    if column.units and pa.types.is_integer(plain_values.type) and large_integer(plain_values, EXACT):
        plain_values = plain_values.cast(pa.float64(), safe=False)
    return without_marks(plain_values, column.missing)


def without_marks(values: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return numbers with null for each that a mark of a missing value states: `-999` means `-999.0` too."""
    whole = pa.types.is_integer(values.type)
    for mark in [float(mark) for mark in missing if re.match(NUMBER, mark)]:
        if whole and not (mark.is_integer() and abs(mark) < 2**63):
            continue  # a whole number is none of these
        written = pa.scalar(int(mark) if whole else mark, values.type)
        values = pc.if_else(pc.equal(values, written), pa.scalar(None, values.type), values)
    return values
