"""Claims about the lines of the live display, for terminals of every width."""

from __future__ import annotations

import pytest

from bench_suite.cli.live_lines import Line, lines
from bench_suite.cli.run_state import RunState
from bench_suite.contracts import Window
from bench_suite.reports.escaping import width
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import make_plan

CELLS = make_plan(read_suite("quickstart")).cells
HOSTILE = "\x1b[2J[red]x[/red]\u202e\x9b31m\n"


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


@pytest.fixture
def state() -> RunState:
    """A run with one cell that trains and one that is in a probe."""
    now = [0.0]
    state = RunState(len(CELLS), CELLS, lambda: now[0])
    state.begin(3)
    state.failed = 1
    first, second = CELLS[0], CELLS[2]
    state.start(first)
    state.step(first, "training")
    state.training(first, 10, 1000)
    state.window(first, Window(10, 640, 0.1, 0.0, 2.0))
    now[0] = 12.0
    state.window(first, Window(250, 640, 0.1, 0.0, 1.234))
    state.of(first).epoch = {"epoch": 2.0, "loss": 1.0, "validation_loss": 0.5, "validation_accuracy": 0.91}
    state.start(second)
    state.step(second, "throughput")
    return state


def test_a_wide_terminal_shows_everything(state):
    header, training, probe = map(text, lines(state, 200, 24))
    assert header.split("  ")[1:] == ["3/16 cells", "1 failed", "12 s"]
    assert training.split() == [
        "mnist,", "mlp,", "seed", "0", "25", "%", training.split()[6], "epoch", "3/10", "38", "s", "left", "6,400/s",
        "loss", "1.234", "validation", "loss", "0.500", "validation", "accuracy", "0.910",
    ]  # fmt: skip
    assert probe.split() == ["mnist,", "cnn,", "seed", "0", "throughput", "0", "s"]


def test_at_80_and_40_columns_the_least_important_parts_are_missing(state):
    medium, narrow = text(lines(state, 80, 24)[1]), text(lines(state, 40, 24)[1])
    for part in ("mnist, mlp, seed 0", "25 %", "━", "38 s left", "6,400/s", "loss 1.234"):
        assert part in medium
    assert "validation" not in medium
    assert narrow.split() == ["mnist,", "mlp,", "seed", "0", "25", "%", "38", "s", "left"]


@pytest.mark.parametrize("columns", [10, 20, 30, 40, 60, 80, 120, 200, 400])
def test_no_line_is_wider_than_the_terminal(state, columns):
    state.of(CELLS[0]).epoch = {f"validation_metric_{n}": 1e-9 for n in range(9)}
    assert max(width(text(line)) for line in lines(state, columns, 24)) <= columns


def test_more_cells_than_rows_are_counted(state):
    for cell in CELLS:
        state.start(cell)
    shown = list(map(text, lines(state, 80, 5)))
    assert len(shown) == 5
    assert shown[-1] == "  and 13 more that run"
    assert len(lines(state, 80, 24)) == 17


def test_labels_stay_apart_if_they_are_cut(state):
    for cell in CELLS[:6]:
        state.start(cell)
    labels = [text(line)[:14] for line in lines(state, 30, 24)[1:]]
    assert len(set(labels)) == len(labels)


def test_untrusted_text_cannot_steer_the_terminal(state):
    state.of(CELLS[0]).name = HOSTILE
    state.of(CELLS[0]).epoch = {f"validation_{HOSTILE}": 1.0}
    state.step(CELLS[2], HOSTILE)
    shown = "".join(text(line) for line in lines(state, 400, 24))
    assert shown.isprintable()
    assert shown.count(r"\x1b[2J[red]x[/red]\u202e\x9b31m\n") == 3, "the markup is text"


def test_a_terminal_without_unicode_gets_bars_of_ascii(state):
    assert all(text(line).isascii() for line in lines(state, 80, 24, ascii_only=True))
