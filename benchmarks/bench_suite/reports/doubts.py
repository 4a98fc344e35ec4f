"""Doubts: what changes the meaning of numbers, for the terminal and for the first screen of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench_suite.contracts import MetricMark, Record
from bench_suite.reports.table import machine
from bench_suite.store.columns import heads_of
from bench_suite.store.runs import Run

MAX_NAMED = 3
"Reasons or metrics that a line names."
MAX_PAIRS = 4
"Models on tasks that a line names."


def doubt_lines(records: Sequence[Record]) -> list[str]:
    """Return a line for each kind of mark that metrics have, with the number of cells and their models and tasks.

    Args:
        records: the cells of a run.
    """
    lines = []
    for mark, sentence in _SENTENCES.items():
        words: dict[str, None] = {}
        cells: list[Record] = []
        for record in records:
            rows = [row for row in heads_of(record) if mark in row.marks]
            cells += [record] if rows else []
            # A throttled block has reasons; what is not steady is a metric.
            words |= dict.fromkeys(row.marks[mark] if mark == "throttled" else row.name for row in rows)
        if cells:
            lines.append(f"{sentence(len(cells), _first(list(words)))}: {cells_in_words(cells)}; {_ADVICE[mark]}")
    return lines


def cells_in_words(cells: Sequence[Record]) -> str:
    """Return which models on which tasks some cells are: `cnn on mnist, text_cnn on imdb`, the first of them."""
    pairs = dict.fromkeys((str(cell.cell.get("model")), str(cell.cell.get("task"))) for cell in cells)
    return _first([f"{model} on {task}" for model, task in pairs], MAX_PAIRS)


def _first(words: Sequence[str], limit: int = MAX_NAMED) -> str:
    return ", ".join(words[:limit]) + (f" and {len(words) - limit} more" if len(words) > limit else "")


def data_notes(records: Sequence[Record]) -> list[tuple[str, str, str]]:
    """Return what changes the meaning of numbers in the data: task, part of the data, and note, each once."""
    rows: dict[tuple[str, str, str], None] = {}
    for record in records:
        notes, task = record.data.get("notes", {}), str(record.cell.get("task", ""))
        for key in record.data.get("prominent", ()):
            if key in notes:
                rows[task, key, str(notes[key])] = None
    return list(rows)


def machine_lines(run: Run, records: Sequence[Record]) -> list[str]:
    """Return a line if the machine was busy, and one if the cells ran on several machines."""
    busy = [record for record in records if record.machine_busy]
    names = dict.fromkeys(record.environment for record in records if record.environment)
    machines = dict.fromkeys(machine(run.environment(name).get("hardware") or {}) for name in names)
    which = "all" if len(busy) == len(records) else f"{len(busy)} of {len(records)}"
    named = "" if len(busy) == len(records) else f" ({cells_in_words(busy)})"
    lines = [
        f"the machine was busy with other work during {which} cells{named}: their rates may be too low, and times too "
        "long; run again on an idle machine to compare them"
    ]
    several = f"the cells ran on {len(machines)} machines ({'; '.join(machines)}): each has its own tables"
    return [*(lines if busy else []), *([several] if len(machines) > 1 else [])]


def _throttled(cells: int, reasons: str) -> str:
    plural, whose = ("", "its") if cells == 1 else ("s", "their")
    return f"{cells} cell{plural} ran on a throttled device ({reasons}): {whose} rates are too low, and times too long"


def _unsteady(cells: int, metrics: str) -> str:
    return f"the rate of {cells} cell{'' if cells == 1 else 's'} never became steady ({metrics})"


_ADVICE: Mapping[MetricMark, str] = {
    "throttled": "cool the device or raise its power limit, and run again",
    "unsteady": "raise [train] epochs, or read the rate as rough",
}
_SENTENCES: Mapping[MetricMark, Callable[[int, str], str]] = {"throttled": _throttled, "unsteady": _unsteady}
