"""Earlier processes of a run that ended within a cell: what is said of them, and the error of such a step."""

from __future__ import annotations

from bench_suite.contracts import BenchError
from bench_suite.execution.record_builder import RecordBuilder, without_folders
from bench_suite.store.unfinished import Unfinished


class ProcessEnded(BenchError):
    """A step that is not tried again, because earlier processes of the run ended in it."""


def process_ended(earlier: Unfinished, builder: RecordBuilder) -> ProcessEnded:
    """Return the error of a step in which processes ended, after writing the stacks that are known."""
    if earlier.stacks:
        builder.write_traceback(earlier.step if earlier.probe else "cell", without_folders(earlier.stacks))
    cause = cause_of(earlier) or " (killed, out of memory, or ended by a library)"
    return ProcessEnded(
        f"the process ended while {step_of(earlier)}{cause}, {earlier.ends} times; "
        "when the cause is removed, --resume tries it again"
    )


def step_of(earlier: Unfinished) -> str:
    """Return what was going on when the process ended, in words."""
    if earlier.probe:
        return f"the probe {earlier.step} measured this cell"
    return _STEPS.get(earlier.step, f"this cell was at {earlier.step}")


def cause_of(earlier: Unfinished) -> str:
    """Return how the process ended, in brackets; empty if that is not known."""
    return f" ({earlier.cause})" if earlier.cause else ""


_STEPS = {
    "": "this cell began",
    "data": "the data were loaded",
    "building": "the model was built",
    "encoding": "the data were encoded",
    "training": "the model was trained",
}
