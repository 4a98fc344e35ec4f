"""Known answers of gates that add seeds: the levels of the looks, p-values at any look, and planted losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from bench_suite.comparison import error_rates
from bench_suite.selftest.checks import Check, Measured, around, between, exactly
from bench_suite.selftest.tolerances import OFTEN, SIGMAS
from bench_suite.stats import sequential
from bench_suite.suite.plan import Cell
from bench_suite.suite.spec import SeedRange

TASK = "seeds"
RANGE = SeedRange(3, 15)
LEVEL, TOLERANCE = 0.01, 0.02
EXAMPLES, DIFFERING, SPREAD = 359, 0.05, 0.004
"Test examples, the share on which equally good models differ, and the standard deviation between seeds."
LOOK = 2
"A look, of which p-values are known."
TRIALS, WALKS = 20, 400_000
"Simulated comparisons, and simulated sequences of independent evidence."


def seed_checks(cell: Cell) -> Iterator[Check]:
    """Yield the checks, none of which needs a run.

    Args:
        cell: any cell of the suite; the checks show its copy with the task `seeds`.
    """
    shown = replace(
        cell, id=TASK, fraction=1.0, task=replace(cell.task, label=TASK), model=replace(cell.model, label="planted"),
        labels={"task": TASK, "model": "planted"},
    )  # fmt: skip
    chance = SIGMAS * math.sqrt(LEVEL * (1 - LEVEL) / WALKS)
    yield around(
        "any of five looks rejects", shown, LEVEL, chance, f"{WALKS:,} sequences, {OFTEN}", read=_reader(_any_look),
        needs_run=False,
    )  # fmt: skip
    for name, known, read in (
        ("looks, seeds of the third", 8.0, lambda: float(sequential.looks(RANGE.first, RANGE.most)[LOOK])),
        ("looks, p at its level", LEVEL, lambda: _p([1.0] * LOOK + [_nominal(LOOK)])),
        ("looks, p of a later look", LEVEL, lambda: _p([1.0] * LOOK + [_nominal(LOOK), 1.0])),
        ("looks, p of one look", LEVEL, lambda: sequential.sequential_p(5, 5, [LEVEL])),
        ("looks, loss of 8 points", 1.0, lambda: _rates(0.08).detected),
        ("looks, loss of the tolerance", 0.0, lambda: _rates(TOLERANCE).detected),
        ("looks, equal models", 0.0, lambda: _rates(0.0).alarms),
    ):
        yield exactly(name, shown, known, _reader(read), needs_run=False)
    yield between(
        "looks, seeds of equal models",
        shown,
        9.5,
        8.0,
        14.5,
        "seeds of the looks",
        read=_reader(_seeds),
        needs_run=False,
    )


def _reader(read: Callable[[], float]) -> Callable[[Measured], float]:
    return lambda measured: read()


def _nominal(look: int) -> float:
    return sequential.nominal_level(RANGE.first, RANGE.most, look, LEVEL)


def _p(p_values: list[float]) -> float:
    return sequential.sequential_p(RANGE.first, RANGE.most, p_values)


def _any_look() -> float:
    """Return the share of sequences of independent normal evidence of which any look rejects at its level."""
    from scipy import special

    random, numbers = np.random.default_rng(0), sequential.looks(RANGE.first, RANGE.most)
    total, rejects, before = np.zeros(WALKS), np.zeros(WALKS, dtype=bool), 0
    for look, number in enumerate(numbers):
        total += random.normal(0.0, math.sqrt(number - before), WALKS)
        rejects |= total / math.sqrt(number) > -float(special.ndtri(_nominal(look)))
        before = number
    return float(rejects.mean())


def _rates(loss: float) -> error_rates.Rates:
    setting = error_rates.Setting(EXAMPLES, RANGE.most, DIFFERING, SPREAD, tolerance=TOLERANCE, seed_range=RANGE)
    return error_rates.simulate([setting] * 2, loss=loss, trials=TRIALS)


def _seeds() -> float:
    return _rates(0.0).seeds
