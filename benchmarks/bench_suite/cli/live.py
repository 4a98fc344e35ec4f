"""A region at the bottom of a terminal that is drawn again and again, below everything that is printed meanwhile.

Rich draws it. This module decides when, keeps what others print out of it, and leaves the terminal clean.
"""

from __future__ import annotations

import io
import math
import re
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from bench_suite.cli.live_lines import Line
from bench_suite.cli.output import printable
from bench_suite.cli.terminal import has_colour
from bench_suite.execution.endings import at_forced_end
from bench_suite.reports.escaping import width

REFRESH_SECONDS = 0.5
"A refresh with eight cells that run takes 0.7 ms."
SPARE_ROWS = 2
"Rows of the terminal that the region leaves to what is printed above it."
SPARE_COLUMNS = 2
"Columns behind a line: the terminal writes `^C` there, and must not begin a new row for it."
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"An escape sequence of a terminal: colours, movements of the cursor, titles."

Draw = Callable[[int, int, bool], Sequence[Line]]
"Returns the lines for so many columns and rows; the third argument is whether only ASCII can be shown."


class Region:
    """A context manager that shows the lines of a function, drawn again twice a second.

    What this process writes to `sys.stdout` and `sys.stderr` meanwhile appears above the region, line by line, without
    control characters. The cursor stays visible, so that a process that is killed leaves a usable terminal.
    """

    def __init__(self, draw: Draw, stream: TextIO) -> None:
        """`draw` returns the lines; `stream` is the terminal."""
        self._draw = draw
        self._stream = stream
        self._console = Console(file=stream, force_terminal=True, no_color=not has_colour(stream), highlight=False)
        self._live = Live(
            get_renderable=lambda: self, console=self._console, auto_refresh=False, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._drawn: Sequence[Line] = ()
        self._columns = 0
        "Columns of the terminal when it was drawn; 0 if it was not."
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._refresh_until_stopped, name="bench-progress", daemon=True)
        self._stack = ExitStack()

    def __enter__(self) -> Region:
        self._stack.enter_context(at_forced_end(self.end))
        self._live.start()
        self._console.show_cursor(True)
        sys.stdout, sys.stderr = cast(TextIO, Above(self, sys.stdout)), cast(TextIO, Above(self, sys.stderr))
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()
        self.end()

    def end(self) -> None:
        """Remove the region; calling it again does nothing."""
        self._stop.set()
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, Above):
                stream.end()
                setattr(sys, name, stream.stream)
        with self._lock:
            self._fit()
            self._draw = lambda *_: ()
            self._live.stop()

    def print(self, text: str, style: str = "") -> None:
        """Print lines above the region; control characters are escaped."""
        with self._lock:
            self._fit()
            self._console.print(printable(text), style=style or None, markup=False, emoji=False, soft_wrap=True)

    @property
    def columns(self) -> int:
        """Columns of the terminal."""
        return self._console.width

    def _refresh_until_stopped(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            with suppress(Exception), self._lock:  # a display must never end a run, nor fill its output
                self._fit()
                self._live.refresh()

    def _fit(self) -> None:
        """Clear what a narrower terminal has made of the region: most fold lines that have become too long."""
        columns = self._console.width
        if 0 < columns < self._columns:
            rows = (max(1, math.ceil(sum(width(text) for text, _ in line) / columns)) for line in self._drawn)
            extra = sum(rows) - len(self._drawn)
            if extra > 0:
                self._stream.write(f"\r\x1b[{extra}A\x1b[J")
            self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self._columns = console.width
        ascii_only = not console.encoding.startswith("utf")
        columns = max(1, self._columns - SPARE_COLUMNS)
        self._drawn = self._draw(columns, max(2, console.height - SPARE_ROWS), ascii_only)
        for number, line in enumerate(self._drawn):
            if number:
                yield Segment.line()
            for text, style in line:
                yield Segment(text, _STYLES.get(style))


_STYLES = {name: Style.parse(name) for name in ("dim", "bold", "cyan", "red")}


class Above(io.TextIOBase):
    """A stream in the place of `sys.stdout` or `sys.stderr`, whose lines appear above the region.

    Of a line that overwrites itself, such as another progress bar, the last state is printed when the line ends. After
    the region has ended, what is written goes to the stream itself: a logger may keep this object.
    """

    def __init__(self, region: Region, stream: TextIO) -> None:
        self.stream = stream
        self._region: Region | None = region
        self._open = ""
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute, which the base class sets to None
        """The encoding of the stream."""
        return self.stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # as above
        """How the stream writes characters that its encoding lacks."""
        return self.stream.errors

    def writable(self) -> bool:
        """Return True: the base class cannot be written."""
        return True

    def write(self, text: str) -> int:
        """Print the lines that the text ends."""
        if self._region is None:
            return self.stream.write(text)
        with self._lock:
            *lines, self._open = (self._open + text).split("\n")
            self._print(lines)
        return len(text)

    def writelines(self, lines: Iterable[Any]) -> None:
        """Write each text."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Wait for the end of the line."""
        if self._region is None:
            self.stream.flush()

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self.stream.fileno()

    def end(self) -> None:
        """Print the line that is open, and write to the stream itself from now on."""
        with self._lock:
            self._print([self._open] if self._open else [])
            self._open, self._region = "", None

    def _print(self, lines: Sequence[str]) -> None:
        if lines and self._region is not None:
            self._region.print("\n".join(map(plain, lines)))


def plain(line: str) -> str:
    """Return what a terminal would show of a line in the end: without colours and what was overwritten."""
    text = _SEQUENCE.sub("", line).rstrip("\r")
    return printable(text.rpartition("\r")[2], keep="\t")
