"""Examples as cards and as data: the same texts in both, and nothing that a browser cannot show."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_suite.reports.html.attributions import Attribution
from bench_suite.reports.html.example_view import ExamplesView, mark_of
from bench_suite.reports.html.examples import TaskExamples, choose, task_examples
from bench_suite.reports.html.items import Item, Items
from bench_suite.reports.table import tables

HOSTILE = '<img src=x onerror="alert(1)">\u202e\x1b'


@pytest.fixture
def view(runs_of_examples: SimpleNamespace, tmp_path: Path) -> Any:
    def make(columns: dict[str, Any], items: Items | None = None, **options: Any) -> ExamplesView:
        explained = options.pop("explained", {})
        classes = options.pop("classes", ())
        run = runs_of_examples.example_run(tmp_path, "t", {"a_b": columns, "c": columns}, **options)
        examples = task_examples(run, tables([run])[0])
        assert isinstance(examples, TaskExamples)
        return ExamplesView(examples, choose(examples, 10), items or Items({}), classes, explained, "results/r/")

    return make


COLUMNS = {
    "targets": np.array([0, 1]), "predictions": np.array([1, 1]), "ids": [2**60, 7],
    "scores": np.array([[0.25, 0.75], [np.nan, np.nan]], dtype=np.float32),
}  # fmt: skip


def test_a_card_has_the_target_the_predictions_and_their_scores(view: Any) -> None:
    first, second = view(COLUMNS, classes=("no", "yes"), groups={"sex": ["f", "m"]}).cards(5)
    assert (first.id, first.target, first.groups) == (str(2**60), "no", [("sex", "f")])
    assert [(one.model, one.prediction, one.score, one.target_score, one.status) for one in first.answers] == [
        ("a_b", "yes", "0.750", "0.250", "wrong"), ("c", "yes", "0.750", "0.250", "wrong"),
    ]  # fmt: skip
    assert [(one.prediction, one.score, one.status) for one in second.answers] == [("yes", "–", "right")] * 2


def test_data_contain_no_number_that_json_lacks_and_ids_as_text(view: Any) -> None:
    data = view(COLUMNS, groups={"sex": ["f", ""]}).data()
    text = json.dumps(data, allow_nan=False)
    assert str(2**60) in text
    first, second = data["rows"]
    assert first[:4] == [str(2**60), 0, [[1, 0.75, 0.25]] * 2, [0]]
    assert second[2:4] == [[[1, None, None]] * 2, [-1]]
    assert (data["classes"], data["groups"]) == ({"0": "0", "1": "1"}, [["sex", ["f"]]])


def test_characters_that_cannot_be_seen_are_replaced_and_markup_stays_text(view: Any) -> None:
    items = Items({7: Item(text=HOSTILE, values=(HOSTILE,))}, (HOSTILE,))
    explained = {1: [Attribution(0, HOSTILE, words=((HOSTILE, 1.0),))]}
    data = view(COLUMNS, items, classes=(HOSTILE, "b"), groups={HOSTILE: [HOSTILE, "x"]}, explained=explained).data()
    text = json.dumps(data, ensure_ascii=False)
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert '<img src=x onerror=\\"alert(1)\\">\ufffd\ufffd' in text


def test_a_regression_shows_the_error_with_its_sign(view: Any) -> None:
    columns = {"targets": np.array([1.0, 2.0]), "predictions": np.array([0.5, 2.25]), "ids": [1, 2]}
    cards = view(columns, problem="regression").cards(2)
    assert [(one.target, one.answers[0].prediction, one.answers[0].score) for one in cards] == [
        ("1", "0.5000", "−0.500"), ("2", "2.250", "+0.250"),
    ]  # fmt: skip


def test_weights_are_marked_by_sign_and_strength() -> None:
    assert [mark_of(weight) for weight in (1.0, 0.41, 0.05, -0.3, -2.0, float("nan"))] == [
        "p5",
        "p2",
        "",
        "n2",
        "n5",
        "",
    ]


MAP = Attribution(
    1, "caption", kind="wrong", method="<i>saliency", explains=1.0, map="data:image/png;base64,AA", size=(28, 28)
)


def test_a_map_has_its_model_its_method_and_its_class_and_the_section_counts_them(view: Any) -> None:
    explained = view(COLUMNS, classes=("no", "yes"), explained={0: [MAP]})
    (shown,) = explained.cards(5)[0].explanations
    assert (shown.model, shown.kind, shown.method, shown.explains) == ("c", "most confident wrong", MAP.method, "yes")
    assert explained.data()["rows"][0][5] == [
        [1, "caption", [], [], "", "most confident wrong", MAP.map, 28, "<i>saliency", "yes"]
    ]
    assert explained.data()["rows"][1][5] == []
    assert explained.explained_by == (
        "1 of 2 examples shown were explained by c with <i>saliency. "
        "In a map, red speaks for the class that is explained, blue against it."
    )


def test_several_methods_and_magnitudes_are_named_with_their_models(view: Any) -> None:
    other = replace(MAP, model=0, method="lime", signed=False)
    text = view(COLUMNS, explained={0: [MAP, other], 1: [replace(other, map="")]}).explained_by
    assert text.startswith("2 of 2 examples shown were explained by a_b with lime and c with <i>saliency. In a map, ")
    assert text.endswith(
        "blue against it; for a method without signs, red is a large magnitude, for the class or against it."
    )


def test_a_run_that_states_no_method_names_the_model_alone(view: Any) -> None:
    assert view(COLUMNS, explained={0: [Attribution(0, "old")]}).explained_by == (
        "1 of 2 examples shown were explained by a_b."
    )


def test_without_an_attribution_the_section_says_nothing_of_it(view: Any) -> None:
    assert view(COLUMNS).explained_by == ""
