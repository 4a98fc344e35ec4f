"""The mean over folds and its interval, which knows that folds share training data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.stats.folds import FoldMember, mean_over_folds, members_of, over_folds
from bench_suite.stats.intervals import over_cells, over_seeds


def members(folds: int, seeds: int = 1, test_per_train: float = 0.25) -> list[FoldMember]:
    return [FoldMember(fold, seed, test_per_train) for fold in range(folds) for seed in range(seeds)]


def test_the_variance_is_that_of_nadeau_and_bengio() -> None:
    values = [0.8, 0.9, 0.85, 0.7, 0.75]
    mean, interval, reason = over_folds(values, members(5))
    half = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + 1 / 4) * np.var(values, ddof=1))
    assert (mean, reason) == (pytest.approx(0.8), None)
    assert interval == Interval(pytest.approx(0.8 - half), pytest.approx(0.8 + half), 0.95, "folds")


def test_more_repeats_do_not_make_the_variance_smaller_without_end() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.05, 500)
    few, many = (mean_over_folds(values[:count], members(count)).variance for count in (5, 500))
    assert many > 0.25 * float(np.var(values, ddof=1))
    assert few < 4 * many


def test_seeds_of_a_fold_are_averaged_and_count_once() -> None:
    values = [0.8, 0.9, 0.85, 0.7]
    doubled = [value + step for value in values for step in (-0.01, 0.01)]
    one, two = mean_over_folds(values, members(4)), mean_over_folds(doubled, members(4, seeds=2))
    assert (two.value, two.folds, two.seeds) == (pytest.approx(one.value), 4, 2)
    # The two seeds differ by 0.02 in each fold: the variance of their mean, 0.0001, is added.
    assert two.variance == pytest.approx(one.variance + 0.0002 / 2)


def test_there_is_no_interval_without_spread_or_with_one_fold() -> None:
    assert over_folds([0.5, 0.5], members(2)) == (0.5, None, "all folds agree")
    with pytest.raises(ValueError, match="one fold"):
        mean_over_folds([0.5, 0.6], members(1, seeds=2))


def cell(fold: int, seed: int = 0, **data: int) -> Record:
    sizes = {"test": 20, "train": 64, "validation": 16, **data}
    facts = {**sizes, "folds": {"fold": fold, "folds": 6, "repeats": 1, "fingerprint": "f", "examples": 100}}
    return Record("r", "s", f"{fold}-{seed}", "", {"fold": fold, "seed": seed}, {}, "ok", data=facts)


def row(value: float, **facts: object) -> MetricRow:
    known = {"interval": Interval(value - 0.1, value + 0.1), **facts}
    return MetricRow("quality/accuracy", value, "fraction", "higher", **known)  # type: ignore[arg-type]  # facts are untyped


def test_the_sizes_of_a_fold_come_from_its_record() -> None:
    known = members_of([cell(0), cell(1)])
    assert known == [FoldMember(0, 0, 0.25), FoldMember(1, 0, 0.25)]
    assert members_of([cell(0), cell(0, seed=1)]) is None
    assert members_of([Record("r", "s", "i", "", {"seed": 0}, {}, "ok")] * 2) is None


def test_a_smaller_train_split_never_makes_the_share_smaller() -> None:
    known = members_of([cell(0, train=10_000), cell(1, train=24)])
    assert known is not None
    assert [member.test_per_train for member in known] == [0.2, 0.5]  # 1/(6 − 1), and 20/(24 + 16)


def test_cells_of_folds_are_not_taken_for_seeds() -> None:
    values = [0.4, 0.5, 0.6]
    rows, cells = [row(value) for value in values], [cell(fold) for fold in range(3)]
    assert over_cells(rows, cells)[1] == over_folds(values, members(3))[1]
    assert over_cells(rows, [cell(0, seed) for seed in range(3)]) == over_seeds(values, [one.interval for one in rows])


def test_a_fold_without_an_interval_of_its_own_leaves_that_of_the_mean() -> None:
    rows = [row(value, interval=None, reason="all resamples agree") for value in (0.9, 1.0, 1.0)]
    interval = over_cells(rows, [cell(fold) for fold in range(3)])[1]
    assert interval is not None
    assert interval.high == 1.0  # an accuracy is a fraction


def test_timings_and_counts_of_folds_are_treated_as_those_of_seeds() -> None:
    cells = [cell(fold) for fold in range(3)]
    timed = [
        row(value, interval=Interval(value, value + 1, over="processes"), timing=True) for value in (3.0, 4.0, 5.0)
    ]
    assert over_cells(timed, cells) == over_cells(timed)
    counted = [row(7.0, interval=None, kind="exact")] * 3
    assert over_cells(counted, cells) == over_cells(counted)


# ── simulated ───────────────────────────────────────────────────────────────────────────────────

COLUMNS = 5
SIGNAL = 2.0


def draw(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two classes of which the first of five columns shows something."""
    classes = random.random(n) < 0.5
    values = random.normal(size=(n, COLUMNS))
    values[:, 0] += SIGNAL * (classes - 0.5)
    return values, classes


def discriminant(values: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights and threshold of a linear discriminant analysis."""
    high, low = values[classes].mean(axis=0), values[~classes].mean(axis=0)
    rest = np.concatenate([values[classes] - high, values[~classes] - low])
    weights = np.linalg.solve(rest.T @ rest / max(1, len(rest) - 2) + 1e-6 * np.eye(values.shape[1]), high - low)
    return weights, float(weights @ (high + low) / 2)


def true_accuracy(weights: np.ndarray, threshold: float) -> float:
    scale, shift = math.sqrt(float(weights @ weights)), float(weights[0]) * SIGNAL / 2
    return float(stats.norm.cdf((shift - threshold) / scale) + stats.norm.cdf((shift + threshold) / scale)) / 2


def cross_validate(
    random: np.random.Generator, n: int, folds: int, repeats: int, models: tuple[tuple[int, ...], ...]
) -> tuple[np.ndarray, list[FoldMember]]:
    """Return the accuracies (models, folds × repeats) of models that see some of the columns."""
    values, classes = draw(random, n)
    accuracies, known = [], []
    for repeat in range(repeats):
        part = np.empty(n, dtype=np.int64)
        for of_class in (classes, ~classes):
            rows = random.permutation(np.flatnonzero(of_class))
            part[rows] = np.arange(len(rows)) % folds
        for fold in range(folds):
            test = part == fold
            known.append(FoldMember(repeat * folds + fold, 0, float(test.sum() / (~test).sum())))
            own = []
            for columns in models:
                weights, threshold = discriminant(values[~test][:, columns], classes[~test])
                own.append(np.mean((values[test][:, columns] @ weights > threshold) == classes[test]))
            accuracies.append(own)
    return np.array(accuracies).T, known


CASES = [(n, folds, repeats) for n in (50, 100, 500) for folds, repeats in ((5, 1), (10, 1), (5, 2), (5, 10))]


@pytest.mark.slow
@pytest.mark.parametrize(("n", "folds", "repeats"), CASES)
def test_coverage_over_folds_as_the_appendix_states_it(n: int, folds: int, repeats: int) -> None:
    random, trials = np.random.default_rng(0), 1000 if repeats < 10 else 300
    every = tuple(range(COLUMNS))
    truth = np.mean([true_accuracy(*discriminant(*draw(random, n - n // folds))) for _ in range(4000)])
    covered, naive = 0, 0
    for _ in range(trials):
        (values,), known = cross_validate(random, n, folds, repeats, (every,))
        mean, interval, _ = over_folds(values.tolist(), known)
        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
        naive += abs(mean - truth) <= half
        covered += interval is not None and interval.low <= truth <= interval.high
    print(f"\n| {n} | {folds} | {repeats} | {covered / trials:.3f} | {naive / trials:.3f} |")
    assert covered / trials > 0.93


@pytest.mark.slow
@pytest.mark.parametrize(("n", "folds", "repeats"), [(100, 5, 1), (100, 10, 1), (100, 5, 10), (500, 5, 1)])
def test_false_alarms_over_folds_as_the_appendix_states_them(n: int, folds: int, repeats: int) -> None:
    random, trials = np.random.default_rng(1), 1000 if repeats < 10 else 300
    alarms, naive = 0, 0
    for _ in range(trials):  # two models that see one useful and one useless column each are equally good
        values, known = cross_validate(random, n, folds, repeats, ((0, 1), (0, 2)))
        differences = values[1] - values[0]
        mean = mean_over_folds(differences.tolist(), known)
        error = differences.std(ddof=1) / math.sqrt(len(differences))
        quantile = stats.t.ppf(0.99, len(differences) - 1)
        alarms += mean.value < -quantile * math.sqrt(mean.variance) and mean.variance > 0
        naive += mean.value < -quantile * error and error > 0
    print(f"\n| {n} | {folds} | {repeats} | {alarms / trials:.3f} | {naive / trials:.3f} |")
    assert alarms / trials < 0.02
