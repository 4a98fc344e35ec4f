"""The examples that represent a classifier are chosen by rule."""

from __future__ import annotations

import numpy as np

from bench_suite.stats.shown_examples import ChosenExample, choose_examples


def rows_by_name(chosen: list[ChosenExample]) -> dict[str, int]:
    return {example.name: example.row for example in chosen}


def test_examples_are_chosen_by_rule() -> None:
    targets = np.array([0, 0, 1, 1, 0])
    scores = np.array([[0.9, 0.1], [0.7, 0.3], [0.95, 0.05], [0.4, 0.6], [0.52, 0.48]])
    chosen = choose_examples(targets, scores.argmax(axis=1), scores, 1)
    assert rows_by_name(chosen) == {"right": 0, "wrong": 2, "borderline": 4}
    twice = choose_examples(targets, scores.argmax(axis=1), scores, 2)
    assert rows_by_name(twice) == {"right": 0, "right-2": 1, "wrong": 2, "borderline": 4, "borderline-2": 3}
    assert [(example.kind, example.rank) for example in twice[:2]] == [("right", 1), ("right", 2)]


def test_a_perfect_model_has_no_wrong_example_to_show() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8]])
    chosen = choose_examples(np.array([0, 1]), np.array([0, 1]), scores, 1)
    assert rows_by_name(chosen) == {"right": 0, "borderline": 1}
