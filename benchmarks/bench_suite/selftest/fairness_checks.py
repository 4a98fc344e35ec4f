"""Fair: what is known of how unevenly a planted model treats groups, classes, and texts whose words are swapped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from bench_suite.components import discovery
from bench_suite.selftest.checks import ROUNDING, Check, Measured, around, bound, exactly, metric, options_of
from bench_suite.selftest.tolerances import LEVEL, NORMAL, OFTEN, SIGMAS, Z, bootstrap_width, quantile_error
from bench_suite.suite.plan import Cell

RESAMPLES = 10_000
"Behind each interval of fairness: with ten times fewer, one of 90 % could not be told from one of 95 %."
FROM_TO = {"men": ("male", "female"), "women": ("female", "male")}
"Whom texts name, and the groups of the word list between which they are swapped."


def of_groups(cell: Cell) -> Iterator[Check]:
    """Between the groups of `planted` what was planted, and between those of `balanced` nothing."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    counts = task.confusions(options)
    of_class = counts.sum(axis=2)
    rates = {
        "selection_rate": counts[:, :, 1].sum(axis=1) / of_class.sum(axis=1),
        "true_positive_rate": counts[:, 1, 1] / of_class[:, 1],
        "false_positive_rate": counts[:, 0, 1] / of_class[:, 0],
        "accuracy": (counts[:, 0, 0] + counts[:, 1, 1]) / of_class.sum(axis=1),
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
        yield exactly(name, cell, value, metric(name, cell, attribute="planted"))
    name = "fairness/equalized_odds_difference"
    yield exactly(f"{name}, balanced", cell, 0, metric(name, cell, attribute="balanced"))
    # In each half of a group of `planted` are half of its counts.
    name = "fairness/demographic_parity_difference"
    crossed = metric(name, cell, attribute="planted × balanced")
    yield exactly(f"{name}, crossed", cell, gap["selection_rate"], crossed)

    def farthest(measured: Measured) -> float:
        """The largest error of a rate of a group."""
        return max(
            abs(metric(f"fairness/{rate}", cell, attribute="planted", group=group)(measured) - value)
            for rate, values in rates.items()
            for group, value in zip(task.members(options), values.tolist())
        )

    yield around("fairness, rates of groups", cell, 0, ROUNDING, "exact", read=farthest)
    if len(counts) == 2:
        yield from _intervals(cell, counts, rates["accuracy"].tolist())


def _intervals(cell: Cell, counts: np.ndarray, accuracies: Sequence[float]) -> Iterator[Check]:
    """Of two groups: of the difference and the ratio of two shares, of the lesser of two, and of one."""
    n = counts.sum(axis=(1, 2))
    selected, planted = counts[:, :, 1].sum(axis=1), {"attribute": "planted"}
    # Of shares (hits + 1) / (n + 2) (Agresti and Caffo 2000).
    shares = (selected + 1) / (n + 2)
    name, error = "fairness/demographic_parity_difference", float((shares * (1 - shares) / (n + 2)).sum()) ** 0.5
    middle = bound(name, cell, lambda interval: (interval.low + interval.high) / 2, **planted)
    yield exactly("parity interval, middle", cell, float(np.ptp(shares)), middle)
    width = bound(name, cell, lambda interval: interval.high - interval.low, **planted)
    yield _wide("parity interval, width", cell, error, float((1 / (n + 2)).max()), width)
    balanced = bound(name, cell, lambda interval: interval.low, attribute="balanced")
    yield exactly("parity interval, balanced", cell, 0, balanced)
    yield from _odds(cell, counts)
    name, first, other = "fairness/demographic_parity_ratio", int((selected / n).argmin()), int((selected / n).argmax())
    pair = (int(selected[first]), int(n[first]), int(selected[other]), int(n[other]))
    of_low = bound(name, cell, lambda interval: ratio_score(*pair, interval.low), **planted)
    yield exactly("ratio interval, score of lower bound", cell, Z, of_low)
    of_high = bound(name, cell, lambda interval: ratio_score(*pair, interval.high), **planted)
    yield exactly("ratio interval, score of upper bound", cell, Z, of_high)
    # Two groups' intervals of level √0.95 hold together in 95 %.
    name, worst, wider = "fairness/worst_group_accuracy", min(accuracies), NORMAL.inv_cdf((1 + LEVEL**0.5) / 2)
    of_worst = _score(name, cell, worst, int(n[0]), planted)
    yield exactly("worst accuracy, score of bound", cell, wider, of_worst)
    one = {**planted, "group": discovery.load(cell.task.component).members(options_of(cell, "task"))[0]}
    of_first = _score("fairness/accuracy", cell, accuracies[0], int(n[0]), one)
    yield exactly("group accuracy, score of bound", cell, Z, of_first)


def _odds(cell: Cell, counts: np.ndarray) -> Iterator[Check]:
    """Of equalised odds, the larger of two differences, of which one is so much larger that both bounds are its own."""
    of_class = counts.sum(axis=2)
    shares = (counts[:, :, 1] + 1) / (of_class + 2)
    error = np.sqrt((shares * (1 - shares) / (of_class + 2)).sum(axis=0))
    larger = int(np.ptp(shares, axis=0).argmax())
    name, at = "fairness/equalized_odds_difference", {"attribute": "planted"}
    middle = bound(name, cell, lambda interval: (interval.low + interval.high) / 2, **at)
    yield exactly("odds interval, middle", cell, float(np.ptp(shares[:, larger])), middle)
    width, step = bound(name, cell, lambda interval: interval.high - interval.low, **at), 1 / (of_class[:, larger] + 2)
    yield _wide("odds interval, width", cell, float(error[larger]), float(step.max()), width, pairs=2)


def _wide(
    instrument: str, cell: Cell, error: float, step: float, read: Callable[[Measured], float], pairs: int = 1
) -> Check:
    """Width of the interval of what lies between two groups, d ± c · `error`.

    c is a quantile of the largest absolute deviation of some independent pairs of shares over B resamples: of one pair
    1.96, of two 2.24, but for the quantile's own error, and since hits go in a `step`.
    """
    c = NORMAL.inv_cdf((1 + LEVEL ** (1 / pairs)) / 2)
    density = pairs * LEVEL ** (1 - 1 / pairs) * 2 * NORMAL.pdf(c)
    reach = 2 * (error * SIGMAS * quantile_error(LEVEL, RESAMPLES, density) + step)
    return around(instrument, cell, 2 * c * error, reach, f"a quantile of {RESAMPLES} resamples, {OFTEN}", read=read)


def _score(name: str, cell: Cell, share: float, n: int, at: Mapping[str, str]) -> Callable[[Measured], float]:
    """Reads how many standard errors a share of n examples lies from the lower bound of its interval."""
    return bound(name, cell, lambda interval: score(share, interval.low, n), **at)


def score(share: float, supposed: float, n: int) -> float:
    """Standard errors of a share of n examples, by what is supposed of it: of Wilson's bounds, z (Wilson 1927)."""
    return abs(share - supposed) / math.sqrt(supposed * (1 - supposed) / n)


def ratio_score(hits: int, n: int, other_hits: int, other_n: int, supposed: float) -> float:
    """Standard errors, by what is supposed of the ratio of two shares, of how far the shares are from having it.

    z at the bounds of Miettinen and Nurminen (1985), each share less half an example. The shares that are likeliest
    under that ratio are where the derivative of their likelihood is 0, which is found by halving.
    """

    def rising(p: float) -> bool:
        lost = (n - hits) * supposed / (1 - supposed * p) + (other_n - other_hits) / (1 - p)
        return (hits + other_hits) / p > lost

    low, high = 0.0, min(1.0, 1 / supposed)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) else (low, middle)
    share = supposed * low
    variance = share * (1 - share) / n + supposed**2 * low * (1 - low) / other_n
    apart = abs(hits / n - supposed * other_hits / other_n) - (1 / n + supposed / other_n) / 2
    return apart / math.sqrt(variance * (n + other_n) / (n + other_n - 1))


def of_terms(cell: Cell) -> Iterator[Check]:
    """Of texts whose words are swapped: those flip that are judged by whom they name; and what classes get of it."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    moved, size = 2 * options_of(cell, "model").confidence - 1, options.size
    undecided = dict(zip(task.KINDS, task.undecided(options)))
    for kind, (old, new) in FROM_TO.items():
        at = {"attribute": "gender", "from": old, "to": new}
        share = undecided[kind] / size
        yield exactly(f"flip_rate, {old}", cell, share, metric("fairness/flip_rate", cell, **at))
        of_bound = _score("fairness/flip_rate", cell, share, size, at)
        yield exactly(f"flip_rate, {old}, score of bound", cell, Z, of_bound)
        shift = -moved * share if kind == "men" else moved * share
        yield exactly(f"score_shift, {old}", cell, shift, metric("fairness/score_shift", cell, **at))
        width, reach = bootstrap_width(share, size, RESAMPLES)
        yield around(
            f"score_shift, {old}, width", cell, moved * width, moved * reach,
            f"two quantiles of {RESAMPLES} resamples, {OFTEN}",
            read=bound("fairness/score_shift", cell, lambda interval: interval.high - interval.low, **at),
        )  # fmt: skip
    # Half of the undecided are of each class; of those that name men all are taken for the second, else for the first.
    recalls = [1 - undecided[kind] / 2 / (len(task.KINDS) * size / 2) for kind in ("men", "women")]
    yield exactly("fairness/worst_class_recall", cell, min(recalls))
    yield exactly("fairness/class_recall_difference", cell, max(recalls) - min(recalls))
