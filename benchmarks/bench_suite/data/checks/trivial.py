"""Trivial predictors of a test split: what D009 compares the best model with.

They are the most frequent class or the median, the best single column, and the nearest neighbour. Each is fitted on at
most `MAX_TRAIN` examples of train, so it is rather too weak than too strong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable
from bench_suite.data.checks.leaks import levels_of, sample_by_content, shrink

MAX_TRAIN = 5_000
MAX_TEST = 2_000
"Examples of test that are predicted, chosen by content."
NEAREST = "the nearest neighbour"
_Predictor = tuple[str, np.ndarray]  # its name for the reader, and its predictions


@dataclass(frozen=True)
class Baselines:
    """Losses of trivial predictors on some examples of test."""

    ids: np.ndarray
    "(n,) int64."
    losses: Mapping[str, np.ndarray]
    """By predictor (`constant`, `column`, `neighbour`), (n,): 1 for a wrong class and 0 for the right one, or the
    absolute error of a number."""
    names: Mapping[str, str] = field(default_factory=dict)
    "By predictor: what it is for the reader, such as `the median (3.5)`."


def baselines_of(task: CheckedTask) -> Baselines | None:
    """Return the losses of trivial predictors; None if the targets are neither classes nor numbers."""
    targets = [task.targets(name) for name in ("train", "test")]
    if targets[0] is None or targets[1] is None:
        return None
    test = sample_by_content(task.split("test").ids, MAX_TEST)
    train = sample_by_content(task.split("train").ids, MAX_TRAIN)
    y, truth = targets[0][train], targets[1][test]
    is_class = bool(task.classes)
    constant = np.bincount(targets[0].astype(np.int64)).argmax() if is_class else np.median(targets[0])
    name = f"the most frequent class ({task.classes[int(constant)]})" if is_class else f"the median ({constant:g})"
    predictions: dict[str, _Predictor] = {"constant": (name, np.full(len(truth), constant))}
    with contextlib.suppress(NotApplicable):
        predictions |= _from_inputs(task, (train, test), y, is_class=is_class)
    losses = {
        key: (values != truth).astype(np.float64) if is_class else np.abs(values - truth)
        for key, (_, values) in predictions.items()
    }
    names = {key: name for key, (name, _) in predictions.items()}
    return Baselines(np.asarray(task.split("test").ids)[test], losses, names)


def _from_inputs(
    task: CheckedTask, rows: tuple[np.ndarray, np.ndarray], y: np.ndarray, *, is_class: bool
) -> dict[str, _Predictor]:
    if task.modality == "table":
        tables = [task.table(name)[of_split] for name, of_split in zip(("train", "test"), rows)]
        return {
            **_one_column(task, tables, y, is_class=is_class),
            "neighbour": (NEAREST, y[_nearest(*_standardised(*tables))]),
        }
    if task.modality == "image":
        pictures = [np.asarray(task.inputs(name))[of_split] for name, of_split in zip(("train", "test"), rows)]
        return {"neighbour": (NEAREST, y[_nearest(*(shrink(part, 32) for part in pictures))])}
    return {}


def _one_column(task: CheckedTask, tables: list[np.ndarray], y: np.ndarray, *, is_class: bool) -> dict[str, _Predictor]:
    """Return the predictions by the column that is best on half of train, with the other half as examples."""
    best: tuple[float, str, np.ndarray] | None = None
    half = np.arange(len(y)) % 2 == 0
    for source in task.columns:
        both = levels_of(source, np.concatenate(tables))
        levels, unseen = both[: len(y)], both[len(y) :]
        loss = (
            (_typical(levels[half], y[half], levels[~half], is_class=is_class) != y[~half]).mean()
            if is_class
            else (np.abs(_typical(levels[half], y[half], levels[~half], is_class=is_class) - y[~half]).mean())
        )
        if best is None or loss < best[0]:
            best = (float(loss), source.name, _typical(levels, y, unseen, is_class=is_class))
    return {} if best is None else {"column": (f"the column `{best[1]}` alone", best[2])}


def _typical(levels: np.ndarray, y: np.ndarray, wanted: np.ndarray, *, is_class: bool) -> np.ndarray:
    """Return for each wanted level the most frequent class, or the mean, of the examples at it."""
    size = int(max(levels.max(initial=0), wanted.max(initial=0))) + 1
    if not is_class:
        count = np.bincount(levels, minlength=size)
        means = np.bincount(levels, y, minlength=size) / np.maximum(count, 1)
        return np.asarray(np.where(count > 0, means, np.median(y))[wanted])
    classes = int(y.max()) + 1
    counts = np.bincount(levels * classes + y.astype(np.int64), minlength=size * classes).reshape(size, classes)
    return np.asarray(np.where(counts.any(axis=1), counts.argmax(axis=1), np.bincount(y).argmax())[wanted])


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both tables with the median of train for missing values, and in its standard deviations."""
    known = np.isfinite(train).any(axis=0)
    train, test = train[:, known], test[:, known]
    median = np.nanmedian(train, axis=0) if train.size else np.zeros(train.shape[1])
    train, test = (np.where(np.isnan(part), median, part) for part in (train, test))
    scale = train.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return (train - median) / scale, (test - median) / scale


def _nearest(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the row of train that is nearest to each row of test."""
    train, test = train.astype(np.float32), test.astype(np.float32)
    squares = (train * train).sum(axis=1)
    parts = [test[start : start + 500] for start in range(0, len(test), 500)]
    return np.asarray(np.concatenate([(squares - 2 * part @ train.T).argmin(axis=1) for part in parts]))
