"""The progress of a run in a notebook: one line with a bar that changes in place, and the cells that failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bench_suite.contracts import Finding, Record, Window
from bench_suite.execution.callbacks import RunCallback
from bench_suite.reports import notebook_html
from bench_suite.suite.plan import Cell, name

SECONDS = 0.25
"Least time between two changes, so that the connection to the browser is not flooded."
MAX_LINES = 8
"Failures and notes that are shown; the others are counted."


def in_notebook() -> bool:
    """Return whether the program runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


class NotebookProgress(RunCallback):
    """A display that a notebook changes in place."""

    def __init__(self, cells: int) -> None:
        from IPython import display

        self.cells = cells
        self.done = 0
        self.now = "starting"
        self.lines: list[str] = []
        self._last = 0.0
        show: Any = display.display  # untyped
        self._handle = show(self, display_id=True)

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...], busy: bool) -> None:
        """Show the run, the cells that are done, and its notes."""
        self.done = done
        self.lines += [f"resuming {run}"] if resumed else []
        self.lines += [f"note: {note}" for note in notes]
        self._show(at_once=True)

    def data_notes(self, task: str, notes: Mapping[str, object]) -> None:
        """Add the notes on the data of a task."""
        self.lines += [f"data of {task}: {key}: {value}" for key, value in notes.items()]

    def findings(self, task: str, findings: Sequence[Finding]) -> None:
        """Add the findings that are no mere notes."""
        self.lines += [f"{one.code} {task}: {one.summary}" for one in findings if one.severity != "note"]

    def cell(self, cell: Cell) -> None:
        """Show the name of the cell."""
        self._show(name(cell))

    def step(self, cell: Cell, what: str) -> None:
        """Show what the cell is doing."""
        self._show(f"{name(cell)}: {what}")

    def window(self, cell: Cell, window: Window) -> None:
        """Show step and loss of the training."""
        self._show(f"{name(cell)}: step {window.step}, loss {window.loss:.3f}")

    def record(self, cell: Cell, record: Record) -> None:
        """Advance the bar, and add the cell if it failed."""
        self.done += 1
        if record.status != "ok":
            reason = (record.reason or "").splitlines() or [""]
            self.lines.append(f"{name(cell)}: {record.status}: {reason[0]}")
        self._show(f"{name(cell)}: done", at_once=True)

    def close(self) -> None:
        """Show the end of the run."""
        self._show("done" if self.done >= self.cells else "ended", at_once=True)

    def _show(self, now: str | None = None, *, at_once: bool = False) -> None:
        self.now = self.now if now is None else now
        clock = time.monotonic()
        if (at_once or clock - self._last >= SECONDS) and self._handle is not None:
            self._last = clock
            self._handle.update(self)

    def __repr__(self) -> str:
        """Return the progress as one line."""
        return f"{self.done} of {self.cells} cells; {self.now}"

    def _repr_html_(self) -> str:
        bar = f'<progress value="{self.done}" max="{max(self.cells, 1)}" aria-label="cells"></progress>'
        more = len(self.lines) - MAX_LINES
        lines = [*self.lines[:MAX_LINES], *([f"{more} more: see the report"] if more > 0 else [])]
        return notebook_html.fragment([f"<p>{bar} {notebook_html.text(repr(self))}</p>", notebook_html.bullets(lines)])
