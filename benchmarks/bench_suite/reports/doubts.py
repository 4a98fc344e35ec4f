"""Doubts: a line for each kind of mark on timings, for the terminal and for the first screen of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench_suite.contracts import MetricMark, Record
from bench_suite.store.columns import heads_of

MAX_NAMED = 3
"Reasons or metrics that a line names."


def doubt_lines(records: Sequence[Record]) -> list[str]:
    """Return a line for each kind of mark that metrics have, with the number of cells.

    Args:
        records: the cells of a run.
    """
    lines = []
    for mark, sentence in _SENTENCES.items():
        words: dict[str, None] = {}
        cells = 0
        for record in records:
            rows = [row for row in heads_of(record) if mark in row.marks]
            cells += bool(rows)
            # A throttled block has reasons; what is not steady is a metric.
            words |= dict.fromkeys(row.marks[mark] if mark == "throttled" else row.name for row in rows)
        if cells:
            named = list(words)
            more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
            lines.append(sentence(cells, ", ".join(named[:MAX_NAMED]) + more))
    return lines


def _throttled(cells: int, reasons: str) -> str:
    plural, whose = ("", "its") if cells == 1 else ("s", "their")
    return f"{cells} cell{plural} ran on a throttled device ({reasons}): {whose} rates are too low, and times too long"


def _unsteady(cells: int, metrics: str) -> str:
    return f"the rate of {cells} cell{'' if cells == 1 else 's'} never became steady ({metrics})"


_SENTENCES: Mapping[MetricMark, Callable[[int, str], str]] = {"throttled": _throttled, "unsteady": _unsteady}
