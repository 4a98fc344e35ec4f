"""Claims about scores of attacks: their order is that of the loss, and scores that are no probabilities are refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench_suite.contracts import Predictions
from bench_suite.probes.privacy.scores import NoScore, attack_scores


def predictions(scores: np.ndarray | None, targets: np.ndarray) -> Predictions:
    columns = {"targets": targets, "predictions": targets if scores is None else scores.argmax(axis=1)}
    return Predictions("test", np.arange(len(targets)), columns if scores is None else {**columns, "scores": scores})


def drawn(classes: int, n: int = 200) -> Predictions:
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (n, classes))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return predictions(scores.astype(np.float32), random.integers(0, classes, n))


@pytest.mark.parametrize("classes", [2, 10])
def test_the_order_is_that_of_the_loss_and_of_the_confidence(classes):
    test = drawn(classes)
    loss = -np.log(test["scores"][np.arange(200), test["targets"]].astype(float))
    assert (np.argsort(attack_scores("loss", test)) == np.argsort(-loss)).mean() > 0.99  # but for rounding
    member = np.arange(200) % 2
    assert roc_auc_score(member, attack_scores("loss", test)) == pytest.approx(roc_auc_score(member, -loss), abs=1e-3)
    highest = test["scores"].max(axis=1)
    scores = attack_scores("confidence", test)
    assert roc_auc_score(member, scores) == pytest.approx(roc_auc_score(member, highest), abs=1e-3)


def test_sure_predictions_whose_probability_rounds_to_one_are_still_told_apart():
    scores = np.array([[1.0, 1e-20], [1.0, 1e-10], [0.0, 1.0]], dtype=np.float32)
    assert np.all(np.diff(attack_scores("loss", predictions(scores, np.zeros(3, dtype=int)))) < 0)


def test_a_regression_is_ranked_by_its_error_and_has_no_confidence():
    test = Predictions("test", np.arange(3), {"targets": np.zeros(3), "predictions": np.array([0.1, -2.0, 1.0])})
    assert attack_scores("loss", test).tolist() == pytest.approx([-0.1, -2.0, -1.0])
    with pytest.raises(NoScore, match="classes"):
        attack_scores("confidence", test)


def test_without_probabilities_there_is_a_reason():
    targets = np.zeros(4, dtype=int)
    with pytest.raises(NoScore, match="no scores"):
        attack_scores("loss", predictions(None, targets))
    with pytest.raises(NoScore, match="no probabilities"):
        attack_scores("loss", predictions(np.tile([3.0, -3.0], (4, 1)), targets))
