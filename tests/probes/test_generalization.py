"""Claims about `generalization`, on predictions whose gaps are known by construction."""

import numpy as np
import pytest

from bench_suite.probes import generalization


def columns(n: int, wrong: int, confidence: float = 0.8):
    """Return n examples, `wrong` of them misclassified, each with the same confidence in its prediction."""
    targets = np.arange(n) % 2
    predictions = np.where(np.arange(n) < wrong, 1 - targets, targets)
    scores = np.full((n, 2), 1 - confidence)
    scores[np.arange(n), predictions] = confidence
    return {"targets": targets, "predictions": predictions, "scores": scores}


def measured(trained):
    return {(m.name, m.at.get("shift")): m for m in generalization.probe(trained, None)}


def test_a_planted_gap_is_found_exactly_with_welchs_interval(written):
    metrics = measured(written({"train": columns(1000, 0), "test": columns(500, 100)}))
    gap = metrics["accuracy_gap", None]
    assert gap.value == pytest.approx(0.2)
    half = 1.959964 * np.sqrt(0.0 + 0.2 * 0.8 * 500 / 499 / 500)
    assert (gap.interval.low, gap.interval.high) == pytest.approx((0.2 - half, 0.2 + half))
    assert metrics["loss_gap", None].value == pytest.approx(0.2 * (np.log(0.8) - np.log(0.2)))


def test_a_shift_is_compared_with_test_not_with_train(written):
    metrics = measured(written({"train": columns(100, 0), "test": columns(100, 10), "shift:films": columns(200, 80)}))
    assert metrics["shift_accuracy_gap", "films"].value == pytest.approx(0.3)
    assert metrics["shift_loss_gap", "films"].value == pytest.approx(0.3 * np.log(4))


def test_a_cell_that_trained_nothing_has_no_gap_but_a_reason(written):
    trained = written({"train": columns(100, 0), "test": columns(100, 10)})
    trained.history = None
    metrics = measured(trained)
    assert metrics["accuracy_gap", None].value is None
    assert "trained" in metrics["accuracy_gap", None].reason


def test_no_spread_is_said_and_not_an_interval_of_width_0(written):
    metrics = measured(written({"train": columns(100, 0), "test": columns(100, 0)}))
    assert metrics["accuracy_gap", None].value == 0.0
    assert metrics["accuracy_gap", None].interval is None
    assert metrics["accuracy_gap", None].reason


def test_a_regression_has_a_loss_gap_in_variances_of_the_target(written, of_regression):
    def of(error):
        targets = np.linspace(-1, 1, 100)
        return {"targets": targets, "predictions": targets + error * np.where(np.arange(100) % 2, 1, -1)}

    metrics = measured(written({"train": of(1.0), "test": of(3.0)}, of_regression, scale=2.0))
    assert metrics["loss_gap", None].value == pytest.approx((9 - 1) / 4)
    assert "classes" in metrics["accuracy_gap", None].reason


def test_the_intervals_coverage_is_what_it_says(written):
    """The true gap is 0.1: accuracy 0.95 on 400 training and 0.85 on 400 test examples, 600 times."""
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(600):
        splits = {name: columns(400, random.binomial(400, error)) for name, error in (("train", 0.05), ("test", 0.15))}
        interval = measured(written(splits))["accuracy_gap", None].interval
        covered += interval.low <= 0.1 <= interval.high
    assert 0.92 <= covered / 600 <= 0.98


def test_scores_that_are_no_probabilities_give_a_reason_and_no_loss_gap(written):
    """Margins of 3 and −3 would count as probabilities of 1 and of 10⁻⁷: a loss of 0 and of 16 nats."""
    splits = {"train": columns(100, 10), "test": columns(100, 20), "shift:films": columns(100, 30)}
    for split in splits.values():
        split["scores"] = 6.0 * split["scores"] - 3.0
    measured_gaps = measured(written(splits))
    for key in (("loss_gap", None), ("shift_loss_gap", "films")):
        assert measured_gaps[key].value is None
        assert "scores are no probabilities" in measured_gaps[key].reason
    assert measured_gaps["accuracy_gap", None].value == pytest.approx(0.1)


def test_a_gap_without_any_error_says_why_it_has_no_interval(written):
    gap = measured(written({"train": columns(50, 0), "test": columns(50, 0)}))["accuracy_gap", None]
    assert (gap.value, gap.interval) == (0.0, None)
    assert gap.reason.startswith("all examples of a split have the same score, such as all right")
