"""Every number of the probe beside an independent value; `-s` prints the table of the documentation.

Values of packages that the tests do not need were computed once, for the 990 confidences f and results y of `drawn`:
netcal 1.4.0 (`ECE(15).measure(f, y)`, `MCE(15)`), uncertainty-calibration 0.1.4 (`get_equal_bins(f, 15)`, then
`plugin_ce(…, power=1)` and `unbiased_l2_ce`), and relplot 1.0.3 (`smECE(f, y)`).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest
from sklearn import metrics as oracle
from sklearn.isotonic import IsotonicRegression

from bench_suite.contracts import Metric, Predictions
from bench_suite.probes.calibration import Options
from bench_suite.probes.calibration.classes import measure_classes
from bench_suite.probes.calibration.prediction_intervals import measure_intervals

FAST = Options(simulations=999, resamples=100)


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Return confidences f and results y, (990,) each, of a model that is too sure: its temperature is 2."""
    random = np.random.default_rng(2)
    confidences = random.beta(3, 1, 1000)
    logits = np.log(confidences / (1 - confidences)) / 2
    return confidences[:990], (random.random(1000) < 1 / (1 + np.exp(-logits)))[:990]


def predictions(scores: np.ndarray, targets: np.ndarray, **groups: np.ndarray) -> Predictions:
    return Predictions("test", np.arange(len(targets)), {"targets": targets, "scores": scores}, groups)


def values(test: Predictions, validation: Predictions | None = None) -> dict[tuple, float | None]:
    classes = [str(number) for number in range(test["scores"].shape[1])]
    rows = measure_classes(test, validation, classes, 1, FAST)
    return {(row.name, *row.at.values()): row.value for row in rows if isinstance(row, Metric)}


@cache
def measured() -> dict[str, dict[tuple, float | None]]:
    """Return the metrics of f as the confidence among 30 classes, of f as the score of two, and of one confidence."""
    f, y = drawn()
    others = np.repeat((1 - f)[:, None] / 29, 29, axis=1)
    binary = predictions(np.stack([1 - f, f], axis=1), y.astype(int), site=np.where(np.arange(990) < 300, "a", "b"))
    single = predictions(np.tile([0.1, 0.9], (2000, 1)), (np.arange(2000) < 1800).astype(int))
    return {
        "30 classes": values(predictions(np.column_stack([f, others]), np.where(y, 0, 1))),
        "2 classes": values(binary, binary),
        "one confidence": values(single),
        "intervals": {(row.name,): row.value for row in measure_intervals(covered(), 30, 20, 100)},
    }


def covered() -> Predictions:
    """Return 200 intervals from −1 to 1 of level 0.9 that contain 160 targets; the others lie 0.5 above."""
    zeros = np.zeros(200)
    columns = {"targets": np.where(np.arange(200) < 160, 0.0, 1.5), "predictions": zeros, "lower": zeros - 1,
               "upper": zeros + 1, "level": zeros + 0.9}  # fmt: skip
    return Predictions("test", np.arange(200), columns)


def isotonic_parts(f: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return the CORP parts of the Brier score by scikit-learn's isotonic regression."""
    curve = IsotonicRegression().fit(f, y.astype(float)).predict(f)
    raw, best = (oracle.brier_score_loss(y, probabilities) for probabilities in (f, curve))
    base = float(y.mean() * (1 - y.mean()))
    return raw - best, base - best, base


def histogram_error(f: np.ndarray, y: np.ndarray) -> float:
    """Return the ECE by NumPy's histograms; no value lies on an edge."""
    edges = np.linspace(0, 1, 16)
    sums, hits = (np.histogram(f, edges, weights=weights)[0] for weights in (f, y.astype(float)))
    return float(np.abs(sums - hits).sum() / len(f))


def fitted(f: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the temperature by SciPy's search and scikit-learn's log loss, and the scores at it."""

    def scaled(temperature: float) -> np.ndarray:
        return np.asarray(1 / (1 + ((1 - f) / f) ** (1 / temperature)))

    def loss(log_temperature: float) -> float:
        return float(oracle.log_loss(y, scaled(math.exp(log_temperature))))

    best = math.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x)
    return best, scaled(best)


def binomial_quantile(share: float) -> float:
    """Return the quantile of |hits / n − 0.9| for n = 2,000."""
    hits = np.arange(2001)
    errors = np.abs(hits / 2000 - 0.9)
    order = np.argsort(errors, kind="stable")
    sums = np.cumsum(binom.pmf(hits, 2000, 0.9)[order])
    return float(errors[order][np.searchsorted(sums, share)])


def brier_deviation(f: np.ndarray) -> float:
    """Return the standard deviation of the Brier score of labels that are drawn from f: those of (1 − 2f) y."""
    return float(np.sqrt((f * (1 - f) * (1 - 2 * f) ** 2).sum()) / len(f))


def table() -> list[tuple[str, str, float, float, float]]:
    """Return rows of metric, source, independent value, measured value, and the relative difference that is allowed."""
    f, y = drawn()
    rows = measured()
    miscalibration, discrimination, uncertainty = isotonic_parts(f, y)
    temperature, scaled = fitted(f, y)
    top, right = np.maximum(f, 1 - f), (f > 0.5) == y
    top_scaled = np.maximum(scaled, 1 - scaled)
    member = np.arange(990) < 300
    many, two, one, regression = (rows[name] for name in ("30 classes", "2 classes", "one confidence", "intervals"))
    exact, printed = 1e-6, 1e-9
    loss, mended = oracle.log_loss(y, f), oracle.log_loss(y, scaled)
    return [
        ("expected_calibration_error", "netcal", 0.12254428507551057, many["expected_calibration_error",], printed),
        ("maximum_calibration_error", "netcal", 0.485938112521183, many["maximum_calibration_error",], printed),
        ("equal_mass_calibration_error", "uncertainty-calibration", 0.11704665671360998,
         many["equal_mass_calibration_error",], printed),
        ("debiased_calibration_error", "uncertainty-calibration", 0.11440547238553259,
         many["debiased_calibration_error",], printed),
        ("smooth_calibration_error", "relplot", 0.10637473962895407, many["smooth_calibration_error",], 0.01),
        ("classwise_calibration_error", "NumPy's histograms", (histogram_error(f, y) + histogram_error(1 - f, ~y)) / 2,
         two["classwise_calibration_error",], exact),
        ("overconfidence", "NumPy", float((top - right).mean()), two["overconfidence",], exact),
        ("brier_score", "scikit-learn", oracle.brier_score_loss(y, f), two["brier_score",], exact),
        ("brier_miscalibration", "scikit-learn's isotonic regression", miscalibration, two["brier_miscalibration",],
         exact),
        ("brier_discrimination", "scikit-learn's isotonic regression", discrimination, two["brier_discrimination",],
         exact),
        ("brier_uncertainty", "share · (1 − share)", uncertainty, two["brier_uncertainty",], exact),
        ("log_loss", "scikit-learn", loss, two["log_loss",], exact),
        ("temperature", "SciPy's search of scikit-learn's log loss", temperature, two["temperature",], 1e-5),
        ("scaled_calibration_error", "NumPy's histograms", histogram_error(top_scaled, right),
         two["scaled_calibration_error",], 1e-4),
        ("scaled_log_loss", "scikit-learn", mended, two["scaled_log_loss",], exact),
        ("temperature_gain", "scikit-learn", loss - mended, two["temperature_gain",], 1e-5),
        ("group_calibration_error", "NumPy's histograms", histogram_error(top[member], right[member]),
         two["group_calibration_error", "site", "a"], exact),
        ("group_overconfidence", "NumPy", float((top - right)[member].mean()), two["group_overconfidence", "site", "a"],
         exact),
        ("calibration_floor", "SciPy's binomial", binomial_quantile(0.5), one["calibration_floor",], 0.1),
        ("calibration_floor_95", "SciPy's binomial", binomial_quantile(0.95), one["calibration_floor_95",], 0.1),
        ("calibration_excess", "value − floor", two["expected_calibration_error",] - two["calibration_floor",],
         two["calibration_excess",], exact),
        ("calibration_p", "1 / (simulations + 1)", 1 / 1000, many["calibration_p",], exact),
        ("score_floor", "mean of f (1 − f)", float((f * (1 - f)).mean()), two["score_floor", "brier_score"], 0.02),
        ("score_floor_95", "normal limit", float((f * (1 - f)).mean() + 1.645 * brier_deviation(f)),
         two["score_floor_95", "brier_score"], 0.02),
        ("score_excess", "value − floor", two["brier_score",] - two["score_floor", "brier_score"],
         two["score_excess", "brier_score"], exact),
        ("score_p", "2 / (simulations + 1)", 2 / 1000, two["score_p", "brier_score"], exact),
        ("interval_coverage", "160 of 200", 0.8, regression["interval_coverage",], exact),
        ("coverage_gap", "0.8 − 0.9", -0.1, regression["coverage_gap",], exact),
        ("coverage_p", "SciPy's binomial test", binomtest(160, 200, 0.9).pvalue, regression["coverage_p",], exact),
        ("interval_width", "by hand", 2.0, regression["interval_width",], exact),
        ("interval_score", "2 + 2 / 0.1 · 0.2 · 0.5", 4.0, regression["interval_score",], exact),
    ]  # fmt: skip


def test_every_metric_has_its_independent_value() -> None:
    from bench_suite.probes.calibration import METRICS

    rows = table()
    print("| metric | independent value | by | measured |\n|---|---|---|---|")
    for name, source, known, value, allowed in rows:
        print(f"| `{name}` | {known:.6f} | {source} | {value:.6f} |")
        assert value == pytest.approx(known, rel=allowed, abs=1e-12), name
    assert {name for name, *_ in rows} == set(METRICS)
