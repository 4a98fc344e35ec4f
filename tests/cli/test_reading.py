"""A line while many records are read: on a terminal alone, and gone at the end."""

from __future__ import annotations

import sys

import pytest

from bench_suite.cli.reading import shown_readings
from bench_suite.store import reading_progress
from bench_suite.store.reading_progress import Reported


class Screen:
    """A stream that may be a terminal, and has what was written to it."""

    def __init__(self, *, terminal: bool) -> None:
        self.text = ""
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, columns: int = 80) -> str:
    screen = Screen(terminal=terminal)
    monkeypatch.setattr(reading_progress, "PATIENCE", 0)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    with shown_readings(), Reported(300 << 20) as reported:
        reported.add(90 << 20)
    return screen.text


def test_a_line_is_shown_on_a_terminal_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    line = "reading 300 MiB of records: 30% (the next time their index is read)"
    assert shown(monkeypatch, terminal=True) == f"\r{line}\x1b[K\r\x1b[K"


def test_the_line_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert shown(monkeypatch, terminal=True, columns=31) == "\rreading 300 MiB of records: 30\x1b[K\r\x1b[K"


def test_nothing_is_shown_in_a_pipe_or_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert shown(monkeypatch, terminal=False) == ""
    monkeypatch.setenv("CI", "true")
    assert shown(monkeypatch, terminal=True) == ""
