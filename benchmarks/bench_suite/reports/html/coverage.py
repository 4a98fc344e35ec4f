"""The grid of tasks and models: what ran, what failed, and what was left out or does not apply, and why."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench_suite.contracts import Record
from bench_suite.reports import escaping
from bench_suite.reports.html.view import Coverage, Grid
from bench_suite.store.runs import Run

MAX_TASKS, MAX_MODELS = 30, 24
"Rows and columns of the grid at most."


def coverage(run: Run, records: Sequence[Record]) -> Coverage | None:
    """Return for each task and model of a run how its cells ended; None for a run of one task.

    Args:
        run: the run.
        records: its cells.
    """
    pairs: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        pairs.setdefault((str(record.cell.get("task")), str(record.cell.get("model"))), []).append(record)
    left_out = [entry for entry in run.info.get("left_out") or () if len(entry) == 3]  # a damaged run has others
    unfit = {(task, model): reason for task, model, reason in left_out}
    tasks = list(dict.fromkeys(task for task, _ in (*pairs, *unfit)))
    models = list(dict.fromkeys(model for _, model in (*pairs, *unfit)))
    if len(tasks) < 2:
        return None
    absent = _absence(run, records)
    notes = escaping.Notes()
    rows = [
        [
            task,
            *(
                _text(pairs.get((task, model), ()), unfit.get((task, model), ""), absent, notes)
                for model in models[:MAX_MODELS]
            ),
        ]
        for task in tasks[:MAX_TASKS]
    ]
    lines = ["; ".join(notes.lines())] if notes.lines() else []
    if len(tasks) > MAX_TASKS or len(models) > MAX_MODELS:
        lines.append(f"The first of {len(tasks)} tasks and {len(models)} models.")
    failed = sum(record.status != "ok" for record in records)
    missing = max(int(run.info.get("cells") or 0) - len(records), 0)
    outcomes = Counter(
        _outcome(pairs.get((task, model), ()), (task, model) in unfit, absent) for task in tasks for model in models
    )
    parts = [f"{len(records) - failed} of {_counted(len(records) + missing, 'cell')} ran"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{missing} not run"] if missing else []
    ways = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items(), key=lambda one: -one[1]))
    summary = f"{_counted(len(tasks) * len(models), 'pair')} of task and model: {ways} ({', '.join(parts)})"
    return Coverage(summary, Grid(["Task", *models[:MAX_MODELS]], rows, lines), bool(failed or missing))


def _outcome(cells: Sequence[Record], unfit: bool, absent: str) -> str:
    """Return how a pair ended, for the count of all pairs: each has one outcome."""
    if not cells:
        return "not applicable" if unfit else absent.replace("`", "")
    good = sum(record.status == "ok" for record in cells)
    if good == len(cells):
        return "ran"
    return "ran in part" if good else "without a result"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _text(cells: Sequence[Record], unfit: str, absent: str, notes: escaping.Notes) -> str:
    """Return what a cell of the grid says."""
    if not cells:
        return f"does not apply{notes.mark(unfit)}" if unfit else absent
    count = Counter(record.status for record in cells)
    seeds = len({record.cell.get("seed") for record in cells})
    what = "seed" if seeds == len(cells) else "cell"
    if count["ok"] == len(cells):
        return f"ran: {len(cells)} {what}{'s' if len(cells) > 1 else ''}"
    rest = [
        f"{number} {status}{''.join(notes.mark(reason) for reason in _reasons(cells, status))}"
        for status, number in count.items()
        if status != "ok"
    ]
    return ", ".join([f"{count['ok']} of {len(cells)} {what}s ran", *rest])


def _reasons(cells: Sequence[Record], status: str) -> list[str]:
    return list(dict.fromkeys(record.reason for record in cells if record.status == status and record.reason))


def _absence(run: Run, records: Sequence[Record]) -> str:
    """Return why a pair that applies has no cell."""
    if run.info.get("only"):
        return "not asked for"
    if int(run.info.get("cells") or 0) > len(records):
        return "not run"
    return "left out by the suite's `exclude`" if _excludes(str(run.info.get("text") or "")) else "no cell"


def _excludes(text: str) -> bool:
    """Return whether a suite leaves cells out."""
    try:
        suite: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    matrix = suite.get("matrix")
    return bool(suite.get("exclude") or (isinstance(matrix, dict) and matrix.get("exclude")))
