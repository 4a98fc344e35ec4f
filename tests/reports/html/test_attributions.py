"""Attributions belong to the example that the probe chose: the rule finds it again in the stored predictions."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Artifact, ProbeRow, Record
from bench_suite.reports.html.attributions import attributions
from bench_suite.reports.html.examples import TaskExamples, task_examples
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

ARTIFACTS = (
    Artifact("right", "image", np.zeros((4, 4), np.uint8), "right"),
    Artifact("wrong-words", "text", [["fine", 0.9], ["bad", -0.4]], "wrong"),
    Artifact("wrong", "image", np.zeros((4, 4), np.uint8), "a picture of the words"),
    Artifact("borderline", "bars", {"y": "logit", "bars": {"age = 3": 0.5, "sex = f": None}}, "borderline"),
    Artifact("deletion", "lines", {"x": "share", "y": "score", "series": {}}, "a curve"),
)
STATED = (
    {
        "id": 10, "artifact": "right", "kind": "right", "method": "saliency", "signed": False, "class": 1,
        "map": [[127, 0], [0, 20]],
    },
    {"id": 50, "artifact": "wrong", "kind": "wrong", "method": "lime", "signed": True, "class": 0, "map": [["<b>"]]},
    {"id": 2**70, "artifact": "borderline", "kind": "borderline", "method": 3, "class": None},
)  # fmt: skip
"What a later run states: other examples than those that the rule finds, and one that is not in the predictions."
SCORES = np.array([[0.9, 0.1], [0.99, 0.01], [0.2, 0.8], [0.51, 0.49], [0.3, 0.7]], dtype=np.float32)
TARGETS = np.array([0, 0, 0, 0, 1])
IDS = np.array([50, 40, 30, 20, 10])


def explained_run(
    functions: SimpleNamespace, folder: Path, label: str = "attribution", *, stated: Any = None, **columns: Any
) -> Run:
    """Return a run of one model whose probe has explained examples."""
    known = {"targets": TARGETS, "predictions": SCORES.argmax(axis=1), "scores": SCORES, "ids": IDS, **columns}
    run = functions.example_run(folder, "t", {"a": known}, text=f"[probes.{label}]\nuse = 'attribution'\n")
    record = run.records()[0]
    artifacts = (*ARTIFACTS, *([] if stated is None else [Artifact("examples", "examples", {"examples": stated}, "")]))
    rows = tuple(run.write_artifact(record.id, label, artifact) for artifact in artifacts)
    changed = {"artifacts": (*record.artifacts, *rows), "probes": {**record.probes, label: ProbeRow("ok", "k")}}
    with run.writer() as writer:
        writer.write(Record(**{**vars(record), **changed}))
    return Run(run.path)


def by_id(run: Run) -> dict[int, list[str]]:
    examples = task_examples(run, tables([run])[0])
    assert isinstance(examples, TaskExamples)
    return {int(examples.ids[row]): [one.caption for one in own] for row, own in attributions(run, examples).items()}


@pytest.mark.parametrize("label", ["attribution", "why"])
def test_each_artifact_is_shown_with_the_example_of_its_kind(
    runs_of_examples: SimpleNamespace, tmp_path: Path, label: str
) -> None:
    run = explained_run(runs_of_examples, tmp_path, label)
    assert by_id(run) == {40: ["right"], 30: ["wrong"], 20: ["borderline"]}


def test_words_and_columns_are_read_and_pictures_are_named_by_their_file(
    runs_of_examples: SimpleNamespace, tmp_path: Path
) -> None:
    run = explained_run(runs_of_examples, tmp_path)
    examples = task_examples(run, tables([run])[0])
    assert isinstance(examples, TaskExamples)
    known = attributions(run, examples)
    assert known[2][0].words == (("fine", 0.9), ("bad", -0.4))
    assert known[3][0].bars == (("age = 3", 0.5), ("sex = f", 0.0))
    assert (run.path / known[1][0].file).is_file()


def test_without_scores_no_example_is_claimed_to_be_the_explained_one(
    runs_of_examples: SimpleNamespace, tmp_path: Path
) -> None:
    assert by_id(explained_run(runs_of_examples, tmp_path, scores=np.zeros(5))) == {}


def test_with_many_classes_the_rule_uses_the_highest_scores(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    scores = np.full((5, 150), 0.0, dtype=np.float32)
    scores[:, :2] = SCORES
    assert by_id(explained_run(runs_of_examples, tmp_path, scores=scores)) == {
        40: ["right"],
        30: ["wrong"],
        20: ["borderline"],
    }


def test_an_artifact_that_was_deleted_is_left_out(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    run = explained_run(runs_of_examples, tmp_path)
    next(run.path.glob("cells/*/attribution/borderline.json")).unlink()
    assert by_id(run) == {40: ["right"], 30: ["wrong"]}


def test_the_ids_that_a_run_states_count_and_not_the_rule(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    run = explained_run(runs_of_examples, tmp_path, stated=STATED)
    assert by_id(run) == {10: ["right"], 50: ["wrong"]}
    examples = task_examples(run, tables([run])[0])
    assert isinstance(examples, TaskExamples)
    known = attributions(run, examples)
    right, wrong = known[4][0], known[0][0]
    assert (right.kind, right.method, right.signed, right.explains, right.size) == (
        "right",
        "saliency",
        False,
        1,
        (2, 2),
    )
    assert right.map.startswith("data:image/png;base64,")
    assert (wrong.kind, wrong.method, wrong.map) == ("wrong", "lime", "")  # its map has no numbers


@pytest.mark.parametrize("stated", [[], [3], "abc", [{"artifact": "right"}], [{"id": [1], "artifact": "right"}]])
def test_what_is_stated_in_another_form_leaves_the_rule(
    runs_of_examples: SimpleNamespace, tmp_path: Path, stated: Any
) -> None:
    assert by_id(explained_run(runs_of_examples, tmp_path, stated=stated)) == {
        40: ["right"],
        30: ["wrong"],
        20: ["borderline"],
    }


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**31], ids=["huge", "negative", "large"])
def test_a_class_that_no_task_has_is_left_out(runs_of_examples: SimpleNamespace, tmp_path: Path, number: int) -> None:
    stated = [{**entry, "class": number} for entry in STATED if isinstance(entry, dict)]
    run = explained_run(runs_of_examples, tmp_path, stated=stated)
    examples = task_examples(run, tables([run])[0])
    assert isinstance(examples, TaskExamples)
    assert all(math.isnan(own.explains) for shown in attributions(run, examples).values() for own in shown)
