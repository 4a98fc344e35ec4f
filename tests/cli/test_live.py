"""Claims about the live region of a terminal: a terminal emulator (pyte) reads what is written."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bench_suite.cli.live import Region, plain
from bench_suite.cli.live_lines import Line

pyte = pytest.importorskip("pyte", reason="needs pyte, a terminal emulator: pip install pyte")

CONTROL = "\x1b]0;owned\x07\x1b[31mcolour\x1b[0m\x1b[2J\x9b31m\u202e[red]x[/red]"
SHOWN = r"colour\x9b31m\u202e[red]x[/red]"


class Terminal(io.StringIO):
    """A stream that says it is a terminal, read by the emulator."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.screen = pyte.Screen(columns, rows)
        self.screen.set_mode(pyte.modes.LNM)  # a terminal's driver adds the carriage return
        self._reader = pyte.Stream(self.screen)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._reader.feed(text)
        return len(text)

    def lines(self) -> list[str]:
        """The lines of the screen, without the empty ones."""
        return [line.rstrip() for line in self.screen.display if line.strip()]


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    for name in ("CI", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    return Terminal(60, 20)


def region(terminal: Terminal, draw: Callable[[int, int, bool], Sequence[Line]]) -> Region:
    return Region(draw, terminal)


def test_lines_appear_above_the_region_which_leaves_nothing_behind(terminal):
    count = [0]

    def draw(columns: int, rows: int, ascii_only: bool) -> list[Line]:
        count[0] += 1
        return [[(f"header {count[0]}", "bold")], [("row", "")]]

    with region(terminal, draw) as shown:
        shown.print("first", "red")
        shown.print("second")
        assert terminal.lines()[:2] == ["first", "second"]
        assert terminal.lines()[2].startswith("header ")
        assert terminal.lines()[3:] == ["row"]
        assert terminal.screen.cursor.hidden is False, "a process that is killed cannot show it again"
    assert terminal.lines() == ["first", "second"]


def test_what_libraries_print_appears_above_it_as_lines_without_control(terminal):
    with region(terminal, lambda *_: [[("region", "")]]):
        print("printed", CONTROL)
        sys.stderr.write("\rdownload 1/2")
        sys.stderr.flush()
        sys.stderr.write("\rdownload 2/2\n")
        logging.lastResort.emit(logging.LogRecord("x", logging.WARNING, "", 1, "a log line", (), None))
        handler_stream = sys.stderr
        assert (sys.stdout.writable(), sys.stdout.encoding) == (True, sys.__stdout__.encoding), "libraries ask for both"
        sys.stdout.write("no end of line")
        assert terminal.lines()[-1] == "region"
    assert terminal.lines()[:3] == [f"printed {SHOWN}", "download 2/2", "a log line"]
    assert terminal.lines()[3:] == ["no end of line"]
    assert not isinstance(sys.stderr, type(handler_stream))
    handler_stream.write("")  # a logger that kept it writes to the stream itself


def test_a_markup_and_a_long_line_of_a_run_are_text(terminal):
    with region(terminal, lambda *_: [[("region", "")]]) as shown:
        shown.print(f"[bold]{CONTROL}[/bold] :smile: " + "x" * 100)
        assert terminal.lines()[-1] == "region"
        assert "".join(terminal.lines()).startswith(r"[bold]\x1b]0;owned\x07\x1b[31mcolour")
        assert ":smile:" in "".join(terminal.lines())


def test_a_narrower_terminal_keeps_no_remains_of_the_region(terminal):
    with region(terminal, lambda columns, rows, _: [[("x" * columns, "")], [("y" * columns, "")]]) as shown:
        shown.print("above")
        assert terminal.lines() == ["above", "x" * 58, "y" * 58]
        # A terminal that folds has made four rows of the region's two.
        terminal.screen.reset()
        terminal.screen.resize(20, 30)
        terminal.screen.set_mode(pyte.modes.LNM)
        terminal.write("above\n" + "\n".join([*["x" * 30, "x" * 28], "y" * 30, "y" * 28]))
        shown._console.size = (30, 20)
        shown.print("more")
        assert terminal.lines() == ["above", "more", "x" * 28, "y" * 28]


def test_an_error_leaves_the_terminal_and_the_streams_as_they_were(terminal):
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyboardInterrupt), region(terminal, lambda *_: [[("region", "")]]):
        raise KeyboardInterrupt
    assert (sys.stdout, sys.stderr) == before
    assert terminal.lines() == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("10%\r20%\r", "20%"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\tb\x07\x1b", "a\tb\\x07\\x1b"),
    ],
)
def test_a_line_is_what_a_terminal_would_show_in_the_end(line, shown):
    assert plain(line) == shown


# ── a real run in a pseudo-terminal ─────────────────────────────────────────────────────────────

SUITE = """
title = "Digits"
[[tasks]]
use = "digits"
[[models]]
use = "mlp"
[[models]]
use = "./talks.py"
[train]
epochs = 2
[probes.quality]
"""
MODEL = f'''"""A model whose build prints control characters."""
from dataclasses import dataclass
from bench_suite.models import mlp
MODALITIES = ("image",)
PROBLEMS = ("classification",)
PROVIDES = ("gradients",)
@dataclass(frozen=True)
class Options:
    """None."""
def build(data, options):
    print({CONTROL!r})
    return mlp.build(data, mlp.Options())
'''


class Run:
    """A command in a pseudo-terminal, and the emulator that reads it."""

    def __init__(self, folder: Path, *arguments: str, columns: int = 80, rows: int = 24) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._reader = pyte.ByteStream(self.screen)
        self.written = b""
        self._end, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {
            k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench_suite", *arguments],
            cwd=folder, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
            env={**environment, "TERM": "xterm-256color"},
        )  # fmt: skip
        os.close(terminal)

    def read(self, until: bytes | None = None) -> None:
        """Read until the text was written, or to the end."""
        while until is None or until not in self.written:
            try:
                content = os.read(self._end, 65536)
            except OSError:  # the other side is closed
                break
            if not content:
                break
            self.written += content
            self._reader.feed(content)

    def lines(self) -> list[str]:
        """All lines, those that have scrolled off included."""
        above = [
            "".join(line[column].data for column in range(self.screen.columns)) for line in self.screen.history.top
        ]
        return [line.rstrip() for line in (*above, *self.screen.display)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.toml").write_text(SUITE)
    (tmp_path / "talks.py").write_text(MODEL)
    return tmp_path


def test_a_run_ends_in_one_screen_and_leaves_only_its_lines(folder):
    run = Run(folder, "run", "s.toml", "--trust")
    run.read()
    assert run.process.wait() == 0, run.lines()
    lines = run.lines()
    assert b"epoch 1/2" in run.written
    assert not [line for line in lines if "cells  " in line], "the region is gone"
    assert [line[:14] for line in lines if line.startswith("[")] == ["[1/2] digits, ", "[2/2] digits, "]
    assert SHOWN[:20] in "".join(lines)
    assert b"owned" not in run.written
    last = [line for line in run.screen.display if line.strip()]
    assert any(line.startswith("digits ") for line in last), "the board is on the last screen"
    assert any(line.startswith("next: ") for line in last)
    assert run.screen.cursor.hidden is False


def test_ctrl_c_leaves_the_terminal_clean(folder):
    (folder / "s.toml").write_text(SUITE.replace("epochs = 2", "epochs = 20000"))
    run = Run(folder, "run", "s.toml", "--trust")
    run.read(b"loss")
    run.process.send_signal(signal.SIGINT)
    run.read()
    assert run.process.wait() == 130
    lines = [line for line in run.lines() if line]
    assert not [line for line in lines if "cells  " in line or "epoch 1/" in line], lines
    assert any(line.startswith("next: bench run s.toml --trust --resume") for line in lines)
    assert run.screen.cursor.hidden is False
