"""The executor `inline`: run the units one after another in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bench_suite.contracts import Record
from bench_suite.suite.plan import Unit


def execute(units: Iterable[Unit], start: Callable[[Unit], Iterator[Record]]) -> Iterator[Record]:
    """Yield the records of each unit as its cells end.

    Args:
        units: the units of the plan, in order.
        start: trains and measures a unit; returns an iterator of its records.
    """
    for unit in units:
        yield from start(unit)
