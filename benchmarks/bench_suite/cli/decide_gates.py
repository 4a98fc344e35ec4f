"""Add seeds to a run and to the run that it is compared with, as long as a gate is undecided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.cli.output import say, say_left_out
from bench_suite.contracts import BenchError
from bench_suite.execution.more_seeds import PlanOf, with_all_seeds, with_seeds_of_groups
from bench_suite.suite.seed_range import SEED, first_seeds

if TYPE_CHECKING:
    from bench_suite.comparison.verdicts import Row
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run, Store
    from bench_suite.suite.plan import Plan

Execute = Callable[["Plan", str], "Outcome"]
"Runs the missing cells of a plan in the run of this name."


@dataclass(frozen=True)
class Decided:
    """A run and its base after the last look."""

    plan: Plan
    outcome: Outcome
    base: Run


def decide_gates(
    plan: Plan, outcome: Outcome, base: Run, path: Path, store: Store, plan_of: PlanOf, execute: Execute,
    *, offline: bool = False,
) -> Decided:  # fmt: skip
    """Add seeds on both sides, in the cells of undecided gates only, until each gate is decided or has the most seeds.

    Args:
        plan: the plan of the run.
        outcome: what the run has done so far.
        base: the run that it is compared with; its missing seeds are run with its own files.
        path: the file of the suite.
        store: the results.
        plan_of: makes a plan of the suite with more seeds.
        execute: continues the run.
        offline: whether no network may be used.
    """
    from bench_suite.cli.base_seeds import BaseSeeds, NoMoreSeeds

    seed_range = plan.suite.gate_seeds
    if seed_range is None:
        return Decided(plan, outcome, base)
    all_seeds = with_all_seeds(plan, plan_of)
    seeds = first_seeds(all_seeds.suite.axes.get(SEED, ()), seed_range.most)
    before: dict[str, int] = {}
    with BaseSeeds(base, plan.suite, path, store, offline=offline) as of_base:
        while not outcome.interrupted and not outcome.stopped:
            rows = undecided(of_base.run, outcome.run)
            numbers = {row.where: max(row.next_seeds, *(r.next_seeds for r in rows if r.where == row.where), 0)
                       for row in rows}  # fmt: skip
            larger = with_seeds_of_groups(plan, all_seeds, numbers)
            if not numbers or numbers == before:  # nothing to decide, or the seeds that were added have failed
                break
            wanted = {cell.id for cell in larger.cells}
            done = {record.id for record in of_base.run.records()}
            say_look(rows, numbers, seed_range.most)
            try:
                if missing := wanted - done - {cell.id for cell in plan.cells}:
                    of_base.add(missing, seeds)
                    say_left_out(of_base.run.damages)
            except NoMoreSeeds as error:
                say(f"no seeds are added, because base cannot have more: {error}", err=True)
                break
            plan, before = larger, numbers
            outcome = execute(plan, outcome.run.name)
        return Decided(plan, outcome, of_base.run)


def undecided(base: Run, head: Run) -> list[Row]:
    """Return the gated rows that more seeds may decide; none if the runs cannot be compared, which is told later."""
    from bench_suite.comparison.compare import compare

    try:
        rows = compare(base, head, trust=True).rows  # the run has just run the files that its suite names
    except BenchError:
        return []
    return [row for row in rows if row.gated and row.verdict == "cannot tell" and row.next_seeds]


def say_look(rows: list[Row], numbers: dict[str, int], most: int) -> None:
    """Print which gates are undecided, and how many seeds their cells get."""
    say(err=True)
    for where, number in numbers.items():
        metrics = ", ".join(dict.fromkeys(row.metric for row in rows if row.where == where))
        have = max(row.looks[-1] if row.looks else row.seeds for row in rows if row.where == where)
        say(f"undecided with {have} seeds: {metrics}, {where}: both sides get {number} (at most {most})", err=True)
