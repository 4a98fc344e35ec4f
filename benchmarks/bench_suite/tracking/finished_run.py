"""Write a finished run to a tracker, cell by cell, from the records and the histories that are on disk."""

from __future__ import annotations

from bench_suite.contracts import BenchError
from bench_suite.store.histories import read_history
from bench_suite.store.runs import Run
from bench_suite.tracking.curves import history_points, training_began
from bench_suite.tracking.tracker import TrackedCell, Tracker


def write_run(run: Run, tracker: Tracker) -> str:
    """Write all cells of a run that the suite now asks for, and end the tracker.

    Args:
        run: the run.
        tracker: where to write.

    Returns:
        Where the tracker has written, and on a further line how to open it.

    Raises:
        BenchError: the run has no record yet, or the tracker cannot be written.
    """
    records = run.planned_records()
    if not records:
        raise BenchError(f"{run.name} has no records yet: wait until its first cell has ended")
    without_curves = 0
    for record in records:
        cell = TrackedCell(record.id, record.cell)
        if tracker.is_written(cell, record):
            continue
        history = read_history(run.path, record.id)
        if history is None:
            without_curves += bool(record.cell.get("engine")) and not record.shared_training
        else:
            tracker.add_points(cell, [*history_points(history, training_began(record))])
        tracker.finish(cell, record)
    written = tracker.close(complete=len(records) >= int(run.info.get("cells", len(records))))
    note = f"; {without_curves} without curves: no history of their training is stored" if without_curves else ""
    return f"{written.target}{note}\n{written.command}"
