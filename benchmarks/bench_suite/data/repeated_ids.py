"""Columns that name something with several rows, such as a customer: rows of one are alike, so a split should know it.

A name that says so is needed (`customer_id`, `patient`), or values that are written as codes (`C00123`, a UUID).
Numbers of places and of kinds (`zip`, `city_id`, `product_type`) repeat too, and are no such column.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.data.column_values import plain
from bench_suite.data.split_rules import SplitRule

MIN_VALUES = 50
"Different values of an identifier; a column with fewer is one of categories."
MAX_MEAN_ROWS = 20.0
"Rows of a value on average; with more, it names a kind, and most splits are right to have it on both sides."
MAX_SHARE = 0.05
"Share of the rows that the most frequent value may have; a larger one is a category, such as `unknown`."
MIN_REPEATED = 0.1
"Share of the rows whose value has another row; with less, the column is a name of each row, or nearly."
SAMPLE = 1000
"Values that are looked at first, since most columns show at once that they hold no codes."
_IDENTIFIER = {"id", "ids", "uid", "uuid", "guid"}
_ENTITIES = {
    "account", "animal", "applicant", "author", "bidder", "borrower", "buyer", "client", "customer", "donor",
    "employee", "family", "guest", "household", "individual", "member", "owner", "participant", "patient", "person",
    "player", "policyholder", "respondent", "seller", "session", "speaker", "student", "subscriber", "tenant", "user",
    "visitor", "worker", "writer",
}  # fmt: skip
_NUMBER_OF = {"code", "key", "name", "no", "nr", "num", "number", "ref"}
_KINDS = {
    "area", "brand", "branch", "category", "city", "class", "country", "county", "department", "district", "genre",
    "group", "job", "model", "occupation", "place", "plz", "post", "postal", "postcode", "region", "sector", "state",
    "status", "store", "street", "title", "town", "type", "zip", "zipcode", "zone",
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_CODE = r"^([A-Za-z]{1,6}[-_]?[0-9]{3,}|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-f]{24,64})$"


def is_drawn_freely(rule: SplitRule | None) -> bool:
    """Return whether rows are drawn one by one, so that no column keeps the rows of one customer together."""
    return rule is None or (rule.by is None and rule.column is None)


def identifiers_of_splits(
    tables: Sequence[pa.Table], known: np.ndarray, rows: Mapping[str, np.ndarray], apart: Collection[str]
) -> dict[str, dict[str, np.ndarray]]:
    """Return `MemorySplit.identifiers` of each split that was drawn.

    Args:
        tables: The parts of the split that all were drawn from, as they stand in the files.
        known: (n,) bool: which of its rows have a label.
        rows: By split, positions among the rows that have a label.
        apart: Columns that are not looked at, such as the label.
    """
    by_column = {column: numbers[known] for column, numbers in repeated_ids(tables, apart).items()}
    return {role: {column: numbers[part] for column, numbers in by_column.items()} for role, part in rows.items()}


def repeated_ids(tables: Sequence[pa.Table], apart: Collection[str]) -> dict[str, np.ndarray]:
    """Return the columns that name something with several rows: by name (n,) int64 numbers of values, −1 for none.

    Args:
        tables: The parts of one split, as they stand in the files.
        apart: Columns that are not looked at, such as the label.
    """
    by_column = {}
    for name in tables[0].column_names if tables else ():
        if name in apart or _names_kind(name):
            continue
        values = _joined([plain(table[name]) for table in tables])
        if values is None or not (_is_named(name) or _are_codes(values)):
            continue
        if (numbers := _numbers(values)) is not None:
            by_column[name] = numbers
    return by_column


def _words_of(name: str) -> set[str]:
    return {word.lower() for word in _WORDS.findall(name)}


def _names_kind(name: str) -> bool:
    return bool(_words_of(name) & _KINDS)


def _is_named(name: str) -> bool:
    """Return whether a name says that values identify: `customer_id`, `userId`, `patient`, `account number`."""
    words = _words_of(name)
    return bool(words & _IDENTIFIER) or bool(words & _ENTITIES and words <= _ENTITIES | _NUMBER_OF)


def _joined(parts: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray | None:
    """Return the values of all parts; None if they are neither texts nor whole numbers, or differ in type."""
    kinds = {part.type for part in parts if not pa.types.is_null(part.type)}
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    return pa.chunked_array([chunk for part in parts for chunk in part.cast(kind).chunks], type=kind)


def _are_codes(values: pa.ChunkedArray) -> bool:
    """Return whether texts are all written as codes of letters and digits; the first of them show most that are not."""
    if pa.types.is_integer(values.type):
        return False
    for part in (values.slice(0, SAMPLE), values):
        present = pc.drop_null(part)
        if not len(present) or not pc.all(pc.match_substring_regex(present, _CODE)).as_py():
            return False
    return True


def _numbers(values: pa.ChunkedArray) -> np.ndarray | None:
    """Return (n,) int64 numbers of values, −1 for none; None if the values do not repeat as identifiers do."""
    if not pa.types.is_integer(values.type):
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
        if _has_fractions(values):
            return None
    encoded = pc.dictionary_encode(values).combine_chunks()
    indices = encoded.indices if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0).indices
    numbers = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    counts = np.bincount(numbers[numbers >= 0])
    if len(counts) < MIN_VALUES:
        return None
    n = int(counts.sum())
    repeats = counts[counts > 1].sum() >= MIN_REPEATED * n
    return numbers if repeats and n <= MAX_MEAN_ROWS * len(counts) and counts.max() <= MAX_SHARE * n else None


def _has_fractions(values: pa.ChunkedArray) -> bool:
    """Return whether a text is written as a decimal number, as amounts and measurements are."""
    return bool(pc.any(pc.match_substring_regex(values, r"^\s*[-+]?[0-9]*[.,][0-9]+\s*$")).as_py())
