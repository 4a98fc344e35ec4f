"""Of a cell in several runs the newest record counts, on each hardware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench_suite.contracts import Record
from bench_suite.reports.table import superseded, tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_the_same_examples_in_another_order_share_a_table(make_run: Make, record: Make_record) -> None:
    def data(fingerprint: str, test: str = "x") -> dict[str, Any]:
        splits = {"train": {"examples": "t", "order": fingerprint}, "test": {"examples": test, "order": fingerprint}}
        return {"name": "imdb-25k", "fingerprint": fingerprint, "fingerprints": splits}

    older = {name: value for name, value in data("first").items() if name != "fingerprints"}
    cells = [data("first"), data("second"), older, data("third", test="y")]
    run = make_run(*(record(model=name, id=name, data=known) for name, known in zip("abcd", cells)))
    one, other = tables([run])
    assert [row.model for table in (one, other) for row in table.rows] == ["a", "b", "c", "d"]
    assert [table.variant for table in (one, other)] == ["data first", "data third"]
    there = make_run(record(model="e", data=data("second")), hardware={"cpu": "Another"})
    variants = [table.variant for table in tables([make_run(record(data=data("first"))), there])]
    assert sorted(variants) == ["on Another", "on Example Processor, 2 cores"]


def test_tables_of_one_task_on_other_data_name_their_suites(make_run: Make, record: Make_record) -> None:
    """Three suites split one file in three ways: only their names say which is which."""
    runs = [
        make_run(record(id=suite, data={**record().data, "fingerprint": suite * 3}), suite=suite)
        for suite in ("drawn", "grouped")
    ]
    assert sorted(table.variant for table in tables(runs)) == [
        "suite drawn, data drawndra", "suite grouped, data groupedg",
    ]  # fmt: skip
    same = [make_run(record(id=suite), suite=suite) for suite in ("one", "two")]
    assert [(table.variant, table.suites) for table in tables(same)] == [("", ("one", "two"))]


def test_one_cell_on_two_machines_is_in_both_tables_and_supersedes_nothing(make_run: Make, record: Make_record) -> None:
    older, newer = make_run(record(accuracy=0.5)), make_run(record(accuracy=0.9), hardware={"cpu": "Another"})
    for order in ([older, newer], [newer, older]):
        by_machine = {table.hardware["cpu"]: table.rows[0].values[table.columns[0]].value for table in tables(order)}
        assert by_machine == {"Another": 0.9, "Example Processor": 0.5}
        assert superseded(order) == []


def test_of_a_cell_in_several_runs_the_newest_counts_in_any_order(make_run: Make, record: Make_record) -> None:
    old, new = make_run(record(accuracy=0.5), record(seed=1)), make_run(record(accuracy=0.9))
    for order in ([new, old], [old, new]):
        [table] = tables(order)
        first = table.rows[0].cells[0]
        assert (first.cell["seed"], first.metrics[0].value) == (0, 0.9)
        assert len(table.rows[0].cells) == 2
        assert superseded(order) == [(old.name, new.name, 1)]


def test_a_restart_that_changes_the_size_of_the_memory_makes_no_other_machine(
    make_run: Make, record: Make_record
) -> None:
    hardware = {"cpu": "Example", "usable_cores": 2, "gpu": [{"name": "a card", "memory_bytes": 8}]}
    card = {**hardware, "gpu": [{"name": "a card", "memory_bytes": 7}]}
    sides = [make_run(record(accuracy=0.5), hardware={**hardware, "memory_bytes": 1000})]
    sides += [make_run(record(accuracy=0.9), hardware={**card, "memory_bytes": 1001})]
    (table,) = tables(sides)
    assert table.rows[0].values[table.columns[0]].value == 0.9
