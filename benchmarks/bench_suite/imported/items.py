"""Items: which rows of a table are the same example, which of them belong together, and which occur twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import BenchError
from bench_suite.data.fingerprint import content_ids, contents, hash_of, row_hashes

SEPARATOR = "\x1f"
"Between an item and its repetition in the text whose hash is the id of an example."


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


def groups_of(*labels: np.ndarray) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    """Yield the combinations of values of some columns, in order of first appearance, each with its rows.

    Args:
        labels: columns of texts, (n,) each.
    """
    codes = np.zeros(len(labels[0]), dtype=np.int64)
    for column in labels:
        numbers = codes_of(column)
        codes = codes * (int(numbers.max()) + 1) + numbers
    _, first, numbers = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    ends = np.cumsum(np.bincount(numbers))
    for group in np.argsort(first):
        rows = order[ends[group - 1] if group else 0 : ends[group]]
        yield tuple(str(column[rows[0]]) for column in labels), rows


def codes_of(column: np.ndarray) -> np.ndarray:
    """Return a number for each text, (n,) int64; equal texts have equal ones, in order of first appearance."""
    import pyarrow as pa

    codes = pa.array(column, pa.string()).dictionary_encode()
    return np.asarray(codes.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def examples_of(
    rows: np.ndarray, items: np.ndarray, repeats: np.ndarray | None, clusters: np.ndarray | None, *, whose: str,
    advice: bool = True,
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
    own = items[rows]
    keys = own if repeats is None else own + SEPARATOR + repeats[rows]
    _, first, counts = np.unique(codes_of(keys), return_index=True, return_counts=True)
    if len(counts) < len(keys):
        raise BenchError(
            _twice(rows, own, repeats, first[counts > 1][0], int((counts > 1).sum()), whose, advice=advice)
        )
    ids = content_ids(keys.tolist())
    order = np.argsort(ids, kind="stable")
    per_item = np.bincount(codes_of(own))
    tied = clusters[rows] if clusters is not None else own if per_item.max() > 1 else None
    numbers = None if tied is None else contents(content_ids(tied.tolist()))[order]
    return Examples(
        rows[order], ids[order], numbers, len(per_item), int(per_item.max()), bool(per_item.max() > per_item.min())
    )


def _twice(
    rows: np.ndarray, own: np.ndarray, repeats: np.ndarray | None, first: int, count: int, whose: str, *,
    advice: bool,
) -> str:  # fmt: skip
    """Return the message for items that occur twice."""
    item = str(own[first])[:60]
    same = own == own[first]
    if repeats is not None:
        same &= repeats[rows] == repeats[rows][first]
    where = " and ".join(f"{row + 1:,}" for row in np.sort(rows[same])[:2])
    others = f" ({count:,} such cases)" if count > 1 else ""
    if repeats is None and not advice:
        return f"{whose}: the item {item!r} occurs more than once{others}"
    if repeats is None:
        return (
            f"{whose}: the item {item!r} occurs more than once, in the rows {where}{others}: if these are repetitions, "
            "name the column that numbers them with --repeat COLUMN; otherwise remove the duplicates"
        )
    repetition = str(repeats[rows][first])[:40]
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
