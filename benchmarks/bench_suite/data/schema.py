"""One type for each column, decided from the text or the values of all splits and files together, or stated.

A column of a CSV file holds numbers only if every value in every file is written as one: `007` is a code, and a column
in which one file has `A1` is one of categories everywhere. What can be read in two ways is refused, with the line of
the suite that decides. Names of classes and categories are the text as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import DataInvalid
from bench_suite.data.labels import float_name
from bench_suite.data.plain_numbers import plain_numbers
from bench_suite.data.raw_tables import RawTables

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["number", "truth value", "date", "category", "text", "picture", "empty", "other"]
"""What a column holds. `category` and `text` are both text: a table gets a column of 0 and 1 for each category.

`empty`  no value anywhere
`other`  lists, structures and the like, which no model here takes
"""
STATED_TYPES = ("number", "category", "date", "text", "picture", "ignore")
"Words that a suite may write in `columns`; `date:FORMAT` too, with a format of `strptime`."
NOT_NUMBERS = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""Texts that stand for a missing number or date. Among categories and texts only the empty text does, because `NA` may
be a name, such as Namibia's."""
_NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_CODE = r"^[-+]?0[0-9]"
"A leading zero, which no number is written with."
_DECIMAL_COMMA = r"^[-+]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+$"
_COMMA_GROUPS = r"^[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
_POINT_GROUPS = r"^[-+]?[0-9]{1,3}(\.[0-9]{3})+$"
_INTEGER = r"^[-+]?[0-9]+$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[-+][0-9]{2}:?[0-9]{2})?)?$"
_OTHER_DATE = r"^[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}( [0-9:.]+)?$"
_NUMBER_LIKE = (
    r"^[^0-9A-Za-z]{0,3}[-+]?[0-9]+([.,' \x{a0}\x{2009}\x{202f}\x{2019}][0-9]+)*([eE][-+]?[0-9]+)?[^0-9A-Za-z]{0,3}$"
)
_CODE_OR_POWER = r"^[0-9]+[eE][0-9]+$"
"A number of a power of ten, or a code that looks like one."
_UNIT = r"[^0-9.,+()\s-]*"
_WITH_UNIT = rf"^(?P<sign>[-+]?)\s*(?P<before>{_UNIT})\s*(?P<number>[-+]?[0-9.,].*?)\s*(?P<after>{_UNIT})$"
_LIKE_MARKS: Mapping[str, str] = {" ": "[\u00a0\u2009\u202f]", "'": "\u2019"}
"Other marks between thousands that look like one that a suite states."
NEARLY_ALL, FEW_OTHERS = 0.9, 2
"If this share of a column of text, or all but this many values, look like numbers or dates, a note says so."
MAX_LISTED = 5
EXACT = 2**53
"Whole numbers above this are not exact as floats, which models receive."


@dataclass(frozen=True)
class ColumnOptions:
    """What a suite states about columns."""

    columns: Mapping[str, str] = field(default_factory=dict)
    missing_values: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None

    @property
    def decimal_mark(self) -> str:
        """The decimal mark; a comma if points stand between thousands."""
        return self.decimal or ("," if self.thousands == "." else ".")


@dataclass(frozen=True)
class Column:
    """A column of all splits, with its type."""

    name: str
    type: ColumnType
    why: str
    "In words: what decided."
    whole: bool = False
    "Whether all numbers are written without a decimal part."
    decimal: str = "."
    thousands: str = ""
    date_format: str | None = None
    units: bool = False
    "Whether a currency, a per cent sign or a unit may stand beside each number, the same in all."
    missing: tuple[str, ...] = ("",)
    "Texts that stand for a missing value."
    note: str = ""
    "What the owner may have meant instead, with the line that states it."


@dataclass(frozen=True)
class TypedTables:
    """The splits of a data set, each as one table whose columns have one type everywhere."""

    tables: Mapping[str, pa.Table]
    columns: Mapping[str, Column]


def check_column_options(options: ColumnOptions) -> None:
    """Raise ValueError if a suite states a type that there is not, or separators that contradict each other."""
    for column, stated in options.columns.items():
        if stated not in STATED_TYPES and not stated.startswith("date:"):
            listed = ", ".join(STATED_TYPES)
            raise ValueError(f"columns.{column} = {show(stated)}{nearest(stated, STATED_TYPES)}: one of {listed}")
    for option, value in (("decimal", options.decimal), ("thousands", options.thousands)):
        if value is not None and (len(value) != 1 or value.isalnum() or value in "+-"):
            raise ValueError(f'{option} = {show(value)} is not one mark, such as "." or ","')
    if options.decimal is not None and options.decimal == options.thousands:
        raise ValueError("decimal and thousands are the same mark")


def read_types(
    raw: RawTables, options: ColumnOptions, used: Collection[str], subject: str, names: Collection[str] = (),
    classes: Collection[str] = (),
) -> TypedTables:  # fmt: skip
    """Return the columns of all splits with one type each.

    Args:
        raw: The tables as they stand in the files.
        options: What the suite states.
        used: The columns that the task uses; only they are decided, and refused if that is not possible.
        subject: What messages call the data set.
        names: Columns whose values are names, of classes or groups: truth values and dates stay the text that stands.
        classes: Columns of which it is known that they hold names of classes: `1.10` is not `1.1` there.

    Raises:
        DataInvalid: A column can be read in two ways, has different types in different files, or a value is not of the
            type that the suite states.
    """
    wanted = [name for name in used if options.columns.get(name) != "ignore"]
    parts = {name: _parts(raw, name) for name in wanted}
    columns: dict[str, Column] = {}
    converted: dict[str, dict[str, list[pa.ChunkedArray]]] = {}
    comma_column: str | None = None
    for name in wanted:
        stated = options.columns.get(name)
        chunks = [chunk for chunks in parts[name].values() for chunk in chunks]
        if stated is not None:
            columns[name] = _stated(name, stated, options, chunks, subject)
        elif _all_text(chunks) and raw.textual and (numeric := _plain_numbers(name, parts[name], options)) is not None:
            columns[name], converted[name] = numeric
        elif _all_text(chunks) and raw.textual:
            columns[name] = _decide_text(name, chunks, options, subject)
            if name in names and columns[name].type in ("truth value", "date"):
                columns[name] = _names(name, chunks, options)
            elif name in names and columns[name].type == "category":
                columns[name] = replace(columns[name], missing=_names(name, chunks, options).missing)
        else:
            _check_one_type(raw, name, subject)
            columns[name] = _decide_typed(name, chunks, options, subject)
            if name in names and columns[name].type == "date":
                columns[name] = _names(name, chunks, options)
        if stated is None and columns[name].type == "number":
            of_classes = name in classes and raw.textual and not columns[name].whole
            if of_classes or _beyond_exact(name, chunks, columns[name], subject, refuse=name not in names):
                columns[name] = _names(name, chunks, options)
                converted.pop(name, None)
        if columns[name].decimal == "," and stated is None:
            comma_column = comma_column or name
    if comma_column is not None and options.decimal is None:
        for name in wanted:
            _check_points(columns[name], parts[name], comma_column, subject)
    tables = {}
    for split in raw.tables:
        typed = {}
        for name in wanted:
            known = converted[name][split] if name in converted else None
            typed[name] = _typed(columns[name], parts[name][split], split, subject, known)
        tables[split] = _table(typed)
    return TypedTables(tables, columns)


def _plain_numbers(
    name: str, parts: Mapping[str, Sequence[pa.ChunkedArray]], options: ColumnOptions
) -> tuple[Column, dict[str, list[pa.ChunkedArray]]] | None:
    """Return a column that holds numbers as code writes them, and its values by split; None if more must be tried.

    It is what `_decide_text` and `_typed` return, in a tenth of the time.
    """
    if options.decimal is not None or options.thousands is not None:
        return None
    missing = (*NOT_NUMBERS, *options.missing_values)
    chunks = [chunk for chunks in parts.values() for chunk in chunks]
    numeric = plain_numbers(chunks, missing, bool(options.missing_values))
    if numeric is None:
        return None
    values = iter(numeric.values)
    by_split = {split: [next(values) for _ in chunks] for split, chunks in parts.items()}
    why = "whole numbers" if numeric.whole else "numbers"
    return Column(name, "number", why, numeric.whole, missing=missing), by_split


def _parts(raw: RawTables, name: str) -> dict[str, list[pa.ChunkedArray]]:
    """Return a column by split and file, with dictionaries and views as plain values."""
    return {split: [plain(table[name]) for table in tables] for split, tables in raw.tables.items()}


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column with plain values instead of a dictionary, and texts of one kind instead of several."""
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        mixed = _is_mixed(column.type)
        column = pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
        column = _words_of_json(column) if mixed else column
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_large_string(kind) or str(kind) == "string_view":
        return column.cast(pa.string()) if column.nbytes < 1 << 31 else column.cast(pa.large_string())
    if pa.types.is_large_binary(kind) or str(kind) == "binary_view":
        return column.cast(pa.large_binary()) if pa.types.is_large_binary(kind) else column.cast(pa.binary())
    return column


def _all_text(chunks: Sequence[pa.ChunkedArray]) -> bool:
    import pyarrow as pa

    return all(pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type) for chunk in chunks)


def _table(columns: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    import pyarrow as pa

    return pa.table(dict(columns))


# ── deciding ────────────────────────────────────────────────────────────────────────────────────


_CONVERTIBLE: Mapping[str, tuple[ColumnType, ...]] = {
    "number": ("number", "truth value"), "date": ("date",), "picture": ("picture",),
    "category": ("number", "truth value", "date", "category", "picture"),
    "text": ("number", "truth value", "date", "category", "picture"),
}  # fmt: skip
"By the word that a suite states: what files may hold, beside text. Bytes may be pictures or names."


def _stated(name: str, stated: str, options: ColumnOptions, chunks: Sequence[pa.ChunkedArray], subject: str) -> Column:
    text, _, date_format = stated.partition(":")
    word: ColumnType = text  # type: ignore[assignment]  # `check_column_options` has checked it
    for chunk in chunks:
        kind = _kind(chunk.type)
        wrong = kind not in (*_CONVERTIBLE[word], *(("number",) if date_format else ())) or _is_struct(chunk.type)
        if wrong and not _all_text([chunk]) and chunk.null_count != len(chunk) and kind != word:
            if word == "picture":
                raise DataInvalid(
                    f"{subject}, column `{name}` holds {chunk.type}, no pictures and no paths of pictures"
                )
            raise DataInvalid(
                f"{subject}, column `{name}` holds {chunk.type}, and the suite states columns.{name} = {show(stated)}: "
                "state another type, or ignore"
            )
    missing = (*(NOT_NUMBERS if word in ("number", "date") else ("",)), *options.missing_values)
    for chunk in chunks:
        if _all_text([chunk]):
            marks = missing if word in ("number", "date") else options.missing_values
            missing = (*missing, *_spaced(_distinct([chunk]), marks)[len(marks) :])
    return Column(
        name, word, f"columns.{name} = {show(stated)}", decimal=options.decimal_mark,
        thousands=options.thousands or "", date_format=date_format or None, units=word == "number", missing=missing,
    )  # fmt: skip


def _names(name: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions) -> Column:
    """Return a column of names of classes or groups."""
    missing = ("", *options.missing_values)
    missing = _spaced(_distinct(chunks), missing) if _all_text(chunks) else missing
    return Column(name, "category", "names", missing=missing)


def _spaced(values: pa.Array, marks: tuple[str, ...]) -> tuple[str, ...]:
    """Return marks of missing values, and those values of a column that are such a mark between spaces."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values)
    spaced = values.filter(pc.and_(pc.not_equal(trimmed, values), pc.invert(_is_value(trimmed, marks))))
    return (*marks, *spaced.to_pylist())


def _is_value(values: pa.Array, marks: Sequence[str]) -> pa.Array:
    """Return for each value that it is none of the marks."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.invert(pc.is_in(values, value_set=pa.array(marks, values.type)))


def _is_struct(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_struct(kind)


def _is_mixed(kind: pa.DataType) -> bool:
    """Return whether a column holds values of several types, which a JSON file may have in one column."""
    import pyarrow as pa

    return isinstance(kind, pa.JsonType)


def _words_of_json(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import json

    import pyarrow as pa

    values = [None if text is None else json.loads(text) for text in column.to_pylist()]
    words = [json.dumps(v) if isinstance(v, dict | list) else word_of(v) for v in values]
    return pa.chunked_array([pa.array(words, pa.string())])


def _check_one_type(raw: RawTables, name: str, subject: str) -> None:
    if any(_is_mixed(table[name].type) for tables in raw.tables.values() for table in tables):
        raise DataInvalid(
            f"{subject}, column `{name}` holds values of several types in one file, such as numbers and texts: write "
            f'one type, or state columns = {{ {name} = "category" }}, or "number", "text" or "ignore"'
        )


def _beyond_exact(name: str, chunks: Sequence[pa.ChunkedArray], column: Column, subject: str, *, refuse: bool) -> bool:
    """Return whether numbers are more likely names: too many digits for a model, or codes such as `12e5`.

    Raises:
        DataInvalid: They are, and they are meant as inputs.
    """
    import pyarrow as pa

    example: str | None = None
    for chunk in chunks:
        if _all_text([chunk]):
            example = example or _long_number(chunk, column)
        elif pa.types.is_integer(chunk.type) and chunk.type.bit_width == 64:
            example = example or _large_integer(chunk, EXACT if refuse else 2**63 - 1)
    powers = example is None and _all_powers(chunks, column)
    if powers:
        example = next(value for chunk in chunks for value in chunk.to_pylist() if value not in column.missing)
    if example is not None and refuse:
        what = "may be a number or a code" if powers else "has more digits than a number of a model"
        raise DataInvalid(
            f'{subject}, column `{name}`: {example} {what}: state columns = {{ {name} = "category" }}, or "number" to '
            'read it as one, or "ignore"'
        )
    return example is not None


def _long_number(chunk: pa.ChunkedArray, column: Column) -> str | None:
    """Return a whole number above `EXACT` that is written without a point, if there is one."""
    import pyarrow.compute as pc

    if not column.whole or (pc.max(pc.binary_length(chunk)).as_py() or 0) < len(str(EXACT)):
        return None
    for value in pc.unique(chunk).to_pylist():
        digits = (value or "").replace(column.thousands, "") if column.thousands else (value or "")
        if len(digits) >= len(str(EXACT)) and re.match(_INTEGER, digits.strip()) and abs(int(digits)) > EXACT:
            return str(value)
    return None


def _large_integer(chunk: pa.ChunkedArray, most: int) -> str | None:
    import pyarrow.compute as pc

    ends = pc.min_max(chunk).as_py()
    return next((str(end) for end in (ends["max"], ends["min"]) if end is not None and abs(end) > most), None)


def _all_powers(chunks: Sequence[pa.ChunkedArray], column: Column) -> bool:
    """Return whether every value is written like `12e5`; the first value of a file shows that it is not."""
    values = [chunk for chunk in chunks if len(chunk) and _all_text([chunk])]
    for chunk in values:
        first = chunk[0].as_py()
        if first not in (*column.missing, None) and not re.match(_CODE_OR_POWER, first.strip()):
            return False
    if not values:
        return False
    present = _without(_distinct(values), column.missing)
    return len(present) > 0 and _all(present, _CODE_OR_POWER)


def _decide_text(name: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions, subject: str) -> Column:
    """Return the type of a column of texts as they stand in files."""
    values = _distinct(chunks)
    missing = _spaced(values, (*NOT_NUMBERS, *options.missing_values))
    of_names = ("", *_spaced(values, options.missing_values))
    present = _without(values, missing)
    of_text = _without(values, of_names)
    if not len(present):
        if not len(of_text):
            return Column(name, "empty", "no value", missing=missing)
        return _as_text(name, of_text, of_names, "nothing but marks of missing values")
    for decide in (_as_number, _as_date):
        if (column := decide(name, present, options, missing, subject)) is not None:
            return column
    if {str(value).strip().lower() for value in of_text[:3].to_pylist()} <= {"true", "false"} and len(of_text) <= 2:
        return Column(name, "truth value", "true and false", missing=of_names)
    return _as_text(name, of_text, of_names, "")


def _distinct(chunks: Sequence[pa.ChunkedArray]) -> pa.Array:
    """Return the distinct values of a column over all splits and files, without nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = chunks[0].type
    every = pa.chunked_array([array for chunk in chunks for array in chunk.cast(kind).chunks], kind)
    return pc.unique(every).drop_null()


def _without(values: pa.Array, missing: Sequence[str]) -> pa.Array:
    return values.filter(_is_value(values, missing))


def _as_number(
    name: str, values: pa.Array, options: ColumnOptions, missing: tuple[str, ...], subject: str
) -> Column | None:
    """Return a column of numbers if all values are written as numbers; None if not.

    Raises:
        DataInvalid: They are numbers in two ways: `1,500` or `1.500` beside decimal commas.
    """
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values)
    decimal, thousands = options.decimal_mark, options.thousands or ""
    if options.decimal is not None or options.thousands is not None:
        if decimal != "." and not thousands and _all(trimmed, _NUMBER) and _any(trimmed, r"\."):
            return _with_points(name, trimmed, decimal, missing, subject)
        written = normalized(trimmed, decimal, thousands)
        if written is None or not _all(written, _NUMBER) or _any(written, _CODE):
            return None
        whole = _all(written, _INTEGER)
        why = f"all values are numbers with {_marks(decimal, thousands)}, as the suite states"
        return Column(name, "number", why, whole, decimal, thousands, missing=missing)
    if _all(trimmed, _NUMBER):
        if _any(trimmed, _CODE):
            return None
        whole = _all(trimmed, _INTEGER)
        return Column(name, "number", "whole numbers" if whole else "numbers", whole, missing=missing)
    if _any(trimmed, _CODE) or not _any(trimmed, r"^[-+]?[0-9]"):
        return None
    return _with_commas(name, trimmed, missing, subject)


def _with_points(name: str, values: pa.Array, decimal: str, missing: tuple[str, ...], subject: str) -> Column:
    """Return a column of numbers with decimal points, although the suite states another mark for other columns.

    Raises:
        DataInvalid: The points may stand between thousands.
    """
    import pyarrow.compute as pc

    fractions = values.filter(pc.match_substring(values, "."))
    if _all(fractions, _POINT_GROUPS):
        example = fractions[0].as_py()
        raise DataInvalid(
            f"{subject}, column `{name}`: {example} may be {example.replace('.', '')} or a number with a decimal "
            f'point, and the suite states decimal = {show(decimal)}: state thousands = "." too, or leave decimal out'
        )
    return Column(name, "number", "numbers with decimal points", False, ".", "", missing=missing)


def _with_commas(name: str, values: pa.Array, missing: tuple[str, ...], subject: str) -> Column | None:
    """Return a column of numbers that are written with commas or points between thousands; None if they are not."""
    import pyarrow.compute as pc

    integer, comma, groups, points = (
        pc.match_substring_regex(values, pattern)
        for pattern in (_INTEGER, _DECIMAL_COMMA, _COMMA_GROUPS, _POINT_GROUPS)
    )
    of_commas = pc.all(pc.or_(pc.or_(integer, comma), points)).as_py()
    of_groups = pc.all(pc.or_(pc.or_(integer, groups), pc.match_substring_regex(values, _NUMBER))).as_py()
    several = _any(values, r"^[-+]?[0-9]{1,3}(\.[0-9]{3}){2,}$")
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
        if _any(values, r"^[-+]?[0-9]{1,3}(,[0-9]{3}){2,}$"):
            return Column(
                name, "number", "whole numbers with commas between thousands", True, ".", ",", missing=missing
            )
        example = values.filter(comma)[0].as_py() if pc.any(comma).as_py() else values[0].as_py()
        raise DataInvalid(
            f"{subject}, column `{name}`: {example} may be {example.replace(',', '')} or {example.replace(',', '.')}: "
            f'state thousands = "," or decimal = ",", or columns = {{ {name} = "category" }} if it is a name'
        )
    return None


def _check_points(column: Column, parts: Mapping[str, Sequence[pa.ChunkedArray]], other: str, subject: str) -> None:
    """Refuse numbers such as `1.234` in files that write decimal commas elsewhere: 1234 or 1.234 may be meant."""
    import pyarrow.compute as pc

    if column.type != "number" or column.whole or column.decimal != "." or column.thousands:
        return
    values = _without(_distinct([chunk for chunks in parts.values() for chunk in chunks]), column.missing)
    if not _all_text([*parts[next(iter(parts))]]):
        return
    fractions = values.filter(pc.match_substring(values, "."))
    if len(fractions) and _all(pc.utf8_trim_whitespace(fractions), _POINT_GROUPS):
        example = fractions[0].as_py()
        raise DataInvalid(
            f"{subject}, column `{column.name}`: {example} may be {example.replace('.', '')} or a number with a "
            f'decimal point, because `{other}` is written with decimal commas: state decimal = ",", thousands = ".", '
            'or decimal = "."'
        )


def _as_date(
    name: str, values: pa.Array, options: ColumnOptions, missing: tuple[str, ...], subject: str
) -> Column | None:
    import pyarrow.compute as pc

    if not _all(pc.utf8_trim_whitespace(values), _DATE):
        return None
    return Column(name, "date", "dates as YYYY-MM-DD", missing=missing)


def _as_text(name: str, values: pa.Array, missing: tuple[str, ...], why: str) -> Column:
    """Return a column of texts, with a note if most look like something else."""
    import pyarrow.compute as pc

    if _any(values, _CODE) and _all(pc.utf8_trim_whitespace(values), r"^[-+]?[0-9]+$"):
        return Column(name, "category", "digits with leading zeros, such as postcodes", missing=missing)
    note = ""
    dates = pc.match_substring_regex(values, _OTHER_DATE)
    numbers = pc.match_substring_regex(values, _NUMBER_LIKE)
    for kind, matches in (("dates", dates), ("numbers", numbers)):
        count = pc.sum(matches).as_py() or 0
        few = count > FEW_OTHERS and len(values) - count <= FEW_OTHERS
        if not count or (count < NEARLY_ALL * len(values) and not few):
            continue
        like, others = values.filter(matches), values.filter(pc.invert(matches))
        first = f"; the first other value is {others[0].as_py()[:40]!r}" if len(others) else ""
        marks = ", ".join(show(other[:40]) for other in others[:MAX_LISTED].to_pylist())
        absent = f"missing_values = [{marks}]" if len(others) else ""
        line = f'columns = {{ {name} = "{_date_form(like) if kind == "dates" else "number"}" }}'
        if kind == "dates":
            advice = f"{line}{f' with {absent}' if absent else ''} reads them as dates"
        elif not _all(like, _NUMBER):
            advice = f"{line} with {absent or 'decimal or thousands'} would make it numbers"
        else:
            advice = f"{absent if absent and not _any(like, _CODE) else line} would make it numbers"
        note = f"read as text, although {count} of its {len(values)} different values look like {kind}{first}: {advice}"
        break
    return Column(name, "category", why or "texts", missing=missing, note=note)


def _date_form(values: pa.Array) -> str:
    """Return `date:` with the form that dates such as 31/12/2024 or 2024/12/31 are probably written in."""
    mark = next((mark for mark in values[0].as_py() if not mark.isdigit()), "/")
    parts = ("%Y", "%m", "%d") if _all(values, r"^\s*[0-9]{4}") else ("%d", "%m", "%Y")
    return f"date:{mark.join(parts)}"


def _decide_typed(name: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions, subject: str) -> Column:
    """Return the type of a column whose files state types."""
    kinds = {_kind(chunk.type): str(chunk.type) for chunk in chunks if chunk.null_count != len(chunk)}
    if not kinds:
        return Column(name, "empty", "no value")
    if len(kinds) > 1:
        listed = " and ".join(sorted(kinds.values()))
        raise DataInvalid(
            f"{subject}, column `{name}` holds {listed} in different files: write one type, or state "
            f'columns = {{ {name} = "category" }}'
        )
    ((kind, arrow),) = kinds.items()
    if kind == "category" and _all_text(chunks):
        missing = ("", *_spaced(_distinct(chunks), options.missing_values))
        values = _without(_distinct(chunks), missing)
        return replace(_as_text(name, values, missing, ""), type="category", why=f"the files say {arrow}")
    why = "pictures, or their paths" if kind == "picture" else f"the files say {arrow}"
    return Column(
        name, kind, why, whole=arrow.startswith(("int", "uint")),
        missing=options.missing_values if kind == "number" else ("",),
    )  # fmt: skip


def _kind(kind: pa.DataType) -> ColumnType:
    import pyarrow as pa

    if pa.types.is_boolean(kind):
        return "truth value"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "date"
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "category"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "picture"
    if pa.types.is_struct(kind) and {kind.field(n).name for n in range(kind.num_fields)} >= {"bytes", "path"}:
        return "picture"
    return "other"


def _all(values: pa.Array, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _any(values: pa.Array, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _marks(decimal: str, thousands: str) -> str:
    return f"decimal = {show(decimal)}" + (f" and thousands = {show(thousands)}" if thousands else "")


# ── converting ──────────────────────────────────────────────────────────────────────────────────


def normalized(values: pa.Array | pa.ChunkedArray, decimal: str, thousands: str) -> pa.Array | pa.ChunkedArray | None:
    """Return numbers as they are written in code; None if a mark between thousands or a point stands elsewhere."""
    import pyarrow.compute as pc

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


def _typed(
    column: Column, chunks: Sequence[pa.ChunkedArray], split: str, subject: str,
    converted: Sequence[pa.ChunkedArray] | None,
) -> pa.ChunkedArray:  # fmt: skip
    """Return a column of one split in its type, all files together; `converted` holds the values if they are known."""
    import pyarrow as pa

    name = f"{subject}, split {split}, column `{column.name}`"
    parts = [_convert(column, chunk, name) for chunk in chunks] if converted is None else converted
    if column.type == "number" and len({part.type for part in parts}) > 1:
        parts = [part.cast(pa.float64()) for part in parts]
    if len({part.type for part in parts}) > 1:
        parts = [part.cast(parts[0].type) for part in parts]
    return pa.chunked_array([array for part in parts for array in part.chunks], parts[0].type)


def _convert(column: Column, values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    if column.type == "empty":
        return pa.chunked_array([pa.nulls(len(values), pa.float64())])
    if column.type in ("category", "text"):
        return _blanked(values if text else _as_words(values), column.missing)
    if column.type == "number":
        return _numbers_of_text(column, values, name) if text else _stored_numbers(column, values)
    if column.type == "truth value":
        return _truth_values(values, column) if text else values.cast(pa.bool_())
    if column.type == "date" and (text or _kind(values.type) == "number"):
        return _dates(column, values if text else _as_words(values), name)
    if column.type == "date":
        return _moments(values, name)
    if column.type == "picture" and text:
        from bench_suite.data.raw_tables import by_path

        return pa.chunked_array([by_path(_blanked(values, column.missing).cast(pa.string()).combine_chunks())])
    return values


def _blanked(values: pa.ChunkedArray, missing: Sequence[str]) -> pa.ChunkedArray:
    """Return texts with null for those that stand for a missing value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not missing:
        return values
    absent = pc.is_in(values, value_set=pa.array(missing, values.type))
    return pc.if_else(absent, pa.scalar(None, values.type), values)


def _as_words(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values of any type as texts: whole numbers without a decimal part, however they are stored."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(values.type) and values.type.tz is None:
        days = values.cast(pa.date32(), safe=False)
        if pc.all(pc.equal(days.cast(values.type), values), min_count=0).as_py():
            values = days
    distinct = pc.unique(values)
    words = [word_of(value) for value in distinct.to_pylist()]
    positions = pc.index_in(values, value_set=distinct).combine_chunks()
    return pa.chunked_array([pa.array(words, pa.string()).take(positions)])


def word_of(value: object) -> str | None:
    """Return the text of a stored value: `1000001` for 1000001.0, `true` for True; None for null and NaN."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_name(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return str(value)


def _moments(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return stored dates and times in microseconds; finer parts are cut off."""
    import pyarrow as pa

    kind = pa.timestamp("us")
    try:
        return values.cast(kind, safe=not (pa.types.is_timestamp(values.type) and values.type.unit == "ns"))
    except pa.ArrowException as error:
        raise DataInvalid(f"{name}: a time is out of range (years before -290,307 or after 294,246)") from error


def _numbers_of_text(column: Column, values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    present = pc.utf8_trim_whitespace(_blanked(values, column.missing))
    if column.units:
        present = _without_unit(pc.replace_substring(present, "\u2212", "-"), name)
    written = normalized(present, column.decimal, column.thousands)
    if written is not None:
        written = pc.replace_substring_regex(written, r"^\+", "")
        try:
            return written.cast(pa.int64() if column.whole else pa.float64())
        except pa.ArrowException:
            if column.whole:  # more than 64 bits
                try:
                    return written.cast(pa.float64())
                except pa.ArrowException:
                    pass
    raise DataInvalid(_no_number(column, present, name))


def _no_number(column: Column, values: pa.ChunkedArray, name: str) -> str:
    """Return the message for a column that the suite calls one of numbers, with the first value that is none."""
    import pyarrow as pa

    marks = _marks(column.decimal, column.thousands)
    for row, value in enumerate(values.to_pylist()):
        if value is None:
            continue
        written = normalized(pa.array([value]), column.decimal, column.thousands)
        if written is None or not re.match(_NUMBER, written[0].as_py()):
            other = ""
            if re.match(r"^[-+]?[0-9][0-9.,' ]*$", value) or not column.units:
                other = f"state decimal and thousands as it is written (now {marks}), "
            return (
                f"{name}: {value!r} in row {row} is no number: correct it, {other}or state missing_values = "
                f"[{show(value)}] if it stands for a missing one"
            )
    return f"{name}: a value is no number with {marks}"


def _without_unit(values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return numbers without what stands before or after each of them, such as `$` or `%`.

    Raises:
        DataInvalid: Not all have the same.
    """
    import pyarrow.compute as pc

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


def _stored_numbers(column: Column, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return _numbers_of_values(values, column.missing, inexact=column.units)


def _numbers_of_values(values: pa.ChunkedArray, missing: Sequence[str], *, inexact: bool) -> pa.ChunkedArray:
    """Return stored numbers as int64 or float64, null for NaN and `missing`; times of day and durations in seconds.

    `inexact`: whole numbers that are too large for a model are rounded.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
        whole = values.cast(pa.int32() if pa.types.is_time32(kind) else pa.int64()).cast(pa.float64())
        return pa.chunked_array([pc.divide(chunk, unit) for chunk in whole.chunks], pa.float64())
    try:
        plain_values = values.cast(pa.int64() if pa.types.is_integer(kind) else pa.float64())
    except pa.ArrowException:  # uint64
        plain_values = values.cast(pa.float64(), safe=False)
    absent = [float(mark) for mark in missing if re.match(_NUMBER, mark)]
    if pa.types.is_floating(plain_values.type):
        plain_values = pc.if_else(pc.is_nan(plain_values), pa.scalar(None, plain_values.type), plain_values)
    if inexact and pa.types.is_integer(plain_values.type) and _large_integer(plain_values, EXACT):
        plain_values = plain_values.cast(pa.float64(), safe=False)
    for mark in absent:
        plain_values = pc.if_else(pc.equal(plain_values, mark), pa.scalar(None, plain_values.type), plain_values)
    return plain_values


def _truth_values(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(pc.utf8_trim_whitespace(_blanked(values, column.missing)))
    return pc.equal(lower, pa.scalar("true", lower.type))


def _dates(column: Column, values: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return texts as timestamps in microseconds, without a time zone: UTC where they state one."""
    from datetime import UTC, datetime

    import pyarrow as pa
    import pyarrow.compute as pc

    present = pc.utf8_trim_whitespace(_blanked(values, column.missing))
    distinct = pc.unique(present)
    moments: list[datetime | None] = []
    for value in distinct.to_pylist():
        try:
            if value is None:
                moments.append(None)
                continue
            moment = (
                datetime.strptime(value, column.date_format) if column.date_format else datetime.fromisoformat(value)
            )
            moments.append(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)
        except (ValueError, OverflowError) as error:
            form = column.date_format or "YYYY-MM-DD"
            raise DataInvalid(
                f"{name}: {value!r} is no date written as {form}: correct it, state the form, such as "
                f'columns = {{ {column.name} = "date:%d/%m/%Y" }}, or missing_values = [{show(value)}] if it stands '
                "for a missing one"
            ) from error
    positions = pc.index_in(present, value_set=distinct).combine_chunks()
    return pa.chunked_array([pa.array(moments, pa.timestamp("us")).take(positions)])
