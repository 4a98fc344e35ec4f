"""Claims about the plan of a run that gets more seeds."""

from __future__ import annotations

import json

import pytest

from bench_suite.execution.more_seeds import seeded, with_all_seeds, with_seeds_of_groups, with_seeds_of_run
from bench_suite.store.runs import Store
from bench_suite.suite.document import SuiteError
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

SUITE = """
[[tasks]]
use = "digits"
[[models]]
use = "logistic_regression"
[[models]]
use = "mlp"
[matrix]
threads = 1
[probes.quality]
[gate]
seeds = { from = 2, to = 5 }
"quality/accuracy" = { tolerance = 0.02 }
"""


@pytest.fixture
def plan(tmp_path) -> Plan:
    (tmp_path / "s.toml").write_text(SUITE)
    return make_plan(read_suite(str(tmp_path / "s.toml")))


def seeds(plan: Plan, model: str) -> list[int]:
    return [cell.seed for cell in plan.cells if cell.model.label == model]


def test_only_the_groups_that_are_named_get_seeds(plan) -> None:
    larger = with_seeds_of_groups(plan, with_all_seeds(plan, make_plan), {"digits, mlp, threads 1": 4})
    assert (seeds(larger, "mlp"), seeds(larger, "logistic_regression")) == ([0, 1, 2, 3], [0, 1])
    assert {cell.id for cell in plan.cells} < {cell.id for cell in larger.cells}


def test_cells_that_the_run_has_already_are_kept(plan) -> None:
    every = with_all_seeds(plan, make_plan)
    larger = with_seeds_of_groups(plan, every, {"digits, mlp, threads 1": 4})
    largest = with_seeds_of_groups(larger, every, {"digits, logistic_regression, threads 1": 3})
    assert (seeds(largest, "mlp"), seeds(largest, "logistic_regression")) == ([0, 1, 2, 3], [0, 1, 2])


def test_a_resume_has_the_seeds_that_the_run_has_got(plan, tmp_path) -> None:
    larger = with_seeds_of_groups(plan, with_all_seeds(plan, make_plan), {"digits, mlp, threads 1": 4})
    run = Store(tmp_path / "results").create("s", {"planned": {cell.id: "a cell" for cell in larger.cells}})
    assert [cell.id for cell in with_seeds_of_run(plan, make_plan, run).cells] == [cell.id for cell in larger.cells]
    assert with_seeds_of_run(plan, make_plan, None).cells == plan.cells


def test_chosen_cells_are_added_to_those_of_the_run(plan, tmp_path) -> None:
    wanted = make_plan(seeded(plan.suite, "4")).cells[-1]
    chosen = tmp_path / "cells.json"
    chosen.write_text(json.dumps({"seeds": [0, 1, 2, 3], "ids": [wanted.id]}))
    run = Store(tmp_path / "results").create("s", {"planned": {plan.cells[0].id: "a cell"}})
    assert [cell.id for cell in with_seeds_of_run(plan, make_plan, run, chosen).cells] == [plan.cells[0].id, wanted.id]
    chosen.write_text(json.dumps({"seeds": [0], "ids": ["0" * 40]}))
    with pytest.raises(SuiteError, match="1 of 1 cells are not in this suite"):
        with_seeds_of_run(plan, make_plan, run, chosen)


@pytest.mark.parametrize(("stated", "count"), [("all", 5), ("1", 1), ("7", 7), (None, 2)])
def test_the_option_seeds_states_how_many(plan, stated, count: int) -> None:
    assert seeds(make_plan(seeded(plan.suite, stated)), "mlp") == list(range(count))


@pytest.mark.parametrize("stated", ["0", "-1", "1.5", "many", "", "101", "²"])
def test_other_values_of_the_option_are_refused(plan, stated: str) -> None:
    with pytest.raises(SuiteError, match="neither a whole number from 1 to 100, nor `all`"):
        seeded(plan.suite, stated)
