"""Verdicts: what the evidence of many metrics says together, against the tolerances of a suite's gates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bench_suite.comparison.evidence import Evidence
from bench_suite.contracts import Better
from bench_suite.stats.paired import benjamini_hochberg, holm
from bench_suite.stats.power import required_sample_size, with_more_seeds

LEVEL = 0.01
"Chance of any false alarm in the gates of a whole suite, shared among them by Holm's rule; one-sided."
FALSE_DISCOVERIES = 0.05
"Share of the findings among metrics that are not gated that is false on average (Benjamini and Hochberg)."

MAX_SEEDS = 100
"Nobody trains more to decide about a gate."

Verdict = Literal[
    "regressed", "cannot tell", "not compared", "worse", "differs", "no regression found", "no difference found",
    "not worse than the tolerance", "better",
]  # fmt: skip
"""Worst first. *worse*, *better*, *differs* and *no difference found* are of metrics that are not gated, and so is *not
compared*; *no regression found* is of a gate without a tolerance."""
WORST_FIRST: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Row:
    """One metric of cells that differ only in their seed."""

    metric: str
    where: str
    "The cells in words: `imdb, minilm`."
    gated: bool
    coordinates: str = ""
    "The metric's own, in words: `batch_size 64`."
    unit: str = ""
    better: Better = "none"
    verdict: Verdict = "cannot tell"
    base: float | None = None
    "Mean over the seeds that are compared."
    head: float | None = None
    difference: float | None = None
    "Head − base in the metric's unit; of a timing head / base − 1."
    interval: tuple[float, float] | None = None
    "Of the difference, 95 %."
    relative: bool = False
    "Whether difference, interval, tolerance and smallest drop are shares of base: so they are of timings."
    tolerance: float | None = None
    smallest: float | None = None
    "The least worsening, tolerance included, that is found in 95 of 100 comparisons; None where none can be."
    p: float | None = None
    "Adjusted for many metrics: of *regressed* where gated (Holm), else of any difference (Benjamini-Hochberg)."
    seeds: int = 0
    examples: int = 0
    how: str = ""
    "What was compared: `example by example`, …"
    note: str = ""
    "Why there is no verdict, and what would decide."


@dataclass(frozen=True)
class Case:
    """A row without its verdict, and the evidence for one."""

    row: Row
    evidence: Evidence | None = None
    "None: nothing can be told, and the row's note says why."
    margin: float = 0.0
    "The tolerance as the evidence counts it: of a timing on a logarithmic scale."


def classify_gated(cases: Sequence[Case]) -> list[Row]:
    """Gated metrics: one-sided tests at `LEVEL` for all of them together, by Holm's rule in each direction.

    With a tolerance Δ: *regressed* rejects δ ≥ −Δ, *not worse than the tolerance* rejects δ ≤ −Δ, else *cannot tell*,
    with what would decide. Without one: *regressed* or *no regression found*.
    """
    known = [(case, case.evidence) for case in cases if case.evidence is not None]
    regressed = holm([evidence.p_regressed(case.margin) for case, evidence in known])
    not_worse = holm([evidence.p_not_worse(case.margin) for case, evidence in known])
    level = LEVEL / max(1, len(known))  # what Holm asks of the strongest of them
    rows = [replace(case.row, verdict="cannot tell") for case in cases if case.evidence is None]
    for (case, evidence), p, q in zip(known, regressed, not_worse):
        verdict: Verdict = "no regression found"
        note = case.row.note
        if p <= LEVEL:
            verdict = "regressed"
        elif case.margin:
            verdict = "not worse than the tolerance" if q <= LEVEL else "cannot tell"
        if verdict == "cannot tell":
            decides = _would_decide(evidence, case.margin, level)
            if "clusters" in case.row.how:
                decides = decides.replace("test examples", "clusters of test examples")
            note = "; ".join([decides, *([note] if note else [])])
        smallest = _as_loss(evidence.min_detectable_loss(case.margin, level), case.row)
        rows.append(replace(case.row, verdict=verdict, p=p, smallest=smallest, note=note))
    return rows


def classify_ungated(cases: Sequence[Case]) -> list[Row]:
    """Metrics that are not gated: findings among which false ones are few, and never an exit status."""
    known = [(case, case.evidence) for case in cases if case.evidence is not None]
    adjusted = benjamini_hochberg([evidence.p_differs() for _, evidence in known])
    rows = [replace(case.row, verdict="not compared") for case in cases if case.evidence is None]
    for (case, evidence), p in zip(known, adjusted):
        verdict: Verdict = "no difference found"
        if p <= FALSE_DISCOVERIES:
            better: Verdict = "better" if evidence.main.value > 0 else "worse"
            verdict = "differs" if case.row.better == "none" else better
        rows.append(replace(case.row, verdict=verdict, p=p))
    return rows


def sort_worst_first(rows: Sequence[Row]) -> list[Row]:
    """Worst first; of one verdict the gated ones first, and those with the strongest evidence."""
    return sorted(
        rows, key=lambda row: (WORST_FIRST.index(row.verdict), not row.gated, 1.0 if row.p is None else row.p)
    )


def _as_loss(margin: float, row: Row) -> float | None:
    """A worsening on the scale of the evidence as the row shows it."""
    if not math.isfinite(margin):
        return None
    if not row.relative:
        return margin
    return -math.expm1(-margin) if row.better == "higher" else math.expm1(margin)


def _would_decide(evidence: Evidence, margin: float, level: float) -> str:
    """With what a metric that has not changed would be found not worse in 95 of 100 comparisons."""
    main = evidence.main
    if evidence.flips:
        least = math.ceil(-math.log2(level))
        few = f"{least} or more seeds would decide, not {main.count}"
        return few if main.count < least else "more seeds would decide"
    if main.n == 0 and main.examples:
        return "more test examples would decide"
    if main.n == 0:
        share = (evidence.min_detectable_effect(level) / margin) ** 2
        return f"about {math.ceil(main.count * share)} processes a side would decide"
    plan = required_sample_size(main, margin, level)
    if plan is None or plan.n <= main.n:
        found = _seeds_that_decide(evidence, margin, level)
        return f"{found or f'more than {MAX_SEEDS}'} seeds would decide, not {main.count}"
    seeds = f"{plan.seeds} seeds" if plan.seeds > 1 else "one seed"
    return f"about {_two_digits(plan.n):,} test examples and {seeds} would decide, not {main.n:,} and {main.count}"


def _seeds_that_decide(evidence: Evidence, margin: float, level: float) -> int | None:
    """The fewest seeds, up to `MAX_SEEDS`, with which a drop of `margin` is found, on the same test examples."""
    main, count = evidence.main, evidence.main.count
    if count < 2:
        return None
    for several in range(count + 1, MAX_SEEDS + 1):
        seeds = tuple(
            replace(each, variance=each.variance * count / several, df=each.df * (several - 1) / (count - 1))
            for each in evidence.seeds
        )
        if Evidence(with_more_seeds(main, several), seeds).min_detectable_effect(level) <= margin:
            return several
    return None


def _two_digits(count: int) -> int:
    """Rounded up to two digits: it is an order of magnitude."""
    step = 10 ** max(0, len(str(count)) - 2)
    return math.ceil(count / step) * step
