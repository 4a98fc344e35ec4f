"""Fairness checks: known differences between groups, classes and swapped texts for planted models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bench_suite.components import discovery
from bench_suite.selftest.checks import (
    ROUNDING,
    Check,
    Measured,
    around,
    exactly,
    options_of,
    read_interval,
    read_metric,
)
from bench_suite.selftest.tolerances import LEVEL, NORMAL, OFTEN, SIGMAS, Z, bootstrap_width, quantile_error
from bench_suite.suite.plan import Cell

RESAMPLES = 10_000
"Resamples for each interval of fairness. With a tenth of them, levels of 90 % and 95 % could not be distinguished."
FROM_TO = {"men": ("male", "female"), "women": ("female", "male")}
"The group that texts name, and the groups of the word list between which they are swapped."


def group_checks(cell: Cell) -> Iterator[Check]:
    """Yield checks of the planted differences between the groups of `planted`, and of none for `balanced`."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    counts = task.confusions(options)
    class_counts = counts.sum(axis=2)
    rates = {
        "selection_rate": counts[:, :, 1].sum(axis=1) / class_counts.sum(axis=1),
        "true_positive_rate": counts[:, 1, 1] / class_counts[:, 1],
        "false_positive_rate": counts[:, 0, 1] / class_counts[:, 0],
        "accuracy": (counts[:, 0, 0] + counts[:, 1, 1]) / class_counts.sum(axis=1),
    }
    gap = {name: float(np.ptp(values)) for name, values in rates.items()}
    selected = rates["selection_rate"]
    known = {
        "demographic_parity_difference": gap["selection_rate"],
        "demographic_parity_ratio": float(selected.min() / selected.max()),
        "equalized_odds_difference": max(gap["true_positive_rate"], gap["false_positive_rate"]),
        "equal_opportunity_difference": gap["true_positive_rate"],
        "worst_group_accuracy": float(rates["accuracy"].min()),
    }
    for name, value in known.items():
        name = f"fairness/{name}"
        yield exactly(name, cell, value, read_metric(name, cell, attribute="planted"))
    name = "fairness/equalized_odds_difference"
    yield exactly(f"{name}, balanced", cell, 0, read_metric(name, cell, attribute="balanced"))
    # Each half of a group of `planted` has half of its counts.
    name = "fairness/demographic_parity_difference"
    crossed = read_metric(name, cell, attribute="planted × balanced")
    yield exactly(f"{name}, crossed", cell, gap["selection_rate"], crossed)

    def largest_error(measured: Measured) -> float:
        """Return the largest error of a rate of a group."""
        return max(
            abs(read_metric(f"fairness/{rate}", cell, attribute="planted", group=group)(measured) - value)
            for rate, values in rates.items()
            for group, value in zip(task.members(options), values.tolist())
        )

    yield around("fairness, rates of groups", cell, 0, ROUNDING, "exact", read=largest_error, exact=True)
    if len(counts) == 2:
        yield from _intervals(cell, counts, rates["accuracy"].tolist())


def _intervals(cell: Cell, counts: np.ndarray, accuracies: Sequence[float]) -> Iterator[Check]:
    """Yield checks of intervals for two groups: of a difference, a ratio, the smaller share, and a single share."""
    n = counts.sum(axis=(1, 2))
    selected, planted = counts[:, :, 1].sum(axis=1), {"attribute": "planted"}
    # Shares (hits + 1) / (n + 2) (Agresti and Caffo 2000).
    shares = (selected + 1) / (n + 2)
    name, error = "fairness/demographic_parity_difference", float((shares * (1 - shares) / (n + 2)).sum()) ** 0.5
    middle = read_interval(name, cell, lambda interval: (interval.low + interval.high) / 2, **planted)
    yield exactly("parity interval, middle", cell, float(np.ptp(shares)), middle)
    width = read_interval(name, cell, lambda interval: interval.high - interval.low, **planted)
    yield _difference_width("parity interval, width", cell, error, float((1 / (n + 2)).max()), width)
    balanced = read_interval(name, cell, lambda interval: interval.low, attribute="balanced")
    yield exactly("parity interval, balanced", cell, 0, balanced)
    yield from _odds(cell, counts)
    name, first, other = "fairness/demographic_parity_ratio", int((selected / n).argmin()), int((selected / n).argmax())
    pair = (int(selected[first]), int(n[first]), int(selected[other]), int(n[other]))
    low_score = read_interval(name, cell, lambda interval: ratio_score(*pair, interval.low), **planted)
    yield exactly("ratio interval, score of lower bound", cell, Z, low_score)
    high_score = read_interval(name, cell, lambda interval: ratio_score(*pair, interval.high), **planted)
    yield exactly("ratio interval, score of upper bound", cell, Z, high_score)
    # The intervals of two groups with level √0.95 hold simultaneously in 95 %.
    name, worst, wider = "fairness/worst_group_accuracy", min(accuracies), NORMAL.inv_cdf((1 + LEVEL**0.5) / 2)
    worst_score = _score(name, cell, worst, int(n[0]), planted)
    yield exactly("worst accuracy, score of bound", cell, wider, worst_score)
    one = {**planted, "group": discovery.load(cell.task.component).members(options_of(cell, "task"))[0]}
    first_score = _score("fairness/accuracy", cell, accuracies[0], int(n[0]), one)
    yield exactly("group accuracy, score of bound", cell, Z, first_score)


def _odds(cell: Cell, counts: np.ndarray) -> Iterator[Check]:
    """Yield checks of equalised odds. One of its two differences is so much larger that both bounds belong to it."""
    class_counts = counts.sum(axis=2)
    shares = (counts[:, :, 1] + 1) / (class_counts + 2)
    error = np.sqrt((shares * (1 - shares) / (class_counts + 2)).sum(axis=0))
    larger = int(np.ptp(shares, axis=0).argmax())
    name, at = "fairness/equalized_odds_difference", {"attribute": "planted"}
    middle = read_interval(name, cell, lambda interval: (interval.low + interval.high) / 2, **at)
    yield exactly("odds interval, middle", cell, float(np.ptp(shares[:, larger])), middle)
    width, step = (
        read_interval(name, cell, lambda interval: interval.high - interval.low, **at),
        1 / (class_counts[:, larger] + 2),
    )
    yield _difference_width("odds interval, width", cell, float(error[larger]), float(step.max()), width, pairs=2)


def _difference_width(
    instrument: str, cell: Cell, error: float, step: float, read: Callable[[Measured], float], pairs: int = 1
) -> Check:
    """Return a check of the width of the interval of a difference between two groups, d ± c · `error`.

    c is a quantile of the largest absolute deviation of independent pairs of shares over B resamples: 1.96 for one
    pair, 2.24 for two. The tolerance is the quantile's standard error, and one `step` since hits are integers.
    """
    c = NORMAL.inv_cdf((1 + LEVEL ** (1 / pairs)) / 2)
    density = pairs * LEVEL ** (1 - 1 / pairs) * 2 * NORMAL.pdf(c)
    tolerance = 2 * (error * SIGMAS * quantile_error(LEVEL, RESAMPLES, density) + step)
    return around(
        instrument, cell, 2 * c * error, tolerance, f"a quantile of {RESAMPLES} resamples, {OFTEN}", read=read
    )


def _score(name: str, cell: Cell, share: float, n: int, at: Mapping[str, str]) -> Callable[[Measured], float]:
    """Return a reader of the distance of a share of n examples from its lower bound, in standard errors."""
    return read_interval(name, cell, lambda interval: score(share, interval.low, n), **at)


def score(share: float, bound: float, n: int) -> float:
    """Return the distance of a share from a bound, in standard errors under the bound: z for Wilson (1927)."""
    return abs(share - bound) / math.sqrt(bound * (1 - bound) / n)


def ratio_score(hits: int, n: int, other_hits: int, other_n: int, bound: float) -> float:
    """Return the distance of two shares from a ratio, in standard errors under this ratio.

    It is z at the bounds of Miettinen and Nurminen (1985), with a continuity correction of half an example for each
    share. Bisection finds the maximum-likelihood shares under the ratio, where the derivative of the likelihood is 0.
    """

    def is_rising(p: float) -> bool:
        loss = (n - hits) * bound / (1 - bound * p) + (other_n - other_hits) / (1 - p)
        return (hits + other_hits) / p > loss

    low, high = 0.0, min(1.0, 1 / bound)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if is_rising(middle) else (low, middle)
    share = bound * low
    variance = share * (1 - share) / n + bound**2 * low * (1 - low) / other_n
    distance = abs(hits / n - bound * other_hits / other_n) - (1 / n + bound / other_n) / 2
    return distance / math.sqrt(variance * (n + other_n) / (n + other_n - 1))


def term_checks(cell: Cell) -> Iterator[Check]:
    """Yield checks of swapped texts, whose predictions change if they depend on the group, and of class recalls."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    moved, size = 2 * options_of(cell, "model").confidence - 1, options.size
    undecided = dict(zip(task.KINDS, task.undecided(options)))
    for kind, (old, new) in FROM_TO.items():
        at = {"attribute": "gender", "from": old, "to": new}
        share = undecided[kind] / size
        yield exactly(f"flip_rate, {old}", cell, share, read_metric("fairness/flip_rate", cell, **at))
        bound_score = _score("fairness/flip_rate", cell, share, size, at)
        yield exactly(f"flip_rate, {old}, score of bound", cell, Z, bound_score)
        shift = -moved * share if kind == "men" else moved * share
        yield exactly(f"score_shift, {old}", cell, shift, read_metric("fairness/score_shift", cell, **at))
        width, tolerance = bootstrap_width(share, size, RESAMPLES)
        yield around(
            f"score_shift, {old}, width", cell, moved * width, moved * tolerance,
            f"two quantiles of {RESAMPLES} resamples, {OFTEN}",
            read=read_interval("fairness/score_shift", cell, lambda interval: interval.high - interval.low, **at),
        )  # fmt: skip
    # Half of the undecided texts are of each class. All that name men are predicted as the second class, others as the
    # first.
    recalls = [1 - undecided[kind] / 2 / (len(task.KINDS) * size / 2) for kind in ("men", "women")]
    yield exactly("fairness/worst_class_recall", cell, min(recalls))
    yield exactly("fairness/class_recall_difference", cell, max(recalls) - min(recalls))
