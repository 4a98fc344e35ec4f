"""The cells of gates, and the part of a plan that tests need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench_suite.execution.selection import select
from bench_suite.pytest_plugin.selection import groups_of, is_timed, narrow
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import Plan, make_plan

SUITE = """
[[tasks]]
use = "digits"
[[tasks]]
use = "diabetes"
[[models]]
use = "mlp"
[matrix]
seed = [1, 10]
[probes.quality]
[probes.throughput]
only = { task = "digits" }
[gate]
"quality/accuracy" = [{ min = 0.5 }, { tolerance = 0.02, only = { seed = 1 } }]
"quality/r2" = { max = 1.0, only = { task = "diabetes" } }
"""


def plan_of(text: str = SUITE) -> Plan:
    return make_plan(suite_of(parse_document(text, "s.toml"), "s", Path()))


def test_a_gate_has_a_group_for_each_task_that_can_have_its_metric() -> None:
    plan = plan_of()
    of_task = {task: tuple(c.id for c in plan.cells if c.task.label == task) for task in ("digits", "diabetes")}
    bounds = [(group.gate.metric, group.where, group.word, group.cells) for group in groups_of(plan, ("min", "max"))]
    assert bounds == [
        ("quality/accuracy", "digits, mlp", "digits-mlp", of_task["digits"]),
        ("quality/r2", "diabetes, mlp", "diabetes-mlp", of_task["diabetes"]),
    ]
    (tolerance,) = groups_of(plan, ("tolerance",))
    assert tolerance.cells == of_task["digits"][:1]


def test_a_gate_that_no_cell_can_be_judged_by_does_not_pass_unseen() -> None:
    plan = plan_of()
    digits = replace(plan, units=tuple(unit for unit in plan.units if unit.cells[0].task.label == "digits"))
    last = list(groups_of(digits, ("min", "max")))[-1]
    assert (last.gate.metric, last.where, last.cells) == ("quality/r2", "", ())


def test_a_part_names_its_cells_and_the_others() -> None:
    plan = plan_of()
    first = plan.cells[0]
    part, expression = narrow(plan, {first.id})
    assert [cell.id for cell in part.cells] == [first.id]
    assert set(part.passed) == {cell.id for cell in plan.cells[1:]}
    assert expression == '"digits, mlp, seed 1"'
    assert first in select(plan, expression).cells
    assert narrow(plan, set()) == (plan, "")
    assert narrow(plan, {cell.id for cell in plan.cells}) == (plan, "")


def test_cells_are_timed_where_a_probe_of_theirs_measures_times() -> None:
    plan = plan_of()
    assert {cell.task.label: is_timed(cell, plan) for cell in plan.cells} == {"digits": True, "diabetes": False}


def test_a_gate_of_a_ratio_needs_the_cells_of_its_reference_and_does_not_judge_them() -> None:
    text = SUITE.split("[gate]")[0].replace(
        'use = "mlp"', 'use = "mlp"\n[[models]]\nuse = "mlp"\nname = "small"\nhidden = [8]'
    )
    plan = plan_of(f'{text}[gate]\n"quality/accuracy" = {{ min = 0.5, ratio_to = "small", only = {{ seed = 1 }} }}')
    (group,) = groups_of(plan, ("min",))
    cells = {cell.id: (cell.labels["model"], cell.seed) for cell in plan.cells if cell.id in group.cells}
    assert (group.where, group.word) == ("digits, mlp", "digits-mlp-to-small")
    assert sorted(cells.values()) == [("mlp", 1), ("small", 1)]
