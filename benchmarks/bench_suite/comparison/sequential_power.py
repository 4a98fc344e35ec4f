"""What a gate that adds seeds could find: simulated looks with the spread of one run, judged as a comparison judges."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from bench_suite.comparison.evidence import Evidence
from bench_suite.stats.power import POWER
from bench_suite.stats.sequential import looks, nominal_level
from bench_suite.suite.spec import SeedRange

TRIALS = 1000
"Simulated comparisons: 1,000 give a share of 5 % within 1.4 points."
STEPS = 12
"Halvings of the interval in which the smallest loss lies."
MAX_LOSSES = 40
"Losses above this many standard deviations and tolerances are not looked for: none is found."


@dataclass(frozen=True)
class SeedSpread:
    """The spread of a metric between seeds and examples, from which looks are simulated."""

    of_seed: float
    "Variance of the difference of one seed, with what its examples add."
    examples: float = 0.0
    "Part of it from examples on which the two models of a seed differ; it falls with the number of seeds."
    always: float = 0.0
    "Variance over examples that more seeds do not lower."
    n: int = 0
    "Test examples; 0 if they were not compared."
    is_answer: bool = False
    "Whether each example is right or wrong, so that a loss has a least variance."
    flips: bool = False
    "Whether only the values under each seed are known."
    processes: int = 0
    "Processes a seed, if it is a timing."


@dataclass(frozen=True)
class SequentialPower:
    """What a gate with `[gate] seeds` finds."""

    undecided: float
    "Share of comparisons of equally good models that cannot tell with the most seeds."
    seeds: float
    "Mean number of seeds until a comparison of equally good models is decided or has the most seeds."
    smallest: float | None
    "The least loss, tolerance included, that 95 of 100 comparisons find; None if they find none."


def spread_of(evidence: Evidence, seeds: int) -> SeedSpread | None:
    """Return the spread that the evidence of equally good models shows; None if there is none.

    Args:
        evidence: of the seeds of one run, as `gate_power.without_change` returns it.
        seeds: how many they are.
    """
    main = evidence.main
    if not main.variance:
        return SeedSpread(0.0)
    if evidence.method == "processes":
        return SeedSpread(main.variance * seeds, processes=max(1, main.count // max(1, seeds)))
    if seeds < 2 or evidence.method == "folds":
        return None
    if evidence.flips:
        return SeedSpread(float(np.var(evidence.flips, ddof=1)), flips=True)
    paired = evidence.method != "intervals"
    examples = main.examples * seeds if paired else 0.0
    return SeedSpread(
        max(main.seeds * seeds, examples), examples, 0.0 if paired else main.examples, main.n,
        bool(main.variance_per_loss),
    )  # fmt: skip


def sequential_power(spread: SeedSpread, seed_range: SeedRange, margin: float, level: float) -> SequentialPower:
    """Return what a gate with this tolerance finds, by simulation.

    Args:
        spread: the spread of one run.
        seed_range: the seeds of the looks.
        margin: the tolerance, as a difference.
        level: one-sided level of the gate, after the correction for several gates.
    """
    if not spread.of_seed and not spread.always:
        return SequentialPower(0.0, seed_range.first, margin)
    simulated = _Looks(spread, seed_range)
    numbers = np.array(looks(seed_range.first, seed_range.most))
    levels = np.array([nominal_level(seed_range.first, seed_range.most, look, level) for look in range(len(numbers))])
    not_worse = simulated.p_above(-margin, margin, 0.0) <= levels
    decided = not_worse.any(axis=1)
    seeds = np.where(decided, numbers[not_worse.argmax(axis=1)], seed_range.most)
    return SequentialPower(
        1.0 - float(decided.mean()), float(seeds.mean()), _smallest(simulated, margin, levels, spread)
    )


def _smallest(simulated: _Looks, margin: float, levels: np.ndarray, spread: SeedSpread) -> float | None:
    low, high = margin, margin + MAX_LOSSES * (math.sqrt(spread.of_seed + spread.always) + margin)
    if spread.is_answer:
        high = min(high, 1.0)

    def finds(loss: float) -> bool:
        return float((simulated.p_above(margin, margin, loss) <= levels).any(axis=1).mean()) >= POWER

    if not finds(high):
        return None
    for _ in itertools.repeat(None, STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if finds(middle) else (middle, high)
    return high


class _Looks:
    """Simulated differences at each look: means, and variances as a comparison estimates them."""

    def __init__(self, spread: SeedSpread, seed_range: SeedRange) -> None:
        random = np.random.default_rng(0)
        self.spread = spread
        self.numbers = np.array(looks(seed_range.first, seed_range.most), dtype=np.float64)
        sides = random.normal(0.0, math.sqrt(spread.of_seed / 2), (2, TRIALS, seed_range.most))
        differences = sides[1] - sides[0]
        upto = [slice(0, int(number)) for number in self.numbers]
        self.values = np.stack([differences[:, part].mean(axis=1) for part in upto], axis=1)
        self.paired = np.stack([differences[:, part].var(axis=1, ddof=1) for part in upto], axis=1) / self.numbers
        welch = np.stack([sides[:, :, part].var(axis=2, ddof=1) for part in upto], axis=2) / self.numbers
        self.welch = welch.sum(axis=0)
        self.welch_df = self.welch**2 / (welch**2).sum(axis=0) * (self.numbers - 1)
        self.of_examples = random.normal(0.0, 1.0, (TRIALS, 1))

    def p_above(self, bound: float, margin: float, loss: float) -> np.ndarray:
        """Return (trials, looks) p-values: for a bound below 0 of *not worse*, for one above 0 of *regressed*.

        Args:
            bound: −Δ for *not worse*; Δ for *regressed*, of losses.
            margin: Δ.
            loss: how much worse the head is in truth.
        """
        spread, numbers = self.spread, self.numbers
        lost = loss * (1 - min(loss, 1.0)) / spread.n if spread.is_answer else 0.0
        constant = spread.always + lost
        values = self.values + self.of_examples * math.sqrt(constant) - loss
        gap = values + margin if bound < 0 else -(values + margin)
        if spread.processes:
            of_seeds = spread.of_seed / numbers
            return _p(gap, np.broadcast_to(of_seeds, gap.shape), 2.0 * (spread.processes * numbers - 1))
        paired = _p(gap, self.paired, numbers - 1)
        if spread.flips:
            return np.maximum(paired, 0.5**numbers)
        examples = spread.examples / numbers + constant
        seeds = self.paired
        variance = np.maximum(np.maximum(examples, seeds), constant + seeds)
        if spread.is_answer:
            least = margin / (spread.n * numbers) - margin**2 / spread.n
            raised = np.maximum(0.0, np.maximum(least, 0.0) - examples)
        else:
            raised = np.zeros_like(numbers)
        below = examples**2 / max(1, spread.n - 1) + seeds**2 / (numbers - 1)
        df = np.maximum(variance**2 / below, 1.0)
        main = _p(gap, variance + raised, df)
        alone = np.minimum(1.0, 2 * np.minimum(paired, _p(gap, self.welch, self.welch_df)))
        return np.maximum(main, alone)


def _p(gap: np.ndarray, variance: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Return P(T ≥ gap / √variance) of Student's t."""
    from scipy import special

    result: np.ndarray = special.stdtr(df, -gap / np.sqrt(variance))
    return result
