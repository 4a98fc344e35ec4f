"""Privacy checks: known answers of attacks on a planted memory, of shadow models of it, and of a one-run audit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench_suite.selftest.checks import (
    Check,
    Measured,
    NotMeasured,
    around,
    between,
    exactly,
    options_of,
    read_interval,
    read_metric,
)
from bench_suite.selftest.tolerances import LEVEL, OFTEN, SIGMAS, Z
from bench_suite.suite.plan import Cell

LOSS, CONFIDENCE = {"attack": "loss"}, {"attack": "confidence"}
MIN_ACCURACY = 0.85
"Least share of right guesses: 34 of the 40 surest *in* guesses, of which 91 % are expected to be right."


def memory_checks(cell: Cell, members: int) -> Iterator[Check]:
    """Yield checks of the probe `privacy` for a model that knows its training examples by heart.

    It is right about every member and about 1 − f of the others, each time with the same confidence. So a score of the
    loss has two values, and one of the confidence has a single one.

    Args:
        cell: of the task `planted_noise` and the model `planted_memory`.
        members: number of training examples.
    """
    task = options_of(cell, "task")
    flipped, others = task.flipped, task.test
    yield exactly("privacy/members", cell, members)
    yield exactly("privacy/non_members", cell, others)
    yield exactly("privacy/auc of loss", cell, (1 + flipped) / 2, read_metric("privacy/auc", cell, **LOSS))
    # A member is placed equally among all others, and one of the others at ½ or 1.
    width = 2 * Z * math.sqrt(flipped * (1 - flipped) / (others - 1)) / 2
    read = read_interval("privacy/auc", cell, lambda interval: interval.high - interval.low, **LOSS)
    yield exactly("privacy/auc of loss, width", cell, width, read)
    yield exactly("privacy/advantage of loss", cell, flipped, read_metric("privacy/advantage", cell, **LOSS))
    # Newcombe: the bounds of Wilson's intervals of members/members and of others · (1 − f) / others.
    own = Z**2 / (members + Z**2)
    share = 1 - flipped
    upper = (share + Z**2 / (2 * others) + Z * math.sqrt(share * flipped / others + (Z / (2 * others)) ** 2)) / (
        1 + Z**2 / others
    )
    low = flipped - math.hypot(own, upper - share)
    read = read_interval("privacy/advantage", cell, lambda interval: interval.low, **LOSS)
    yield exactly("privacy/advantage of loss, lower bound", cell, low, read)
    # The surest of the others are as sure as all members, so no threshold separates them.
    at = {**LOSS, "false_positive_rate": 0.01}
    yield exactly("privacy/true_positive_rate", cell, 0, read_metric("privacy/true_positive_rate", cell, **at))
    read = read_interval("privacy/true_positive_rate", cell, lambda interval: interval.high, **at)
    yield exactly("true_positive_rate, upper bound", cell, 1 - ((1 - LEVEL) / 2) ** (1 / members), read)
    # Ten of a thousand others may exceed the threshold, so it is the eleventh, and eleven members exceed that.
    yield exactly("true_positive_rate of 1,000 of each", cell, 0.011, _true_positive_rate, needs_run=False)
    yield exactly("privacy/auc of confidence", cell, 0.5, read_metric("privacy/auc", cell, **CONFIDENCE))
    yield exactly("privacy/advantage of confidence", cell, 0, read_metric("privacy/advantage", cell, **CONFIDENCE))
    yield from _shadow_checks(cell, members, flipped)
    yield from _audit_checks(cell)


def _true_positive_rate(measured: Measured) -> float:
    """Return the true positive rate at 1 % of the members 0.5, 1.5, … 999.5 and the others 0, 1, … 999."""
    import numpy as np

    from bench_suite.stats import membership

    others = np.arange(1000.0)
    return membership.hits_at(others + 0.5, others, 0.01)[0] / 1000


def _shadow_checks(cell: Cell, members: int, flipped: float) -> Iterator[Check]:
    """Yield checks of the attacks by likelihood ratio, which tell the examples with a flipped label apart.

    Models with and without such an example differ in its label, and agree on every other example. How many members have
    a flipped label depends on which ones were held out; the area changes by at most half of their share.
    """
    whole = options_of(cell, "task").train
    spread = SIGMAS * math.sqrt(flipped * (1 - flipped) / members * (1 - members / whole)) / 2
    for attack, known in {
        # It is above all others, an other one with a flipped label below all members, and the rest are equal.
        "likelihood_ratio": flipped + (1 - flipped) * (1 + flipped) / 2,
        # The other one looks like a model without it, as every other example does.
        "likelihood_ratio_offline": (1 + flipped) / 2,
    }.items():
        read = read_metric("privacy/auc", cell, attack=attack)
        basis = f"share of flipped labels among {members} members, {OFTEN}"
        yield around(f"privacy/auc of {attack}", cell, known, spread, basis, read=read)
    # Only an other one with a flipped label is below them: it is less likely than models with and without it are.
    read = read_metric("privacy/auc", cell, attack="relative")
    yield exactly("privacy/auc of relative", cell, (1 + flipped) / 2, read)


def _audit_checks(cell: Cell) -> Iterator[Check]:
    """Yield checks of the audit: nearly all guesses are right, and the bound is the ε that just permits it."""
    yield between(
        "privacy/audit_accuracy", cell, 0.95, MIN_ACCURACY, 1, "guesses *out* are right, and of those *in* about 91 %"
    )

    def chance(measured: Measured) -> float:
        """Return the probability of as many right guesses at the bound that was measured."""
        accuracy, bound = (measured.row(cell, f"privacy/audit_{name}", {}) for name in ("accuracy", "epsilon"))
        if accuracy.value is None or accuracy.n is None or bound.value is None:
            raise NotMeasured(accuracy.reason or bound.reason or "no value")
        guesses, correct = accuracy.n, round(accuracy.value * accuracy.n)
        share = 1 / (1 + math.exp(-bound.value))
        return sum(
            math.comb(guesses, right) * share**right * (1 - share) ** (guesses - right)
            for right in range(correct, guesses + 1)
        )

    yield exactly("audit_epsilon, chance of the guesses", cell, 1 - LEVEL, chance)
