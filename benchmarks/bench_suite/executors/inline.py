"""The executor `inline`: run the units one after another in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench_suite.contracts import Record
    from bench_suite.execution.work import Work


def execute(work: Work, options: None) -> Iterator[Record]:
    """Yield the records of each unit as its cells end.

    Args:
        work: the units of the run.
        options: this executor has none.
    """
    for unit in work.context.plan.units:
        yield from work.run(unit)
