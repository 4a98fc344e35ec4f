"""The type of a column: what the suite states, else what all its texts or the types of all its files say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.contracts import DataInvalid
from bench_suite.data.column_notes import note_on_dates, note_on_numbers
from bench_suite.data.column_types import NOT_NUMBERS, Column, ColumnOptions, ColumnType, columns_line, stored_type
from bench_suite.data.column_values import all_match, any_match, are_texts, distinct, is_mixed, with_spaced, without
from bench_suite.data.dates import date_column, mixed_zones
from bench_suite.data.number_formats import CODE, INTEGER, is_whole, number_column
from bench_suite.data.raw_tables import RawTables

MAX_TRIED_BYTES = 100
"Values of a column of bytes that are tried as text."
_CONVERTIBLE: Mapping[str, tuple[ColumnType, ...]] = {
    "number": ("number", "truth value"), "date": ("date",), "picture": ("picture",),
    "category": ("number", "truth value", "date", "category", "picture"),
    "text": ("number", "truth value", "date", "category", "picture"),
}  # fmt: skip
"By the word that a suite states: what files may hold, beside text. Bytes may be pictures or names."


def stated_column(
    name: str, stated: str, options: ColumnOptions, chunks: Sequence[pa.ChunkedArray], subject: str
) -> Column:
    """Return a column of the type that the suite states.

    Raises:
        DataInvalid: A file states another type.
    """
    text, _, date_format = stated.partition(":")
    word: ColumnType = text  # type: ignore[assignment]  # `check_column_options` has checked it
    for chunk in chunks:
        kind = stored_type(chunk.type)
        convertible = (*_CONVERTIBLE[word], *(("number",) if date_format else ()))
        wrong = kind not in convertible or pa.types.is_struct(chunk.type)
        if wrong and not are_texts([chunk]) and chunk.null_count != len(chunk) and kind != word:
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
        if are_texts([chunk]):
            marks = missing if word in ("number", "date") else options.missing_values
            missing = (*missing, *with_spaced(distinct([chunk]), marks)[len(marks) :])
    return Column(
        name, word, f"columns.{name} = {show(stated)}", decimal=options.decimal_mark,
        thousands=options.thousands or "", date_format=date_format or None, units=word == "number", missing=missing,
    )  # fmt: skip


def names_column(name: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions) -> Column:
    """Return a column of names of classes or groups."""
    missing = ("", *options.missing_values)
    missing = with_spaced(distinct(chunks), missing) if are_texts(chunks) else missing
    return Column(name, "category", "names", missing=missing)


def decide_text(
    name: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions, subject: str, *, names: bool
) -> Column:
    """Return the type of a column of texts as they stand in files; `names`: they are names of classes or groups."""
    values = distinct(chunks)
    missing = with_spaced(values, (*NOT_NUMBERS, *options.missing_values))
    of_names = ("", *with_spaced(values, options.missing_values))
    present = without(values, missing)
    of_text = without(values, of_names)
    if not len(present):
        if not len(of_text):
            return Column(name, "empty", "no value", missing=missing)
        return text_column(name, of_text, of_names, "nothing but marks of missing values", dates=not names)
    for decide in (number_column, date_column):
        if (column := decide(name, present, options, missing, subject)) is not None:
            return column
    if {str(value).strip().lower() for value in of_text[:3].to_pylist()} <= {"true", "false"} and len(of_text) <= 2:
        return Column(name, "truth value", "true and false", missing=of_names)
    return text_column(name, of_text, of_names, "", dates=not names)


def text_column(name: str, values: pa.Array, missing: tuple[str, ...], why: str, *, dates: bool) -> Column:
    """Return a column of texts, with a note if most look like something else; `dates`: also if it is like dates."""
    if any_match(values, CODE) and all_match(pc.utf8_trim_whitespace(values), INTEGER):
        note = note_on_dates(name, values) if dates else ""
        return Column(name, "category", "digits with leading zeros, such as postcodes", missing=missing, note=note)
    note = (note_on_dates(name, values) if dates else "") or note_on_numbers(name, values)
    return Column(name, "category", why or "texts", missing=missing, note=note)


def card_column(name: str, dtype: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions) -> Column:
    """Return a column of a text file of the type that the README states, of texts or numbers."""
    why = f"the README says {dtype}"
    if dtype.endswith("string"):
        missing = ("", *with_spaced(distinct(chunks), options.missing_values))
        return Column(name, "category", why, missing=missing, of_card=True)
    missing = with_spaced(distinct(chunks), (*NOT_NUMBERS, *options.missing_values))
    return Column(
        name, "number", why, whole="int" in dtype, decimal=options.decimal_mark, thousands=options.thousands or "",
        missing=missing, of_card=True,
    )  # fmt: skip


def decide_stored(
    name: str, chunks: Sequence[pa.ChunkedArray], options: ColumnOptions, subject: str, *, names: bool
) -> Column:
    """Return the type of a column whose files state types; `names`: it holds names of classes or groups."""
    kinds = {stored_type(chunk.type): str(chunk.type) for chunk in chunks if chunk.null_count != len(chunk)}
    if not kinds:
        return Column(name, "empty", "no value")
    if len(kinds) > 1:
        listed = " and ".join(sorted(kinds.values()))
        raise DataInvalid(
            f"{subject}, column `{name}` holds {listed} in different files: write one type, or state "
            f"{columns_line(name, 'category')}"
        )
    ((kind, arrow),) = kinds.items()
    if kind == "date" and len({chunk.type.tz is None for chunk in chunks if pa.types.is_timestamp(chunk.type)}) > 1:
        raise DataInvalid(mixed_zones(name, "with a zone and without a zone in different files", subject))
    if kind == "category" and are_texts(chunks):
        missing = ("", *with_spaced(distinct(chunks), options.missing_values))
        values = without(distinct(chunks), missing)
        return replace(text_column(name, values, missing, "", dates=not names), why=f"the files say {arrow}")
    if kind == "picture" and (text := _text_of_bytes(chunks)) is not None:
        raise DataInvalid(
            f"{subject}, column `{name}` holds bytes that read as text, such as {text[:40]!r}: state "
            f'{columns_line(name, "category")}, or "text", or "picture" if they are paths or pictures'
        )
    why = "pictures, or their paths" if kind == "picture" else f"the files say {arrow}"
    whole = kind == "number" and all(is_whole(chunk.type) for chunk in chunks if chunk.null_count != len(chunk))
    return Column(
        name, kind, why, whole=whole,
        missing=options.missing_values if kind == "number" else ("",),
    )  # fmt: skip


def _text_of_bytes(chunks: Sequence[pa.ChunkedArray]) -> str | None:
    """Return the first value of a column of bytes if all that are tried read as text; no encoded picture does."""
    first: str | None = None
    for chunk in chunks:
        if not (pa.types.is_binary(chunk.type) or pa.types.is_large_binary(chunk.type)):
            return None
        for value in chunk.slice(0, MAX_TRIED_BYTES).drop_null().to_pylist():
            try:
                text = value.decode()
            except UnicodeDecodeError:
                return None
            if not text.replace("\n", "").replace("\t", "").isprintable():
                return None
            first = first or text
    return first


def check_one_type(raw: RawTables, name: str, subject: str) -> None:
    """Refuse a column of which one file holds values of several types."""
    if any(is_mixed(table[name].type) for tables in raw.tables.values() for table in tables):
        raise DataInvalid(
            f"{subject}, column `{name}` holds values of several types in one file, such as numbers and texts: write "
            f'one type, or state {columns_line(name, "category")}, or "number", "text" or "ignore"'
        )
