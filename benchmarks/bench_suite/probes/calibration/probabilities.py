"""Probabilities: proper scores with their decomposition, and the error by class, with floors from simulated classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Metric
from bench_suite.metrics import brier_score, log_loss
from bench_suite.probes.calibration.floors import ERROR, SCORE, floor_metrics
from bench_suite.stats.calibration import BINS, bin_numbers, class_sums, classwise_error
from bench_suite.stats.calibration_null import Floor, floor_of, simulate_classes, two_sided
from bench_suite.stats.intervals import bootstrap_interval, stable_seed
from bench_suite.stats.reliability import Decomposition, Forecasts, decompose, forecasts_of

PARTS = (
    "classwise_calibration_error",
    "overconfidence",
    "brier_score",
    "brier_miscalibration",
    "brier_discrimination",
    "brier_uncertainty",
    "log_loss",
)
MAX_CLASSES = 30
"Largest number of classes for which each has an isotonic regression; with more there is no decomposition."
WORK = 2e7
"Largest number of simulated examples for a floor of this module, unless that is fewer than `MIN_SIMULATIONS` sets."
REGRESSED = 199
"Largest number of simulated sets of labels if each set needs an isotonic regression for each class."
MIN_SIMULATIONS = 99
TWO_SIDED = ("brier_score", "log_loss")
"Scores that lie below their floor if the model is not sure enough."
BIASED = "chance makes it larger, and resampling would do so once more, so it has no interval"
WITH_FLOOR = f"{BIASED}: compare it with its floor"


@dataclass(frozen=True)
class ClassStatistics:
    """Statistics of all scores as a function of labels alone, with everything else computed once."""

    scores: np.ndarray
    "(n, classes) probabilities."
    numbers: np.ndarray
    "(n, classes) number of each score's bin."
    sums: np.ndarray
    "(classes, bins) sums of scores."
    squares: float
    "Mean over examples of the sum of squared scores."
    events: Sequence[tuple[int, Forecasts]]
    "Classes whose Brier score is decomposed, with the forecasts of each; empty if they are too many."

    def means(self, labels: np.ndarray) -> dict[str, float]:
        """Return the classwise error, the Brier score and the log loss, by name, for class numbers (n,)."""
        classes = self.scores.shape[1]
        rows = np.arange(len(labels))
        hits = labels.astype(np.int64) * BINS + self.numbers[rows, labels]
        right = np.bincount(hits, minlength=classes * BINS).reshape(classes, BINS)
        brier = self.squares - 2.0 * float(self.scores[rows, labels].mean(dtype=np.float64)) + 1.0
        return {
            "classwise_calibration_error": float(np.abs(self.sums - right).sum() / (len(labels) * classes)),
            "brier_score": brier / 2 if classes == 2 else brier,
            "log_loss": float(log_loss.per_example(labels, self.scores).mean()),
        }

    def decomposition(self, labels: np.ndarray) -> Decomposition:
        """Return the decomposition of the Brier score: the sum of the classes', or that of the positive of two."""
        parts = [decompose(forecasts, forecasts.hits(labels == number)) for number, forecasts in self.events]
        return Decomposition(
            sum(part.miscalibration for part in parts),
            sum(part.discrimination for part in parts),
            sum(part.uncertainty for part in parts),
        )

    def floors(self, targets: np.ndarray, simulations: int) -> Iterator[tuple[str, float, Floor]]:
        """Yield the name, the observed value and the floor of each metric that has one."""
        seed = stable_seed({"targets": targets})
        count = self._simulations(simulations, 1)
        observed = self.means(targets)
        for name, values in simulate_classes(self.scores, self.means, simulations=count, seed=seed).items():
            yield name, observed[name], (two_sided if name in TWO_SIDED else floor_of)(observed[name], values)
        if not self.events:
            return

        def miscalibration(labels: np.ndarray) -> dict[str, float]:
            return {"brier_miscalibration": self.decomposition(labels).miscalibration}

        count = self._simulations(min(simulations, REGRESSED), len(self.events))
        draws = simulate_classes(self.scores, miscalibration, simulations=count, seed=seed)
        for name, value in miscalibration(targets).items():
            yield name, value, floor_of(value, draws[name])

    def _simulations(self, stated: int, regressions: int) -> int:
        """Return how many sets of labels to simulate, each with this number of passes over the examples."""
        return int(np.clip(WORK // (len(self.scores) * regressions), min(MIN_SIMULATIONS, stated), stated))


def class_statistics(scores: np.ndarray, positive: int) -> ClassStatistics:
    """Return the statistics of scores (n, classes); `positive` is the class that is decomposed, of two."""
    classes = scores.shape[1]
    decomposed = [positive] if classes == 2 else range(classes) if classes <= MAX_CLASSES else []
    numbers = bin_numbers(scores).astype(np.int8)
    sums = class_sums(numbers, scores.astype(np.float64), BINS)
    squares = float(np.einsum("nk,nk->", scores, scores, dtype=np.float64)) / len(scores)
    events = [(number, forecasts_of(scores[:, number])) for number in decomposed]
    return ClassStatistics(scores, numbers, sums, squares, events)


def probability_metrics(
    targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None, positive: int, simulations: int,
    resamples: int,
) -> Iterator[Metric]:  # fmt: skip
    """Yield the classwise error, the Brier score with its parts, the log loss, and their floors.

    Args:
        targets: (n,) class numbers.
        scores: (n, classes) probabilities.
        clusters: (n,) numbers of clusters, or None if examples are independent.
        positive: number of the positive class, of two.
        simulations: simulated sets of labels; fewer are drawn if n times classes is large.
        resamples: bootstrap resamples of the means.
    """
    n, classes = scores.shape
    statistics = class_statistics(scores, positive)
    single = len(np.unique(targets)) < 2
    one_class = "all examples are of one class, so there is nothing to distinguish"
    if single:
        yield Metric("classwise_calibration_error", None, one_class, n=n)
    else:
        yield Metric("classwise_calibration_error", classwise_error(targets, scores), WITH_FLOOR, n=n)
    for name, function in (("brier_score", brier_score.brier_score), ("log_loss", log_loss.log_loss)):
        yield _score(name, function, targets, scores, clusters, resamples)
    if single or not statistics.events:
        reason = one_class if single else f"{classes} classes are too many for an isotonic regression of each"
        for name in PARTS[3:6]:
            yield Metric(name, None, reason, n=n)
    else:
        parts = statistics.decomposition(targets)
        yield Metric("brier_miscalibration", parts.miscalibration, WITH_FLOOR, n=n)
        yield Metric("brier_discrimination", parts.discrimination, BIASED, n=n)
        yield Metric("brier_uncertainty", parts.uncertainty, "it depends on the shares of the classes only", n=n)
    for name, value, floor in statistics.floors(targets, simulations):
        if not single or name in TWO_SIDED:
            is_error = name == "classwise_calibration_error"
            yield from floor_metrics(
                value, floor, n, {"error" if is_error else "score": name}, kind=ERROR if is_error else SCORE,
                two_sided=name in TWO_SIDED, clustered=clusters is not None,
            )  # fmt: skip


def _score(
    name: str, function: Callable[..., float], targets: np.ndarray, scores: np.ndarray,
    clusters: np.ndarray | None, resamples: int,
) -> Metric:  # fmt: skip
    columns = {"targets": targets, "scores": scores}
    interval, reason = bootstrap_interval(function, columns, clusters=clusters, resamples=resamples)
    return Metric(name, function(**columns), reason, interval=interval, n=len(targets))
