"""The executor `inline`: units one after another, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bench_suite.contracts import Record
from bench_suite.suite.plan import Unit


def execute(units: Iterable[Unit], run: Callable[[Unit], Iterator[Record]]) -> Iterator[Record]:
    """Yield the records of each unit as its cells end."""
    for unit in units:
        yield from run(unit)
