"""D001, near: pictures of test that are in train too, compressed, resized, made brighter or mirrored.

Each picture has a perceptual descriptor: the 8 × 8 lowest frequencies of its cosine transform without the mean, as in
pHash, but not rounded to bits. Pairs with similar descriptors are compared pixel by pixel. Each picture is compared as
its mirror image too, left to right. A copy that is cropped, moved, turned or upside down is not noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, Costly, NotApplicable, share
from bench_suite.data.checks.duplicates import SERIOUS, split_pairs
from bench_suite.data.splits import CHUNK

LOW = 8
"Frequencies in each direction."
SIMILAR = 0.985
"Cosine of two descriptors above which a pair is compared pixel by pixel."
EQUAL = 0.99
"""Correlation of the pixels, shrunk to at most `GRID` rows and columns, of a near duplicate.

The most similar pair of different drawings of MNIST has 0.9895 (10,000 of test with 60,000 of train), and 0.972 if one
of them is mirrored; of the 8 × 8 digits of scikit-learn 0.988. A picture saved as JPEG (quality 75) or made brighter by
a fifth has 0.995 and more."""
GRID = 32
QUICK_PAIRS = 50_000_000
"Pairs of pictures that are compared without being asked for: about two seconds."
MAX_PAIRS = 20_000_000_000
"Pairs that are compared at most; of a larger test split, the first pictures."


def near_duplicates(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for each pair of splits with near duplicates that are not equal."""
    if task.modality != "image":
        raise NotApplicable("its inputs are no pictures")
    pairs = [(one, other) for one, other in split_pairs(tuple(task.data.splits)) if not other.startswith("shift:")]
    size = sum(len(task.split(one)) * len(task.split(other)) for one, other in pairs)
    if size > QUICK_PAIRS and not task.costly:
        raise Costly(f"{size:,} pairs of pictures")
    pictures = {name: np.asarray(task.inputs(name)) for name in dict.fromkeys(sum(pairs, ()))}
    prepared = {name: _prepare(images) for name, images in pictures.items()}
    for first, second in pairs:
        limit = max(MAX_PAIRS // max(len(pictures[first]), 1), 1)
        as_they_are = _Prepared(*(part[:limit] for part in prepared[second]))
        mirrored = _prepare(pictures[second][:limit, :, ::-1])
        partners, similarity, is_mirrored = _most_similar(prepared[first], as_they_are, mirrored)
        is_equal = np.isin(task.contents(second)[:limit], task.contents(first))
        rows = np.flatnonzero((similarity >= EQUAL) & ~is_equal)
        if not len(rows):
            continue
        rows = rows[np.argsort(-similarity[rows], kind="stable")]
        n, flips = len(as_they_are.pictures), int(is_mirrored[rows].sum())
        as_mirrors = f", {flips:,} of them mirrored" if flips else ""
        yield task.finding(
            "D001", "error" if second == "test" and len(rows) >= SERIOUS * len(task.split(second)) else "warning",
            f"{share(len(rows), n)} pictures of {second} have a near duplicate in {first}{as_mirrors}",
            f"remove them from {first} in the files: a run removes equal pictures only", f"{first}/{second}, near",
            {"share": len(rows) / n, "correlation": float(similarity[rows].min()), "mirrored": float(flips)},
            (task.evidence(first, partners[rows]), task.evidence(second, rows)),
        )  # fmt: skip


class _Prepared(NamedTuple):
    """Pictures in the forms in which they are compared."""

    descriptors: np.ndarray
    "(n, LOW²) float32 of length 1."
    pictures: np.ndarray
    "(n, rows, columns) float32, shrunk."


def _prepare(images: np.ndarray) -> _Prepared:
    shrunk = _shrunk(images)
    return _Prepared(_descriptors(shrunk), shrunk)


def _shrunk(images: np.ndarray) -> np.ndarray:
    """Return (n, H, W) float32 grey pictures of at most `GRID` rows and columns: means of blocks."""
    height, width = (max(side // GRID, 1) for side in images.shape[1:3])
    rows, columns = images.shape[1] // height, images.shape[2] // width
    shrunk = np.empty((len(images), rows, columns), dtype=np.float32)
    for start in range(0, len(images), CHUNK):
        part = images[start : start + CHUNK, : rows * height, : columns * width].mean(axis=3, dtype=np.float32)
        shrunk[start : start + CHUNK] = part.reshape(len(part), rows, height, columns, width).mean(axis=(2, 4))
    return shrunk


def _descriptors(images: np.ndarray) -> np.ndarray:
    """Return (n, LOW²) float32 of length 1: the lowest frequencies; zeros for a picture of one colour."""
    rows, columns = (_cosines(side) for side in images.shape[1:])
    low = np.einsum("ih,nhw,jw->nij", rows, images, columns, optimize=True).reshape(len(images), -1)
    low[:, 0] = 0  # the mean: brightness
    return _of_length_one(low)


def _cosines(side: int) -> np.ndarray:
    """Return the (LOW, side) lowest rows of the orthonormal cosine transform (Ahmed et al. 1974)."""
    frequency, middle = np.arange(min(LOW, side))[:, None], np.arange(side) + 0.5
    basis = np.cos(np.pi * frequency * middle / side) * np.sqrt(2 / side)
    basis[0] /= np.sqrt(2)
    return basis.astype(np.float32)


def _of_length_one(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.where(length > 1e-3, vectors / np.maximum(length, 1e-3), 0.0), dtype=np.float32)


def _most_similar(first: _Prepared, *others: _Prepared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each picture its most similar one in `first`, the correlation of their pixels, and the form it is in.

    Args:
        first: the pictures that are searched.
        others: the same n pictures in one or several forms: as they are, and mirrored.

    Returns:
        (n,) rows of `first`, (n,) correlations, 0 without a similar picture, and (n,) positions in `others`.
    """
    n = len(others[0].pictures)
    partners, similarity, form = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n, dtype=np.int64)
    step = max(1, 50_000_000 // max(len(first.pictures), 1))  # 200 MB of cosines at a time
    for number, other in enumerate(others):
        for start in range(0, n, step):
            cosines = other.descriptors[start : start + step] @ first.descriptors.T
            best = cosines.argmax(axis=1)
            candidates = np.flatnonzero(cosines[np.arange(len(best)), best] >= SIMILAR)
            if not len(candidates):
                continue
            mine, partner = candidates + start, best[candidates]
            correlation = _correlation(other.pictures[mine], first.pictures[partner])
            better = correlation > similarity[mine]
            mine = mine[better]
            partners[mine], similarity[mine], form[mine] = partner[better], correlation[better], number
    return partners, similarity, form


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    flat = [images.reshape(len(images), -1) for images in (one, other)]
    centred = [_of_length_one(images - images.mean(axis=1, keepdims=True)) for images in flat]
    return np.asarray((centred[0] * centred[1]).sum(axis=1))
