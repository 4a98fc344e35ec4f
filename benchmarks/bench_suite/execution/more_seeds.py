"""The plan of a run that gets more seeds than it began with, because a gate is undecided."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from bench_suite.store.runs import Run, Store
from bench_suite.suite.cell import group_name
from bench_suite.suite.document import SuiteError
from bench_suite.suite.plan import Cell, Plan, Unit
from bench_suite.suite.seed_range import MAX_SEEDS, SEED, first_seeds, with_seeds
from bench_suite.suite.spec import Suite

PlanOf = Callable[[Suite], Plan]
"Returns the plan of a suite with the selectors of a command line, such as `--only` and `-k`."


def with_all_seeds(plan: Plan, plan_of: PlanOf) -> Plan:
    """Return the plan with the most seeds that `[gate] seeds` allows; as it is if the suite states none."""
    seeds = plan.suite.gate_seeds
    return plan if seeds is None else plan_of(with_seeds(plan.suite, seeds.most))


def with_seeds_of_groups(plan: Plan, all_seeds: Plan, numbers: Mapping[str, int]) -> Plan:
    """Return a plan with more seeds of some groups of cells.

    Args:
        plan: the plan as it is; its cells are kept.
        all_seeds: the plan with the most seeds.
        numbers: by name of a group (`gates.group_name`), how many seeds it shall have.
    """
    seeds = all_seeds.suite.gate_seeds
    known = first_seeds(all_seeds.suite.axes.get(SEED, ()), 0 if seeds is None else seeds.most)
    order = {seed: position for position, seed in enumerate(known)}
    ids = {cell.id for cell in plan.cells}

    def is_wanted(cell: Cell) -> bool:
        return cell.id in ids or order.get(cell.seed, len(order)) < numbers.get(group_name(cell.labels), 0)

    return replace(plan, units=_units(all_seeds, is_wanted))


def run_to_resume(plan: Plan, store: Store, resume: str | None) -> Run | None:
    """Return the run that a resume continues: `newest`, or a run by its id; None if there is none to resume.

    Raises:
        StoreError: there is no run of this id.
    """
    if resume is None:
        return None
    return store.newest(plan.suite.name, plan.suite.overrides) if resume == "newest" else store.open(resume)


def with_seeds_of_run(plan: Plan, plan_of: PlanOf, run: Run | None, chosen: Path | None = None) -> Plan:
    """Return the plan of a resume, with the seeds that the run has got since it began.

    Args:
        plan: the plan of the suite as it is.
        plan_of: makes a plan of the suite with other seeds.
        run: the run; None if there is none to resume.
        chosen: a file that `base_seeds` has written: all seeds, and the ids of further cells.

    Raises:
        SuiteError: the suite has none of the chosen cells.
    """
    ids, all_seeds = set() if run is None else set(run.planned), with_all_seeds(plan, plan_of)
    if chosen is not None:
        wanted = json.loads(chosen.read_text(encoding="utf-8"))
        suite = replace(plan.suite, axes={**plan.suite.axes, SEED: tuple(wanted["seeds"])})
        ids, all_seeds = ids | set(wanted["ids"]), plan_of(suite)
        if missing := set(wanted["ids"]) - {cell.id for cell in all_seeds.cells}:
            raise SuiteError([f"{len(missing)} of {len(wanted['ids'])} cells are not in this suite"])
    elif all_seeds is plan:
        return plan
    ids |= {cell.id for cell in plan.cells} if chosen is None else set()
    return replace(plan, units=_units(all_seeds, lambda cell: cell.id in ids))


def seeded(suite: Suite, seeds: str | None) -> Suite:
    """Return the suite with the seeds that `--seeds` states: a number, `all`, or None for those of the suite.

    Raises:
        SuiteError: it is no number from 1 to `seed_range.MAX_SEEDS`.
    """
    if seeds is None or (seeds == "all" and suite.gate_seeds is None):
        return suite
    if seeds == "all" and suite.gate_seeds is not None:
        return with_seeds(suite, suite.gate_seeds.most)
    if not (seeds.isascii() and seeds.isdigit() and 1 <= int(seeds) <= MAX_SEEDS):
        raise SuiteError([f"--seeds {seeds}: is neither a whole number from 1 to {MAX_SEEDS}, nor `all`"])
    return with_seeds(suite, int(seeds))


def _units(plan: Plan, test: Callable[[Cell], bool]) -> tuple[Unit, ...]:
    units = (Unit(unit.id, tuple(cell for cell in unit.cells if test(cell))) for unit in plan.units)
    return tuple(unit for unit in units if unit.cells)
