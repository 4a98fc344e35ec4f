"""D001, near: texts of test that are in train too, with some words changed, added or left out.

A shingle is 32 bytes of the lower-case text without punctuation, from the beginning of a word: about six words. Two
texts are near duplicates if they share half of their shingles (Jaccard index, Broder 1997).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, Costly, NotApplicable, share
from bench_suite.data.checks.duplicates import SERIOUS, split_pairs

WIDTH = 32
"Bytes of a shingle."
MIN_SHINGLES = 10
"Words that both texts need: shorter texts agree by chance."
MIN_JACCARD = 0.5
"Unrelated texts of one source share next to nothing; with a tenth of the words changed, about half remains."
MAX_TEXTS = 30
"A shingle in more texts than this is boilerplate, and alone makes no pair a candidate."
QUICK_BYTES = 8_000_000
"Bytes of text that are compared without being asked for: about two seconds."
BATCH = 1_000_000
_GAPS = re.compile(r"[\W_]+")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))


@dataclass(frozen=True)
class Shingles:
    """The distinct shingles of many texts."""

    hashes: np.ndarray
    "(m,) uint64, sorted within each text."
    texts: np.ndarray
    "(m,) int64, the text of each shingle."
    sizes: np.ndarray
    "(n,) number of shingles of each text."


def near_duplicates(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for each pair of splits with near duplicates that are not equal."""
    if task.modality != "text":
        raise NotApplicable("its inputs are no texts")
    pairs = [(one, other) for one, other in split_pairs(tuple(task.data.splits)) if not other.startswith("shift:")]
    names = [*dict.fromkeys(sum(pairs, ()))]
    size = sum(len(text) for name in names for text in task.inputs(name))
    if size > QUICK_BYTES and not task.costly:
        raise Costly(f"{size:,} characters of text")
    shingles = {name: shingles_of(task.inputs(name)) for name in names}
    for first, second in pairs:
        rows, partners, jaccard = similar(shingles[first], shingles[second])
        new = ~np.isin(task.contents(second)[rows], task.contents(first))
        rows, partners, jaccard = rows[new], partners[new], jaccard[new]
        if not len(rows):
            continue
        order = np.argsort(-jaccard, kind="stable")
        yield task.finding(
            "D001", "error" if second == "test" and len(rows) >= SERIOUS * len(task.split(second)) else "warning",
            f"{share(len(rows), len(task.split(second)))} texts of {second} have a near duplicate in {first}",
            f"remove them from {first} in the files: a run removes equal texts only", f"{first}/{second}, near",
            {"share": len(rows) / len(task.split(second)), "jaccard": float(jaccard.min())},
            (task.evidence(first, partners[order]), task.evidence(second, rows[order])),
        )  # fmt: skip


def shingles_of(texts: list[str]) -> Shingles:
    """Return the shingles of texts; the hash of 32 bytes is a polynomial modulo 2⁶⁴ (Karp and Rabin 1987)."""
    hashes, numbers = [], []
    batch: list[bytes] = []
    size = first = 0
    for number, text in enumerate([*texts, ""]):
        if size > BATCH or number == len(texts):
            batch_hashes, batch_texts = _of_batch(batch)
            hashes.append(batch_hashes)
            numbers.append(batch_texts + first)
            batch, size, first = [], 0, number
        batch.append(_GAPS.sub(" ", text.lower()).strip().encode(errors="replace"))
        size += len(batch[-1])
    joined, texts_of = np.concatenate(hashes), np.concatenate(numbers)
    return Shingles(joined, texts_of, np.bincount(texts_of, minlength=len(texts)))


def _of_batch(batch: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct hashes of the shingles of each text, and the positions of their texts."""
    padding = b"\0" * WIDTH
    content = np.frombuffer(padding.join(batch) + padding * 2, dtype=np.uint8)
    lengths = np.array([len(text) + WIDTH for text in batch], dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, ((content[:-1] == 32) | (content[:-1] == 0)) & (content[1:] > 32)])
    starts = starts[(content[starts] > 32) & (starts < len(content) - WIDTH)]
    powers = np.cumprod(np.full(len(content), _BASE))
    inverse = np.cumprod(np.full(len(content), _INVERSE))
    prefix = np.r_[np.uint64(0), np.cumsum((content.astype(np.uint64) + np.uint64(1)) * powers)]
    hashes = (prefix[starts + WIDTH] - prefix[starts]) * inverse[starts]
    hashes = (hashes ^ (hashes >> np.uint64(31))) * _BASE
    hashes ^= hashes >> np.uint64(29)
    texts = np.searchsorted(np.cumsum(lengths), starts, "right")
    order = np.lexsort((hashes, texts))
    hashes, texts = hashes[order], texts[order]
    new = np.r_[True, (hashes[1:] != hashes[:-1]) | (texts[1:] != texts[:-1])][: len(hashes)]
    return hashes[new], texts[new]


def similar(first: Shingles, second: Shingles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the texts of the second split that have a near duplicate in the first, the best one, and its index."""
    order = np.argsort(first.hashes, kind="stable")
    hashes, texts = first.hashes[order], first.texts[order]
    by_hash = np.argsort(second.hashes, kind="stable")  # a search for sorted values is several times as fast
    wanted = second.hashes[by_hash]
    low = np.searchsorted(hashes, wanted, "left")
    count = np.searchsorted(hashes, wanted, "right") - low
    usable = (count > 0) & (count <= MAX_TEXTS)
    low, count, mine = low[usable], count[usable], second.texts[by_hash][usable]
    offsets = np.repeat(low - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(count.sum())
    pairs = np.repeat(mine, count) * len(first.sizes) + texts[offsets]
    pairs, shared = np.unique(pairs, return_counts=True)
    rows, partners = pairs // max(len(first.sizes), 1), pairs % max(len(first.sizes), 1)
    # Boilerplate is left out of `shared`, so the index of a pair with much of it is too small: compare those in full.
    sizes = np.minimum(first.sizes[partners], second.sizes[rows])
    candidate = (sizes >= MIN_SHINGLES) & (shared >= 0.2 * sizes)
    rows, partners = rows[candidate], partners[candidate]
    ends_first, ends_second = np.cumsum(first.sizes), np.cumsum(second.sizes)
    jaccard = np.empty(len(rows))
    for number, (row, partner) in enumerate(zip(rows.tolist(), partners.tolist())):
        one = first.hashes[ends_first[partner] - first.sizes[partner] : ends_first[partner]]
        other = second.hashes[ends_second[row] - second.sizes[row] : ends_second[row]]
        both = len(np.intersect1d(one, other, assume_unique=True))
        jaccard[number] = both / (len(one) + len(other) - both)
    near = jaccard >= MIN_JACCARD
    rows, partners, jaccard = rows[near], partners[near], jaccard[near]
    best = np.lexsort((-jaccard, rows))
    firsts = best[np.r_[True, rows[best][1:] != rows[best][:-1]][: len(best)]]
    return rows[firsts], partners[firsts], jaccard[firsts]
