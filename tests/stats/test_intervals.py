"""Intervals have their nominal coverage, are reproducible, and are absent if the data cannot support one."""

import math
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.metrics.accuracy import accuracy as shipped_accuracy
from bench_suite.metrics.macro_f1 import macro_f1
from bench_suite.metrics.mae import mae
from bench_suite.metrics.roc_auc import roc_auc as shipped_roc_auc
from bench_suite.stats.intervals import (
    area_under_roc,
    bootstrap_interval,
    class_numbers,
    confusion_matrix,
    counts_of_classes,
    over_cells,
    over_seeds,
    stable_seed,
)


def accuracy(targets: np.ndarray, predictions: np.ndarray) -> float:
    return float(np.mean(targets == predictions))


def mean(values: np.ndarray) -> float:
    return float(values.mean())


def roc_auc(targets: np.ndarray, scores: np.ndarray) -> float:
    positives = int(targets.sum())
    if positives in (0, len(targets)):
        raise ValueError("one class only")
    ranks = scores.argsort().argsort() + 1
    return float((ranks[targets == 1].sum() - positives * (positives + 1) / 2) / positives / (len(targets) - positives))


# ── the bootstrap ───────────────────────────────────────────────────────────────────────────────


def test_the_same_predictions_have_the_same_interval() -> None:
    random = np.random.default_rng(0)
    columns = {"targets": random.integers(0, 2, 200), "predictions": random.integers(0, 2, 200)}
    copies = {name: values.copy() for name, values in reversed(columns.items())}
    assert bootstrap_interval(accuracy, columns) == bootstrap_interval(accuracy, copies)
    assert bootstrap_interval(accuracy, columns, seed=1) != bootstrap_interval(accuracy, columns, seed=2)


def test_the_bootstrap_agrees_with_scipys() -> None:
    values = np.random.default_rng(0).exponential(size=400)
    interval, reason = bootstrap_interval(mean, {"values": values}, resamples=4000)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert reason is None
    assert interval is not None
    width = oracle.high - oracle.low
    assert interval.low == pytest.approx(oracle.low, abs=0.05 * width)
    assert interval.high == pytest.approx(oracle.high, abs=0.05 * width)
    assert (interval.level, interval.over) == (0.95, "examples")


def test_a_higher_level_is_a_wider_interval() -> None:
    values = {"values": np.random.default_rng(0).normal(size=100)}
    widths = []
    for level in (0.5, 0.9, 0.99):
        interval, _ = bootstrap_interval(mean, values, level=level)
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert widths == sorted(widths)


@pytest.mark.parametrize("n", [2, 40, 1000])
def test_a_proportion_at_its_end_has_the_interval_of_clopper_and_pearson(n: int) -> None:
    ones = np.ones(n, dtype=np.int64)
    for predictions, right in ((ones, n), (1 - ones, 0)):
        interval, reason = bootstrap_interval(shipped_accuracy, {"targets": ones, "predictions": predictions})
        known = stats.binomtest(right, n).proportion_ci(0.95, method="exact")
        assert interval is not None
        assert (interval.low, interval.high) == (pytest.approx(known.low), pytest.approx(known.high))
        assert (interval.level, interval.over, reason) == (0.95, "examples", None)
    assert bootstrap_interval(shipped_accuracy, {"targets": ones, "predictions": ones}, level=0.9)[0] == Interval(
        pytest.approx(0.05 ** (1 / n)), 1.0, 0.9
    )


def test_only_a_metric_that_states_so_is_a_proportion_and_only_of_independent_examples() -> None:
    ones = np.ones(40, dtype=np.int64)
    columns = {"targets": ones, "predictions": ones}
    assert bootstrap_interval(shipped_accuracy, columns, clusters=np.arange(40) // 2) == (None, "all resamples agree")
    assert bootstrap_interval(mae, columns) == (None, "all resamples agree")
    assert bootstrap_interval(macro_f1, columns) == (None, "all resamples agree")
    seeds = [bootstrap_interval(shipped_accuracy, columns)[0]] * 3
    assert over_seeds([1.0, 1.0, 1.0], seeds)[1] == Interval(pytest.approx(0.025 ** (1 / 40)), 1.0, 0.95, "seeds")


COVERAGE = {0.9: 0.91, 0.95: 0.99, 0.98: 0.99, 0.99: 0.99, 0.999: 0.99}
"By the true accuracy: least coverage with 40 examples."


def test_coverage_of_a_proportion_near_its_end() -> None:
    """Exactly, over all numbers of right examples; the interval at the end misses the truth in at most 2.5 %."""
    n, targets = 40, np.zeros(40, dtype=np.int64)
    wrong = [(np.arange(n) >= right).astype(np.int64) for right in range(n + 1)]
    intervals = [bootstrap_interval(shipped_accuracy, {"targets": targets, "predictions": one})[0] for one in wrong]
    assert None not in intervals
    for truth, least in COVERAGE.items():
        chances = stats.binom.pmf(np.arange(n + 1), n, truth)
        covers = np.array([one.low <= truth <= one.high for one in intervals])
        print(f"coverage of {truth} with n = {n}: {chances[covers].sum():.3f}, at the end {chances[-1]:.3f}")
        assert chances[covers].sum() >= least
        assert covers[-1] or chances[-1] <= 0.025


def test_where_all_resamples_agree_there_is_no_interval() -> None:
    ones = np.ones(50)
    assert bootstrap_interval(accuracy, {"targets": ones, "predictions": ones}) == (None, "all resamples agree")


@pytest.mark.parametrize(("count", "reason"), [(0, "no examples"), (1, "one example")])
def test_fewer_than_two_examples_have_no_interval(count: int, reason: str) -> None:
    assert bootstrap_interval(mean, {"values": np.arange(count, dtype=float)}) == (None, reason)


def test_a_metric_that_most_resamples_leave_undefined_has_no_interval_but_the_reason() -> None:
    targets = np.zeros(40, dtype=int)
    targets[0] = 1  # without it, 36 % of the resamples contain only one class
    interval, reason = bootstrap_interval(roc_auc, {"targets": targets, "scores": np.random.default_rng(0).random(40)})
    assert interval is None
    assert reason is not None
    assert "one class only" in reason
    assert 0.3 < float(reason.split()[2].rstrip("%")) / 100 < 0.43


def test_a_metric_that_few_resamples_leave_undefined_has_its_interval() -> None:
    targets = np.repeat([0, 1], [36, 4])
    scores = np.random.default_rng(0).random(40)
    assert bootstrap_interval(roc_auc, {"targets": targets, "scores": scores})[0] is not None


def test_a_metric_that_is_not_finite_counts_as_undefined() -> None:
    interval, reason = bootstrap_interval(lambda values: math.nan, {"values": np.arange(5.0)})
    assert interval is None
    assert reason == "undefined in 100% of the resamples: it is nan"


def test_sequences_are_resampled_row_by_row() -> None:
    columns = {
        "targets": [["a", "b"], ["a", "a"], ["b", "b"]] * 20,
        "predictions": [["a", "a"], ["a", "a"], ["b", "a"]] * 20,
    }

    def share(targets: np.ndarray, predictions: np.ndarray) -> float:
        pairs = [(one, other) for t, p in zip(targets, predictions) for one, other in zip(t, p)]
        return sum(one == other for one, other in pairs) / len(pairs)

    interval, _ = bootstrap_interval(share, columns, resamples=200)
    assert interval is not None
    assert interval.low < 4 / 6 < interval.high


@settings(max_examples=40)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_the_interval_lies_within_the_data(values: list[float]) -> None:
    interval, reason = bootstrap_interval(mean, {"values": np.array(values)}, resamples=50)
    assert (interval is None) == (reason is not None)
    if interval is not None:
        assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9


def test_a_seed_depends_on_names_and_on_whole_numbers_and_texts() -> None:
    one = {"a": np.arange(3), "b": [[1], [2, 3]]}
    assert stable_seed(one) == stable_seed(dict(reversed(one.items())))
    assert stable_seed(one) != stable_seed({"a": np.arange(3), "b": [[1], [2, 4]]})
    assert stable_seed({"a": np.arange(3)}) != stable_seed({"b": np.arange(3)})
    assert stable_seed({"a": np.array(["x", "y"])}) != stable_seed({"a": np.array(["x", "z"])})


def test_a_seed_is_the_crc_of_names_and_contents_in_alphabetical_order() -> None:
    """The interval of the same predictions stays the same in later versions, because its seed does."""
    counts, texts = np.arange(3), [["é"], ["b", "c"]]
    content = b"a" + counts.tobytes() + b"b" + repr(texts).encode()
    assert stable_seed({"b": texts, "a": counts}) == zlib.crc32(content)
    assert stable_seed({"a": np.arange(6)[::2]}) == zlib.crc32(b"a" + np.array([0, 2, 4]).tobytes())
    assert stable_seed({}) == 0


@pytest.mark.parametrize(
    "column",
    [
        np.array([0.25, 0.5, 0.75], dtype=np.float32),
        np.array([[0.25, 0.75]] * 3),
        [{"label": "x", "score": 0.25}, {"label": "y", "score": 0.5}, {}],
        [np.array([0.25]), np.array([0.5]), np.array([0.75])],
        [[np.float32(0.25), 1], [], [0.5, 2]],
    ],
)  # fmt: skip
def test_no_rounding_of_a_number_changes_a_seed(column: object) -> None:
    def rounded(value: object) -> object:
        if isinstance(value, dict):
            return {key: rounded(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [rounded(inner) for inner in value]
        return value if isinstance(value, int | str) else value * np.float64(1 + 1e-9)

    labels = np.array([0, 1, 1])
    assert stable_seed({"a": labels, "b": rounded(column)}) == stable_seed({"a": labels, "b": column})
    assert stable_seed({"a": labels[::-1], "b": column}) != stable_seed({"a": labels, "b": column})
    assert stable_seed({"b": column[:2]}) != stable_seed({"b": column})


@pytest.mark.parametrize("metric", [mean, shipped_roc_auc, mae])
def test_scores_that_differ_by_rounding_have_intervals_that_differ_by_rounding(metric: Callable[..., float]) -> None:
    random = np.random.default_rng(0)
    values, labels = random.uniform(0, 1, 300), random.integers(0, 2, 300)
    columns = {
        mean: {"values": values},
        shipped_roc_auc: {"targets": labels, "scores": np.stack([1 - values, values], axis=1)},
        mae: {"targets": values, "predictions": values + random.normal(0, 1, 300)},
    }[metric]
    moved = {name: column * (1 + 1e-9) if column.dtype.kind == "f" else column for name, column in columns.items()}
    first, second = (bootstrap_interval(metric, scores, resamples=200)[0] for scores in (columns, moved))
    assert first is not None
    assert second is not None
    assert (second.low, second.high) == pytest.approx((first.low, first.high), rel=1e-7)


class Recorder:
    """A mean that stores the value of each resample, and is undefined in the first ones."""

    def __init__(self, undefined: int = 0) -> None:
        self.values: list[float] = []
        self.undefined = undefined

    def __call__(self, values: np.ndarray) -> float:
        self.values.append(float(values.mean()))
        if len(self.values) <= self.undefined:
            raise ValueError("one class only")
        return self.values[-1]


@pytest.mark.parametrize(("n", "level"), [(2, 0.95), (7, 0.95), (7, 0.8), (150, 0.99)])
def test_the_bounds_are_the_expanded_quantiles_of_the_resamples(n: int, level: float) -> None:
    recorder = Recorder()
    interval, reason = bootstrap_interval(recorder, {"values": np.arange(float(n)) ** 2}, level=level)
    p = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf((1 + level) / 2, n - 1))
    assert len(recorder.values) == 1000
    assert reason is None
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(recorder.values, [p, 1 - p])))
    assert (interval.level, interval.over) == (level, "examples")


def test_each_example_is_drawn_as_often_as_another_and_n_at_a_time() -> None:
    drawn: list[np.ndarray] = []

    def keep(values: np.ndarray) -> float:
        drawn.append(values)
        return float(values.mean())

    bootstrap_interval(keep, {"values": np.arange(5)}, resamples=2000)
    assert {len(rows) for rows in drawn} == {5}
    counts = np.bincount(np.concatenate(drawn), minlength=5)
    assert len(counts) == 5
    assert np.abs(counts - 2000).max() < 200  # five standard deviations


def test_up_to_a_twentieth_of_the_resamples_may_be_undefined() -> None:
    values = {"values": np.arange(9.0)}
    recorder = Recorder(undefined=5)
    interval, reason = bootstrap_interval(recorder, values, resamples=100)
    assert (interval is not None, reason) == (True, None)
    assert interval.high <= max(recorder.values[5:])
    assert bootstrap_interval(Recorder(undefined=6), values, resamples=100) == (
        None, "undefined in 6% of the resamples: one class only",
    )  # fmt: skip
    infinite, reason = bootstrap_interval(lambda values: math.inf if values[0] else 1.0, values, resamples=100)
    assert infinite is None
    assert str(reason).endswith("% of the resamples: it is inf")


def test_without_columns_there_are_no_examples() -> None:
    assert bootstrap_interval(mean, {}) == (None, "no examples")


# ── classes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_confusion_matrix_counts_true_classes_in_rows() -> None:
    targets, predictions = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 0, 2])
    expected = [[1, 1, 0], [0, 1, 0], [2, 0, 1]]
    assert confusion_matrix(targets, predictions).tolist() == expected
    assert confusion_matrix(predictions, targets).tolist() == np.transpose(expected).tolist()
    wider = confusion_matrix(targets, predictions, 5)
    assert wider.shape == (5, 5)
    assert wider[:3, :3].tolist() == expected
    assert wider.sum() == 6
    assert confusion_matrix(targets, np.array([0, 3, 1, 0, 0, 2])).shape == (4, 4), "the largest may be predicted only"
    assert confusion_matrix(np.full(3, 15, np.int8), np.full(3, 15, np.int8))[15, 15] == 3, "not computed in 8 bits"


@pytest.mark.parametrize(
    ("targets", "predictions", "classes", "message"),
    [
        ([0, 1], [0], None, "2 targets and 1 predictions"),
        ([], [], None, "no examples"),
        ([0, 2], [0, 1], 2, r"a class number lies outside 0\.\.1"),
        ([0, 1], [0, 2], 2, r"a class number lies outside 0\.\.1"),
        ([0, -1], [0, 1], None, r"a class number lies outside 0\.\.1"),
        ([0, 1], [-1, 0], 3, r"a class number lies outside 0\.\.2"),
    ],
)
def test_a_confusion_matrix_refuses_what_is_no_class(targets, predictions, classes, message) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(targets, dtype=np.int64), np.array(predictions, dtype=np.int64), classes)


@pytest.mark.parametrize(
    ("targets", "predictions", "of_class", "predicted", "correct"),
    [
        ([-1, 1, 1], [1, 1, -1], [1, 0, 2], [1, 0, 2], [0, 0, 1]),  # 0 lies between the labels
        ([3, 5, 5, 4], [3, 5, 3, 3], [1, 1, 2], [3, 0, 1], [1, 0, 1]),
        (["b", "a", "b"], ["b", "b", "c"], [1, 2, 0], [0, 2, 1], [0, 1, 0]),
        ([2.0, 1.0, 2.0], [2.0, 2.0, 2.0], [1, 2], [0, 3], [0, 2]),
        ([True, False], [True, True], [1, 1], [0, 2], [0, 1]),
        ([0, 10**6], [10**6, 10**6], [1, 1], [0, 2], [0, 1]),
    ],
)
def test_classes_are_counted_in_the_order_of_their_labels(targets, predictions, of_class, predicted, correct) -> None:
    counts = counts_of_classes(np.array(targets), np.array(predictions))
    assert [values.tolist() for values in counts] == [of_class, predicted, correct]


def test_labels_within_a_thousand_are_counted_directly_and_wider_ones_are_numbered() -> None:
    for highest, classes in ((999, 1000), (1000, 2)):
        for labels in (np.array([0, highest]), np.array([0, highest], dtype=np.uint16), np.array([7, highest + 7])):
            counts = counts_of_classes(labels, labels[::-1])
            assert [len(values) for values in counts] == [classes] * 3
            assert [values.sum() for values in counts] == [2, 2, 0]
    narrow = np.array([-128, 127], dtype=np.int8)
    assert len(counts_of_classes(narrow, narrow)[0]) == 256, "not computed in 8 bits"


@pytest.mark.parametrize(
    ("targets", "predictions", "message"),
    [
        ([1, 2], [1], "2 targets and 1 predictions"),
        ([], [], "no examples"),
        ([1.0, 2.0], [1.0, 2.5], "not a whole number"),
    ],
)
def test_classes_of_what_is_no_label_are_not_counted(targets, predictions, message) -> None:
    with pytest.raises(ValueError, match=message):
        counts_of_classes(np.array(targets), np.array(predictions))


@pytest.mark.parametrize(
    ("targets", "classes", "expected"),
    [
        ([0, 2, 2], 5, [0, 2, 2]),  # class numbers, though not all occur
        ([4, 0], 5, [4, 0]),
        ([1, 2, 1], 2, [0, 1, 0]),
        ([-1, 1], 2, [0, 1]),
        (["no", "yes", "no"], 2, [0, 1, 0]),
        ([0.5, 0.25], 2, [1, 0]),
    ],
)
def test_labels_are_the_numbers_of_their_columns_of_scores(targets, classes, expected) -> None:
    assert class_numbers(np.array(targets), classes).tolist() == expected


@pytest.mark.parametrize(
    ("targets", "classes", "message"),
    [
        ([0, 3], 3, r"a class number lies outside 0\.\.2, and 2 labels occur while there are scores of 3 classes"),
        ([-1, 1], 3, r"a class number lies outside 0\.\.2, and 2 labels"),
        (["a", "b"], 3, "labels are no class numbers, and 2 labels occur while there are scores of 3 classes"),
    ],
)
def test_labels_that_do_not_fit_the_columns_of_scores_are_refused(targets, classes, message) -> None:
    with pytest.raises(ValueError, match=message):
        class_numbers(np.array(targets), classes)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30))
def test_the_area_under_roc_is_the_share_of_pairs_in_order(rows: list[tuple[bool, int]]) -> None:
    positive, scores = np.array([row[0] for row in rows]), np.array([row[1] / 4 for row in rows])
    if positive.all() or not positive.any():
        return
    pairs = scores[positive][:, None] - scores[~positive][None, :]
    assert area_under_roc(positive, scores) == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())


# ── seeds ───────────────────────────────────────────────────────────────────────────────────────


def around(value: float, half_width: float = 0.02) -> Interval:
    return Interval(value - half_width, value + half_width)


def test_one_seed_has_its_own_interval() -> None:
    assert over_seeds([0.9], [around(0.9)]) == (0.9, around(0.9), None)
    assert over_seeds([0.9], [None]) == (0.9, None, "no interval of its own")


def test_seeds_that_agree_leave_the_interval_of_the_examples() -> None:
    value, interval, reason = over_seeds([0.9, 0.9, 0.9], [around(0.9)] * 3)
    assert reason is None
    assert interval is not None
    assert value == pytest.approx(0.9)
    assert (interval.low, interval.high) == (pytest.approx(0.88), pytest.approx(0.92))
    assert interval.over == "seeds"


def test_without_variance_of_examples_it_is_the_t_interval_of_the_seeds() -> None:
    values = [0.90, 0.91, 0.93, 0.92]
    tiny = [around(value, 1e-12) for value in values]
    value, interval, _ = over_seeds(values, tiny)
    oracle = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert interval is not None
    assert (value, interval.low, interval.high) == (pytest.approx(np.mean(values)), *map(pytest.approx, oracle))


def test_seeds_that_differ_widen_the_interval() -> None:
    widths = []
    for spread in (0.0, 0.01, 0.05):
        _, interval, _ = over_seeds([0.9 - spread, 0.9, 0.9 + spread], [around(0.9)] * 3)
        assert interval is not None
        widths.append(interval.high - interval.low)
    assert widths == sorted(set(widths))


def test_the_level_of_the_values_own_intervals_counts() -> None:
    half = Interval(0.9 - 0.02 * stats.norm.ppf(0.75) / stats.norm.ppf(0.975), 0.9 + 0.02 * 0.6745 / 1.96, 0.5)
    _, interval, _ = over_seeds([0.9, 0.9], [half, around(0.9)])
    assert interval is not None
    assert interval.high == pytest.approx(0.92, abs=1e-4)


def test_without_an_interval_for_each_value_there_is_none_for_the_mean() -> None:
    value, interval, reason = over_seeds([1.0, 3.0], [around(1.0), None])
    assert (value, interval, reason) == (2.0, None, "1 of 2 values have no interval of their own")
    nothing = Interval(1.0, 1.0)
    assert over_seeds([1.0, 1.0], [nothing, nothing]) == (1.0, None, "all seeds and examples agree")


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_two_sides_of_an_interval_over_seeds_by_hand(level: float) -> None:
    """V = a + b/S on each side, and t with Satterthwaite's degrees of freedom."""
    values = [0.80, 0.86, 0.82]
    own = [Interval(0.77, 0.82, 0.95), Interval(0.80, 0.87, 0.9), Interval(0.78, 0.86, 0.5)]
    mean, interval, reason = over_seeds(values, own, level=level)
    b = np.var(values, ddof=1) / 3
    bounds = []
    for arms in (
        [value - seed_interval.low for value, seed_interval in zip(values, own)],
        [e.high - v for v, e in zip(values, own)],
    ):
        errors = [arm / stats.norm.ppf((1 + seed_interval.level) / 2) for arm, seed_interval in zip(arms, own)]
        variance = float(np.mean(np.square(errors))) + b
        bounds.append(stats.t.ppf((1 + level) / 2, variance**2 / (b**2 / 2)) * math.sqrt(variance))
    assert (reason, mean) == (None, pytest.approx(np.mean(values)))
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((mean - bounds[0], mean + bounds[1]))
    assert (interval.level, interval.over) == (level, "seeds")


def test_an_interval_with_one_side_of_width_0_is_an_interval() -> None:
    own = Interval(0.0, 0.04)
    _, interval, _ = over_seeds([0.0, 0.0], [own, own])
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.0, 0.04))


def test_cells_without_a_value_or_an_interval() -> None:
    row = MetricRow("a/b", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6))
    assert over_cells([row]) == (0.5, Interval(0.4, 0.6), None)
    assert over_cells([replace(row, interval=None)]) == (0.5, None, "no interval of its own")
    mean, interval, reason = over_cells([row, replace(row, value=0.7, interval=None)])
    assert (mean, interval) == (pytest.approx(0.6), None)
    assert reason == "1 of 2 values have no interval of their own"


# ── clusters ────────────────────────────────────────────────────────────────────────────────────

LABELS = np.repeat(np.arange(40), 5)


def test_clusters_of_equal_rows_have_the_interval_of_one_row_each() -> None:
    """Copies of a row add nothing: the same clusters are drawn, and each draw has the same mean."""
    values = np.random.default_rng(0).normal(size=40)
    single, _ = bootstrap_interval(mean, {"values": values}, seed=3)
    copied, reason = bootstrap_interval(mean, {"values": np.repeat(values, 5)}, clusters=LABELS, seed=3)
    by_rows, _ = bootstrap_interval(mean, {"values": np.repeat(values, 5)}, seed=3)
    assert single is not None
    assert copied is not None
    assert by_rows is not None
    assert (copied.low, copied.high, reason) == (pytest.approx(single.low), pytest.approx(single.high), None)
    assert (copied.over, by_rows.over) == ("clusters", "examples")
    assert by_rows.high - by_rows.low < 0.55 * (copied.high - copied.low), "1/√5"


@pytest.mark.parametrize("labels", [LABELS * 7 - 3, np.array([f"customer {label:02}" for label in LABELS])])
def test_labels_of_clusters_only_say_which_examples_belong_together(labels: np.ndarray) -> None:
    values = {"values": np.random.default_rng(0).normal(size=200)}
    assert bootstrap_interval(mean, values, clusters=labels) == bootstrap_interval(mean, values, clusters=LABELS)


def test_a_metric_without_weights_is_computed_on_the_rows_of_the_drawn_clusters() -> None:
    seen: list[np.ndarray] = []

    def recorded(values: np.ndarray) -> float:
        seen.append(values)
        return float(values.mean())

    bootstrap_interval(recorded, {"values": np.arange(8.0)}, clusters=np.array([0, 0, 0, 1, 2, 2, 2, 2]), resamples=50)
    counts = [np.bincount(values.astype(int), minlength=8) for values in seen]
    assert all(len(set(count[:3])) == len(set(count[4:])) == 1 for count in counts), "clusters stay whole"
    assert all(count[0] + count[3] + count[4] == 3 for count in counts), "three clusters are drawn"
    assert {len(values) for values in seen} >= {3, 8, 12}, "sizes of resamples differ"


def test_weights_and_rows_of_clusters_give_the_same_interval() -> None:
    random = np.random.default_rng(0)
    columns = {"targets": random.integers(0, 2, 200), "predictions": random.integers(0, 2, 200)}
    by_weights, _ = bootstrap_interval(macro_f1, columns, clusters=LABELS)
    by_rows, _ = bootstrap_interval(lambda **rows: macro_f1(**rows), columns, clusters=LABELS)
    assert by_weights is not None
    assert by_rows is not None
    assert (by_weights.low, by_weights.high) == pytest.approx((by_rows.low, by_rows.high))


def test_one_cluster_has_no_interval_and_each_example_has_a_label() -> None:
    values = {"values": np.arange(5.0)}
    assert bootstrap_interval(mean, values, clusters=np.zeros(5, int)) == (None, "one cluster of examples")
    assert bootstrap_interval(mean, {"values": np.arange(0.0)}, clusters=np.arange(0)) == (None, "no examples")
    with pytest.raises(ValueError, match="4 labels of clusters for 5 examples"):
        bootstrap_interval(mean, values, clusters=np.arange(4))


def test_folds_of_clusters_are_folds() -> None:
    row = MetricRow("a/b", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6, over="clusters"))
    cells = [
        Record("r", "s", str(fold), "", {"fold": fold}, {}, "ok", data={"test": 20, "train": 80, "folds": {"folds": 5}})
        for fold in range(5)
    ]
    rows = [replace(row, value=0.5 + fold / 10) for fold in range(5)]
    _, interval, _ = over_cells(rows, cells)
    assert interval is not None
    assert interval.over == "folds"


# ── coverage, by simulation ─────────────────────────────────────────────────────────────────────


def coverage(
    draw: Callable[[], dict[str, np.ndarray]], function: Callable[..., float], truth: float, trials: int
) -> float:
    covered = 0
    for trial in range(trials):
        interval, _ = bootstrap_interval(function, draw(), resamples=500, seed=trial)
        covered += interval is not None and interval.low <= truth <= interval.high
    return covered / trials


def test_the_bootstrap_covers_the_truth_quickly() -> None:
    random = np.random.default_rng(1)
    rate = coverage(lambda: {"values": (random.random(200) < 0.8).astype(float)}, mean, 0.8, 300)
    assert 0.91 <= rate <= 0.985  # 0.95 ± three standard errors of 300 trials


def _auc_draw(random: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    targets = random.integers(0, 2, n)
    return {"targets": targets, "scores": random.normal(size=n) + 1.5 * targets}


@pytest.mark.slow
def test_coverage_of_the_bootstrap_as_the_docstring_states_it() -> None:
    random = np.random.default_rng(7)
    truth = float(stats.norm.cdf(1.5 / math.sqrt(2)))
    cases: list[tuple[str, Callable[[], dict[str, np.ndarray]], Callable[..., float], float]] = []
    for n in (10, 20, 100):
        cases.append((f"normal mean, n = {n}", lambda n=n: {"values": random.normal(size=n)}, mean, 0.0))
        cases.append((f"exponential mean, n = {n}", lambda n=n: {"values": random.exponential(size=n)}, mean, 1.0))
    for n in (100, 500, 2000):
        cases.append((f"accuracy 0.9, n = {n}", lambda n=n: {"values": random.random(n) < 0.9}, mean, 0.9))
    for n in (100, 500):
        cases.append((f"ROC AUC 0.86, n = {n}", lambda n=n: _auc_draw(random, n), roc_auc, truth))
    for name, draw, function, true in cases:
        rate = coverage(draw, function, true, 1000)
        print(f"{name}: {rate:.3f}")
        few = "exponential" in name and "100" not in name
        assert rate >= (0.85 if few else 0.92), name
        assert rate <= 0.98, name


Drawn = tuple[dict[str, np.ndarray], np.ndarray]
"Columns of a test set, and the cluster of each example."


def draw_answers(random: np.random.Generator, clusters: int, size: int, *, equal: bool, correlation: float) -> Drawn:
    """Return right and wrong answers with a mean of 0.8, whose chance is a beta variable of each cluster.

    Two answers of one cluster have this correlation. If sizes are not equal, they are geometric with this mean.
    """
    sizes = np.full(clusters, size) if equal else random.geometric(1 / size, clusters)
    both = 1 / correlation - 1
    chances = np.repeat(random.beta(0.8 * both, 0.2 * both, clusters), sizes)
    answers = (random.random(len(chances)) < chances).astype(np.int64)
    return {"targets": np.ones_like(answers), "predictions": answers}, np.repeat(np.arange(clusters), sizes)


def draw_scores(random: np.random.Generator, clusters: int, size: int) -> Drawn:
    """Return scores that are 1.5 higher for positive examples, with an effect of the cluster of the same variance.

    A cluster is of one class, so a positive and a negative example never share it: the area is Φ(1.5 / √4).
    """
    targets = np.repeat(np.arange(clusters) % 2, size)
    scores = 1.5 * targets + np.repeat(random.normal(size=clusters), size) + random.normal(size=clusters * size)
    return {"targets": targets, "scores": np.stack([-scores, scores], 1)}, np.repeat(np.arange(clusters), size)


def coverage_of_both(
    draw: Callable[[], Drawn], function: Callable[..., float], truth: float, trials: int
) -> tuple[float, float]:
    """Return how often the intervals over clusters, and those over single examples, contain the truth."""
    covered = np.zeros(2)
    for trial in range(trials):
        columns, labels = draw()
        for number, clusters in enumerate((labels, None)):
            interval, _ = bootstrap_interval(function, columns, clusters=clusters, resamples=500, seed=trial)
            covered[number] += interval is not None and interval.low <= truth <= interval.high
    return float(covered[0] / trials), float(covered[1] / trials)


def test_intervals_over_clusters_cover_the_truth_and_those_over_examples_do_not() -> None:
    random = np.random.default_rng(1)
    clustered, by_rows = coverage_of_both(
        lambda: draw_answers(random, 60, 20, equal=True, correlation=0.3), shipped_accuracy, 0.8, 300
    )
    assert 0.91 <= clustered <= 0.985, "0.95 ± three standard errors of 300 trials"
    assert by_rows < 0.7


@pytest.mark.slow
def test_coverage_over_clusters_as_the_appendix_states_it() -> None:
    for clusters, size, equal, correlation in (
        (10, 20, True, 0.3),
        (20, 20, True, 0.3),
        (50, 20, True, 0.3),
        (200, 20, True, 0.3),
        (50, 20, False, 0.3),
        (200, 20, False, 0.3),
        (50, 20, True, 0.05),
    ):
        random = np.random.default_rng(clusters * 7919 + size)
        draw = partial(draw_answers, random, clusters, size, equal=equal, correlation=correlation)
        clustered, by_rows = coverage_of_both(draw, shipped_accuracy, 0.8, 1000)
        sizes = "of" if equal else "of about"
        print(f"accuracy, {clusters} clusters {sizes} {size}, {correlation}: {clustered:.3f}, rows {by_rows:.3f}")
        few = clusters < 50
        assert (0.82 if few else 0.91) <= clustered <= 0.98
        assert by_rows < (0.7 if correlation > 0.1 else 0.9)
    for clusters in (20, 50):
        random = np.random.default_rng(clusters)
        truth = float(stats.norm.cdf(1.5 / 2))
        draw = partial(draw_scores, random, clusters, 20)
        clustered, by_rows = coverage_of_both(draw, shipped_roc_auc, truth, 1000)
        print(f"ROC AUC, {clusters} clusters of 20: {clustered:.3f}, rows {by_rows:.3f}")
        assert (0.85 if clusters < 50 else 0.91) <= clustered <= 0.98
        assert by_rows < 0.7


def seeds_coverage(seeds: int, n: int, between: float, churn: float, trials: int) -> float:
    """Return the coverage over S seeds on one test set: examples have a difficulty that all seeds share, and noise."""
    random = np.random.default_rng(seeds * 7919 + n)
    covered = 0
    for _ in range(trials):
        # P(correct) is 0.9 on average over examples: 1 for most; it depends on `churn` if seeds differ on the example.
        hard = random.random(n) < churn
        easy = (0.9 - churn * 0.5) / (1 - churn)
        sure = random.random(n) < easy
        shifts = random.normal(0, between, seeds)
        values, intervals = [], []
        for shift in shifts:
            chance = np.where(hard, random.random(n) < 0.5, sure)
            value = float(chance.mean()) + shift
            half_width = 1.96 * float(chance.std(ddof=1)) / math.sqrt(n)
            values.append(value)
            intervals.append(Interval(value - half_width, value + half_width))
        _, interval, _ = over_seeds(values, intervals)
        covered += interval is not None and interval.low <= 0.9 <= interval.high
    return covered / trials


def test_the_interval_over_seeds_covers_the_truth_quickly() -> None:
    assert seeds_coverage(3, 500, 0.01, 0.05, 400) >= 0.92


@pytest.mark.slow
def test_coverage_over_seeds_as_the_docstring_states_it() -> None:
    for seeds in (2, 3, 5, 10):
        for n in (500, 2000):
            for between in (0.002, 0.02):
                rate = seeds_coverage(seeds, n, between, 0.05, 4000)
                print(f"S = {seeds}, n = {n}, between seeds {between}: {rate:.3f}")
                # If two seeds dominate, Satterthwaite's degrees of freedom are estimated from one difference.
                assert (0.87 if seeds == 2 else 0.92) <= rate <= 0.99


def test_seeds_that_agree_leave_a_lopsided_interval_as_it_is() -> None:
    own = Interval(0.0, 0.08, 0.95, "examples")
    _, interval, _ = over_seeds([0.01, 0.01], [own, own])
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(0.0), pytest.approx(0.08))


@pytest.mark.parametrize(
    ("unit", "better", "ideal", "bounds"),
    [
        ("fraction", "higher", None, (-math.inf, 1.0)),
        ("fraction", "higher", 1.0, (-math.inf, 1.0)),
        ("fraction", "lower", 0.0, (0.0, 1.0)),
        ("fraction", "none", None, (0.0, 1.0)),
        ("samples/s", "higher", None, (-math.inf, math.inf)),
        ("nats", "lower", 0.0, (0.0, math.inf)),
        ("nats", "lower", None, (-math.inf, math.inf)),
        ("nats", "none", None, (-math.inf, math.inf)),
        ("fraction", "lower", None, (-math.inf, 1.0)),
        ("score", "higher", 0.7, (-math.inf, 0.7)),
        ("score", "none", 0.7, (-math.inf, math.inf)),
    ],
)
def test_an_interval_over_cells_is_cut_at_what_the_metric_can_be(unit, better, ideal, bounds) -> None:
    wide = {0.4: Interval(-0.2, 1.0), 0.6: Interval(0.0, 1.2)}
    rows = [MetricRow("a/b", value, unit, better, ideal=ideal, interval=interval) for value, interval in wide.items()]
    _, whole, _ = over_seeds([0.4, 0.6], list(wide.values()))
    assert whole is not None
    assert whole.low < 0
    assert whole.high > 1
    mean, interval, why = over_cells(rows)
    assert (mean, why) == (0.5, None)
    assert interval == replace(whole, low=max(whole.low, bounds[0]), high=min(whole.high, bounds[1]))


@pytest.mark.parametrize(
    ("unit", "better", "ideal", "bounds"),
    [
        ("fraction", "higher", 1.0, (0.0, 1.0)),  # accuracy
        ("fraction", "higher", 1.0, (None, 1.0)),  # R²
        ("nats", "lower", 0.0, (0.0, None)),
        ("correlation", "higher", 1.0, (-1.0, 1.0)),
        ("probability", "none", 0.0, (-1.0, 1.0)),
        ("fraction", "higher", None, (None, None)),  # what is stated goes before the unit
    ],
)
def test_an_interval_over_cells_ends_at_both_bounds_of_the_metric(unit, better, ideal, bounds) -> None:
    wide = [Interval(-1.6, 2.0), Interval(-1.4, 2.2)]
    rows = [
        MetricRow("a/b", value, unit, better, ideal=ideal, interval=interval, range=bounds)
        for value, interval in zip((0.1, 0.9), wide)
    ]
    for some in (rows, rows[:1]):
        whole = over_seeds([row.value for row in some if row.value is not None], wide[: len(some)])[1]
        assert whole is not None
        assert whole.low < -1
        assert whole.high > 1
        low, high = (-math.inf if bounds[0] is None else bounds[0], math.inf if bounds[1] is None else bounds[1])
        assert over_cells(some)[1] == replace(whole, low=max(whole.low, low), high=min(whole.high, high))


def test_a_value_beyond_what_a_metric_can_be_stays_in_its_interval() -> None:
    rows = [MetricRow("a/b", 1.2, "fraction", "higher", ideal=1.0, interval=Interval(0.9, 1.5))]
    assert over_cells(rows)[1] == Interval(0.9, 1.2)
