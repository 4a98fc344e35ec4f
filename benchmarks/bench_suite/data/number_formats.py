"""How the numbers of a column are written: plainly, with commas or points, or in two ways, which is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.contracts import DataInvalid
from bench_suite.data.column_types import Column, ColumnOptions, columns_line
from bench_suite.data.column_values import all_match, any_match, are_texts, distinct, without

NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
CODE = r"^[-+]?0[0-9]"
"A leading zero, which no number is written with."
INTEGER = r"^[-+]?[0-9]+$"
_DECIMAL_COMMA = r"^[-+]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+$"
_COMMA_GROUPS = r"^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
_POINT_GROUPS = r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+$"
_CODE_OR_POWER = r"^[0-9]+[eE][0-9]+$"
"A number of a power of ten, or a code that looks like one."
_LIKE_MARKS: Mapping[str, str] = {" ": "[\u00a0\u2009\u202f]", "'": "\u2019"}
"Other marks between thousands that look like one that a suite states."
EXACT = 2**53
"Whole numbers above this are not exact as floats, which models receive."


def number_column(
    name: str, values: pa.Array, options: ColumnOptions, missing: tuple[str, ...], subject: str
) -> Column | None:
    """Return a column of numbers if all values are written as numbers; None if not.

    Raises:
        DataInvalid: They are numbers in two ways: `1,500` or `1.500` beside decimal commas.
    """
    trimmed = pc.utf8_trim_whitespace(values)
    decimal, thousands = options.decimal_mark, options.thousands or ""
    if options.decimal is not None or options.thousands is not None:
        if decimal != "." and not thousands and all_match(trimmed, NUMBER) and any_match(trimmed, r"\."):
            return _with_points(name, trimmed, decimal, missing, subject)
        written = normalized(trimmed, decimal, thousands)
        if written is None or not all_match(written, NUMBER) or any_match(written, CODE):
            return None
        whole = all_match(written, INTEGER)
        why = f"all values are numbers with {marks_line(decimal, thousands)}, as the suite states"
        return Column(name, "number", why, whole, decimal, thousands, missing=missing)
    if all_match(trimmed, NUMBER):
        if any_match(trimmed, CODE):
            return None
        whole = all_match(trimmed, INTEGER)
        return Column(name, "number", "whole numbers" if whole else "numbers", whole, missing=missing)
    if any_match(trimmed, CODE) or not any_match(trimmed, r"^[-+]?[0-9]"):
        return None
    return _with_commas(name, trimmed, missing, subject)


def _with_points(name: str, values: pa.Array, decimal: str, missing: tuple[str, ...], subject: str) -> Column:
    """Return a column of numbers with decimal points, although the suite states another mark for other columns.

    Raises:
        DataInvalid: The points may stand between thousands.
    """
    fractions = values.filter(pc.match_substring(values, "."))
    if all_match(fractions, _POINT_GROUPS):
        example = fractions[0].as_py()
        raise DataInvalid(
            f"{subject}, column `{name}`: {example} may be {example.replace('.', '')} or a number with a decimal "
            f'point, and the suite states decimal = {show(decimal)}: state thousands = "." too, or leave decimal out'
        )
    return Column(name, "number", "numbers with decimal points", False, ".", "", missing=missing)


def _with_commas(name: str, values: pa.Array, missing: tuple[str, ...], subject: str) -> Column | None:
    """Return a column of numbers that are written with commas or points between thousands; None if they are not."""
    integer, comma, groups, points = (
        pc.match_substring_regex(values, pattern) for pattern in (INTEGER, _DECIMAL_COMMA, _COMMA_GROUPS, _POINT_GROUPS)
    )
    of_commas = pc.all(pc.or_(pc.or_(integer, comma), points)).as_py()
    of_groups = pc.all(pc.or_(pc.or_(integer, groups), pc.match_substring_regex(values, NUMBER))).as_py()
    several = any_match(values, r"^[-+]?[0-9]{1,3}(\.[0-9]{3}){2,}$")
    if of_commas and not of_groups:
        if pc.any(comma).as_py():
            return Column(name, "number", "numbers with decimal commas", False, ",", ".", missing=missing)
        if several:
            return Column(
                name, "number", "whole numbers with points between thousands", True, ",", ".", missing=missing
            )
    if of_groups and not of_commas:
        return Column(name, "number", "numbers with commas between thousands", False, ".", ",", missing=missing)
    if of_groups and of_commas:
        if any_match(values, r"^[-+]?[0-9]{1,3}(,[0-9]{3}){2,}$"):
            return Column(
                name, "number", "whole numbers with commas between thousands", True, ".", ",", missing=missing
            )
        example = values.filter(comma)[0].as_py() if pc.any(comma).as_py() else values[0].as_py()
        raise DataInvalid(
            f"{subject}, column `{name}`: {example} may be {example.replace(',', '')} or {example.replace(',', '.')}: "
            f'state thousands = "," or decimal = ",", or {columns_line(name, "category")} if it is a name'
        )
    return None


def check_points(column: Column, parts: Mapping[str, Sequence[pa.ChunkedArray]], other: str, subject: str) -> None:
    """Refuse numbers such as `1.234` in files that write decimal commas elsewhere: 1234 or 1.234 may be meant."""
    if column.type != "number" or column.whole or column.decimal != "." or column.thousands:
        return
    values = without(distinct([chunk for chunks in parts.values() for chunk in chunks]), column.missing)
    if not are_texts([*parts[next(iter(parts))]]):
        return
    fractions = values.filter(pc.match_substring(values, "."))
    if len(fractions) and all_match(pc.utf8_trim_whitespace(fractions), _POINT_GROUPS):
        example = fractions[0].as_py()
        raise DataInvalid(
            f"{subject}, column `{column.name}`: {example} may be {example.replace('.', '')} or a number with a "
            f'decimal point, because `{other}` is written with decimal commas: state decimal = ",", thousands = ".", '
            'or decimal = "."'
        )


def marks_line(decimal: str, thousands: str) -> str:
    """Return the lines of a suite that state these marks."""
    return f"decimal = {show(decimal)}" + (f" and thousands = {show(thousands)}" if thousands else "")


def normalized(values: pa.Array | pa.ChunkedArray, decimal: str, thousands: str) -> pa.Array | pa.ChunkedArray | None:
    """Return numbers as they are written in code; None if a mark between thousands or a point stands elsewhere."""
    if decimal != "." and thousands != "." and pc.any(pc.match_substring(values, "."), min_count=0).as_py():
        return None
    if thousands:
        if thousands in _LIKE_MARKS:
            values = pc.replace_substring_regex(values, _LIKE_MARKS[thousands], thousands)
        mark, point = re.escape(thousands), re.escape(decimal)
        grouped = f"^[-+]?([0-9]{{1,3}}({mark}[0-9]{{3}})+|[0-9]+)({point}[0-9]*)?([eE][-+]?[0-9]+)?$"
        if not pc.all(pc.match_substring_regex(values, grouped), min_count=0).as_py():
            return None
        values = pc.replace_substring(values, thousands, "")
    return values if decimal == "." else pc.replace_substring(values, decimal, ".")


def beyond_exact(name: str, chunks: Sequence[pa.ChunkedArray], column: Column, subject: str, *, refuse: bool) -> bool:
    """Return whether numbers are more likely names: too many digits for a model, or codes such as `12e5`.

    Raises:
        DataInvalid: They are, and they are meant as inputs.
    """
    example: str | None = None
    for chunk in chunks:
        if are_texts([chunk]):
            example = example or _long_number(chunk, column)
        elif is_whole(chunk.type) and chunk.type.bit_width >= 64:
            example = example or large_integer(chunk, EXACT if refuse else 2**63 - 1)
    powers = example is None and _all_powers(chunks, column)
    if powers:
        example = next(value for chunk in chunks for value in chunk.to_pylist() if value not in column.missing)
    if example is not None and refuse:
        what = "may be a number or a code" if powers else "has more digits than a number of a model"
        raise DataInvalid(
            f'{subject}, column `{name}`: {example} {what}: state {columns_line(name, "category")}, or "number" to '
            'read it as one, or "ignore"'
        )
    return example is not None


def _long_number(chunk: pa.ChunkedArray, column: Column) -> str | None:
    """Return a whole number above `EXACT` that is written without a point, if there is one."""
    if not column.whole or (pc.max(pc.binary_length(chunk)).as_py() or 0) < len(str(EXACT)):
        return None
    for value in pc.unique(chunk).to_pylist():
        digits = (value or "").replace(column.thousands, "") if column.thousands else (value or "")
        if len(digits) >= len(str(EXACT)) and re.match(INTEGER, digits.strip()) and abs(int(digits)) > EXACT:
            return str(value)
    return None


def is_whole(kind: pa.DataType) -> bool:
    """Return whether a type holds whole numbers only; databases write theirs as decimals without a fraction."""
    return pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale <= 0)


def large_integer(chunk: pa.ChunkedArray, most: int) -> str | None:
    """Return the largest or smallest whole number if it is beyond `most`."""
    ends = pc.min_max(chunk).as_py()
    return next((str(end) for end in (ends["max"], ends["min"]) if end is not None and abs(end) > most), None)


def _all_powers(chunks: Sequence[pa.ChunkedArray], column: Column) -> bool:
    """Return whether every value is written like `12e5`; the first value of a file shows that it is not."""
    values = [chunk for chunk in chunks if len(chunk) and are_texts([chunk])]
    for chunk in values:
        first = chunk[0].as_py()
        if first not in (*column.missing, None) and not re.match(_CODE_OR_POWER, first.strip()):
            return False
    if not values:
        return False
    present = without(distinct(values), column.missing)
    return len(present) > 0 and all_match(present, _CODE_OR_POWER)
