"""Intervals cover what they say they cover, are the same each time, and are absent where they would pretend."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench_suite.contracts import Interval, MetricRow
from bench_suite.stats.intervals import bootstrap_interval, checksum, over_cells, over_seeds


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
    found, reason = bootstrap_interval(mean, {"values": values}, resamples=4000)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert reason is None
    assert found is not None
    width = oracle.high - oracle.low
    assert found.low == pytest.approx(oracle.low, abs=0.05 * width)
    assert found.high == pytest.approx(oracle.high, abs=0.05 * width)
    assert (found.level, found.over) == (0.95, "examples")


def test_a_higher_level_is_a_wider_interval() -> None:
    values = {"values": np.random.default_rng(0).normal(size=100)}
    widths = []
    for level in (0.5, 0.9, 0.99):
        found, _ = bootstrap_interval(mean, values, level=level)
        assert found is not None
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


def test_where_all_resamples_agree_there_is_no_interval() -> None:
    ones = np.ones(50)
    assert bootstrap_interval(accuracy, {"targets": ones, "predictions": ones}) == (None, "all resamples agree")


@pytest.mark.parametrize(("count", "reason"), [(0, "no examples"), (1, "one example")])
def test_fewer_than_two_examples_have_no_interval(count: int, reason: str) -> None:
    assert bootstrap_interval(mean, {"values": np.arange(count, dtype=float)}) == (None, reason)


def test_a_metric_that_most_resamples_leave_undefined_has_no_interval_but_the_reason() -> None:
    targets = np.zeros(40, dtype=int)
    targets[0] = 1  # without it, in 36 % of the resamples, there is one class only
    found, reason = bootstrap_interval(roc_auc, {"targets": targets, "scores": np.random.default_rng(0).random(40)})
    assert found is None
    assert reason is not None
    assert "one class only" in reason
    assert 0.3 < float(reason.split()[2].rstrip("%")) / 100 < 0.43


def test_a_metric_that_few_resamples_leave_undefined_has_its_interval() -> None:
    targets = np.repeat([0, 1], [36, 4])
    scores = np.random.default_rng(0).random(40)
    assert bootstrap_interval(roc_auc, {"targets": targets, "scores": scores})[0] is not None


def test_a_metric_that_is_not_finite_counts_as_undefined() -> None:
    found, reason = bootstrap_interval(lambda values: math.nan, {"values": np.arange(5.0)})
    assert found is None
    assert reason == "undefined in 100% of the resamples: it is nan"


def test_sequences_are_resampled_row_by_row() -> None:
    columns = {
        "targets": [["a", "b"], ["a", "a"], ["b", "b"]] * 20,
        "predictions": [["a", "a"], ["a", "a"], ["b", "a"]] * 20,
    }

    def share(targets: np.ndarray, predictions: np.ndarray) -> float:
        pairs = [(one, other) for t, p in zip(targets, predictions) for one, other in zip(t, p)]
        return sum(one == other for one, other in pairs) / len(pairs)

    found, _ = bootstrap_interval(share, columns, resamples=200)
    assert found is not None
    assert found.low < 4 / 6 < found.high


@settings(max_examples=40)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30))
def test_the_interval_lies_within_the_data(values: list[float]) -> None:
    found, reason = bootstrap_interval(mean, {"values": np.array(values)}, resamples=50)
    assert (found is None) == (reason is not None)
    if found is not None:
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_a_checksum_depends_on_content_and_name() -> None:
    one = {"a": np.arange(3), "b": [[1], [2, 3]]}
    assert checksum(one) == checksum(dict(reversed(one.items())))
    assert checksum(one) != checksum({"a": np.arange(3), "b": [[1], [2, 4]]})
    assert checksum({"a": np.arange(3)}) != checksum({"b": np.arange(3)})


# ── seeds ───────────────────────────────────────────────────────────────────────────────────────


def around(value: float, min_detectable_effect: float = 0.02) -> Interval:
    return Interval(value - min_detectable_effect, value + min_detectable_effect)


def test_one_seed_has_its_own_interval() -> None:
    assert over_seeds([0.9], [around(0.9)]) == (0.9, around(0.9), None)
    assert over_seeds([0.9], [None]) == (0.9, None, "no interval of its own")


def test_seeds_that_agree_leave_the_interval_of_the_examples() -> None:
    value, found, reason = over_seeds([0.9, 0.9, 0.9], [around(0.9)] * 3)
    assert reason is None
    assert found is not None
    assert value == pytest.approx(0.9)
    assert (found.low, found.high) == (pytest.approx(0.88), pytest.approx(0.92))
    assert found.over == "seeds"


def test_without_variance_of_examples_it_is_the_t_interval_of_the_seeds() -> None:
    values = [0.90, 0.91, 0.93, 0.92]
    tiny = [around(value, 1e-12) for value in values]
    value, found, _ = over_seeds(values, tiny)
    oracle = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert found is not None
    assert (value, found.low, found.high) == (pytest.approx(np.mean(values)), *map(pytest.approx, oracle))


def test_seeds_that_differ_widen_the_interval() -> None:
    widths = []
    for spread in (0.0, 0.01, 0.05):
        _, found, _ = over_seeds([0.9 - spread, 0.9, 0.9 + spread], [around(0.9)] * 3)
        assert found is not None
        widths.append(found.high - found.low)
    assert widths == sorted(set(widths))


def test_the_level_of_the_values_own_intervals_counts() -> None:
    half = Interval(0.9 - 0.02 * stats.norm.ppf(0.75) / stats.norm.ppf(0.975), 0.9 + 0.02 * 0.6745 / 1.96, 0.5)
    _, found, _ = over_seeds([0.9, 0.9], [half, around(0.9)])
    assert found is not None
    assert found.high == pytest.approx(0.92, abs=1e-4)


def test_without_an_interval_for_each_value_there_is_none_for_the_mean() -> None:
    value, found, reason = over_seeds([1.0, 3.0], [around(1.0), None])
    assert (value, found, reason) == (2.0, None, "1 of 2 values have no interval of their own")
    nothing = Interval(1.0, 1.0)
    assert over_seeds([1.0, 1.0], [nothing, nothing]) == (1.0, None, "all seeds and examples agree")


# ── coverage, by simulation ─────────────────────────────────────────────────────────────────────


def coverage(
    draw: Callable[[], dict[str, np.ndarray]], function: Callable[..., float], truth: float, trials: int
) -> float:
    covered = 0
    for trial in range(trials):
        found, _ = bootstrap_interval(function, draw(), resamples=500, seed=trial)
        covered += found is not None and found.low <= truth <= found.high
    return covered / trials


def test_the_bootstrap_covers_the_truth_quickly() -> None:
    random = np.random.default_rng(1)
    found = coverage(lambda: {"values": (random.random(200) < 0.8).astype(float)}, mean, 0.8, 300)
    assert 0.91 <= found <= 0.985  # 0.95 ± three standard errors of 300 trials


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
        found = coverage(draw, function, true, 1000)
        print(f"{name}: {found:.3f}")
        few = "exponential" in name and "100" not in name
        assert found >= (0.85 if few else 0.92), name
        assert found <= 0.98, name


def seeds_coverage(seeds: int, n: int, between: float, churn: float, trials: int) -> float:
    """Trials of S seeds on one test set: each example has its own difficulty, shared by all seeds, and chance."""
    random = np.random.default_rng(seeds * 7919 + n)
    covered = 0
    for _ in range(trials):
        # P(correct) is 0.9 on average over examples: 1 for most, `churn`-dependent for those a seed may get or miss.
        hard = random.random(n) < churn
        easy = (0.9 - churn * 0.5) / (1 - churn)
        sure = random.random(n) < easy
        shifts = random.normal(0, between, seeds)
        values, intervals = [], []
        for shift in shifts:
            chance = np.where(hard, random.random(n) < 0.5, sure)
            value = float(chance.mean()) + shift
            min_detectable_effect = 1.96 * float(chance.std(ddof=1)) / math.sqrt(n)
            values.append(value)
            intervals.append(Interval(value - min_detectable_effect, value + min_detectable_effect))
        _, found, _ = over_seeds(values, intervals)
        covered += found is not None and found.low <= 0.9 <= found.high
    return covered / trials


def test_the_interval_over_seeds_covers_the_truth_quickly() -> None:
    assert seeds_coverage(3, 500, 0.01, 0.05, 400) >= 0.92


@pytest.mark.slow
def test_coverage_over_seeds_as_the_docstring_states_it() -> None:
    for seeds in (2, 3, 5, 10):
        for n in (500, 2000):
            for between in (0.002, 0.02):
                found = seeds_coverage(seeds, n, between, 0.05, 4000)
                print(f"S = {seeds}, n = {n}, between seeds {between}: {found:.3f}")
                # Where two seeds dominate, Satterthwaite's degrees of freedom are guessed from one difference.
                assert (0.87 if seeds == 2 else 0.92) <= found <= 0.99


def test_seeds_that_agree_leave_a_lopsided_interval_as_it_is() -> None:
    own = Interval(0.0, 0.08, 0.95, "examples")
    _, found, _ = over_seeds([0.01, 0.01], [own, own])
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.0), pytest.approx(0.08))


@pytest.mark.parametrize(
    ("unit", "better", "ideal", "bounds"),
    [
        ("fraction", "higher", None, (-math.inf, 1.0)),
        ("fraction", "higher", 1.0, (-math.inf, 1.0)),
        ("fraction", "lower", 0.0, (0.0, 1.0)),
        ("fraction", "none", None, (0.0, 1.0)),
        ("samples/s", "higher", None, (-math.inf, math.inf)),
        ("nats", "lower", 0.0, (0.0, math.inf)),
    ],
)
def test_an_interval_over_cells_is_cut_at_what_the_metric_can_be(unit, better, ideal, bounds) -> None:
    wide = {0.4: Interval(-0.2, 1.0), 0.6: Interval(0.0, 1.2)}
    rows = [MetricRow("a/b", value, unit, better, ideal=ideal, interval=each) for value, each in wide.items()]
    _, whole, _ = over_seeds([0.4, 0.6], list(wide.values()))
    assert whole is not None
    assert whole.low < 0
    assert whole.high > 1
    mean, found, why = over_cells(rows)
    assert (mean, why) == (0.5, None)
    assert found == replace(whole, low=max(whole.low, bounds[0]), high=min(whole.high, bounds[1]))


def test_a_value_beyond_what_a_metric_can_be_stays_in_its_interval() -> None:
    rows = [MetricRow("a/b", 1.2, "fraction", "higher", ideal=1.0, interval=Interval(0.9, 1.5))]
    assert over_cells(rows)[1] == Interval(0.9, 1.2)
