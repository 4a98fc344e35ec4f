"""D001, near: pictures of test that are in train too, compressed, resized or made brighter.

Each picture has a perceptual descriptor: the 8 × 8 lowest frequencies of its cosine transform without the mean, as in
pHash, but not rounded to bits. Pairs with similar descriptors are compared pixel by pixel. A copy that is turned,
mirrored, cropped or moved is not noticed.
"""

from __future__ import annotations

from collections.abc import Iterator

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

The most similar pair of different drawings of MNIST has 0.986 (4,000 of test with 20,000 of train), of the 8 × 8 digits
of scikit-learn 0.988; a picture saved as JPEG (quality 75) or made brighter by a fifth has 0.995 and more."""
GRID = 32
QUICK_PAIRS = 100_000_000
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
    shrunk = {name: _shrunk(np.asarray(task.inputs(name))) for name in dict.fromkeys(sum(pairs, ()))}
    descriptors = {name: _descriptors(images) for name, images in shrunk.items()}
    for first, second in pairs:
        limit = max(MAX_PAIRS // max(len(shrunk[first]), 1), 1)
        rows, partners, similarity = _similar(
            (descriptors[first], shrunk[first], task.contents(first)),
            (descriptors[second][:limit], shrunk[second][:limit], task.contents(second)[:limit]),
        )
        if not len(rows):
            continue
        order, n = np.argsort(-similarity, kind="stable"), min(limit, len(shrunk[second]))
        yield task.finding(
            "D001", "error" if second == "test" and len(rows) >= SERIOUS * len(task.split(second)) else "warning",
            f"{share(len(rows), n)} pictures of {second} have a near duplicate in {first}",
            f"remove them from {first} in the files: a run removes equal pictures only", f"{first}/{second}, near",
            {"share": len(rows) / n, "correlation": float(similarity.min())},
            (task.evidence(first, partners[order]), task.evidence(second, rows[order])),
        )  # fmt: skip


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


def _similar(
    first: tuple[np.ndarray, np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of the second split, their most similar rows in the first, and the correlations of their pixels.

    Args:
        first: descriptors, pictures and contents.
        second: likewise; a picture that is equal to one of `first` is left out.
    """
    rows, partners, similarity = [], [], []
    step = max(1, 50_000_000 // max(len(first[0]), 1))  # 200 MB of cosines at a time
    for start in range(0, len(second[0]), step):
        cosines = second[0][start : start + step] @ first[0].T
        best = cosines.argmax(axis=1)
        candidates = np.flatnonzero(cosines[np.arange(len(best)), best] >= SIMILAR)
        if len(candidates):
            mine, other = candidates + start, best[candidates]
            correlation = _correlation(second[1][mine], first[1][other])
            near = (correlation >= EQUAL) & ~np.isin(second[2][mine], first[2])
            rows.append(mine[near])
            partners.append(other[near])
            similarity.append(correlation[near])
    empty = [np.empty(0, dtype=np.int64)]
    return np.concatenate(rows or empty), np.concatenate(partners or empty), np.concatenate(similarity or empty)


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    flat = [images.reshape(len(images), -1) for images in (one, other)]
    centred = [_of_length_one(images - images.mean(axis=1, keepdims=True)) for images in flat]
    return np.asarray((centred[0] * centred[1]).sum(axis=1))
