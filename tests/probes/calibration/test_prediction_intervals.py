"""Prediction intervals of regressions: coverage that is known, and what is absent without them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from bench_suite.contracts import BenchError, Metric, TrainOptions
from bench_suite.data.sources import Sources
from bench_suite.models import gradient_boosting
from bench_suite.probes import calibration
from bench_suite.probes.calibration import Options
from bench_suite.problems import regression
from bench_suite.tasks import diabetes

FAST = Options(resamples=100)


def columns(n: int, covered: float, level: float = 0.9, **more: np.ndarray) -> dict[str, np.ndarray]:
    """Return intervals of width 2 around 0; targets lie at 0 if they are covered, else at 1.5."""
    targets = np.where(np.arange(n) < round(covered * n), 0.0, 1.5)
    zeros = np.zeros(n)
    return {"targets": targets, "predictions": zeros, "lower": zeros - 1, "upper": zeros + 1,
            "level": np.full(n, level), **more}  # fmt: skip


def measured(trained) -> dict[tuple, Metric]:
    return {(row.name, *row.at.values()): row for row in calibration.probe(trained, FAST)}


def test_coverage_width_and_score_of_known_intervals(written, of_regression) -> None:
    metrics = measured(written({"test": columns(200, 0.8)}, of_regression))
    assert metrics["interval_coverage",].value == pytest.approx(0.8)
    expected = binomtest(160, 200).proportion_ci(0.95, method="wilson")
    interval = metrics["interval_coverage",].interval
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert metrics["coverage_gap",].value == pytest.approx(-0.1)
    assert metrics["coverage_gap",].interval.high == pytest.approx(expected.high - 0.9)
    assert metrics["coverage_p",].value == pytest.approx(binomtest(160, 200, 0.9).pvalue)
    assert metrics["interval_width",].value == pytest.approx(2.0)
    assert metrics["interval_score",].value == pytest.approx(2.0 + 2 / 0.1 * 0.2 * 0.5)


def test_the_score_is_before_the_width_so_that_a_table_without_stated_columns_shows_it(written, of_regression) -> None:
    for test in (columns(200, 0.8), {"targets": np.zeros(5), "predictions": np.zeros(5)}):
        names = [name for name, *_ in measured(written({"test": test}, of_regression))]
        assert names.index("interval_score") < names.index("interval_width")


def test_a_target_at_an_end_is_covered(written, of_regression) -> None:
    ends = {**columns(50, 1.0), "targets": np.where(np.arange(50) % 2, -1.0, 1.0)}
    assert measured(written({"test": ends}, of_regression))["interval_coverage",].value == 1.0


def test_a_model_without_intervals_says_what_its_predictions_lack(written, of_regression) -> None:
    plain = {"targets": np.zeros(5), "predictions": np.zeros(5)}
    metrics = measured(written({"test": plain}, of_regression))
    assert {metric.value for metric in metrics.values()} == {None}
    assert all("lack lower, upper, level" in metric.reason for metric in metrics.values())


def test_intervals_of_several_levels_are_not_judged_together(written, of_regression) -> None:
    mixed = columns(40, 0.9) | {"level": np.where(np.arange(40) % 2, 0.5, 0.9)}
    assert "2 levels" in measured(written({"test": mixed}, of_regression))["interval_coverage",].reason


def test_clusters_have_an_interval_over_them_and_no_binomial_test(written, of_regression) -> None:
    random = np.random.default_rng(0)
    order = random.permutation(200)
    clustered = {name: values[order] for name, values in columns(200, 0.8).items()} | {"cluster": np.arange(200) // 10}
    metrics = measured(written({"test": clustered}, of_regression))
    assert metrics["coverage_p",].value is None
    assert metrics["interval_coverage",].interval.over == "clusters"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"upper": None}, "upper is missing"),
        ({"lower": np.full(4, 2.0)}, "4 prediction intervals have a lower end above"),
        ({"level": np.full(4, 90.0)}, "between 0 and 1"),
        ({"lower": np.full(4, np.nan)}, "without NaN"),
    ],
)
def test_intervals_that_cannot_be_right_are_refused_by_the_problem(changed: dict, message: str) -> None:
    given = {name: values for name, values in (columns(4, 1.0) | changed).items() if values is not None}
    with pytest.raises(ValueError, match=message):
        regression.check_predictions(given, {})
    regression.check_predictions(columns(4, 1.0), {})


def test_boosted_quantiles_cover_about_what_they_are_meant_to() -> None:
    data = diabetes.load(diabetes.Options(), Sources(offline=True))
    options = gradient_boosting.Options(trees=30, interval=0.8)
    model = gradient_boosting.build(data, options)
    model.fit(data, TrainOptions(), lambda window: True)
    outputs = model.predict(data.splits["test"])
    regression.check_predictions(outputs, data.spec)
    targets = data.splits["test"].take(np.arange(len(data.splits["test"])))["target"]
    covered = (outputs["lower"] <= targets) & (targets <= outputs["upper"])
    assert 0.6 < covered.mean() < 0.95
    assert set(np.unique(outputs["level"])) == {0.8}
    plain = gradient_boosting.build(data, gradient_boosting.Options(trees=5))
    plain.fit(data, TrainOptions(), lambda window: True)
    assert list(plain.predict(data.splits["test"])) == ["predictions"]


def test_an_interval_of_a_classifier_is_refused() -> None:
    data = diabetes.load(diabetes.Options(), Sources(offline=True))
    classes = type(data)("classification", {"classes": ("no", "yes")}, data.splits, data.source)
    with pytest.raises(BenchError, match="interval is for regressions"):
        gradient_boosting.build(classes, gradient_boosting.Options(interval=0.9))
