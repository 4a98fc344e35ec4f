"""Items: which rows of a table are the same example, which of them belong together, and which occur twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.data.fingerprint import content_ids, contents, hash_of, recounted, row_hashes
from bench_suite.imported.labels import Labels, labels_of

SEPARATOR = "\x1f"
"Between an item and its repetition in the text whose hash is the id of an example."
PART = 1 << 16
"Rows whose texts are in memory at a time."


@dataclass(frozen=True)
class Examples:
    """The examples of one cell, in the order of their ids."""

    rows: np.ndarray
    "(n,) positions in the table."
    ids: np.ndarray
    "(n,) int64: hashes of the item and its repetition, equal in every file."
    clusters: np.ndarray | None
    "(n,) int64: a number for each cluster, equal in every file; None if the examples are independent."
    items: int
    repetitions: int
    "Rows of the item with the most rows."
    uneven: bool = False
    "Whether items have different numbers of rows."


def groups_of(*columns: np.ndarray | Labels) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    """Yield the combinations of values of some columns, in order of first appearance, each with its rows.

    Args:
        columns: columns of texts, (n,) each.
    """
    labels = [labels_of(column) for column in columns]
    codes = np.zeros(len(labels[0]), dtype=np.int64)
    for column in labels:
        codes = codes * len(column.words) + column.codes
    _, first, numbers = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))
    for group in np.argsort(first):
        rows = order[ends[group - 1] if group else 0 : ends[group]]
        yield tuple(column[rows[0]] for column in labels), rows


def examples_of(
    rows: np.ndarray, items: np.ndarray | Labels, repeats: np.ndarray | Labels | None,
    clusters: np.ndarray | Labels | None, *, whose: str, advice: bool = True,
) -> Examples:  # fmt: skip
    """Return the examples of some rows of a table that belong to one cell.

    Args:
        rows: (k,) positions in the table.
        items: (n,) the item of each row of the table.
        repeats: (n,) the repetition of each row; None if no column names it.
        clusters: (n,) what further ties examples to one another, such as the text that several questions are about.
        whose: the cell, for errors.
        advice: whether the user can name a column of repetitions.

    Raises:
        BenchError: the same repetition of an item occurs twice.
    """
    items = labels_of(items)
    repeats = None if repeats is None else labels_of(repeats)
    own = items.codes[rows]
    keys = own if repeats is None else own.astype(np.int64) * len(repeats.words) + repeats.codes[rows]
    if len(np.unique(keys)) < len(keys):
        raise BenchError(_twice(rows, keys, items, repeats, whose, advice=advice))
    ids = _ids(rows, items, repeats)
    order = np.argsort(ids, kind="stable")
    per_item = np.bincount(own)
    per_item = per_item[per_item > 0]
    tied = labels_of(clusters) if clusters is not None else items if per_item.max() > 1 else None
    numbers = None if tied is None else _hashes(rows, tied)[order]
    return Examples(
        rows[order], ids[order], numbers, len(per_item), int(per_item.max()), bool(per_item.max() > per_item.min())
    )


def _ids(rows: np.ndarray, items: Labels, repeats: Labels | None) -> np.ndarray:
    """Return the ids of some rows, (k,) int64: hashes of the item and its repetition."""
    parts = []
    for start in range(0, len(rows), PART):
        part = rows[start : start + PART]
        texts = items.texts_of(part)
        if repeats is not None:
            pairs = zip(texts, repeats.texts_of(part), strict=True)
            texts = [f"{item}{SEPARATOR}{repetition}" for item, repetition in pairs]
        parts.append(contents(content_ids(texts)))
    return recounted(np.concatenate(parts))


def _hashes(rows: np.ndarray, labels: Labels) -> np.ndarray:
    """Return a hash of the label of each row, (k,) int64; each different label is hashed once."""
    used, numbers = np.unique(labels.codes[rows], return_inverse=True)
    words = Labels(labels.words, used)
    positions = np.arange(len(used))
    hashes = [
        contents(content_ids(words.texts_of(positions[start : start + PART]))) for start in range(0, len(used), PART)
    ]
    return np.asarray(np.concatenate(hashes)[numbers])


def _twice(
    rows: np.ndarray, keys: np.ndarray, items: Labels, repeats: Labels | None, whose: str, *, advice: bool
) -> str:
    """Return the message for items that occur twice: the first one, by the (k,) keys of item and repetition."""
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    count, at = int((counts > 1).sum()), int(first[counts > 1].min())
    item = items[rows[at]][:60]
    where = " and ".join(f"{row + 1:,}" for row in np.sort(rows[keys == keys[at]])[:2])
    others = f" ({count:,} such cases)" if count > 1 else ""
    if repeats is None and not advice:
        return f"{whose}: the item {item!r} occurs more than once{others}"
    if repeats is None:
        return (
            f"{whose}: the item {item!r} occurs more than once, in the rows {where}{others}: if these are repetitions, "
            "name the column that numbers them with --repeat COLUMN; otherwise remove the duplicates"
        )
    repetition = repeats[rows[at]][:40]
    return (
        f"{whose}: the repetition {repetition!r} of the item {item!r} occurs more than once, in the rows "
        f"{where}{others}: remove the duplicates"
    )


def data_facts(
    name: str, source: str, ids: np.ndarray, *targets: Any, problem: str = "", repetitions: int = 1
) -> dict[str, Any]:
    """Return what a record contains about the examples: their number, and hashes by which other runs recognise them.

    Args:
        name: of the data set.
        source: where it comes from: `files:NAME`.
        ids: (n,) int64, in the order of the predictions.
        targets: columns that belong to an example, (n,) each.
        problem: name of the problem; empty if the file states none.
        repetitions: greatest number of repetitions of an item.
    """
    hashes = row_hashes(ids, *targets) + ids.astype(np.uint64)  # an id also counts the occurrence
    return {
        "source": source,
        "name": name,
        "fingerprint": hash_of(hashes),
        "fingerprints": {"test": {"examples": hash_of(np.sort(hashes)), "order": hash_of(hashes)}},
        "test": len(ids),
        **({"problem": problem} if problem else {}),
        **({"repetitions": repetitions} if repetitions > 1 else {}),
    }
