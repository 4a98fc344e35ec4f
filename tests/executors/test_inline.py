"""The executor `inline` runs the units one after another, each only when its records are requested."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench_suite.contracts import Record
from bench_suite.execution.work import Work
from bench_suite.executors import inline
from bench_suite.suite.plan import Unit


def record(id: str) -> Record:
    return Record("run", "suite", id, "", {}, {}, "ok")


def work_of(run: Any) -> Work:
    plan = SimpleNamespace(units=[Unit("a", ()), Unit("b", ())])
    return cast(Work, SimpleNamespace(context=SimpleNamespace(plan=plan), run=run))


def test_it_yields_the_records_of_each_unit_in_order_and_starts_no_unit_early() -> None:
    started: list[str] = []

    def run(unit: Unit) -> Iterator[Record]:
        started.append(unit.id)
        yield from (record(f"{unit.id}{number}") for number in range(2))

    records = inline.execute(work_of(run), None)
    assert [next(records).id, next(records).id] == ["a0", "a1"]
    assert started == ["a"]
    assert [record.id for record in records] == ["b0", "b1"]


def test_an_error_of_a_unit_ends_the_run() -> None:
    def run(unit: Unit) -> Iterator[Record]:
        raise KeyboardInterrupt
        yield cast(Any, None)

    with pytest.raises(KeyboardInterrupt):
        next(inline.execute(work_of(run), None))
