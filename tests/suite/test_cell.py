"""Claims about cells: their names for people."""

from __future__ import annotations

from bench_suite.suite.cell import name, words_of


def test_a_cell_in_words_names_only_what_is_unusual(plan):
    planned = plan(matrix={"precision": ["32-true", "bf16-mixed"], "seed": 1})
    assert [name(cell) for cell in planned.cells] == [
        "loans, mlp, seed 1",
        'loans, mlp, precision "bf16-mixed", seed 1',
    ]


def test_words_are_one_word_and_differ_between_cells() -> None:
    labels = {"task": "my task", "model": "a/b::c[d]", "engine": "native", "precision": "bf16-mixed", "seed": 0}
    assert words_of({"11111111x": labels}) == {"11111111x": "my-task-a-b-c-d-precision-bf16-mixed-seed0"}
    both = words_of({"11111111x": labels, "22222222y": {**labels, "task": "my-task"}})
    assert sorted(word.rpartition("-")[2] for word in both.values()) == ["11111111", "22222222"]
