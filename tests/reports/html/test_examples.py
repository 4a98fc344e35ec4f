"""Examples: predictions of several models are aligned by id, and the choice is by rule and says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_suite.reports.html.examples import TaskExamples, align, choose, rule_text, task_examples
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run


def of(run: Run) -> TaskExamples:
    examples = task_examples(run, tables([run])[0])
    assert isinstance(examples, TaskExamples)
    return examples


def columns(targets: Any, predictions: Any, scores: Any = None, **others: Any) -> dict[str, Any]:
    known = {"targets": np.asarray(targets), "predictions": np.asarray(predictions), **others}
    return known if scores is None else {**known, "scores": np.asarray(scores, dtype=np.float32)}


@pytest.fixture(scope="module")
def digits(runs_of_examples: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any]]:
    """Return a run on digits: rows 3 and 7 are wrong by both models, 11 by one, and 20 by the other."""
    data, options = runs_of_examples.load("digits")
    models = {
        "first": runs_of_examples.wrong_answers(data, {3: 0.8, 7: 0.75, 11: 0.99}, 10),
        "second": runs_of_examples.wrong_answers(data, {3: 0.7, 7: 0.9, 20: 0.5}, 10),
    }
    order = np.random.default_rng(1).permutation(len(data.splits["test"]))
    models["second"] = {name: values[order] for name, values in models["second"].items()}
    models["second"]["ids"] = data.splits["test"].ids[order]
    run = runs_of_examples.example_run(tmp_path_factory.mktemp("digits"), "digits", models, data=data, options=options)
    return run, models


def test_predictions_in_another_order_are_aligned_by_the_id_of_the_example(digits: tuple[Run, dict[str, Any]]) -> None:
    run, models = digits
    examples = of(run)
    for number, model in enumerate(models.values()):
        ids = model.get("ids", examples.models[0].predictions.ids)
        expected = dict(zip(np.asarray(ids).tolist(), model["predictions"].tolist()))
        aligned = examples.answers.values[:, number]
        assert {id: expected[id] for id in examples.ids.tolist()} == dict(zip(examples.ids.tolist(), aligned.tolist()))
    assert np.flatnonzero(examples.wrong.all(axis=1)).tolist() == [3, 7]
    assert np.flatnonzero(examples.wrong.any(axis=1)).tolist() == [3, 7, 11, 20]


def test_scores_are_those_of_the_prediction_and_of_the_target(digits: tuple[Run, dict[str, Any]]) -> None:
    examples = of(digits[0])
    assert examples.answers.scores[11] == pytest.approx([0.99, 0.9])
    assert examples.answers.target_scores[11] == pytest.approx([0.01 / 9, 0.9])


def test_those_that_most_models_get_wrong_come_first_the_most_confident_errors_before_others(
    digits: tuple[Run, dict[str, Any]],
) -> None:
    selection = choose(of(digits[0]), 10)
    assert selection.rows[:4].tolist() == [7, 3, 11, 20]
    assert (selection.hardest + selection.disputed, selection.drawn) == (4, 6)


def test_a_choice_of_more_examples_contains_that_of_fewer_and_is_the_same_each_time(
    digits: tuple[Run, dict[str, Any]],
) -> None:
    examples = of(digits[0])
    before: set[int] = set()
    for count in (1, 5, 40, 359, 1000):
        rows = choose(examples, count).rows.tolist()
        assert rows == choose(examples, count).rows.tolist()
        assert before <= set(rows)
        assert len(set(rows)) == min(count, 359)
        before = set(rows)


def test_the_page_states_by_which_rule_examples_were_chosen(digits: tuple[Run, dict[str, Any]]) -> None:
    examples = of(digits[0])
    assert rule_text(examples, choose(examples, 1000)) == "All 359 test examples."
    text = rule_text(examples, choose(examples, 10))
    assert text.startswith("10 of 359 test examples: ")
    assert text.endswith(
        "6 drawn at random from the others. Errors are more frequent among them than in the test split."
    )


def test_an_id_that_repeats_is_another_example_each_time() -> None:
    ids, rows = align([np.array([5, 5, 8]), np.array([8, 5, 9, 5])])
    assert ids.tolist() == [5, 5, 8, 9]
    assert rows.tolist() == [[0, 1], [1, 3], [2, 0], [-1, 2]]


def test_a_model_without_an_example_is_neither_right_nor_wrong_about_it(
    runs_of_examples: SimpleNamespace, tmp_path: Path
) -> None:
    models = {
        "all": columns([0, 1, 1], [0, 0, 1], ids=[1, 2, 3]),
        "some": columns([1, 0], [0, 1], ids=[2, 4]),
    }
    examples = of(runs_of_examples.example_run(tmp_path, "t", models))
    assert examples.ids.tolist() == [1, 2, 3, 4]
    assert examples.wrong.tolist() == [[False, False], [True, True], [False, False], [False, True]]
    assert examples.targets.tolist() == [0, 1, 1, 0]


def test_scores_of_many_classes_are_found_by_their_class(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    scores = generator.dirichlet(np.ones(150), 30)
    targets, predictions = generator.integers(0, 150, 30), scores.argmax(axis=1)
    models = {"wide": columns(targets, predictions, scores, ids=np.arange(30))}
    examples = of(runs_of_examples.example_run(tmp_path, "t", models))
    assert examples.answers.scores[:, 0] == pytest.approx(scores.max(axis=1), rel=1e-5)
    assert examples.answers.target_scores[:, 0] == pytest.approx(scores[np.arange(30), targets], rel=1e-5)


def test_scores_that_are_no_numbers_do_not_disturb_the_order(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    scores = [[np.nan, np.nan], [0.1, 0.9], [0.2, 0.8]]
    models = {"a": columns([0, 0, 1], [1, 1, 1], scores, ids=[1, 2, 3])}
    examples = of(runs_of_examples.example_run(tmp_path, "t", models))
    assert choose(examples, 3).rows.tolist() == [1, 0, 2]


def test_targets_that_are_names_become_classes_of_these_names(
    runs_of_examples: SimpleNamespace, tmp_path: Path
) -> None:
    models = {"a": columns(["cat", "dog"], ["cat", "emu"], ids=[1, 2])}
    examples = of(runs_of_examples.example_run(tmp_path, "t", models))
    assert list(examples.classes) == ["cat", "dog", "emu"]
    assert examples.wrong.tolist() == [[False], [True]]


def test_a_regression_is_ordered_by_the_mean_distance(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    models = {
        "a": columns([1.0, 2.0, 3.0], [1.1, 5.0, 3.0], ids=[1, 2, 3]),
        "b": columns([1.0, 2.0, 3.0], [1.3, 2.0, 3.0], ids=[1, 2, 3]),
    }
    examples = of(runs_of_examples.example_run(tmp_path, "t", models, problem="regression"))
    assert examples.regression
    assert not examples.wrong.any()
    assert choose(examples, 3).rows.tolist() == [1, 0, 2]
    assert rule_text(examples, choose(examples, 1)).startswith(
        "1 of 3 test examples: 1 of those that are predicted worst"
    )


def test_a_run_without_predictions_has_no_examples(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    run = runs_of_examples.example_run(tmp_path, "t", {"a": columns([0], [0], ids=[1])}, artifacts=())
    assert task_examples(run, tables([run])[0]) == ""


def test_predictions_that_were_deleted_or_damaged_are_named(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    run = runs_of_examples.example_run(tmp_path, "t", {"a": columns([0], [0], ids=[1])})
    file = next(run.path.glob("cells/*/predictions-test.parquet"))
    file.write_bytes(b"PAR1 no parquet")
    assert str(task_examples(run, tables([run])[0])).startswith("predictions could not be read: ")
