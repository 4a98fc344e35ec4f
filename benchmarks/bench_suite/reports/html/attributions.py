"""Attributions of single examples: which artifact of the probe explains which test example.

The probe shows examples that a rule chooses by the test predictions, and the same rule finds them again in the stored
predictions: an artifact's name states the kind of the example and its rank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_suite.contracts import ArtifactRow, Predictions
from bench_suite.reports.html.examples import TaskExamples
from bench_suite.reports.html.questions import questions_of
from bench_suite.stats.shown_examples import choose_examples
from bench_suite.store.atomic import StoreError
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_WORDS = 150
"Words of an explained text."
MAX_BARS = 12
"Columns of an explained row of a table."
_NAME = re.compile(r"(?P<name>(?:right|wrong|borderline)(?:-(?P<rank>\d+))?)(?P<words>-words)?")


@dataclass(frozen=True)
class Attribution:
    """What explains the prediction of one model for one example."""

    model: int
    "Position of the model in `TaskExamples.models`."
    caption: str
    words: tuple[tuple[str, float], ...] = ()
    "The words of a text with weights from −1 to 1."
    bars: tuple[tuple[str, float], ...] = ()
    "The columns of a table with their values, and the attribution."
    file: str = ""
    "A picture, relative to the folder of the run."


def attributions(run: Run, examples: TaskExamples) -> dict[int, list[Attribution]]:
    """Return the attributions of the examples that have any, by the position in `TaskExamples`.

    Args:
        run: the run with the artifacts.
        examples: the examples of a task.
    """
    labels = {label for label, question in questions_of(run).items() if question == "explanation"}
    by_position: dict[int, list[Attribution]] = {}
    for number, model in enumerate(examples.models):
        artifacts = {
            matched["name"] + ("-words" if matched["words"] else ""): (matched, row)
            for row in model.record.artifacts
            if label_of(row.name) in labels and (matched := _NAME.fullmatch(row.name.rpartition("/")[2]))
        }
        if not artifacts:
            continue
        position = {row: at for at, row in enumerate(examples.rows[:, number].tolist()) if row >= 0}
        shown = max(int(matched["rank"] or 1) for matched, _ in artifacts.values())
        for name, row in _chosen_rows(model.predictions, shown).items():
            # A text has its words and a picture of them: the words can be read by everybody.
            entry = artifacts.get(f"{name}-words") or artifacts.get(name)
            if entry is not None and (own := _attribution(run, number, entry[1])) is not None:
                by_position.setdefault(position[row], []).append(own)
    return by_position


def _chosen_rows(predictions: Predictions, shown: int) -> dict[str, int]:
    """Return the rows that the probe showed, by the names of its artifacts; none if the scores are not known."""
    scores = predictions.columns.get("scores")
    if not isinstance(scores, np.ndarray) or scores.ndim != 2 or scores.shape[1] < 2:
        return {}
    if "score_classes" in predictions.columns:
        scores = scores[:, 1:]  # the first one is that of the target, which may be among the highest again
    targets, predicted = (np.asarray(predictions[name]) for name in ("targets", "predictions"))
    return {one.name: one.row for one in choose_examples(targets, predicted, scores, shown)}


def _attribution(run: Run, model: int, row: ArtifactRow) -> Attribution | None:
    if row.kind == "image":
        return Attribution(model, row.caption, file=row.file)
    try:
        data: Any = run.read_artifact(row).data
        if row.kind == "text" and not isinstance(data, str):
            return Attribution(model, row.caption, words=tuple(_pairs(data))[:MAX_WORDS])
        if row.kind == "bars" and isinstance(data, Mapping):
            return Attribution(model, row.caption, bars=tuple(_pairs(list(data["bars"].items())))[:MAX_BARS])
    except (StoreError, ValueError, TypeError, LookupError, AttributeError):
        return None  # the section of the explanations states which artifacts cannot be read
    return None


def _pairs(data: Sequence[Any]) -> Iterator[tuple[str, float]]:
    for name, value in data:
        yield str(name), float(value or 0.0)
