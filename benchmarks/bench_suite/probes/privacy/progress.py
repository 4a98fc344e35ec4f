"""Progress of trainings that a probe starts: a line of text for the terminal."""

from __future__ import annotations

from collections.abc import Callable

from bench_suite.contracts import Trained


def reporter(trained: Trained) -> Callable[[str], None]:
    """Return a function that shows a text as the progress of the cell; it does nothing if nobody looks."""
    on_progress: Callable[[str], None] | None = getattr(trained, "on_progress", None)
    return on_progress if on_progress is not None else _ignore


def _ignore(text: str) -> None:
    return None
