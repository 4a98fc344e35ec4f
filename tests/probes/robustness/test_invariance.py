"""Invariance: known shares of flips, of examples that a form changes, and of texts that are negated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from bench_suite.contracts import Artifact
from bench_suite.probes.robustness.invariance import chosen_forms, flip_rates

N = 60


def measured(cell, modality, names="all", rows=None):
    rows = np.arange(len(cell.data.splits["test"])) if rows is None else rows
    items = list(flip_rates(cell, modality, chosen_forms(modality, names), rows, 200))
    metrics = {(m.name, *m.at.values()): m for m in items if not isinstance(m, Artifact)}
    assert all(m.reason or m.interval for m in metrics.values())
    return metrics, [item for item in items if isinstance(item, Artifact)]


def texts():
    kinds = ["It is a GOOD film.", "it isn't a film", "a movie"]
    return {"text": [f"{kinds[number % 3]}" for number in range(N)], "target": np.arange(N) % 2}


def finds(word):
    return lambda raw: np.array([word in text for text in raw["text"]], dtype=np.int64)


def test_a_flip_is_another_class_among_the_examples_that_a_form_changes(rule_cell):
    metrics, (table,) = measured(rule_cell(texts(), finds("GOOD")), "text")
    # In small letters a third of the texts change their form, and all of these their class; in capitals all change.
    lower = metrics["flip_rate", "lower_case"]
    assert (lower.value, lower.n) == (1.0, N // 3)
    known = binomtest(N // 3, N // 3).proportion_ci(0.95, method="exact")
    assert (lower.interval.low, lower.interval.high) == pytest.approx((known.low, known.high))
    assert (metrics["flip_rate", "upper_case"].value, metrics["flip_rate", "upper_case"].n) == (0.0, N)
    assert metrics["flip_rate", "people"].value is None
    assert "no test example" in metrics["flip_rate", "people"].reason
    assert metrics["any_flip_rate",].value == pytest.approx(1 / 3)
    assert metrics["any_flip_rate",].n == N
    assert table.data["rows"][0] == ["lower_case", "It is a GOOD film.", "it is a good film.", "yes → no"]


def test_a_response_is_another_class_among_the_texts_with_a_verb(rule_cell):
    metrics, _ = measured(rule_cell(texts(), finds("not")), "text", ("whitespace",))
    response = metrics["response_rate", "negation"]
    assert (response.value, response.n) == (0.5, 2 * N // 3)  # "is not" appears, "isn't" never had it
    assert metrics["any_flip_rate",].value == 0.0


def test_only_the_drawn_examples_are_predicted(rule_cell):
    cell = rule_cell(texts(), finds("GOOD"))
    metrics, _ = measured(cell, "text", ("lower_case",), rows=np.arange(0, N, 3)[:5])
    assert metrics["flip_rate", "lower_case"].n == 5
    assert set(cell.predicted) == {N, 5}


def test_images_move_by_a_pixel_and_tables_are_rounded(rule_cell):
    image = np.zeros((N, 6, 6, 1), dtype=np.uint8)
    image[: N // 2, :, 0] = 9  # a line at the left, which leaves the picture to the left
    pictures = {"image": image, "target": np.arange(N) % 2}
    metrics, artifacts = measured(rule_cell(pictures, lambda raw: (raw["image"][:, 0, 1, 0] >= 9) * 1), "image")
    assert {key[1] for key in metrics if key[0] == "flip_rate"} == {
        "shift_left", "shift_right", "shift_up", "shift_down", "brighter"
    }  # fmt: skip
    right = metrics["flip_rate", "shift_right"]
    assert (right.value, right.n) == (0.0, N // 2) or right.value == 1.0
    assert metrics["flip_rate", "shift_up"].reason
    assert metrics["flip_rate", "brighter"].n == N
    assert artifacts == []
    table = {"table": np.array([[1.2345, np.nan]] * N), "target": np.arange(N) % 2}
    metrics, _ = measured(rule_cell(table, lambda raw: (raw["table"][:, 0] > 1.232) * 1), "table")
    assert metrics["flip_rate", "rounded"].value == 1.0


def test_forms_that_change_nothing_have_reasons(rule_cell):
    metrics, _ = measured(rule_cell(texts(), finds("GOOD")), "text", ("people", "places"))
    assert metrics["any_flip_rate",].value is None
    assert metrics["any_flip_rate",].reason
    assert set(metrics) == {("any_flip_rate",), ("flip_rate", "people"), ("flip_rate", "places"),
                            ("response_rate", "negation")}  # fmt: skip


def test_clusters_give_intervals_over_clusters(rule_cell):
    cell = rule_cell(texts(), lambda raw: np.array([len(t) % 2 for t in raw["text"]]), clusters=np.arange(N) // 4)
    metrics, _ = measured(cell, "text", ("final_mark",))
    metric = metrics["any_flip_rate",]
    assert metric.interval is None or metric.interval.over == "clusters"


def test_a_regression_has_a_reason(rule_cell):
    metrics, _ = measured(rule_cell(texts(), lambda raw: np.zeros(len(raw["text"])), problem="regression"), "text")
    assert list(metrics) == [("flip_rate",)]
    assert metrics["flip_rate",].value is None


def test_the_chosen_forms_are_those_of_the_modality():
    assert chosen_forms("image", ("brighter", "synonyms")) == ("brighter",)
    assert chosen_forms("table", "all") == ("rounded",)
    assert chosen_forms("text", "none") == ()
