"""OOD checks: the separability of two Gaussians, of two equal sets, and scores of planted logits and features."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from bench_suite.components import discovery
from bench_suite.probes.ood import detection, scores
from bench_suite.selftest.checks import Check, Measured, around, exactly, options_of, read_interval, read_metric
from bench_suite.selftest.tolerances import NORMAL, OFTEN, SIGMAS, Z, quantile_error
from bench_suite.suite.plan import Cell

METHODS = ("max_softmax", "energy", "mahalanobis", "nearest_neighbours")
RESAMPLES = 1000
"The default of the probe's option `resamples`."
CUT = NORMAL.inv_cdf(0.95)
"Standard deviations below the mean of the test scores where the threshold lies."
ROUNDED = "scores are quantiles, which differ from the distribution by about 1/n"
ESTIMATED = "mean and variance are estimated from the training examples"


def gaussians(cell: Cell) -> Iterator[Check]:
    """Yield checks of a network whose score grows with one Gaussian number, and whose features vary with it alone."""
    options = options_of(cell, "task")
    distance, n = options.distance, options.test
    at = {"against": f"shift:{discovery.load(cell.task.component).SHIFTS[0]}"}
    softmax = {**at, "method": "max_softmax"}
    known = NORMAL.cdf(distance / math.sqrt(2))
    yield around("ood/auroc", cell, known, 4 / n, ROUNDED, read=read_metric("ood/auroc", cell, **softmax))
    accepted = NORMAL.cdf(CUT - distance)
    name = "ood/fpr_at_95_tpr"
    yield around(name, cell, accepted, 4 / n, ROUNDED, read=read_metric(name, cell, **softmax))
    error = auroc_error(distance, n, n)
    width = read_interval("ood/auroc", cell, lambda interval: interval.high - interval.low, **softmax)
    tail = 0.025
    of_bound = error * quantile_error(tail, RESAMPLES, NORMAL.pdf(NORMAL.inv_cdf(tail)))
    yield around(
        "ood/auroc, interval width", cell, 2 * Z * error, SIGMAS * math.sqrt(2) * of_bound + 0.02 * error,
        f"two quantiles of {RESAMPLES} resamples, {OFTEN}", read=width,
    )  # fmt: skip
    # The squared distance of one Gaussian number: |z − δ| > |z'| if (z − z' − δ) and (z + z' − δ) have the same sign.
    share = NORMAL.cdf(distance / math.sqrt(2))
    features = {**at, "method": "mahalanobis"}
    yield around(
        "ood/auroc, mahalanobis", cell, share**2 + (1 - share) ** 2, 0.02, ESTIMATED,
        read=read_metric("ood/auroc", cell, **features),
    )  # fmt: skip
    yield around(
        f"{name}, mahalanobis", cell, NORMAL.cdf(Z - distance) - NORMAL.cdf(-Z - distance), 0.03, ESTIMATED,
        read=read_metric(name, cell, **features),
    )  # fmt: skip
    yield exactly("ood/examples", cell, n, read_metric("ood/examples", cell, **at, set="other"))
    yield from _scores(cell, distance)


def auroc_error(distance: float, n: int, m: int) -> float:
    """Return the standard error of the AUROC of n and m normal scores whose means are `distance` apart.

    V = Var Φ(z + δ) (1/n + 1/m): the chance of each example to be ranked rightly varies so much within its set.
    """
    points = np.array([NORMAL.inv_cdf((i + 0.5) / 4000) for i in range(4000)])
    chances = np.array([NORMAL.cdf(point + distance) for point in points])
    return float(chances.std()) * math.sqrt(1 / n + 1 / m)


def nothing_to_tell(cell: Cell) -> Iterator[Check]:
    """Yield checks of two sets of the same distribution: no method separates them."""
    n = options_of(cell, "task").test
    tolerance = SIGMAS * math.sqrt((2 * n + 1) / (12 * n * n))
    for method in METHODS:
        read = read_metric("ood/auroc", cell, against="shift:noisier", method=method)
        basis = f"ranks of two times {n} examples, {OFTEN}"
        yield around(f"ood/auroc of {method}, equal sets", cell, 0.5, tolerance, basis, read=read)


def _scores(cell: Cell, distance: float) -> Iterator[Check]:
    """Yield checks of the scores themselves, from planted logits and features."""

    def area(name: str) -> Callable[[Measured], float]:
        """Return the reader of the AUROC of two sets of logits (s, s): their sum is Gaussian, their softmax is ½."""

        def read(measured: Measured) -> float:
            grid = np.array([NORMAL.inv_cdf((i + 0.5) / 500) for i in range(500)])
            score = getattr(scores, name)
            own, other = (score(np.repeat(values[:, None], 2, axis=1)) for values in (grid, grid - distance))
            return detection.auroc(own, other)

        return read

    known = NORMAL.cdf(distance / math.sqrt(2))
    yield around("energy of equal logits, auroc", cell, known, 4 / 500, ROUNDED, read=area("negative_energy"))
    yield exactly("softmax of equal logits, auroc", cell, 0.5, area("likeliest_class"))

    def kth(measured: Measured) -> float:
        """Return the distance of a vector at 3° to the third nearest of those at 0°, 10°, 20°, …, of any lengths."""
        train, example = np.deg2rad(np.arange(0, 360, 10)), np.deg2rad([3.0])
        known, one = (np.stack([np.cos(angles), np.sin(angles)], axis=1) for angles in (train, example))
        return float(-scores.neighbour_score(known * np.arange(1, 37)[:, None], 7.0 * one, 3)[0])

    yield exactly("third neighbour, distance", cell, 2 * math.sin(math.radians(13.0) / 2), kth)
