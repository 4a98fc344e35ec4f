"""Claims about what a stream can show, by its environment."""

from __future__ import annotations

import io

import pytest

from bench_suite.cli.terminal import has_colour, is_live


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_terminal_is_live_and_has_colours_and_a_file_neither():
    assert (is_live(Terminal()), has_colour(Terminal())) == (True, True)
    assert (is_live(io.StringIO()), has_colour(io.StringIO())) == (False, False)


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("CI", "true"), ("CI", "1")])
def test_without_a_cursor_or_in_ci_lines_are_plain(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert (is_live(Terminal()), has_colour(Terminal())) == (False, False)


def test_no_color_forbids_colours_and_leaves_the_display_live(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert (is_live(Terminal()), has_colour(Terminal()), has_colour(io.StringIO())) == (True, False, False)
    monkeypatch.setenv("NO_COLOR", "")
    assert has_colour(Terminal()), "an empty value counts as unset"


def test_force_color_wants_colours_in_a_pipe_and_makes_nothing_live(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("CI", "true")
    assert (is_live(io.StringIO()), has_colour(io.StringIO())) == (False, True)
    monkeypatch.setenv("FORCE_COLOR", "0")
    assert not has_colour(io.StringIO())


def test_ci_may_be_switched_off(monkeypatch):
    monkeypatch.setenv("CI", "false")
    assert is_live(Terminal())
