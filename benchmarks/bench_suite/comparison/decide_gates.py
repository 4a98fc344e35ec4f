"""Add seeds to a run and to the run that it is compared with, as long as a gate is undecided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench_suite.comparison.base_runs.last_runs import LastRuns
from bench_suite.comparison.base_seeds import BaseSeeds, NoMoreSeeds
from bench_suite.comparison.baselines import base_run
from bench_suite.comparison.compare import compare
from bench_suite.comparison.preconditions import check_common
from bench_suite.contracts import BenchError
from bench_suite.execution.more_seeds import PlanOf, run_to_resume, with_all_seeds, with_seeds_of_groups
from bench_suite.store.runs import Run
from bench_suite.suite.cell import group_name
from bench_suite.suite.seed_range import SEED, first_seeds

if TYPE_CHECKING:
    from bench_suite.comparison.verdicts import Row
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Store
    from bench_suite.suite.plan import Plan

Execute = Callable[["Plan", str], "Outcome"]
"Runs the missing cells of a plan in the run of this name."
Notify = Callable[[str], None]
"Called with a line for the reader; an empty one separates."


@dataclass(frozen=True)
class Decided:
    """A run and its base after the last look."""

    plan: Plan
    outcome: Outcome
    base: Run | LastRuns


def base_of_plan(plan: Plan, store: Store, against: Run | str, resume: str | None = None) -> Run | LastRuns:
    """Return what a plan is compared with, before anything is trained.

    Args:
        plan: the plan.
        store: the results.
        against: a run, or a word, as for `baselines.base_run`.
        resume: `newest` or the id of the run that is resumed; None for a new one.

    Raises:
        BenchError: there is no such run, or it has no cell of the plan.
    """
    if isinstance(against, Run):
        base: Run | LastRuns = against
    else:
        resumed = run_to_resume(plan, store, resume)
        base = base_run(store, against, plan.suite.name, before=resumed, overrides=plan.suite.overrides)
    check_common(base, (cell.id for cell in plan.cells))
    return base


def decide_gates(
    plan: Plan, outcome: Outcome, base: Run | LastRuns, path: Path, store: Store, plan_of: PlanOf, execute: Execute,
    notify: Notify, *, offline: bool = False,
) -> Decided:  # fmt: skip
    """Add seeds on both sides, in the cells of undecided gates only, until each gate is decided or has the most seeds.

    Args:
        plan: the plan of the run.
        outcome: what the run has done so far.
        base: the run that it is compared with; its missing seeds are run with its own files. Several runs get none.
        path: the file of the suite.
        store: the results.
        plan_of: makes a plan of the suite with more seeds.
        execute: continues the run.
        notify: called with what is undecided, and why no seeds are added.
        offline: whether no network may be used.
    """
    seed_range = plan.suite.gate_seeds
    if seed_range is None:
        return Decided(plan, outcome, base)
    if isinstance(base, LastRuns):
        notify(f"no seeds are added: {base.word} is not one run that could get more")
        return Decided(plan, outcome, base)
    all_seeds = with_all_seeds(plan, plan_of)
    seeds = first_seeds(all_seeds.suite.axes.get(SEED, ()), seed_range.most)
    before: dict[str, int] = {}
    with BaseSeeds(base, plan.suite, path, store, notify, offline=offline) as of_base:
        while not outcome.interrupted and not outcome.stopped:
            rows = undecided(of_base.run, outcome.run)
            numbers = seeds_of_groups(rows, all_seeds)
            larger = with_seeds_of_groups(plan, all_seeds, numbers)
            of_groups = {cell.id for cell in larger.cells if group_name(cell.labels) in numbers}
            missing = of_groups - {record.id for record in of_base.run.records()}
            added = {cell.id for cell in larger.cells} - {cell.id for cell in plan.cells}
            if numbers == before or not (missing or added):  # nothing to decide, or the added seeds have failed
                break
            for line in look_lines(rows, numbers, seed_range.most):
                notify(line)
            try:
                if missing:
                    of_base.add(missing, seeds)
            except NoMoreSeeds as error:
                notify(f"no seeds are added, because base cannot have more: {error}")
                break
            plan, before = larger, numbers
            outcome = execute(plan, outcome.run.name)
        return Decided(plan, outcome, of_base.run)


def undecided(base: Run, head: Run) -> list[Row]:
    """Return the gated rows that more seeds may decide; none if the runs cannot be compared, which is told later."""
    try:
        rows = compare(base, head, trust=True).rows  # the run has just run the files that its suite names
    except BenchError:
        return []
    return [row for row in rows if row.gated and row.verdict == "cannot tell" and row.next_seeds]


def seeds_of_groups(rows: Sequence[Row], all_seeds: Plan) -> dict[str, int]:
    """Return the seeds of the next look by group of cells; a ratio needs those of its reference model too.

    Args:
        rows: the gated rows that more seeds may decide.
        all_seeds: the plan with the most seeds.
    """
    numbers: dict[str, int] = {}
    for row in rows:
        groups = [row.where]
        if row.ratio_to:
            tasks = {cell.task.label for cell in all_seeds.cells if group_name(cell.labels) == row.where}
            twins = (cell for cell in all_seeds.cells if cell.model.label == row.ratio_to and cell.task.label in tasks)
            groups += [group_name(cell.labels) for cell in twins]
        for group in groups:
            numbers[group] = max(row.next_seeds, numbers.get(group, 0))
    return numbers


def look_lines(rows: Sequence[Row], numbers: Mapping[str, int], most: int) -> Iterator[str]:
    """Yield an empty line, then which gates are undecided, and how many seeds their cells get."""
    yield ""
    for where in dict.fromkeys(row.where for row in rows):
        number = numbers[where]
        metrics = ", ".join(dict.fromkeys(row.name for row in rows if row.where == where))
        have = max(row.looks[-1] if row.looks else row.seeds for row in rows if row.where == where)
        yield f"undecided with {have} seeds: {metrics}, {where}: both sides get {number} (at most {most})"
