"""Names that a person reads as one: they differ only in case, spaces, Unicode form, or in how a number is written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.data.labels import is_text

MAX_EXAMPLES = 3
"Sets of names that a note shows."
MAX_COLUMNS = 5
"Columns that a note describes."
MAX_DIGITS = 20
"Letters of the longest name that is compared as a number."
_FIRST = ("+", "-", ".", *"0123456789")
_NUMBER = re.compile(r"[-+]?\d+(\.0*)?", re.ASCII)


def similar_names(names: Collection[str]) -> list[tuple[str, ...]]:
    """Return the sets of names that differ only in case, spaces, Unicode form, marks without width, or as 1 and 1.0."""
    by_form: dict[str, list[str]] = {}
    for name in names:
        by_form.setdefault(_form(name), []).append(name)
    return [tuple(same) for same in by_form.values() if len(same) > 1]


def note_on_similar_names(names: Collection[str]) -> str:
    """Return a sentence that counts names of nearly one form, and shows examples; empty without any."""
    similar = similar_names(names)
    if not similar:
        return ""
    examples = ", ".join(" and ".join(map(_shown(same), same)) for same in similar[:MAX_EXAMPLES])
    count = sum(map(len, similar))
    of_numbers = any(_number(same[0]) is not None for same in similar)
    what = "case, spaces, Unicode form or how a number is written" if of_numbers else "case, spaces or Unicode form"
    return f"{count} of {len(names)} differ only in {what}, such as {examples}"


def similar_categories(tables: Mapping[str, pa.Table], columns: Collection[str]) -> dict[str, str]:
    """Return a note on those columns whose texts are names of nearly one form, in all splits together."""
    notes = []
    for column in dict.fromkeys(columns):
        parts = [table[column] for table in tables.values() if is_text(table[column].type)]
        distinct = {name for part in parts for name in pc.unique(part).to_pylist() if name is not None}
        if note := note_on_similar_names(sorted(distinct)):
            notes.append(f"`{column}`: {note}")
    more = f"; and {len(notes) - MAX_COLUMNS} more columns" if len(notes) > MAX_COLUMNS else ""
    return {"categories of nearly one name": "; ".join(notes[:MAX_COLUMNS]) + more} if notes else {}


def _form(name: str) -> str:
    if (number := _number(name)) is not None:
        return number
    if name.isascii():  # most names of long columns are
        return " ".join(name.casefold().split())
    plain = unicodedata.normalize("NFKC", name)
    visible = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return " ".join(visible.casefold().split())


def _number(name: str) -> str | None:
    """Return the whole number that a name is: `1` for `1.0` and `01`; None for others, since 1.10 may be a version."""
    written = name.strip()
    if written[:1] not in _FIRST or len(written) > MAX_DIGITS or not _NUMBER.fullmatch(written):
        return None
    return f"{Decimal(written).normalize():f}"


def _shown(same: Collection[str]) -> Callable[[object], str]:
    """Return what shows names so that they look different: `ascii` if they print alike, else `repr`."""
    return ascii if len({unicodedata.normalize("NFC", name) for name in same}) < len(same) else repr
