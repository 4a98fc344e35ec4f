"""Metrics: against scikit-learn on arbitrary inputs, on known answers, and on inputs for which they are undefined."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from bench_suite.metrics.accuracy import accuracy
from bench_suite.metrics.average_precision import average_precision
from bench_suite.metrics.balanced_accuracy import balanced_accuracy
from bench_suite.metrics.binary_f1 import binary_f1
from bench_suite.metrics.brier_score import brier_score
from bench_suite.metrics.expected_calibration_error import expected_calibration_error
from bench_suite.metrics.log_loss import log_loss
from bench_suite.metrics.macro_f1 import macro_f1
from bench_suite.metrics.macro_roc_auc import macro_roc_auc
from bench_suite.metrics.mae import mae
from bench_suite.metrics.matthews_correlation import matthews_correlation
from bench_suite.metrics.r2 import r2
from bench_suite.metrics.rmse import rmse
from bench_suite.metrics.roc_auc import roc_auc
from bench_suite.metrics.top_5_accuracy import top_5_accuracy
from bench_suite.stats.intervals import confusion_matrix

NONE = np.array([], dtype=np.int64)


@st.composite
def labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw targets and predictions of up to five classes; some classes may not occur."""
    n = draw(st.integers(1, 40))
    numbers = arrays(np.int64, n, elements=st.integers(0, draw(st.integers(0, 4))))
    return draw(numbers), draw(numbers)


@st.composite
def any_labels(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Draw targets and predictions of labels: −1 and 1, or numbers of any size."""
    n = draw(st.integers(1, 40))
    chosen = st.one_of(st.sampled_from([-1, 1]), st.integers(-5, 5), st.integers(-(2**62), 2**62))
    known = draw(st.lists(chosen, min_size=1, max_size=4))
    numbers = arrays(np.int64, n, elements=st.sampled_from(known))
    return draw(numbers), draw(numbers)


@st.composite
def values(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 40))
    numbers = arrays(np.float64, n, elements=st.floats(-1e6, 1e6, allow_nan=False))
    return draw(numbers), draw(numbers)


@given(labels())
def test_accuracy_is_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert accuracy(*pair) == pytest.approx(oracle.accuracy_score(*pair))


@given(labels())
def test_balanced_accuracy_is_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about predicted classes that no target has
        assert balanced_accuracy(*pair) == pytest.approx(oracle.balanced_accuracy_score(*pair))


@given(labels())
def test_macro_f1_is_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert macro_f1(*pair) == pytest.approx(oracle.f1_score(*pair, average="macro", zero_division=0.0))


@given(labels())
def test_matthews_correlation_is_scikit_learns_where_both_have_two_classes(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assume(len(np.unique(pair[0])) > 1 and len(np.unique(pair[1])) > 1)
    assert matthews_correlation(*pair) == pytest.approx(oracle.matthews_corrcoef(*pair), abs=1e-12)


@given(any_labels())
def test_labels_may_be_any_whole_numbers_as_for_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert macro_f1(*pair) == pytest.approx(oracle.f1_score(*pair, average="macro", zero_division=0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert balanced_accuracy(*pair) == pytest.approx(oracle.balanced_accuracy_score(*pair))
    if len(np.unique(pair[0])) > 1 and len(np.unique(pair[1])) > 1:
        assert matthews_correlation(*pair) == pytest.approx(oracle.matthews_corrcoef(*pair), abs=1e-12)
    if len(np.unique(pair[0])) == 2:
        scores = pair[1].astype(np.float64)
        assert roc_auc(pair[0], scores) == pytest.approx(oracle.roc_auc_score(pair[0], scores))


@given(st.data())
def test_macro_roc_auc_is_scikit_learns_one_against_the_rest(data: st.DataObject) -> None:
    labels = np.array(sorted(data.draw(st.sets(st.integers(-9, 9), min_size=3, max_size=6))))
    extra = data.draw(st.lists(st.sampled_from(labels.tolist()), max_size=30))
    targets = np.array([*labels, *extra])
    weights = data.draw(arrays(np.float64, (len(targets), len(labels)), elements=st.sampled_from([0.25, 1.0, 3.0])))
    scores = weights / weights.sum(axis=1, keepdims=True)
    expected = oracle.roc_auc_score(targets, scores, multi_class="ovr")
    assert macro_roc_auc(targets, scores) == pytest.approx(expected)


@given(st.data())
def test_top_5_accuracy_is_scikit_learns_where_no_scores_tie(data: st.DataObject) -> None:
    n, classes = data.draw(st.integers(1, 20)), data.draw(st.integers(6, 9))
    targets = data.draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    rows = [data.draw(st.permutations(range(classes))) for _ in range(n)]
    scores = np.array(rows, dtype=np.float32) / classes
    expected = oracle.top_k_accuracy_score(targets, scores, k=5, labels=range(classes))
    assert top_5_accuracy(targets, scores) == pytest.approx(expected)


def test_top_5_accuracy_with_ties_is_the_mean_over_all_orders_of_the_tied_classes() -> None:
    random = np.random.default_rng(0)
    targets, scores = random.integers(0, 8, 50), random.integers(0, 4, (50, 8)).astype(np.float64)
    orders = [scores + 0.5 * random.random(scores.shape) for _ in range(500)]  # only the order of ties changes
    mean = np.mean([oracle.top_k_accuracy_score(targets, order, k=5, labels=range(8)) for order in orders])
    assert top_5_accuracy(targets, scores) == pytest.approx(mean, abs=0.01)
    assert top_5_accuracy(targets, np.ones((50, 8))) == 5 / 8


@given(st.data())
def test_the_brier_score_is_scikit_learns_for_any_number_of_classes(data: st.DataObject) -> None:
    n, classes = data.draw(st.integers(1, 20)), data.draw(st.integers(2, 5))
    targets = data.draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    weights = data.draw(arrays(np.float64, (n, classes), elements=st.sampled_from([0.0, 0.25, 1.0, 3.0]))) + 1e-3
    scores = weights / weights.sum(axis=1, keepdims=True)
    expected = oracle.brier_score_loss(targets, scores, labels=range(classes))
    assert brier_score(targets, scores) == pytest.approx(expected, abs=1e-12)


def test_the_calibration_error_bins_a_confidence_of_one_with_its_neighbours() -> None:
    scores = np.array([[0.05, 0.95], [0.0, 1.0]])
    assert expected_calibration_error(np.array([1, 0]), scores) == pytest.approx(0.475)
    assert expected_calibration_error(np.array([1, 1]), scores) == pytest.approx(0.025)
    four = np.array([[0.7, 0.3], [0.7, 0.3], [0.2, 0.8], [0.2, 0.8]])
    assert expected_calibration_error(np.array([0, 1, 1, 1]), four) == pytest.approx((0.2 + 0.2) / 2)


@given(labels())
def test_the_confusion_matrix_is_scikit_learns_and_counts_every_example(pair: tuple[np.ndarray, np.ndarray]) -> None:
    counts = confusion_matrix(*pair, classes=5)
    assert (counts == oracle.confusion_matrix(*pair, labels=range(5))).all()
    assert counts.sum() == len(pair[0])


@given(st.data())
def test_roc_auc_is_scikit_learns_also_with_ties(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 40))
    targets = data.draw(arrays(np.int64, n, elements=st.integers(0, 1)))
    assume(0 < targets.sum() < n)
    positive = data.draw(arrays(np.float32, n, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0])))
    expected = oracle.roc_auc_score(targets, positive)
    assert roc_auc(targets, positive) == pytest.approx(expected)
    assert roc_auc(targets, np.stack([1 - positive, positive], axis=1)) == pytest.approx(expected)


@given(st.data())
def test_log_loss_is_scikit_learns_also_where_a_probability_is_zero(data: st.DataObject) -> None:
    n, classes = data.draw(st.integers(1, 20)), data.draw(st.integers(2, 5))
    targets = data.draw(arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    weights = data.draw(arrays(np.float64, (n, classes), elements=st.sampled_from([0.0, 0.25, 1.0, 3.0])))
    assume((weights.sum(axis=1) > 0).all())
    scores = weights / weights.sum(axis=1, keepdims=True)
    assert log_loss(targets, scores) == pytest.approx(oracle.log_loss(targets, scores, labels=range(classes)), abs=1e-9)


@given(values())
def test_errors_of_a_regression_are_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert mae(*pair) == pytest.approx(oracle.mean_absolute_error(*pair))
    assert rmse(*pair) == pytest.approx(oracle.root_mean_squared_error(*pair))
    assert rmse(*pair) >= mae(*pair) * (1 - 1e-12) - 1e-150  # squares below 1e-308 are 0


@given(values())
def test_r2_is_scikit_learns(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assume(np.std(pair[0]) > 1e-3)
    assert r2(*pair) == pytest.approx(oracle.r2_score(*pair), rel=1e-6)


def test_known_answers() -> None:
    targets, predictions = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert accuracy(targets, predictions) == 0.75
    assert balanced_accuracy(targets, predictions) == pytest.approx((2 / 3 + 1) / 2)
    assert macro_f1(targets, predictions) == pytest.approx((0.8 + 2 / 3) / 2)
    assert matthews_correlation(targets, predictions) == pytest.approx(2 / np.sqrt(2 * 2 * 3 * 1))  # tp tn − fp fn = 2
    assert top_5_accuracy(np.array([0, 5]), np.array([np.arange(6.0), np.arange(6.0)])) == 0.5
    assert confusion_matrix(targets, predictions).tolist() == [[2, 1], [0, 1]]
    assert roc_auc(targets, np.array([0.1, 0.2, 0.8, 0.8])) == pytest.approx(2.5 / 3)
    assert log_loss(targets, np.full((4, 2), 0.5)) == pytest.approx(np.log(2))
    assert r2(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)) == 0.0
    assert mae(np.array([1.0, 3.0]), np.array([2.0, 1.0])) == 1.5
    assert rmse(np.array([1.0, 3.0]), np.array([2.0, 1.0])) == pytest.approx(np.sqrt(2.5))


@pytest.mark.parametrize("labels", [[-1, 1], [3, 7], ["no", "yes"]])
def test_any_labels_that_all_occur_stand_for_the_columns_of_scores_in_ascending_order(labels: list) -> None:
    chance = np.random.default_rng(0)
    numbers = chance.permutation(np.arange(20) % 2)
    scores = chance.dirichlet([1.0, 1.0], 20)
    targets = np.array(labels)[numbers]
    assert log_loss(targets, scores) == log_loss(numbers, scores)
    assert log_loss(targets, scores) == pytest.approx(oracle.log_loss(targets, scores), abs=1e-6)
    assert roc_auc(targets, scores) == pytest.approx(oracle.roc_auc_score(targets, scores[:, 1]))


def test_labels_of_more_than_five_classes_may_begin_anywhere() -> None:
    chance = np.random.default_rng(0)
    numbers = chance.permutation(np.arange(70) % 7)
    scores = chance.random((70, 7))
    assert top_5_accuracy(numbers + 1, scores) == top_5_accuracy(numbers, scores)
    assert top_5_accuracy(numbers + 1, scores) == oracle.top_k_accuracy_score(numbers + 1, scores, k=5)


def test_a_certain_and_right_model_has_a_log_loss_of_zero_not_of_minus_zero() -> None:
    assert str(log_loss(np.array([0]), np.array([[1.0, 0.0]]))) == "0.0"


@pytest.mark.parametrize(
    "metric", [accuracy, balanced_accuracy, macro_f1, matthews_correlation, confusion_matrix, mae, rmse, r2]
)
def test_without_examples_a_metric_says_so(metric: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="no examples"):
        metric(NONE, NONE)
    with pytest.raises(ValueError, match="2 targets and 1 predictions"):
        metric(np.array([0, 1]), np.array([0]))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: roc_auc(np.array([1, 1]), np.array([0.1, 0.2])), "only one class"),
        (lambda: roc_auc(NONE, np.empty((0, 2))), "no examples"),
        (lambda: roc_auc(np.array([0, 1]), np.array([0.1, np.nan])), "not a number"),
        (lambda: roc_auc(np.array([0, 1, 2]), np.full((3, 3), 1 / 3)), "two classes; there are 3"),
        (lambda: roc_auc(np.array([0, 1, 2]), np.ones(3)), "two classes; there are 3 among"),
        (lambda: macro_roc_auc(np.array([0, 1]), np.ones((2, 3))), "2 classes occur among the targets.*scores of 3"),
        (lambda: macro_roc_auc(NONE, np.empty((0, 3))), "no examples"),
        (lambda: macro_roc_auc(np.array([0, 1, 2]), np.full((3, 3), np.nan)), "not a number"),
        (lambda: macro_f1(np.array([0.5]), np.array([0.5])), "not a whole number"),
        (lambda: matthews_correlation(np.array([1, 1]), np.array([0, 1])), "of one class"),
        (lambda: matthews_correlation(np.array([0, 1]), np.array([1, 1])), "of one class"),
        (lambda: top_5_accuracy(NONE, np.empty((0, 6))), "no examples"),
        (lambda: top_5_accuracy(np.array([0]), np.ones((1, 5))), "more than five classes; there are 5"),
        (lambda: top_5_accuracy(np.array([6]), np.ones((1, 6))), "outside 0..5"),
        (lambda: top_5_accuracy(np.array([0]), np.full((1, 6), np.nan)), "not a number"),
        (lambda: brier_score(NONE, np.empty((0, 2))), "no examples"),
        (lambda: brier_score(np.array([2]), np.array([[0.5, 0.5]])), "outside 0..1"),
        (lambda: brier_score(np.array([0]), np.array([[3.0, -2.0]])), "no probabilities"),
        (lambda: expected_calibration_error(NONE, np.empty((0, 2))), "no examples"),
        (lambda: expected_calibration_error(np.array([2]), np.array([[0.5, 0.5]])), "outside 0..1"),
        (lambda: expected_calibration_error(np.array([0]), np.array([[0.2, 0.3]])), "sum to 0.5"),
        (lambda: log_loss(NONE, np.empty((0, 2))), "no examples"),
        (lambda: log_loss(np.array([2]), np.array([[0.5, 0.5]])), "outside 0..1"),
        (lambda: log_loss(np.array([0]), np.array([[np.nan, 0.5]])), "not a number"),
        (lambda: log_loss(np.array([0]), np.array([[3.0, -2.0]])), "no probabilities"),
        (lambda: log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.9, 0.8]])), "those of one example sum to 1.7"),
        (lambda: log_loss(np.array([0]), np.array([[0.2, 0.3]])), "sum to 0.5"),
        (lambda: roc_auc(np.array([0, 1]), np.array([[2.0, 1.0], [5.0, 3.0]])), "do not have the same sum"),
        (lambda: confusion_matrix(np.array([5]), np.array([0]), classes=5), "outside 0..4"),
        (lambda: confusion_matrix(np.array([-1]), np.array([0])), "outside"),
        (lambda: r2(np.array([2.0, 2.0]), np.array([1.0, 2.0])), "all targets are equal"),
        (lambda: r2(np.array([0.1, 0.1, 0.1]), np.zeros(3)), "all targets are equal"),
        (lambda: rmse(np.array([1.0]), np.array([np.nan])), "not a finite number"),
        (lambda: mae(np.array([1.0]), np.array([np.inf])), "not a finite number"),
        (lambda: r2(np.array([1.0, np.nan]), np.array([1.0, 2.0])), "not a finite number"),
    ],
)
def test_an_undefined_metric_gives_its_reason(call: Callable[[], float], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        call()


def test_a_thousand_resamples_cost_less_than_scikit_learns() -> None:
    random = np.random.default_rng(0)
    targets, predictions = random.integers(0, 10, 2_000), random.integers(0, 10, 2_000)

    def seconds(metric: Callable[[], object]) -> float:
        started = perf_counter()
        for _ in range(20):
            metric()
        return perf_counter() - started

    ours = min(seconds(lambda: macro_f1(targets, predictions)) for _ in range(3))
    theirs = min(seconds(lambda: oracle.f1_score(targets, predictions, average="macro")) for _ in range(3))
    assert ours < theirs


def test_macro_roc_auc_costs_less_than_scikit_learns() -> None:
    random = np.random.default_rng(0)
    targets, scores = random.integers(0, 10, 2_000), random.dirichlet(np.ones(10), 2_000).astype(np.float32)

    def seconds(metric: Callable[[], object]) -> float:
        started = perf_counter()
        metric()
        return perf_counter() - started

    ours = min(seconds(lambda: macro_roc_auc(targets, scores)) for _ in range(5))
    exact = scores / scores.sum(axis=1, keepdims=True, dtype=np.float64)
    theirs = min(seconds(lambda: oracle.roc_auc_score(targets, exact, multi_class="ovr")) for _ in range(5))
    assert ours < theirs / 2


# ── the positive class ──────────────────────────────────────────────────────────────────────────


@st.composite
def binary(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw targets of two classes, scores with ties, and the positive class."""
    n = draw(st.integers(1, 40))
    few = arrays(np.float32, n, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]))
    return draw(arrays(np.int64, n, elements=st.integers(0, 1))), draw(few), draw(st.integers(0, 1))


@given(binary())
def test_average_precision_is_scikit_learns(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    targets, scores, positive = case
    assume((targets == positive).any())
    expected = oracle.average_precision_score(targets == positive, scores)
    assert average_precision(targets, scores, positive) == pytest.approx(expected)
    both = np.stack([scores, 1 - scores] if positive == 0 else [1 - scores, scores], axis=1)
    assert average_precision(targets, both, positive) == pytest.approx(expected)


@given(binary())
def test_binary_f1_is_scikit_learns(case: tuple[np.ndarray, np.ndarray, int]) -> None:
    targets, scores, positive = case
    predictions = (scores > 0.3).astype(np.int64)
    assume(((targets == positive) | (predictions == positive)).any())
    expected = oracle.f1_score(targets, predictions, pos_label=positive, zero_division=0.0)
    assert binary_f1(targets, predictions, positive) == pytest.approx(expected)


def test_average_precision_by_hand() -> None:
    """Ranked: hit, miss, hit, and two equal scores with one hit: 1/3 · 1 + 1/3 · 2/3 + 1/3 · 3/5."""
    targets, scores = np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.2])
    assert average_precision(targets, scores) == pytest.approx((1 + 2 / 3 + 3 / 5) / 3)


def test_constant_scores_have_the_average_precision_of_chance() -> None:
    assert average_precision(np.array([0, 0, 0, 1]), np.full(4, 0.5)) == 0.25


@pytest.mark.parametrize(
    ("metric", "columns", "message"),
    [
        (average_precision, (np.zeros(3, int), np.zeros(3)), "no example is of the positive class"),
        (average_precision, (np.arange(3), np.zeros((3, 3))), "defined for two classes; there are 3"),
        (average_precision, (np.array([0, 1]), np.array([0.1, np.nan])), "not a number"),
        (average_precision, (NONE, np.array([])), "no examples"),
        (average_precision, (np.array([0, 1]), np.zeros(3)), "2 targets and 3 scores"),
        (average_precision, (np.array([0, 1]), np.array([[1.0, 2.0], [3.0, 9.0]])), "same sum"),
        (binary_f1, (np.zeros(3, int), np.zeros(3, int)), "none is predicted to be"),
        (binary_f1, (NONE, NONE), "no examples"),
        (binary_f1, (np.zeros(3, int), np.zeros(2, int)), "3 targets and 2 predictions"),
    ],
)
def test_metrics_of_the_positive_class_are_undefined_with_a_reason(
    metric: Callable[..., float], columns: tuple[np.ndarray, np.ndarray], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        metric(*columns)
