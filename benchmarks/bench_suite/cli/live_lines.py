"""The lines of the live display: a header for the run and a line for each cell that runs, as wide as the terminal.

A line never wraps. What does not fit is left out, the least important first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench_suite.cli.output import printable
from bench_suite.cli.run_state import TRAINING, CellState, RunState
from bench_suite.reports.escaping import pad, width
from bench_suite.reports.shortening import cut, shorten
from bench_suite.suite.durations import format_duration

Span = tuple[str, str]
"A text without control characters, and the name of its style."
Line = list[Span]

GAP = "  "
BAR_WIDTH, MAX_BAR_WIDTH = 10, 30
MIN_LABEL_WIDTH = 12
RESERVED = 16
"Columns beside a label: those of the share and the time left."
MAX_METRICS = 3
"Validation metrics of the last epoch that a line shows."


@dataclass(frozen=True)
class Part:
    """A part of a line, which is left out if the line is too long."""

    text: str
    style: str = ""
    importance: int = 0
    "The part with the lowest number goes first."
    width: int = 0
    "Columns that it takes at least, so that it stands below the same part of the line above."
    right: bool = False
    "Whether its text ends where the part ends."
    fraction: float | None = None
    "The share that a bar shows, which has no text; None for a text."

    @property
    def columns(self) -> int:
        """The columns that it takes."""
        return max(width(self.text), self.width)


def lines(state: RunState, columns: int, rows: int, *, ascii_only: bool = False) -> list[Line]:
    """Return the header and a line for each cell that runs, as many as there is room for.

    Args:
        state: the state of the run.
        columns: the columns of the terminal.
        rows: the rows that the lines may take, at least 2.
        ascii_only: whether the terminal shows no other characters.
    """
    now, running = state.clock(), state.longest_running
    most = max(1, rows - 1)
    hidden = len(running) - most + 1 if len(running) > most else 0
    shown = running[: len(running) - hidden]
    result = [_line(_header(state), columns, ascii_only=ascii_only)]
    result += _cell_lines(state, shown, now, columns, ascii_only=ascii_only)
    if hidden:
        result.append([(cut(f"  and {hidden} more that run", columns), "dim")])
    return result


def _header(state: RunState) -> list[Part]:
    left = state.left() if state.done < state.total else None
    parts = [
        Part("", importance=3, width=BAR_WIDTH, fraction=state.done / state.total if state.total else 1.0),
        Part(f"{state.done}/{state.total} cells", "bold", importance=9),
    ]
    parts += [Part(f"{state.failed} failed", "red", importance=8)] if state.failed else []
    parts += [Part(_whole(state.elapsed), importance=5)]
    parts += [Part(f"about {_rounded(left)} left", importance=7)] if left is not None else []
    return parts


def _cell_lines(
    state: RunState, running: Sequence[CellState], now: float, columns: int, *, ascii_only: bool
) -> list[Line]:
    if not running:
        return []
    labels = [printable(one.name, keep="") for one in running]
    room = max(MIN_LABEL_WIDTH, columns - len(GAP) - RESERVED)
    if max(map(width, labels)) > room:
        labels = shorten(labels, room)
    label_width = max(map(width, labels))
    trainings = {id(one): _training_parts(state, one, now) for one in running if one.trains}
    widths: dict[int, int] = {}
    for parts in trainings.values():
        for number, part in enumerate(parts):
            widths[number] = max(widths.get(number, 0), part.columns)
    result = []
    for one, label in zip(running, labels):
        begin = Part(pad(label, label_width), importance=99)
        if one.trains:
            parts = [
                Part(part.text, part.style, part.importance, widths[number], part.right, part.fraction)
                for number, part in enumerate(trainings[id(one)])
                if widths[number]
            ]
        else:
            parts = _step_parts(state, one, now, columns - label_width - 2 * len(GAP))
        result.append([(GAP, ""), *_line([begin, *parts], columns - len(GAP), ascii_only=ascii_only)])
    return result


def _training_parts(state: RunState, one: CellState, now: float) -> list[Part]:
    """Return the parts of a cell that trains; each cell has the same ones, some of them without a text."""
    left = state.cell_left(one, now)
    rate = one.samples_per_second
    metrics = {key.replace("_", " "): value for key, value in one.epoch.items() if key.startswith("validation_")}
    return [
        Part(f"{100 * one.fraction:.0f} %", importance=10, right=True),
        Part("", importance=6, width=BAR_WIDTH, fraction=one.fraction),
        Part(f"epoch {one.current_epoch}/{one.epochs}", "dim", importance=3),
        Part("" if left is None else f"{_rounded(left)} left", importance=9, right=True),
        Part("" if rate is None else f"{rate:,.0f}/s", "dim", importance=5, right=True),
        Part("" if one.loss is None else f"loss {_number(one.loss)}", importance=4),
        Part(_joined(metrics), importance=2),
    ]


def _joined(metrics: Mapping[str, float]) -> str:
    listed = list(metrics.items())[:MAX_METRICS]
    return printable(GAP.join(f"{key} {_number(value)}" for key, value in listed), keep="")


def _step_parts(state: RunState, one: CellState, now: float, room: int) -> list[Part]:
    left = state.cell_left(one, now)
    return [
        Part(cut(printable(one.step or "beginning", keep=""), max(1, room)), "dim", importance=10),
        Part(_whole(now - one.step_began), "dim", importance=3),
        Part("" if one.loss is None or one.step != TRAINING else f"loss {_number(one.loss)}", importance=4),
        Part(f"{_rounded(left)} left" if left else "", importance=5),
    ]


def _line(parts: Sequence[Part], columns: int, *, ascii_only: bool) -> Line:
    """Return the parts that fit, in their order; the bar takes what is left, up to a limit."""
    shown = [part for part in parts if part.columns]
    while len(shown) > 1 and _total(shown) > columns:
        shown.remove(min(shown, key=lambda part: part.importance))
    spare = min(columns - _total(shown), MAX_BAR_WIDTH - BAR_WIDTH)
    spans: Line = []
    for number, part in enumerate(shown):
        spans += [(GAP, "")] if number else []
        if part.fraction is not None:
            spans += _bar(part.fraction, part.columns + max(0, spare), ascii_only=ascii_only)
        else:
            text = pad(part.text, part.columns, right=part.right)
            spans.append((cut(text.rstrip() if number == len(shown) - 1 else text, columns), part.style))
    return spans


def _total(parts: Sequence[Part]) -> int:
    return sum(part.columns for part in parts) + len(GAP) * (len(parts) - 1)


def _bar(fraction: float, columns: int, *, ascii_only: bool) -> Line:
    full = round(fraction * columns)
    done, rest = ("#", "-") if ascii_only else ("━", "─")
    return [(done * full, "cyan"), (rest * (columns - full), "dim")]


def _whole(seconds: float) -> str:
    return f"{max(0, int(seconds))} s" if seconds < 10 else format_duration(seconds)


def _rounded(seconds: float) -> str:
    """Return a time left as text, no more exact than it is known."""
    if seconds >= 600:
        seconds = 60 * round(seconds / 60)
    elif seconds >= 60:
        seconds = 10 * round(seconds / 10)
    return format_duration(max(1, round(seconds))) if seconds >= 10 else f"{max(1, round(seconds))} s"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 0.01 or abs(value) >= 1000 else f"{value:.3f}"
