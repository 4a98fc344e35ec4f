"""How a run ended: how many cells succeeded, and which cells and probes have no result, by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench_suite.contracts import Record
from bench_suite.store.runs import Run

MAX_NAMES = 5
"More names of cells than this are cut to one fewer, and the others are counted."


@dataclass(frozen=True)
class Failure:
    """Cells without a result, or without that of a probe, for one reason."""

    cells: tuple[Record, ...]
    status: str
    reason: str
    probe: str = ""
    "Label of the probe; empty for whole cells."


def outcome(run: Run, records: Sequence[Record]) -> str:
    """Return how many cells of a run succeeded, as a sentence."""
    count = Counter(record.status for record in records)
    planned = max(int(run.info.get("cells") or 0), len(records))
    if not records:
        return f"None of the {planned} cells has been recorded." if planned else "No cell has been recorded."
    parts = [f"{count['ok']} of {planned} cells succeeded"]
    parts += [f"{number} {status}" for status, number in count.items() if status != "ok"]
    missing = planned - len(records)
    torn = [f"incomplete lines, ignored: {run.torn}"] if run.torn else []
    return ", ".join([*parts, *([f"{missing} not run"] if missing > 0 else [])]) + "".join(f"; {t}" for t in torn) + "."


def cell_failures(records: Sequence[Record]) -> list[Failure]:
    """Return the cells that did not end well."""
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.status != "ok":
            reasons.setdefault((record.status, record.reason or ""), []).append(record)
    return [Failure(tuple(cells), status, reason) for (status, reason), cells in reasons.items()]


def probe_failures(records: Sequence[Record]) -> list[Failure]:
    """Return the probes without a result in cells that ended well."""
    reasons: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        for label, row in record.probes.items():
            if row.status != "ok" and record.status == "ok":
                reasons.setdefault((label, row.status, row.reason or ""), []).append(record)
    return [Failure(tuple(cells), status, reason, label) for (label, status, reason), cells in reasons.items()]


def cell_names(which: Sequence[Record], every: Sequence[Record]) -> str:
    """Return the names of cells as plain text: `mnist, cnn, seed 0`, or `mnist, cnn` for all of them.

    Of more than five names, the text has four and `and 3 more`.
    """

    def pair(record: Record) -> tuple[str, str]:
        return str(record.cell.get("task")), str(record.cell.get("model"))

    names = []
    sizes = Counter(map(pair, every))
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in which:
        groups.setdefault(pair(record), []).append(record)
    for (task, model), of_pair in groups.items():
        complete = len(of_pair) == sizes[task, model]
        names.append(f"{task}, {model}" + ("" if complete and len(of_pair) > 1 else f", {seeds_and_folds(of_pair)}"))
    first = names if len(names) <= MAX_NAMES else [*names[: MAX_NAMES - 1], f"and {len(names) - MAX_NAMES + 1} more"]
    return "; ".join(first)


def seeds_and_folds(records: Sequence[Record]) -> str:
    """Return the seeds of some cells, and their folds if they have any: `seed 0, 1, fold 3`."""
    axes = [axis for axis in ("seed", "fold") if axis == "seed" or any(axis in record.cell for record in records)]
    values = [", ".join(dict.fromkeys(str(record.cell.get(axis)) for record in records)) for axis in axes]
    return ", ".join(f"{axis} {value}" for axis, value in zip(axes, values))
