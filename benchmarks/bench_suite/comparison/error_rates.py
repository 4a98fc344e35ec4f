"""How often a suite's gates raise a false alarm and how surely they find a drop, simulated through what judges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench_suite.comparison.compare import cases_of, with_seeds
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.verdicts import Case, Row, classify_gated
from bench_suite.stats.paired import nested
from bench_suite.store.runs import Run

DROP = 0.01
"The drop beyond the tolerance whose detection is simulated: one point of a fraction."


@dataclass(frozen=True)
class Setting:
    """One gated metric of right and wrong answers, or of numbers, as it is to be simulated."""

    n: int = 10_000
    "Paired test examples."
    seeds: int = 1
    differing: float | None = 0.05
    "Share of the examples on which two equally good models differ; None for a metric of numbers."
    spread: float = 0.0
    "Standard deviation that a seed brings to each side's value."
    deviation: float = 0.0
    "Of a metric of numbers: standard deviation of the examples' differences."
    tolerance: float = 0.0


@dataclass(frozen=True)
class Rates:
    """What came of the trials."""

    trials: int
    drop: float
    "How far beyond its tolerance the first metric had dropped; 0 where no metric had changed."
    alarms: float
    "Share of the comparisons in which any gate says *regressed*: false alarms where nothing had changed."
    found: float
    "Share in which the first gate does."
    finds: float
    "Median of the least drop beyond the tolerance that the first gate says it finds; ∞ where it finds none."


def simulate(
    settings: Sequence[Setting], drop: float = DROP, *, on_top: bool = False, trials: int = 1000, seed: int = 0
) -> Rates:
    """Rates of one suite whose gates are `settings`, all of them judged together, as independent metrics.

    Answers: on a share 2q of the examples each side is right with chance ½, shifted by the seed; elsewhere both are
    right, so that they differ on a share q. What drops is lost among the first as far as they go, so that no more
    examples differ than before, or `on_top` among the others, under each seed on others. Numbers: normal differences of
    examples and of seeds.
    """
    random = np.random.default_rng(seed)
    alarms, found, finds = 0, 0, []
    for _ in range(trials):
        rows = _verdicts(settings, drop, on_top, random)
        first = next(row for row in rows if row.where == "0")
        alarms += any(row.verdict == "regressed" for row in rows)
        found += first.verdict == "regressed"
        finds.append(math.inf if first.smallest is None else first.smallest - settings[0].tolerance)
    return Rates(trials, drop, alarms / trials, found / trials, float(np.median(finds)))


def settings_of(base: Run, head: Run) -> list[Setting]:
    """The gated metrics of two runs as settings, from what was measured of examples and seeds. Raises ComparisonError.

    Those that were not compared over examples are left out.
    """
    found = []
    for case in cases_of(base, head)[1]:
        main = case.evidence.main if case.evidence is not None else None
        if not case.row.gated or main is None or main.n < 2:
            continue
        of_seeds = main.seeds * main.count - (main.differing or 0.0) / main.n
        setting = Setting(main.n, main.count, main.differing or None, math.sqrt(max(0.0, of_seeds) / 2))
        found.append(replace(setting, deviation=math.sqrt(main.examples * main.n), tolerance=case.margin))
    return found


def _verdicts(settings: Sequence[Setting], drop: float, on_top: bool, random: np.random.Generator) -> list[Row]:
    """Verdicts of one comparison; the first metric has dropped by its tolerance and `drop`, unless that is 0."""
    cases = []
    for place, setting in enumerate(settings):
        loss = setting.tolerance + drop if drop and not place else 0.0
        evidence = _answers(setting, loss, on_top, random) if setting.differing else _numbers(setting, loss, random)
        cases.append(Case(Row("metric", str(place), True), evidence, setting.tolerance))
    return classify_gated(cases)


def _answers(setting: Setting, loss: float, on_top: bool, random: np.random.Generator) -> Evidence:
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
    return with_seeds(nested(differences, alike=sure), values, 1.0)


def _numbers(setting: Setting, loss: float, random: np.random.Generator) -> Evidence:
    of_example = random.normal(-loss, setting.deviation, setting.n)
    sides = random.normal(0.0, setting.spread, (2, setting.seeds))
    differences = of_example + (sides[1] - sides[0])[:, None]
    heads = sides[1] + of_example.mean()
    return with_seeds(nested(differences), list(zip(sides[0], heads)), 1.0)
