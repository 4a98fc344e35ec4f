"""D003: one column, word, pixel, or attribute such as a length that alone predicts the target, as no honest input does.

Half of train shows how often each class occurs at each level of a column; the other half is scored by it, and the
reverse. The finding needs an AUC above `MIN_AUC` both ways, so a column that is strong by luck is not one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.attributes import attributes_of
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable, SourceColumn
from bench_suite.data.fingerprint import contents
from bench_suite.stats.intervals import area_under_roc

MIN_AUC = 0.99
"AUC (mean over classes), or for a regression R² or squared rank correlation, above which a column is named."
MIN_EXAMPLES = 10
"Examples of a class, and of all others, that each half needs."
LEVELS = 64
"Most levels into which a number is cut, at its quantiles; a missing value is a level of its own."
PER_LEVEL = 20
"Examples that a level has at least, unless a number has few values."
MAX_EXAMPLES = {"table": 20_000, "image": 5_000, "text": 3_000}
GRID = 32
"Pictures that are larger are shrunk to at most so many rows and columns."
MAX_CLASSES = 50
"Classes over which the AUC is averaged: the most frequent."
MEND_INPUTS = "remove what gives the label away from the inputs, in the files"
_MEASURES = {"auc": "AUC", "r2": "R²"}
_WORD = re.compile(r"\w+")


def single_predictors(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding on the columns, or on the best word, pixel or attribute, that alone predict the target."""
    targets = task.targets("train")
    if targets is None:
        raise NotApplicable("its targets are neither classes nor numbers")
    inputs = task.inputs("train")
    rows = sample_by_content(task.split("train").ids, MAX_EXAMPLES[task.modality])
    halves = contents(task.split("train").ids)[rows] % 2 == 0  # equal examples are on the same side
    y = np.asarray(targets)[rows]
    if task.modality == "table":
        table, columns = np.asarray(inputs)[rows], task.columns
    else:
        examples = [inputs[row] for row in rows.tolist()] if task.modality == "text" else np.asarray(inputs)[rows]
        if task.classes and (finding := _word_or_pixel(task, examples, y, halves)) is not None:
            yield finding
            return
        table, columns = _as_table(attributes_of(task.modality, examples))
    scores = (_auc_of_columns if task.classes else _r2_of_columns)(table, columns, y, halves)
    measure = "auc" if task.classes else "r2"
    high = {source.name: score for source, score in zip(columns, scores.tolist()) if score > MIN_AUC}
    if task.modality == "table" and high:
        yield _on_columns(task, high, measure)
    best = int(scores.argmax())
    if task.modality != "table" and scores[best] > MIN_AUC:
        name = columns[best].name
        mend = f"make {name} equal in all classes, in the files" if task.classes else MEND_INPUTS
        yield _finding(task, name, name, float(scores[best]), mend, measure)


def _as_table(attributes: Mapping[str, np.ndarray]) -> tuple[np.ndarray, tuple[SourceColumn, ...]]:
    columns = tuple(SourceColumn(name, (position,)) for position, name in enumerate(attributes))
    return np.column_stack([*attributes.values()]), columns


def _auc_of_columns(
    table: np.ndarray, columns: Sequence[SourceColumn], y: np.ndarray, halves: np.ndarray
) -> np.ndarray:
    """Return (d,) the held-out AUC of each column as the only input."""
    levels = np.column_stack([levels_of(source, table) for source in columns])
    scores = held_out_auc(levels, y.astype(np.int64), halves)
    return np.maximum(scores, [_monotone_auc(source.codes(table), y, halves) for source in columns])


def _word_or_pixel(task: CheckedTask, examples: Any, y: np.ndarray, halves: np.ndarray) -> Finding | None:
    """Return a finding on the best word or part of a picture; None if it does not predict the class."""
    if task.modality == "image":
        shrunk = shrink(examples, GRID).astype(np.uint8)
        names = [f"block {number}" for number in range(shrunk.shape[1])]
        levels, what = shrunk // 8, "one part of the picture"
    else:
        levels, names = _words(examples, y)
        what = "one word"
    if not levels.shape[1]:
        return None
    scores = held_out_auc(levels, y.astype(np.int64), halves)
    best = int(scores.argmax())
    if scores[best] <= MIN_AUC:
        return None
    where = f"{what} (`{names[best]}`)" if task.modality == "text" else f"{what} ({_position(best, examples)})"
    return _finding(task, names[best], where, float(scores[best]), MEND_INPUTS)


def _on_columns(task: CheckedTask, scores: Mapping[str, float], measure: str) -> Finding:
    """Return a finding on columns, each of which alone predicts the target with a score."""
    mend = task.without_columns([*scores])
    if len(scores) == 1:
        (name, score), *_ = scores.items()
        return _finding(task, name, f"column `{name}`", score, mend, measure)
    listed = ", ".join(f"`{name}` {score:.3f}" for name, score in scores.items())
    return task.finding(
        "D003", "warning", f"each of {len(scores)} columns alone predicts the target, by {_MEASURES[measure]} on "
        f"held-out examples of train: {listed}", mend, [*scores], {measure: max(scores.values())},
    )  # fmt: skip


def _finding(task: CheckedTask, subject: str, where: str, score: float, mend: str, measure: str = "auc") -> Finding:
    return task.finding(
        "D003", "warning", f"{where} alone predicts the target: {_MEASURES[measure]} {score:.3f} on held-out "
        "examples of train",
        mend, subject, {measure: score},
    )  # fmt: skip


def sample_by_content(ids: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` rows, chosen by content, so that the order of the rows does not matter."""
    if len(ids) <= most:
        return np.arange(len(ids))
    return np.sort(np.argsort(contents(ids), kind="stable")[:most])


def held_out_auc(levels: np.ndarray, targets: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Return the AUC of each column as the only input, the smaller one of both directions, as a mean over classes.

    Args:
        levels: (n, d) whole numbers from 0.
        targets: (n,) class numbers.
        halves: (n,) bool, the half that an example belongs to.

    Returns:
        (d,) float64; 0 if a half has too few examples of two classes.
    """
    counts = np.bincount(targets)
    classes = np.argsort(-counts, kind="stable")[:MAX_CLASSES]
    size = int(levels.max(initial=0)) + 1
    of_halves = [_counts(levels[half], targets[half], classes, size) for half in (halves, ~halves)]
    return np.minimum(_auc(*of_halves), _auc(*reversed(of_halves)))


def _monotone_auc(codes: np.ndarray, targets: np.ndarray, halves: np.ndarray) -> float:
    """Return the AUC of a number as it is, for two classes: the smaller one of both halves, 0 if they are too few.

    It has no levels, which are coarse if examples are few or one class is rare.
    """
    first, *others = np.unique(targets)
    positive = targets != first
    few = min(part.sum() for half in (halves, ~halves) for part in (half & positive, half & ~positive))
    if len(others) != 1 or few < MIN_EXAMPLES or np.isnan(codes).any():
        return 0.0
    aucs = [area_under_roc(positive[half], codes[half]) for half in (halves, ~halves)]
    return max(min(aucs), 1 - max(aucs))


def _counts(levels: np.ndarray, targets: np.ndarray, classes: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each level occurs by class, (classes, d, levels), and for all classes, (d, levels)."""
    width = levels.shape[1]
    cells = levels.astype(np.int64) + np.arange(width) * size

    def count(part: np.ndarray) -> np.ndarray:
        return np.bincount(part.reshape(-1), minlength=width * size).reshape(width, size)

    return np.stack([count(cells[targets == number]) for number in classes]), count(cells)


def _auc(fit: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return (d,) the mean AUC over classes if examples of `test` are scored by the class shares in `fit`."""
    scores = []
    of_class, everything = fit
    for positive_fit, positive in zip(of_class, test[0]):
        negative = test[1] - positive
        positives, negatives = positive[0].sum(), negative[0].sum()
        few = min(positives, negatives, positive_fit[0].sum(), (everything - positive_fit)[0].sum())
        if few < MIN_EXAMPLES:
            continue
        prior = positive_fit[0].sum() / everything[0].sum()
        order = np.argsort((positive_fit + prior) / (everything + 1), axis=1, kind="stable")
        above, below = np.take_along_axis(positive, order, 1), np.take_along_axis(negative, order, 1)
        lower = np.cumsum(below, axis=1) - below
        scores.append((above * (lower + below / 2)).sum(axis=1) / (positives * negatives))
    return np.mean(scores, axis=0) if scores else np.zeros(everything.shape[0])


def levels_of(source: SourceColumn, table: np.ndarray) -> np.ndarray:
    """Return (n,) levels: of a category its position, of a number its place among quantiles, 0 if it is missing."""
    codes = source.codes(table)
    if source.categories:
        return codes.astype(np.int64) + 1
    known = codes[~np.isnan(codes)]
    if not len(known):
        return np.zeros(len(codes), dtype=np.int64)
    distinct = np.unique(known)
    most = min(max(len(known) // PER_LEVEL, 8), LEVELS)
    if len(distinct) > most:
        distinct = np.unique(np.quantile(known, np.linspace(0, 1, most + 1)[:-1]))
    levels = np.searchsorted(distinct, codes, "right")
    return np.where(np.isnan(codes), 0, levels)


def _r2_of_columns(
    table: np.ndarray, columns: Sequence[SourceColumn], target: np.ndarray, halves: np.ndarray
) -> np.ndarray:
    """Return (d,) the held-out R² of each column as the only input, or its squared rank correlation if larger."""
    target = target.astype(np.float64)
    if min(halves.sum(), (~halves).sum()) < 2 * MIN_EXAMPLES or target.std() == 0:
        raise NotApplicable("train has too few examples")
    scores = np.zeros(len(columns))
    for number, source in enumerate(columns):
        levels, codes = levels_of(source, table), source.codes(table)
        scores[number] = min(_explained(levels, target, half) for half in (halves, ~halves))
        if not source.categories and not np.isnan(codes).any() and codes.std() > 0:
            rank_correlation = float(np.corrcoef(_ranks(codes), _ranks(target))[0, 1])
            scores[number] = max(scores[number], rank_correlation**2)
    return scores


def _explained(levels: np.ndarray, target: np.ndarray, fit: np.ndarray) -> float:
    """Return R² of the rows outside `fit`, predicted by the mean of their level inside."""
    size = int(levels.max()) + 1
    count = np.bincount(levels[fit], minlength=size)
    total = np.bincount(levels[fit], target[fit], minlength=size)
    mean = np.where(count > 0, total / np.maximum(count, 1), target[fit].mean())
    rest = target[~fit]
    return float(1 - np.mean((rest - mean[levels[~fit]]) ** 2) / max(rest.var(), 1e-300))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the (n,) mid-ranks: their correlation is Spearman's."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


# ── pictures and texts ──────────────────────────────────────────────────────────────────────────


def shrink(images: np.ndarray, most: int) -> np.ndarray:
    """Return (n, d) float32: the means of at most `most` × `most` blocks of each picture, over its channels too."""
    height, width = (max(side // most, 1) for side in images.shape[1:3])
    rows, columns = images.shape[1] // height, images.shape[2] // width
    cut = images[:, : rows * height, : columns * width].mean(axis=3, dtype=np.float32)
    blocks = cut.reshape(len(cut), rows, height, columns, width).mean(axis=(2, 4))
    return np.asarray(blocks.reshape(len(cut), -1))


def _position(block: int, images: np.ndarray) -> str:
    """Return the place of a block of `shrink`, as row and column of its first pixel."""
    height, width = (max(side // GRID, 1) for side in images.shape[1:3])
    columns = images.shape[2] // width
    return f"row {block // columns * height}, column {block % columns * width}"


def _words(texts: list[str], targets: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return (n, d) whether a text has a word, and the words: those that are about as frequent as a class is."""
    sets = [{*_WORD.findall(text.lower())} for text in texts]
    frequency = Counter(word for words in sets for word in words)
    least = min(np.bincount(targets.astype(np.int64))[np.unique(targets)]) * 0.9
    words = [word for word, count in frequency.most_common() if least <= count <= len(texts) - least][:2000]
    positions = {word: number for number, word in enumerate(words)}
    levels = np.zeros((len(texts), len(words)), dtype=np.uint8)
    for row, present in enumerate(sets):
        levels[row, [positions[word] for word in present if word in positions]] = 1
    return levels, words
