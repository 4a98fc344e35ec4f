"""A watcher that shows nothing: for programs that call a run as a function."""

from __future__ import annotations

from bench_suite.contracts import History, Record, Window
from bench_suite.suite.plan import Cell


class Silent:
    """Told what happens, and says nothing."""

    def begin(self, run: str, *, resumed: bool, wanted: bool, done: int, notes: tuple[str, ...]) -> None:
        """Nothing."""

    def cell(self, cell: Cell) -> None:
        """Nothing."""

    def step(self, cell: Cell, what: str) -> None:
        """Nothing."""

    def window(self, cell: Cell, window: Window) -> None:
        """Nothing."""

    def trained(self, cell: Cell, history: History | None) -> None:
        """Nothing."""

    def record(self, cell: Cell, record: Record) -> None:
        """Nothing."""
