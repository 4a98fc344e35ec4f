"""Simulate how often a suite's gates raise a false alarm and find a drop, with the functions that judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench_suite.comparison.cases import cases_of
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.seed_looks import SequentialEvidence, sequence_of
from bench_suite.comparison.strategies import with_seeds
from bench_suite.comparison.verdicts import Case, Row, classify_gated
from bench_suite.stats.paired import nested_difference
from bench_suite.stats.sequential import looks
from bench_suite.store.runs import Run
from bench_suite.suite.spec import SeedRange

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
    seed_range: SeedRange | None = None
    "The seeds that a comparison adds until it decides; then `seeds` is the most of them."


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
    seeds: float
    "Mean number of seeds a side until all gates are decided or have the most seeds."


def simulate(
    settings: Sequence[Setting], drop: float = DROP, *, on_top: bool = False, lasting: bool = False,
    trials: int = 1000, seed: int = 0, loss: float | None = None,
) -> Rates:  # fmt: skip
    """Simulate one suite whose gates are judged together, as independent metrics.

    Answers: on a share 2q of the examples each side is right with chance ½, shifted by the seed. On the others both are
    right, so the sides differ on a share q. Numbers: normal differences of examples and of seeds.

    Args:
        settings: the gated metrics.
        drop: how far the first metric drops beyond its tolerance; 0 changes none.
        on_top: whether the drop falls on examples that did not differ, others under each seed. By default it falls
            on those that differ, as far as they go, so that no more examples differ than before.
        lasting: whether a drop of answers falls on examples that did not differ, the same ones under every seed.
        trials: number of simulated comparisons.
        seed: seed of the simulation.
        loss: the whole loss of the first metric, tolerance included, instead of `drop`.
    """
    if loss is None:
        loss = settings[0].tolerance + drop if drop else 0.0
    drop = max(0.0, loss - settings[0].tolerance)
    random = np.random.default_rng(seed)
    alarms, detected, undecided, losses, seeds = 0, 0, 0, [], 0
    for _ in range(trials):
        rows = _verdicts(settings, loss, on_top, random, lasting=lasting)
        first = next(row for row in rows if row.where == "0")
        alarms += any(row.verdict == "regressed" for row in rows)
        detected += first.verdict == "regressed"
        undecided += first.verdict == "cannot tell"
        seeds += max(row.decided_at or settings[0].seeds for row in rows)
        losses.append(math.inf if first.smallest is None else first.smallest - settings[0].tolerance)
    median = float(np.median(losses))
    return Rates(trials, drop, alarms / trials, detected / trials, undecided / trials, median, seeds / trials)


CURVE = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"Losses of the curve of power, in tolerances; without a tolerance, in points of a fraction."


def power_curve(settings: Sequence[Setting], trials: int = 300) -> list[tuple[float, Rates]]:
    """Return what the first gate says of losses of several sizes: each loss, tolerance included, with its rates.

    A loss falls on examples that differed, as in `simulate`; the other gates have none.
    """
    unit = settings[0].tolerance or DROP
    return [(share * unit, simulate(settings, loss=share * unit, trials=trials)) for share in CURVE]


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
        setting = replace(setting, deviation=math.sqrt(main.examples * main.n), tolerance=case.margin)
        if isinstance(case.evidence, SequentialEvidence):
            setting = replace(setting, seeds=case.evidence.seed_range.most, seed_range=case.evidence.seed_range)
        settings.append(setting)
    return settings


def _verdicts(
    settings: Sequence[Setting], loss: float, on_top: bool, random: np.random.Generator, *, lasting: bool = False
) -> list[Row]:
    """Return the rows of one comparison in which the first metric lost `loss`."""
    cases = []
    for number, setting in enumerate(settings):
        own = 0.0 if number else loss
        answers = setting.differing
        draw = _answers(setting, own, on_top, random, lasting) if answers else _numbers(setting, own, random)
        cases.append(_case(str(number), setting, draw))
    return classify_gated(cases)


@dataclass(frozen=True)
class _Draw:
    """The differences of all seeds, and the values of both sides under each."""

    differences: np.ndarray
    "(S, n)."
    alike: int
    "Further examples on which the sides do not differ."
    values: list[tuple[float, float]]

    def evidence(self, seeds: int) -> Evidence:
        """Return what the first seeds say."""
        main = nested_difference(self.differences[:seeds], alike=self.alike)
        return with_seeds(main, self.values[:seeds], 1.0)


def _case(where: str, setting: Setting, draw: _Draw) -> Case:
    row, seed_range = Row("metric", where, True), setting.seed_range
    if seed_range is None:
        return Case(row, draw.evidence(setting.seeds), setting.tolerance)
    numbers = looks(seed_range.first, seed_range.most)
    evidences = [draw.evidence(number) for number in numbers]
    return Case(replace(row, looks=numbers), sequence_of(evidences, setting.tolerance, seed_range), setting.tolerance)


def _answers(setting: Setting, loss: float, on_top: bool, random: np.random.Generator, lasting: bool = False) -> _Draw:
    """Draw the answers of both sides; head loses a share `loss` of them."""
    unsure = max(1, random.binomial(setting.n, min(1.0, 2 * (setting.differing or 0.0))))
    sure = setting.n - unsure
    share = unsure / setting.n
    within = 0.0 if on_top or lasting else min(loss, share / 2)
    right = []
    for move in (0.0, -within):
        chance = 0.5 + (random.normal(move, setting.spread, (setting.seeds, 1))) / share
        right.append(random.random((setting.seeds, unsure), dtype=np.float32) < chance)
    differences = right[1].astype(np.float64) - right[0]
    if loss > within and sure:
        rows = 1 if lasting else setting.seeds
        lost = random.random((rows, sure), dtype=np.float32) < (loss - within) * setting.n / sure
        further = np.broadcast_to(-lost.astype(np.float64), (setting.seeds, sure))
        differences, sure = np.hstack([differences, further]), 0
    bases = right[0].sum(axis=1) / setting.n
    return _Draw(differences, sure, list(zip(bases, bases + differences.sum(axis=1) / setting.n)))


def _numbers(setting: Setting, loss: float, random: np.random.Generator) -> _Draw:
    """Draw the numeric differences of examples and seeds; head is lower by `loss`."""
    of_example = random.normal(-loss, setting.deviation, setting.n)
    sides = random.normal(0.0, setting.spread, (2, setting.seeds))
    differences = of_example + (sides[1] - sides[0])[:, None]
    heads = sides[1] + of_example.mean()
    return _Draw(differences, 0, list(zip(sides[0], heads)))
