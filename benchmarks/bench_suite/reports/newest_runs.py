"""The runs that a leaderboard shows by default: the newest complete one of each suite."""

from __future__ import annotations

from collections.abc import Callable

from bench_suite.reports.leaderboard import missing_part
from bench_suite.store.runs import Run, Store


def newest_of_each(store: Store, notify: Callable[[str], None]) -> list[Run]:
    """Return the newest complete run of each suite, or else its newest run with a result; never a smoke run.

    A run of a part of a suite (`--only`), or one with failed cells, does not replace a complete run. Imported runs are
    parts of their suite, since each file may contain one model: those with a cell that no newer import has are returned
    too.

    Args:
        store: the runs.
        notify: called with a line about each suite that has no complete run.
    """
    newest: dict[str, tuple[bool, Run]] = {}
    imported: list[Run] = []
    cells: dict[str, set[str]] = {}
    for info in store.runs():
        if info.info.get("imported"):
            known, planned = cells.setdefault(info.suite, set()), set(info.info.get("planned", {}))
            if planned - known:
                imported.append(Run(info.path))
            known |= planned
            continue
        if info.smoke or newest.get(info.suite, (False, None))[0]:
            continue
        run = Run(info.path)
        complete = missing_part(run) == ""
        if complete or (info.suite not in newest and any(record.status == "ok" for record in run.records())):
            newest[info.suite] = (complete, run)
    for suite, (complete, run) in newest.items():
        if not complete:
            notify(f"{suite}: no complete run yet; the leaderboard shows an incomplete one: {missing_part(run)}")
    return [*(run for _, run in newest.values()), *imported]
