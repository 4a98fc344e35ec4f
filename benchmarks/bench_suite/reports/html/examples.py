"""Examples of the page: test examples of a task with what its best models predict, chosen so that errors come first.

The examples of several models are aligned by their ids. Which of them a page shows is decided by rule, and the page
states the rule, because the share of errors among them is not that of the test split.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import BenchError, Predictions, Record
from bench_suite.reports import leaderboard
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table
from bench_suite.store.runs import Run

MAX_MODELS = 6
"Models of a task whose predictions are shown: the best ones."
SEED = 0
"Seed with which a part of the examples is drawn."
_SPLIT = "test"


@dataclass(frozen=True)
class ShownModel:
    """One model of a task: the row of a board, represented by one of its cells."""

    label: str
    record: Record
    file: str
    "Its predictions, relative to the folder of the run."
    predictions: Predictions

    @property
    def seed(self) -> str:
        """The seed and the fold of its cell, in words."""
        cell = self.record.cell
        return ", ".join(f"{axis} {cell[axis]}" for axis in ("seed", "fold") if cell.get(axis) is not None)


@dataclass(frozen=True)
class Answers:
    """What several models predict for the same examples; (n, models) each, NaN if a model lacks an example."""

    values: np.ndarray
    "Class numbers, or the predicted values."
    scores: np.ndarray
    "Score of the predicted class."
    target_scores: np.ndarray
    "Score of the target."


@dataclass(frozen=True)
class TaskExamples:
    """All test examples of a task with the predictions of its best models."""

    task: str
    heading: str
    models: Sequence[ShownModel]
    regression: bool
    classes: Sequence[str]
    "Names of classes if the predictions contain names; empty if they contain numbers."
    ids: np.ndarray
    "(n,) int64."
    targets: np.ndarray
    "(n,) class numbers, or the true values."
    answers: Answers
    groups: Mapping[str, np.ndarray]
    "Sensitive attributes by name, each (n,) texts; empty for an example that no model gives one."
    rows: np.ndarray
    "(n, models) positions in the predictions of each model, −1 if a model lacks an example."

    @property
    def wrong(self) -> np.ndarray:
        """Which predictions differ from the target, (n, models) bool; of a regression: none."""
        if self.regression:
            return np.zeros(self.answers.values.shape, dtype=bool)
        return (self.answers.values != self.targets[:, None]) & (self.rows >= 0)

    @property
    def errors(self) -> np.ndarray:
        """How far a prediction is off, (n, models) ≥ 0: the distance, or the score of a wrong class; NaN if unknown."""
        if self.regression:
            return np.abs(self.answers.values - self.targets[:, None])
        return np.where(self.wrong, np.nan_to_num(self.answers.scores), 0.0)


@dataclass(frozen=True)
class Selection:
    """The examples of a task that are shown, in order, and how many were chosen by which rule."""

    rows: np.ndarray
    "(k,) positions in `TaskExamples`."
    hardest: int
    disputed: int
    drawn: int


def task_examples(run: Run, table: Table) -> TaskExamples | str:
    """Return the test examples of a table, or why there are none, in words; an empty text if nothing was predicted.

    Args:
        run: the run with the predictions.
        table: its rows, the best first.
    """
    models: list[ShownModel] = []
    reason = ""
    for row in table.rows:
        if len(models) == MAX_MODELS:
            break
        try:
            shown = _shown_model(run, row, models)
        except BenchError as error:
            reason = reason or f"predictions could not be read: {error}"
            continue
        if shown is not None:
            models.append(shown)
    if not models:
        return reason
    return _aligned(table, models)


def _shown_model(run: Run, row: Row, models: Sequence[ShownModel]) -> ShownModel | None:
    """Return a row's first cell with predictions, if possible of the seed and the fold of the models before it."""
    cells = [(record, file) for record in row.cells if (file := _file(record)) is not None]
    if models:
        first = models[0].record.cell
        cells.sort(key=lambda one: any(one[0].cell.get(axis) != first.get(axis) for axis in ("seed", "fold")))
    for record, file in cells[:1]:
        predictions = run.predictions_of(record, _SPLIT)
        if predictions is not None and "predictions" in predictions.columns and "targets" in predictions.columns:
            return ShownModel(row.label, record, file, predictions)
    return None


def _file(record: Record) -> str | None:
    return next((row.file for row in record.artifacts if row.name == f"predictions/{_SPLIT}"), None)


# ── alignment ───────────────────────────────────────────────────────────────────────────────────


def align(ids: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Align the examples of several models by id; the second occurrence of an id is another example.

    Args:
        ids: of each model, (n_m,) int64.

    Returns:
        The ids of all examples, (n,), those of the first model first; and the position of each example in each model,
        (n, models), −1 if the model lacks it.
    """
    first = np.asarray(ids[0])
    if all(np.array_equal(first, other) for other in ids[1:]):
        return first, np.repeat(np.arange(len(first))[:, None], len(ids), axis=1)
    positions: dict[tuple[int, int], int] = {}
    columns: list[dict[int, int]] = []
    for own in ids:
        counts: dict[int, int] = {}
        column: dict[int, int] = {}
        for row, id in enumerate(np.asarray(own).tolist()):
            counts[id] = counts.get(id, 0) + 1
            column[positions.setdefault((id, counts[id]), len(positions))] = row
        columns.append(column)
    rows = np.full((len(positions), len(ids)), -1, dtype=np.int64)
    for model, column in enumerate(columns):
        rows[list(column), model] = list(column.values())
    return np.array([id for id, _ in positions], dtype=np.int64), rows


def _aligned(table: Table, models: Sequence[ShownModel]) -> TaskExamples | str:
    targets = [np.asarray(model.predictions["targets"]) for model in models]
    values = [np.asarray(model.predictions["predictions"]) for model in models]
    if any(column.ndim != 1 for column in (*targets, *values)):
        return "a prediction consists of several values"
    ids, rows = align([np.asarray(model.predictions.ids) for model in models])
    numeric = all(column.dtype.kind in "iufb" for column in (*targets, *values))
    problem = models[0].record.data.get("problem")
    regression = problem == "regression" or (
        problem != "classification" and numeric and any(column.dtype.kind == "f" for column in targets)
    )
    if regression and not numeric:
        return "targets of a regression are not numbers"
    classes: Sequence[str] = ()
    if not numeric:
        names = sorted({str(value) for column in (*targets, *values) for value in column.tolist()})
        numbers = {name: number for number, name in enumerate(names)}
        classes = names
        targets = [_numbers_of(column, numbers) for column in targets]
        values = [_numbers_of(column, numbers) for column in values]
    of_models = [_scores(model.predictions, value, target) for model, value, target in zip(models, values, targets)]
    answers = Answers(
        _columns(values, rows),
        _columns([scores for scores, _ in of_models], rows),
        _columns([scores for _, scores in of_models], rows),
    )
    return TaskExamples(
        table.task, leaderboard.name(table), models, regression, classes, ids, _first(_columns(targets, rows)), answers,
        _groups(models, rows), rows,
    )  # fmt: skip


def _numbers_of(column: np.ndarray, numbers: Mapping[str, int]) -> np.ndarray:
    return np.array([numbers[str(value)] for value in column.tolist()], dtype=np.float64)


def _columns(values: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return the values of each model for the aligned examples, (n, models) float64; NaN if a model lacks one."""
    aligned = np.full(rows.shape, np.nan)
    for model, column in enumerate(values):
        has = rows[:, model] >= 0
        aligned[has, model] = column.astype(np.float64)[rows[has, model]]
    return aligned


def _first(columns: np.ndarray) -> np.ndarray:
    """Return the first known value of each row."""
    known = ~np.isnan(columns)
    return columns[np.arange(len(columns)), known.argmax(axis=1)]


def _scores(predictions: Predictions, values: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the predicted class and of the target, (n,) each; NaN if they are not known."""
    unknown = np.full(len(values), np.nan)
    scores = predictions.columns.get("scores")
    if not isinstance(scores, np.ndarray) or scores.ndim != 2 or values.dtype.kind not in "iu":
        return unknown, unknown
    classes = predictions.columns.get("score_classes")
    if classes is None:
        classes = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    if not isinstance(classes, np.ndarray) or classes.shape != scores.shape:
        return unknown, unknown
    return _of_class(scores, classes, values), _of_class(scores, classes, targets)


def _of_class(scores: np.ndarray, classes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    same = classes == wanted[:, None]
    chosen = scores[np.arange(len(scores)), same.argmax(axis=1)].astype(np.float64)
    return np.where(same.any(axis=1), chosen, np.nan)


def _groups(models: Sequence[ShownModel], rows: np.ndarray) -> dict[str, np.ndarray]:
    groups: dict[str, np.ndarray] = {}
    for position, model in enumerate(models):
        has = rows[:, position] >= 0
        for name, values in model.predictions.groups.items():
            known = groups.setdefault(name, np.full(len(rows), "", dtype=object))
            lacking = has & (known == "")
            known[lacking] = np.asarray(values).astype(str).astype(object)[rows[lacking, position]]
    return groups


# ── choice ──────────────────────────────────────────────────────────────────────────────────────


def choose(examples: TaskExamples, count: int, always: Sequence[int] = ()) -> Selection:
    """Choose up to `count` examples: half of them the hardest, a quarter disputed ones, a quarter drawn at random.

    The hardest are those that most models get wrong, and among equals those with the most confident errors; of a
    regression those with the greatest mean distance. Disputed are those of the others whose predictions differ most. If
    there are too few of one kind, the others get their share. A choice of more examples contains that of fewer.

    Args:
        examples: all examples of a task.
        count: how many to choose.
        always: positions of examples that are chosen first, such as those with an attribution.

    Returns:
        The chosen ones, the hardest first.
    """
    order, difficult = _by_difficulty(examples)
    total = len(order)
    position = np.empty(total, dtype=np.int64)
    position[order] = np.arange(total)
    spread = _disagreement(examples)
    disputed = np.lexsort((position, -spread))
    kinds: dict[str, Iterator[int]] = {
        "hardest": iter(order[difficult[order]].tolist()),
        "disputed": iter(disputed[spread[disputed] > 0].tolist()),
        "drawn": iter(np.random.default_rng(SEED).permutation(total).tolist()),
    }
    chosen = dict.fromkeys(list(always)[:count], "always")
    for kind in itertools.cycle(("hardest", "disputed", "hardest", "drawn")):
        if len(chosen) >= min(count, total):
            break
        row = next((row for row in kinds[kind] if row not in chosen), None)
        if row is not None:
            chosen[row] = kind
    rows = np.array(list(chosen), dtype=np.int64)
    numbers = Counter(chosen.values())
    return Selection(
        rows[np.argsort(position[rows], kind="stable")], numbers["hardest"], numbers["disputed"], numbers["drawn"]
    )


def _by_difficulty(examples: TaskExamples) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of all examples, the hardest first, and which of them any model gets wrong."""
    errors = examples.errors
    known = ~np.isnan(errors)
    mean = np.where(known, errors, 0.0).sum(axis=1) / np.maximum(1, known.sum(axis=1))
    if examples.regression:
        return np.lexsort((np.arange(len(mean)), -mean)), mean > 0
    wrong = examples.wrong.sum(axis=1)
    return np.lexsort((np.arange(len(mean)), -mean, -wrong)), wrong > 0


def _disagreement(examples: TaskExamples) -> np.ndarray:
    """Return how far the models disagree about each example, (n,): the number of answers beyond one, or their range."""
    values = examples.answers.values
    known = ~np.isnan(values)
    if examples.regression:
        low = np.where(known, values, np.inf).min(axis=1)
        high = np.where(known, values, -np.inf).max(axis=1)
        return np.where(known.any(axis=1), high - low, 0.0)
    ordered = np.sort(values, axis=1)  # NaN last
    return (np.diff(ordered, axis=1) > 0).sum(axis=1).astype(np.float64)


def rule_text(examples: TaskExamples, choice: Selection) -> str:
    """Return which examples are shown, for a reader."""
    total = len(examples.ids)
    if len(choice.rows) == total:
        return f"All {total:,} test examples."
    several = len(examples.models) > 1
    subject = "the largest number of models get" if several else "the model gets"
    hardest = "are predicted worst" if examples.regression else f"{subject} wrong"
    parts = [f"{choice.hardest:,} of those that {hardest}"] if choice.hardest else []
    parts += [f"{choice.disputed:,} more about which models disagree"] if choice.disputed else []
    rest = len(choice.rows) - choice.hardest - choice.disputed - choice.drawn
    parts += [f"{rest:,} with an attribution"] if rest else []
    parts += [f"{choice.drawn:,} drawn at random from the others"] if choice.drawn else []
    listed = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else ""
    return (
        f"{len(choice.rows):,} of {total:,} test examples: {listed}. Errors are more frequent among them than in the "
        "test split."
    )
