"""Claims about the audit: coins, labels and guesses, and what it shows of a mechanism whose ε is known."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from bench_suite.contracts import Predictions
from bench_suite.data.splits import MemorySplit, column
from bench_suite.probes.privacy import canaries
from bench_suite.stats.one_run_audit import lower_bound


def metrics(scores: np.ndarray, coins: np.ndarray, guesses: int, claimed: float | None = None, delta: float = 0.0):
    random = np.random.default_rng(0)
    return {m.name: m for m in canaries.audit_metrics(scores, coins, guesses, delta, claimed, random)}


def test_the_greatest_scores_are_guessed_in_and_the_smallest_out():
    coins = np.array([True, True, False, True, False, False])
    scores = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    random = np.random.default_rng(0)
    assert canaries.correct_guesses(scores, coins, 4, random) == 4
    assert canaries.correct_guesses(-scores, coins, 4, random) == 0
    assert canaries.correct_guesses(scores, coins, 6, random) == 4


def test_equal_scores_are_guessed_by_lot():
    coins = np.random.default_rng(0).random(2000) < 0.5
    right = canaries.correct_guesses(np.zeros(2000), coins, 1000, np.random.default_rng(1))
    assert 400 < right < 600


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_a_wrong_label_is_another_class_and_all_others_are_equally_likely(classes):
    targets = np.arange(3000) % classes
    wrong = canaries.wrong_labels(targets, classes, np.random.default_rng(0))
    assert (wrong != targets).all()
    assert set(wrong) == set(range(classes))
    shifts = np.bincount((wrong - targets) % classes, minlength=classes)[1:]
    assert shifts.min() > 0.8 * 3000 / (classes - 1)


def test_the_targets_of_a_relabelled_split_are_the_new_ones_everywhere():
    split = MemorySplit(np.arange(4), {"table": np.arange(8.0).reshape(4, 2), "target": np.array([0, 1, 0, 1])})
    relabelled = canaries.Relabelled(split, np.array([1, 0, 1, 0]))
    assert column(relabelled, "target").tolist() == [1, 0, 1, 0]
    taken = relabelled.take(np.array([2, 0]))
    assert taken["target"].tolist() == [1, 1]
    assert taken["table"].tolist() == [[4.0, 5.0], [0.0, 1.0]]


@pytest.mark.parametrize("epsilon", [1.0, 2.0])
def test_the_bound_of_randomised_response_is_below_its_epsilon_in_95_of_100_audits(epsilon):
    """The score of a canary is its coin, told wrongly with probability 1 / (1 + e^ε)."""
    random, held = np.random.default_rng(7), 0
    for _ in range(200):
        coins = random.random(500) < 0.5
        scores = np.where(random.random(500) < 1 / (1 + math.exp(epsilon)), ~coins, coins).astype(float)
        held += metrics(scores, coins, 200)["audit_epsilon"].value <= epsilon
    assert held >= 0.95 * 200 - 2.6 * math.sqrt(200 * 0.05 * 0.95)


def test_an_audit_that_contradicts_the_claim_says_so_and_has_a_negative_margin():
    coins = np.random.default_rng(0).random(400) < 0.5
    measured = metrics(coins.astype(float), coins, 100, claimed=1.0)
    assert measured["audit_epsilon"].value == pytest.approx(lower_bound(400, 100, 100))
    assert measured["audit_margin"].value == 1.0 - measured["audit_epsilon"].value
    assert measured["audit_margin"].value < 0.0
    assert "contradicts" in measured["audit_margin"].reason
    assert measured["audit_accuracy"].interval.high == 1.0
    assert measured["audit_canaries"].value == 400
    assert metrics(coins.astype(float), coins, 100)["audit_margin"].value is None


def test_the_delta_of_the_guarantee_lowers_the_bound():
    coins = np.random.default_rng(0).random(400) < 0.5
    bounds = [
        metrics(coins.astype(float), coins, 100, delta=delta)["audit_epsilon"].value for delta in (0.0, 1e-5, 1e-4)
    ]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > bounds[2]


def test_the_audited_model_has_another_seed_so_that_the_noise_does_not_vanish_from_the_difference():
    n, seeds = 100, []
    split = MemorySplit(np.arange(n), {"table": np.zeros((n, 1)), "target": np.arange(n) % 2})

    def predictions(name: str) -> Predictions:
        length = n if name == "train" else 40
        half = np.full((length, 2), 0.5, dtype=np.float32)
        return Predictions(
            name,
            np.arange(length),
            {"predictions": np.arange(length) % 2, "targets": np.arange(length) % 2, "scores": half},
        )

    def retrain(*, splits, seed=None):
        seeds.append(seed)
        return SimpleNamespace(predictions=predictions, history=None)

    data = SimpleNamespace(problem="classification", splits={"train": split}, spec={"classes": ["a", "b"]})
    trained = SimpleNamespace(data=data, predictions=predictions, retrain=retrain, seed=3)
    measured = list(canaries.audit(trained, 40, "wrong", 0.5, 1e-5, np.random.default_rng(0)))
    assert measured[0].value is not None
    assert seeds not in ([None], [3])
    assert canaries.OWN_LABELS not in measured[0].reason


def test_a_model_without_probabilities_is_not_trained_once_more():
    n = 100
    split = MemorySplit(np.arange(n), {"table": np.zeros((n, 1)), "target": np.arange(n) % 2})
    answers = Predictions("train", np.arange(n), {"predictions": np.arange(n) % 2, "targets": np.arange(n) % 2})
    data = SimpleNamespace(splits={"train": split}, spec={"classes": ["a", "b"]})
    trained = SimpleNamespace(data=data, predictions=lambda name: answers, retrain=None, seed=3)
    measured = list(canaries.audit(trained, 40, "wrong", 0.5, 1e-5, np.random.default_rng(0)))
    assert {(metric.name, metric.value) for metric in measured} == {(name, None) for name in canaries.NAMES}
    assert {metric.reason for metric in measured} == {"the model returns no scores"}


def test_the_bound_of_a_regression_says_that_its_canaries_keep_their_targets():
    n = 100
    split = MemorySplit(np.arange(n), {"table": np.zeros((n, 1)), "target": np.arange(n, dtype=np.float64)})

    def predictions(name: str) -> Predictions:
        values = np.arange(n if name == "train" else 40, dtype=np.float64)
        return Predictions(name, np.arange(len(values)), {"predictions": values, "targets": values})

    audited = SimpleNamespace(predictions=predictions, history=None)
    data = SimpleNamespace(problem="regression", splits={"train": split}, spec={})
    trained = SimpleNamespace(data=data, predictions=predictions, retrain=lambda **_: audited)
    epsilon = next(canaries.audit(trained, 40, "own", 0.5, 1e-5, np.random.default_rng(0)))
    assert epsilon.name == "audit_epsilon"
    assert epsilon.reason.endswith(f"; {canaries.OWN_LABELS}")
