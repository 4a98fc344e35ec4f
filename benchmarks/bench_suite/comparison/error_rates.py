"""Simulate how often a suite's gates raise a false alarm and find a drop, with the functions that judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench_suite.comparison.cases import cases_of
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.strategies import with_seeds
from bench_suite.comparison.verdicts import Case, Row, classify_gated
from bench_suite.stats.paired import nested_difference
from bench_suite.store.runs import Run

DROP = 0.01
"Size of the simulated drop beyond the tolerance: one point of a fraction."


@dataclass(frozen=True)
class Setting:
    """A gated metric to simulate, of right and wrong answers or of numbers."""

    n: int = 10_000
    "Paired test examples."
    seeds: int = 1
    differing: float | None = 0.05
    "Share of the examples on which two equally good models differ; None for a metric of numbers."
    spread: float = 0.0
    "Standard deviation that a seed brings to each side's value."
    deviation: float = 0.0
    "Standard deviation of the examples' differences, for a metric of numbers."
    tolerance: float = 0.0


@dataclass(frozen=True)
class Rates:
    """Results of the trials."""

    trials: int
    drop: float
    "How far the first metric dropped beyond its tolerance; 0 if no metric changed."
    alarms: float
    "Share of the comparisons in which any gate is *regressed*: false alarms if nothing changed."
    detected: float
    "Share in which the first gate is *regressed*."
    undecided: float
    "Share in which the first gate is *cannot tell*."
    finds: float
    "Median of the least drop beyond the tolerance that the first gate states it finds; ∞ if it finds none."


def simulate(
    settings: Sequence[Setting], drop: float = DROP, *, on_top: bool = False, trials: int = 1000, seed: int = 0
) -> Rates:
    """Simulate one suite whose gates are judged together, as independent metrics.

    Answers: on a share 2q of the examples each side is right with chance ½, shifted by the seed. On the others both are
    right, so the sides differ on a share q. Numbers: normal differences of examples and of seeds.

    Args:
        settings: the gated metrics.
        drop: how far the first metric drops beyond its tolerance; 0 changes none.
        on_top: whether the drop falls on examples that did not differ, others under each seed. By default it falls
            on those that differ, as far as they go, so that no more examples differ than before.
        trials: number of simulated comparisons.
        seed: seed of the simulation.
    """
    random = np.random.default_rng(seed)
    alarms, detected, undecided, losses = 0, 0, 0, []
    for _ in range(trials):
        rows = _verdicts(settings, drop, on_top, random)
        first = next(row for row in rows if row.where == "0")
        alarms += any(row.verdict == "regressed" for row in rows)
        detected += first.verdict == "regressed"
        undecided += first.verdict == "cannot tell"
        losses.append(math.inf if first.smallest is None else first.smallest - settings[0].tolerance)
    return Rates(trials, drop, alarms / trials, detected / trials, undecided / trials, float(np.median(losses)))


def settings_of(base: Run, head: Run, *, trust: bool = False) -> list[Setting]:
    """Return the gated metrics of two runs as settings, from the measured spread of examples and seeds.

    Metrics that were not compared over examples are left out.

    Raises:
        ComparisonError: The runs cannot be compared.
    """
    settings = []
    for case in cases_of(base, head, trust=trust)[1]:
        main = case.evidence.main if case.evidence is not None else None
        if not case.row.gated or main is None or main.n < 2:
            continue
        of_seeds = main.seeds * main.count - (main.differing or 0.0) / main.n
        setting = Setting(main.n, main.count, main.differing or None, math.sqrt(max(0.0, of_seeds) / 2))
        settings.append(replace(setting, deviation=math.sqrt(main.examples * main.n), tolerance=case.margin))
    return settings


def _verdicts(settings: Sequence[Setting], drop: float, on_top: bool, random: np.random.Generator) -> list[Row]:
    """Return the rows of one comparison in which the first metric dropped by its tolerance and `drop`, if not 0."""
    cases = []
    for number, setting in enumerate(settings):
        loss = setting.tolerance + drop if drop and not number else 0.0
        evidence = _answers(setting, loss, on_top, random) if setting.differing else _numbers(setting, loss, random)
        cases.append(Case(Row("metric", str(number), True), evidence, setting.tolerance))
    return classify_gated(cases)


def _answers(setting: Setting, loss: float, on_top: bool, random: np.random.Generator) -> Evidence:
    """Draw the answers of both sides; head loses a share `loss` of them."""
    unsure = max(1, random.binomial(setting.n, min(1.0, 2 * (setting.differing or 0.0))))
    sure = setting.n - unsure
    share = unsure / setting.n
    within = 0.0 if on_top else min(loss, share / 2)
    right = []
    for move in (0.0, -within):
        chance = 0.5 + (random.normal(move, setting.spread, (setting.seeds, 1))) / share
        right.append(random.random((setting.seeds, unsure), dtype=np.float32) < chance)
    differences = right[1].astype(np.float64) - right[0]
    if loss > within and sure:
        lost = random.random((setting.seeds, sure), dtype=np.float32) < (loss - within) * setting.n / sure
        differences, sure = np.hstack([differences, -lost.astype(np.float64)]), 0
    bases = right[0].sum(axis=1) / setting.n
    values = list(zip(bases, bases + differences.sum(axis=1) / setting.n))
    return with_seeds(nested_difference(differences, alike=sure), values, 1.0)


def _numbers(setting: Setting, loss: float, random: np.random.Generator) -> Evidence:
    """Draw the numeric differences of examples and seeds; head is lower by `loss`."""
    of_example = random.normal(-loss, setting.deviation, setting.n)
    sides = random.normal(0.0, setting.spread, (2, setting.seeds))
    differences = of_example + (sides[1] - sides[0])[:, None]
    heads = sides[1] + of_example.mean()
    return with_seeds(nested_difference(differences), list(zip(sides[0], heads)), 1.0)
