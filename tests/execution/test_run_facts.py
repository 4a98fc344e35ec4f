"""Claims about what `run.json` says of a plan."""

from __future__ import annotations

from dataclasses import replace

from bench_suite.execution.run_facts import plan_facts


def test_the_facts_of_a_plan_name_its_cells_and_what_it_leaves_out(context):
    facts = plan_facts(replace(context.plan, only=("model=mlp",), passed=("a",)))
    assert facts["planned"] == {
        cell.id: name
        for cell, name in zip(
            context.plan.cells,
            [
                'loans, mlp, seed 0, threads 1, device "cpu", evaluate.batch_size 16',
                'loans, mlp, seed 0, threads 1, device "cpu", evaluate.batch_size 256',
                'loans, logistic_regression, seed 0, threads 1, device "cpu", evaluate.batch_size 256',
            ],
        )
    }
    assert (facts["title"], facts["cells"], facts["only"], facts["passed"]) == ("three", 3, ["model=mlp"], ["a"])
    assert (facts["gate"], facts["left_out"]) == ({}, [])
    assert facts["components"] == {
        "task": {"loans": "loans"}, "model": {"mlp": "mlp", "logistic_regression": "logistic_regression"},
    }  # fmt: skip
    assert facts["text"] == context.plan.suite.document.text
