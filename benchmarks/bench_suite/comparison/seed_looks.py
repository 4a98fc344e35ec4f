"""Gates that are judged several times while seeds are added: the evidence at each look, and at how many seeds to look.

`stats.sequential` says why the error rates hold although a comparison may stop at any look.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.pairing import Pair
from bench_suite.comparison.rescoring import Examples
from bench_suite.comparison.strategies import Location
from bench_suite.comparison.verdicts import Case
from bench_suite.stats.paired import SLACK
from bench_suite.stats.power import POWER, with_more_seeds
from bench_suite.stats.sequential import looks, nominal_level, sequential_p
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Gate, SeedRange

TOO_FEW = "the gate is judged from {first} seeds on, and both runs have {count}"
SAME_SEEDS = "the seeds do not differ, so more of them decide nothing"


def seed_range_of(run: Run) -> SeedRange | None:
    """Return `[gate] seeds` of a run's suite; None if it states none."""
    stated = run.info.get("gate_seeds")
    if not stated or not 2 <= int(stated["from"]) <= int(stated["to"]):
        return None
    return SeedRange(int(stated["from"]), int(stated["to"]))


@dataclass(frozen=True)
class SequentialEvidence(Evidence):
    """The evidence of all looks so far; the fields of `Evidence` are those of the newest look."""

    seed_range: SeedRange = field(default_factory=lambda: SeedRange(2, 2))
    looks: tuple[Evidence, ...] = ()
    "One for each look so far."
    margins: tuple[float, ...] = ()
    "The tolerance at each look: a share of base varies with the value of base."
    numbers: tuple[int, ...] = field(default=())
    "Seeds at each look."

    def p_regressed(self, tolerance: float) -> float:
        """Return the p of the whole sequence of looks; each has a tolerance of its own."""
        del tolerance
        return self._p([one.p_regressed(margin) for one, margin in zip(self.looks, self.margins, strict=True)])

    def p_not_worse(self, tolerance: float) -> float:
        """Return the p of the whole sequence of looks; each has a tolerance of its own."""
        del tolerance
        return self._p([one.p_not_worse(margin) for one, margin in zip(self.looks, self.margins, strict=True)])

    def bounds(self, tolerance: float, levels: tuple[float, float]) -> tuple[float, float]:
        """Return the bounds that hold at every look at once: the largest lower one and the smallest upper one."""
        del tolerance
        pairs = [
            one.bounds(margin, (self._nominal(number, levels[0]), self._nominal(number, levels[1])))
            for number, (one, margin) in enumerate(zip(self.looks, self.margins, strict=True))
        ]
        return max(low for low, _ in pairs), min(high for _, high in pairs)

    def min_detectable_effect(self, level: float, power: float = POWER) -> float:
        """Return what the last look would find, with the spread that is known now."""
        return self._at_the_end().min_detectable_effect(self._final(level), power)

    def min_detectable_loss(self, tolerance: float, level: float, power: float = POWER) -> float:
        """Return the least loss that the last look would find, with the spread that is known now."""
        return self._at_the_end().min_detectable_loss(tolerance, self._final(level), power)

    def seeds_when(self, level: float, *, regressed: bool) -> int:
        """Return at how many seeds the gate was decided, at a level of the whole sequence."""
        p_of: Callable[[Evidence, float], float] = Evidence.p_regressed if regressed else Evidence.p_not_worse
        p_values = [p_of(one, margin) for one, margin in zip(self.looks, self.margins, strict=True)]
        decided = (number for look, number in enumerate(self.numbers) if self._p(p_values[: look + 1]) <= level)
        return next(decided, self.numbers[-1])

    def _p(self, p_values: Sequence[float]) -> float:
        return sequential_p(self.seed_range.first, self.seed_range.most, p_values)

    def _nominal(self, look: int, level: float) -> float:
        return nominal_level(self.seed_range.first, self.seed_range.most, look, level)

    def _final(self, level: float) -> float:
        return self._nominal(len(looks(self.seed_range.first, self.seed_range.most)) - 1, level)

    def _at_the_end(self) -> Evidence:
        """Return the newest evidence as the most seeds would give it, with the same spread."""
        now, share = self.looks[-1], self.numbers[-1] / self.seed_range.most
        if share >= 1 or now.flips:
            return now
        main = now.main
        more = replace(main, variance=main.variance * share)
        if main.n > 1:
            # What seeds and examples share of the variance falls with the number of seeds, in both of its parts.
            residual = max(0.0, main.examples + main.seeds - main.variance)
            main = replace(main, examples=main.examples - residual * (1 - share))
            more = with_more_seeds(main, self.seed_range.most)
        more = replace(more, variance_per_loss=now.main.variance_per_loss * share)
        of_seeds = tuple(
            replace(
                test,
                variance=test.variance * share,
                df=test.df * (self.seed_range.most - 1) / (test.count - 1),
                count=self.seed_range.most,
            )
            for test in now.seeds
        )
        return replace(now, main=more, seeds=of_seeds)


def is_sequential(gate: Gate | None, seed_range: SeedRange | None) -> bool:
    """Return whether a gate is judged seed by seed: it has a tolerance, and its `only` names no seeds of its own."""
    return seed_range is not None and gate is not None and "tolerance" in gate.rules and "seed" not in gate.only


def case_of_looks(
    judge: Callable[[Sequence[int]], Case | None], pairs: Sequence[Pair], seed_range: SeedRange
) -> Case | None:
    """Return the case of a gated metric with the evidence of each look for which both sides have the seeds.

    Args:
        judge: returns the case of some of the pairs, given their positions.
        pairs: the cells that both sides have, one pair a seed.
        seed_range: the seeds of the looks.
    """
    order = sorted(range(len(pairs)), key=lambda index: int(pairs[index].head.cell.get("seed", 0)))
    numbers = [number for number in looks(seed_range.first, seed_range.most) if number <= len(pairs)]
    if not numbers:
        case = judge(order)
        note = TOO_FEW.format(first=seed_range.first, count=len(pairs))
        return None if case is None else Case(replace(case.row, note=note, next_seeds=seed_range.first))
    cases = []
    for number in numbers:
        case = judge(order[:number])
        if case is None or case.evidence is None:
            return case
        cases.append((case, case.evidence))
    newest, evidence = cases[-1]
    following = [number for number in looks(seed_range.first, seed_range.most) if number > numbers[-1]]
    next_seeds, note = next(iter(following), 0), newest.row.note
    if next_seeds and do_not_differ(evidence):  # so the looks to come would say the same, each at its own level
        cases += [cases[-1]] * len(following)
        next_seeds, note = 0, "; ".join(filter(None, (SAME_SEEDS, note)))
    sequence = sequence_of([one for _, one in cases], [case.margin for case, _ in cases], seed_range)
    sequence = replace(sequence, numbers=tuple(numbers))
    return Case(replace(newest.row, looks=tuple(numbers), next_seeds=next_seeds, note=note), sequence, newest.margin)


def sequence_of(
    evidences: Sequence[Evidence], margins: float | Sequence[float], seed_range: SeedRange
) -> SequentialEvidence:
    """Return the evidence of the first looks, one for each; `margins` are the tolerances at each, or one for all."""
    newest, numbers = evidences[-1], looks(seed_range.first, seed_range.most)[: len(evidences)]
    of_looks = tuple(margins) if isinstance(margins, Sequence) else (margins,) * len(evidences)
    return SequentialEvidence(
        newest.main, newest.seeds, newest.flips, newest.method, newest.folds, newest.unpaired_reason,
        seed_range=seed_range, looks=tuple(evidences), margins=of_looks, numbers=numbers,
    )  # fmt: skip


def do_not_differ(evidence: Evidence) -> bool:
    """Return whether every seed gave the same difference, as a model without random numbers does."""
    return bool(evidence.seeds) and math.sqrt(evidence.main.seeds) <= SLACK


def some_pairs(location: Location, chosen: Sequence[int]) -> Location:
    """Return a location with some of its pairs, in this order; its test examples are the same."""
    examples = location.examples
    if isinstance(examples, Examples):
        sides = (examples.base, examples.head, examples.all_of_base, examples.all_of_head)
        base, head, all_of_base, all_of_head = (tuple(side[i] for i in chosen) if side else () for side in sides)
        examples = replace(examples, base=base, head=head, all_of_base=all_of_base, all_of_head=all_of_head)
    return replace(location, pairs=tuple(location.pairs[i] for i in chosen), examples=examples)
