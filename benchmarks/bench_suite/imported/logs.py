"""Logs of evaluations: items with one score or several, collected line by line, as the cells of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench_suite.contracts import BenchError, Better, ImportedCell, Interval, MetricRow
from bench_suite.imported.example_scores import LABEL, score_predictions
from bench_suite.imported.items import Examples, examples_of

NOT_A_MEAN = "the log's value is not the mean of its scores by item, so it cannot be paired by item"
SAME = 1e-6
"Relative and absolute difference up to which the mean of the scores is the value that a log states."


@dataclass
class ItemScores:
    """The scores of one model on one task, as they are read."""

    where: str
    "The log, for errors."
    items: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    "By metric, one score for each entry of `items`; NaN if the item has none."
    absences: Mapping[str, Sequence[str]] = field(default_factory=dict)
    "By metric, why items have no score, as far as the log states it."

    def add(self, item: str, scores: Mapping[str, float], repeat: str = "") -> None:
        """Add the scores of one repetition of an item."""
        count = len(self.items)
        self.items.append(item)
        self.repeats.append(repeat)
        for metric, value in scores.items():
            of_metric = self.scores.setdefault(metric, [])
            of_metric += [np.nan] * (count - len(of_metric))
            of_metric.append(value)

    def cell(
        self, task: str, model: str, *, better: Mapping[str, Better], stated: Mapping[str, Stated], **further: Any
    ) -> ImportedCell:
        """Return the cell, with the metrics that are means over its items, and what the log states of others.

        A metric that some items lack, or whose mean is not the value that the log states, is not computed from the
        items: the value of the log is taken, if there is one.

        Args:
            task: name of the task.
            model: name of the model.
            better: which values of the metrics are better.
            stated: the values that the log states, by metric.
            further: other fields of the cell.

        Raises:
            BenchError: an item occurs twice, or there is neither an item nor a stated value.
        """
        notes: list[str] = list(further.pop("notes", ()))
        repeated = len(set(self.repeats)) > 1
        keys = list(zip(self.items, self.repeats, strict=True)) if repeated else self.items
        if len(set(keys)) < len(keys):
            self._examples(repeated=repeated)  # raises, also if no metric is a mean of its scores by item
        means: dict[str, np.ndarray] = {}
        rows: list[MetricRow] = []
        for metric, values in self.scores.items():
            column = np.array([*values, *[np.nan] * (len(self.items) - len(values))])
            value = stated.get(metric)
            absent = int(np.isnan(column).sum())
            if absent:
                reason = f"{absent:,} of {len(column):,} items have no such score{self._why(metric)}"
            elif value is not None and abs(column.mean() - value.value) > SAME * (1 + abs(value.value)):
                reason = f"{NOT_A_MEAN}: {value.value:.6g} and {column.mean():.6g}"
            else:
                means[metric] = column
                continue
            rows.append(stated_row(metric, value, better.get(metric, "higher"), reason))
        for metric, value in stated.items():
            if metric not in self.scores:
                rows.append(stated_row(metric, value, better.get(metric, "higher"), "the log has no scores by item"))
        if not means and not rows:
            raise BenchError(f"{self.where}: there are no scores")
        if not means:
            return ImportedCell(task, model, metrics=tuple(rows), notes=tuple(notes), **further)
        examples = self._examples(repeated=repeated)
        if examples.repetitions > 1:
            notes.append(
                f"{len(examples.ids):,} scores of {examples.items:,} items, up to {examples.repetitions} repetitions "
                "each; an item is a cluster"
            )
        return ImportedCell(
            task, model, predictions=score_predictions(examples, means), better=dict(better), metrics=tuple(rows),
            repetitions=examples.repetitions, notes=tuple(notes), **further,
        )  # fmt: skip

    def _examples(self, *, repeated: bool) -> Examples:
        """Return the examples of all items.

        Raises:
            BenchError: an item, or one repetition of it, occurs twice.
        """
        return examples_of(
            np.arange(len(self.items)), np.array(self.items, dtype=object),
            np.array(self.repeats, dtype=object) if repeated else None, None, whose=self.where, advice=False,
        )  # fmt: skip

    def _why(self, metric: str) -> str:
        """Return why items have no score; of several reasons the most frequent one."""
        reasons = Counter(self.absences.get(metric, ()))
        if not reasons:
            return ""
        reason, count = reasons.most_common(1)[0]
        return f": {reason}" if len(reasons) == 1 else f", such as {count:,} for this reason: {reason}"


@dataclass(frozen=True)
class Stated:
    """A value that a log states for a whole task."""

    value: float
    error: float | None = None
    "Its standard error, if the log states it."
    n: int | None = None


def stated_row(metric: str, stated: Stated | None, better: Better, reason: str) -> MetricRow:
    """Return a metric that is not computed from items: the value that the log states, or why there is none."""
    if stated is None:
        return MetricRow(f"{LABEL}/{metric}", None, "score", better, reason, timing=False)
    interval = None
    if stated.error is not None and stated.error > 0:
        interval = Interval(stated.value - 1.96 * stated.error, stated.value + 1.96 * stated.error, 0.95)
    return MetricRow(
        f"{LABEL}/{metric}", stated.value, "score", better, reason, interval=interval, n=stated.n, timing=False
    )
