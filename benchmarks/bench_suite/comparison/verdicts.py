"""Verdicts: what the evidence of many metrics says together, against the tolerances of a suite's gates."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from bench_suite.comparison.base_runs.runs_needed import runs_that_decide
from bench_suite.comparison.evidence import Evidence, Method
from bench_suite.contracts import Better
from bench_suite.stats.paired import Difference, SampleUnit, benjamini_hochberg, holm
from bench_suite.stats.power import (
    SampleSize,
    is_detectable,
    required_sample_size,
    with_more_examples,
    with_more_seeds,
)
from bench_suite.suite.spec import judged_name

LEVEL = 0.01
"Chance of any false alarm in the gates of a whole suite, shared among them by Holm's rule; one-sided."
FALSE_DISCOVERIES = 0.05
"Share of false findings among metrics that are not gated, on average (Benjamini and Hochberg)."

FAMILY_ERRORS = 0.05
"""Chance of any false finding among the differences of configurations that are shown together (Holm's rule, two-sided):
those from a reference in one table, or those of all pairs."""

MAX_LOGARITHM = 700.0
"Ratios whose logarithm is larger are not computed with."
MAX_GROWTH = 10_000
"More than this many times the examples are not suggested."
MAX_SEEDS = 100
"Larger numbers of seeds are not suggested: nobody trains so many to decide about a gate."

Verdict = Literal[
    "regressed", "cannot tell", "not compared", "worse", "differs", "no regression found", "no difference found",
    "not worse than the tolerance", "better",
]  # fmt: skip
"""Worst first. Metrics without a gate get *not compared*, *worse*, *differs*, *no difference found* or *better*; gates
without a tolerance get *regressed* or *no regression found*."""
WORST_FIRST: tuple[Verdict, ...] = get_args(Verdict)

UNIT_NAMES: dict[SampleUnit, str] = {"test examples": "test examples", "clusters": "clusters of test examples"}


@dataclass(frozen=True)
class Row:
    """One metric of cells that differ only in their seed and fold."""

    metric: str
    where: str
    "The cells in words: `imdb, minilm`."
    gated: bool
    coordinates: str = ""
    "The metric's own, in words: `batch_size 64`."
    unit: str = ""
    "Unit of the values."
    better: Better = "none"
    verdict: Verdict = "cannot tell"
    base: float | None = None
    "Mean over the seeds that are compared."
    head: float | None = None
    "Mean over the seeds that are compared."
    difference: float | None = None
    "Head − base in the metric's unit; head / base − 1 for timings and ratios."
    interval: tuple[float, float] | None = None
    """Bounds of the difference that decide. A gate: *regressed* if both are worse than the tolerance allows, *not worse
    than the tolerance* if neither is. Other metrics: a finding if 0 lies outside. A bound is infinite if the seeds are
    too few for one. None: the difference does not vary and decides itself, or no bound is known."""
    levels: tuple[float, float] | None = None
    """Chance that the difference lies below the lower bound, and that it lies above the upper one: those at which the
    metric was tested."""
    relative: bool = False
    "Whether difference, interval, tolerance and smallest loss are shares of base, as for timings and ratios."
    tolerance: float | None = None
    smallest: float | None = None
    "The least worsening, tolerance included, that 95 of 100 comparisons find; None if none can be found."
    p: float | None = None
    "Adjusted for many metrics: p of *regressed* for gated ones (Holm), else of any difference (Benjamini-Hochberg)."
    seeds: int = 0
    "Number of pairs of cells: of seeds, or of seeds and folds."
    examples: int = 0
    "Independent observations of the test set; `sample_unit` names what they are. 0 if examples were not compared."
    sample_unit: SampleUnit = "test examples"
    looks: tuple[int, ...] = ()
    "Seeds at each look so far, for a gate that adds seeds until it decides; empty for one that is judged once."
    next_seeds: int = 0
    "Seeds at the next look, if the gate is undecided and its suite allows more seeds; else 0."
    decided_at: int = 0
    "Seeds at the look that decided; 0 if none did, or if the gate is judged once."
    method: Method | None = None
    "How the two sides were compared; None if they were not."
    note: str = ""
    "For people: why there is no verdict, and what would decide."
    ratio_to: str = ""
    "The model to whose value the values are ratios; empty for the metric itself."

    def having(self, **changes: Any) -> Row:
        """Return the row with other values, as `dataclasses.replace` does, in a tenth of its time.

        A comparison of 10,000 cells changes tens of thousands of rows, three times each.
        """
        row = object.__new__(Row)
        vars(row).update(vars(self), **changes)
        return row

    @property
    def name(self) -> str:
        """The metric in words: `throughput/inference (batch_size 64), ratio to logistic_regression`."""
        return judged_name(f"{self.metric} ({self.coordinates})" if self.coordinates else self.metric, self.ratio_to)


@dataclass(frozen=True)
class Case:
    """A row without its verdict, and the evidence for one."""

    row: Row
    evidence: Evidence | None = None
    "None if nothing can be decided; the row's note gives the reason."
    margin: float = 0.0
    "The tolerance on the scale of the evidence: a difference of logarithms for timings and ratios."


def classify_gated(cases: Sequence[Case]) -> list[Row]:
    """Return the gated metrics with their verdicts: one-sided tests, by Holm's rule at `LEVEL` in each direction.

    With a tolerance Δ *regressed* rejects δ ≥ −Δ and *not worse than the tolerance* rejects δ ≤ −Δ. Otherwise it is
    *cannot tell*, with what would decide. Without a tolerance: *regressed* or *no regression found*.
    """
    known = [(case, case.evidence) for case in cases if case.evidence is not None]
    regressed = holm([evidence.p_regressed(case.margin) for case, evidence in known])
    not_worse = holm([evidence.p_not_worse(case.margin) for case, evidence in known])
    levels = (_level_of_holm(not_worse), _level_of_holm(regressed))
    level = LEVEL / max(1, len(known))  # what Holm requires of the strongest of them
    rows = [case.row.having(verdict="cannot tell") for case in cases if case.evidence is None]
    for (case, evidence), p, q in zip(known, regressed, not_worse):
        verdict: Verdict = "no regression found"
        note = case.row.note
        if p <= LEVEL:
            verdict = "regressed"
        elif case.margin:
            verdict = "not worse than the tolerance" if q <= LEVEL else "cannot tell"
        decided_at = 0
        if verdict == "cannot tell":
            decides = _next_look(case.row) or _what_would_decide(evidence, case.margin, level)
            note = "; ".join([decides, *([note] if note else [])])
        elif case.row.looks:
            decided_at = evidence.seeds_when(levels[verdict == "regressed"], regressed=verdict == "regressed")
            note = "; ".join([f"decided with {decided_at} seeds", *([note] if note else [])])
        next_seeds = case.row.next_seeds if verdict == "cannot tell" else 0
        smallest = _displayed_loss(evidence.min_detectable_loss(case.margin, level), case.row)
        interval = _interval(case.row, evidence.bounds(case.margin, levels), levels)
        row = case.row.having(verdict=verdict, p=p, smallest=smallest, note=note, **interval)
        rows.append(row.having(decided_at=decided_at, next_seeds=next_seeds))
    return rows


def _next_look(row: Row) -> str:
    """Return when a gate that adds seeds is judged again, in words; empty if it is not."""
    return f"judged again with {row.next_seeds} seeds" if row.next_seeds else ""


def classify_ungated(cases: Sequence[Case]) -> list[Row]:
    """Return the metrics without a gate with their verdicts: findings few of which are false, never an exit status.

    The intervals have the level 1 − Rq/m for R findings among m metrics, so that on average at most a share q of the
    intervals of the findings miss the truth (Benjamini and Yekutieli 2005, doi 10.1198/016214504000001907).
    """
    known = [(case, case.evidence) for case in cases if case.evidence is not None]
    adjusted = benjamini_hochberg([evidence.p_differs() for _, evidence in known])
    findings = sum(p <= FALSE_DISCOVERIES for p in adjusted)
    level = FALSE_DISCOVERIES * max(1, findings) / max(1, len(known))
    rows = [case.row.having(verdict="not compared") for case in cases if case.evidence is None]
    return rows + [_classified(*known_case, p, FALSE_DISCOVERIES, level) for known_case, p in zip(known, adjusted)]


def classify_pairs(cases: Sequence[Case]) -> list[Row]:
    """Return differences between configurations with their verdicts: two-sided, by Holm's rule at `FAMILY_ERRORS`.

    The intervals have the level at which each test decided, so that 0 lies outside exactly for a finding.
    """
    known = [(case, case.evidence) for case in cases if case.evidence is not None]
    adjusted = holm([evidence.p_differs() for _, evidence in known])
    level = FAMILY_ERRORS / max(1, sum(p > FAMILY_ERRORS for p in adjusted))
    decided = iter(
        [_classified(case, evidence, p, FAMILY_ERRORS, level) for (case, evidence), p in zip(known, adjusted)]
    )
    return [next(decided) if case.evidence is not None else replace(case.row, verdict="not compared") for case in cases]


def _classified(case: Case, evidence: Evidence, p: float, errors: float, level: float) -> Row:
    """Return the row of a metric without a gate with its verdict, given its adjusted p and the interval's level."""
    verdict: Verdict = "no difference found"
    if p <= errors:
        better: Verdict = "better" if evidence.main.value > 0 else "worse"
        verdict = "differs" if case.row.better == "none" else better
    interval = _interval(case.row, evidence.bounds_of_difference(level), (level / 2, level / 2))
    return case.row.having(verdict=verdict, p=p, **interval)


def _level_of_holm(adjusted: Sequence[float]) -> float:
    """Return one level at which each test decides as Holm's rule does: that of the first one that is not rejected.

    The rejected ones passed a stricter level, and the others have a larger p than the first of them.
    """
    return LEVEL / max(1, sum(p > LEVEL for p in adjusted))


def _interval(row: Row, bounds: tuple[float, float], levels: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Return interval and levels of a row, in the metric's own direction; empty if the bounds say nothing.

    Args:
        row: the row.
        bounds: the bounds, on the scale of the evidence.
        levels: of the lower and of the upper bound.
    """
    if row.better == "lower":
        bounds, levels = (-bounds[1], -bounds[0]), (levels[1], levels[0])
    if bounds[0] == bounds[1] or all(map(math.isinf, bounds)):
        return {}
    if row.relative:
        bounds = (_share_of_base(bounds[0]), _share_of_base(bounds[1]))
    return {"interval": bounds, "levels": levels}


def _share_of_base(logarithm: float) -> float:
    """Return exp(x) − 1; ∞ if that is no number."""
    return math.expm1(logarithm) if logarithm < MAX_LOGARITHM else math.inf


def sort_worst_first(rows: Sequence[Row]) -> list[Row]:
    """Sort rows from worst to best; within a verdict gated ones first, then those with the strongest evidence."""
    return sorted(
        rows, key=lambda row: (WORST_FIRST.index(row.verdict), not row.gated, 1.0 if row.p is None else row.p)
    )


def _displayed_loss(margin: float, row: Row) -> float | None:
    """Return a worsening on the scale of the evidence as the row shows it; None if it is infinite or no number."""
    if not math.isfinite(margin):
        return None
    if not row.relative:
        return margin
    if row.better == "higher":
        return -math.expm1(-margin)
    return math.expm1(margin) if margin < MAX_LOGARITHM else None


def _what_would_decide(evidence: Evidence, margin: float, level: float) -> str:
    """Return what would find an unchanged metric not worse in 95 of 100 comparisons, in words."""
    main = evidence.main
    if evidence.base_runs is not None and (needed_runs := runs_that_decide(evidence.base_runs, margin, level)):
        return needed_runs
    if evidence.method == "runs":
        return "more base runs would decide"
    if evidence.flips:
        minimum = math.ceil(-math.log2(level))
        too_few = f"{minimum} or more seeds would decide, not {main.count}"
        return too_few if main.count < minimum else "more seeds would decide"
    if evidence.method == "folds":
        return "more examples, or more repeats of the folds, would decide"
    if evidence.method == "processes":
        share = (evidence.min_detectable_effect(level) / margin) ** 2
        return f"about {math.ceil(main.count * share)} processes a side would decide"
    unit = UNIT_NAMES[main.sample_unit]
    if main.n == 0:  # the records do not contain their number
        return f"more {unit if main.examples else 'seeds'} would decide"
    plan = _with_seeds_that_agree(required_sample_size(main, margin, level), evidence, margin, level)
    if plan is None or plan.n <= main.n or plan.seeds > MAX_SEEDS:
        if seed_count := _seeds_that_decide(evidence, margin, level):
            return f"{seed_count} seeds would decide, not {main.count}"
        # An unchanged metric could be decided: this one lies near the tolerance, or its seeds differ too much.
        n = _examples_that_decide(evidence, min(margin, abs(main.value + margin)), level)
        if n is None:
            return (
                f"neither {MAX_SEEDS} seeds nor {MAX_GROWTH:,} times as many {unit} would decide: {_why(main, margin)}"
            )
        plan = SampleSize(n, main.count)
    seeds = f"{plan.seeds} seeds" if plan.seeds > 1 else "one seed"
    return f"about {_round_up(plan.n):,} {unit} and {seeds} would decide, not {main.n:,} and {main.count}"


def _with_seeds_that_agree(
    plan: SampleSize | None, evidence: Evidence, margin: float, level: float
) -> SampleSize | None:
    """Return the plan with as many seeds as the tests of the seeds alone need; None if `MAX_SEEDS` are too few."""
    if plan is None or not evidence.seeds:
        return plan

    def agree(seeds: int) -> bool:
        tests = _of_more_seeds(evidence, seeds)
        return any(is_detectable(test, margin, level / len(tests)) for test in tests)

    numbers = range(plan.seeds, MAX_SEEDS + 1)
    index = bisect.bisect_left(numbers, True, key=agree)
    return replace(plan, seeds=numbers[index]) if index < len(numbers) else None


def _of_more_seeds(evidence: Evidence, larger: int) -> tuple[Difference, ...]:
    """Return the tests of the seeds alone as more seeds with the same spread would give them."""
    count = evidence.main.count
    return tuple(
        replace(test, variance=test.variance * count / larger, df=test.df * (larger - 1) / (count - 1))
        for test in evidence.seeds
    )


def _why(main: Difference, margin: float) -> str:
    """Return why no number of examples decides."""
    if main.seeds > main.examples:
        return "the seeds differ too much for this tolerance"
    return f"the loss of {-main.value:.2g} is about the tolerance of {margin:.2g}"


def _examples_that_decide(evidence: Evidence, margin: float, level: float) -> int | None:
    """Return the smallest number of examples, up to `MAX_GROWTH` times as many, that finds a drop of `margin`."""
    main, seeds = evidence.main, evidence.seeds
    # More examples change neither the variance from the choice of the seeds nor what the seeds alone say.
    of_seeds = replace(main, variance=main.seeds, df=math.inf)
    agree = not seeds or any(is_detectable(test, margin, level / len(seeds)) for test in seeds)
    if not (agree and is_detectable(of_seeds, margin, level)):
        return None

    def decides(n: int) -> bool:
        more = Evidence(with_more_examples(main, n), seeds)
        return more.detects(margin, level)

    numbers = range(main.n + 1, main.n * MAX_GROWTH + 1)
    index = bisect.bisect_left(numbers, True, key=decides)
    return numbers[index] if index < len(numbers) else None


def _seeds_that_decide(evidence: Evidence, margin: float, level: float) -> int | None:
    """Return the smallest number of seeds, up to `MAX_SEEDS`, that finds a drop of `margin` on the same examples."""
    main, count = evidence.main, evidence.main.count
    # More seeds do not reduce the variance from the choice of the examples.
    if count < 2 or not is_detectable(replace(main, variance=main.examples, df=math.inf), margin, level):
        return None
    for larger in range(count + 1, MAX_SEEDS + 1):
        more = Evidence(with_more_seeds(main, larger), _of_more_seeds(evidence, larger))
        if more.detects(margin, level):
            return larger
    return None


def _round_up(count: int) -> int:
    """Round up to two significant digits, because the number is an order of magnitude."""
    step = 10 ** max(0, len(str(count)) - 2)
    return math.ceil(count / step) * step
