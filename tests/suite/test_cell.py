"""Claims about cells: their names for people."""

from __future__ import annotations

from bench_suite.suite.cell import name


def test_a_cell_in_words_names_only_what_is_unusual(plan):
    planned = plan(matrix={"precision": ["32-true", "bf16-mixed"], "seed": 1})
    assert [name(cell) for cell in planned.cells] == [
        "loans, mlp, seed 1",
        'loans, mlp, precision "bf16-mixed", seed 1',
    ]
