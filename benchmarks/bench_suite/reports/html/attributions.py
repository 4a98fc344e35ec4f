"""Attributions of single examples: which artifact of the probe explains which test example.

An artifact of the kind `examples` states the id of each explained example, with the method, the class, and the map of
an image. Earlier runs have none: there the rule by which the probe chooses examples finds them again in the stored
predictions, and an artifact's name states the kind of the example and its rank.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from bench_suite.contracts import ArtifactRow, Predictions
from bench_suite.reports.html.examples import TaskExamples
from bench_suite.reports.html.maps import map_picture
from bench_suite.reports.html.questions import questions_of
from bench_suite.stats.shown_examples import ExampleKind, choose_examples
from bench_suite.store.atomic import StoreError
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_WORDS = 150
"Words of an explained text."
MAX_BARS = 12
"Columns of an explained row of a table."
MAX_NUMBER = 2**31
"No number of a class is as large."
MAX_METHOD = 60
"Characters of the name of a method."
_NAME = re.compile(r"(?P<name>(?:right|wrong|borderline)(?:-(?P<rank>[0-9]{1,4}))?)(?P<words>-words)?")


KINDS: tuple[str, ...] = get_args(ExampleKind)
"Why the probe chose an example: it is confidently right, confidently wrong, or on the border between two classes."


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
    kind: str = ""
    "One of `KINDS`."
    method: str = ""
    "Name of the method; empty if the run does not state it."
    signed: bool = True
    "Whether weights below 0 speak against the class; otherwise all are magnitudes."
    explains: float = math.nan
    "Number of the class that is explained; NaN if the run does not state it."
    map: str = ""
    "Where the image speaks for the class and against it, as `data:` address."
    size: tuple[int, int] = (0, 0)
    "Width and height of the map in pixels."


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
        stated = _stated(run, [row for row in model.record.artifacts if label_of(row.name) in labels])
        shown = max(int(matched["rank"] or 1) for matched, _ in artifacts.values())
        rows = _stated_rows(model.predictions, stated) or _chosen_rows(model.predictions, shown)
        for name, row in rows.items():
            # A text has its words and a picture of them: the words can be read by everybody.
            entry = artifacts.get(f"{name}-words") or artifacts.get(name)
            if entry is not None and (own := _attribution(run, number, entry[1])) is not None:
                about = _about(stated.get(name) or {})
                by_position.setdefault(position[row], []).append(replace(own, kind=name.partition("-")[0], **about))
    return by_position


def _stated(run: Run, rows: Sequence[ArtifactRow]) -> dict[str, Mapping[str, Any]]:
    """Return what the probe states about its explained examples, by the names of their artifacts."""
    stated: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row.kind == "examples":
            with suppress(StoreError, ValueError, TypeError, LookupError, AttributeError):
                entries = run.read_artifact(row).data["examples"]
                stated |= {str(entry["artifact"]): entry for entry in entries if isinstance(entry, Mapping)}
    return stated


def _stated_rows(predictions: Predictions, stated: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return the rows of the examples that the probe names by their ids, by the names of its artifacts."""
    rows: dict[int, int] = {}
    for row, id in enumerate(np.asarray(predictions.ids).tolist()):
        rows.setdefault(id, row)
    return {name: rows[id] for name, entry in stated.items() if isinstance(id := entry.get("id"), int) and id in rows}


def _about(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stated about one example, as fields of `Attribution`; what has another form is left out."""
    about: dict[str, Any] = {"signed": entry.get("signed") is not False}
    if isinstance(method := entry.get("method"), str):
        about["method"] = method[:MAX_METHOD]
    if isinstance(number := entry.get("class"), int) and abs(number) < MAX_NUMBER:
        about["explains"] = float(number)
    if entry.get("map") is not None:
        with suppress(ValueError, TypeError, OverflowError):
            about["map"], about["size"] = map_picture(np.asarray(entry["map"], dtype=np.float64))
    return about


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
