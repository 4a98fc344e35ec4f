"""The progress in a notebook: one display that changes in place, and only in the kernel of a notebook."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import Window
from bench_suite.reports import notebook_progress
from bench_suite.reports.notebook_progress import MAX_LINES, NotebookProgress, in_notebook
from bench_suite.suite.document import parse_document
from bench_suite.suite.parser import suite_of
from bench_suite.suite.plan import Cell, make_plan

SUITE = '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[probes.quality]\n'


class Handle:
    """What IPython's `display` returns: it collects what is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def update(self, value: NotebookProgress) -> None:
        self.shown.append(value._repr_html_())


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Handle:
    known = Handle()
    module: Any = SimpleNamespace(display=lambda value, display_id: known)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=module))
    monkeypatch.setattr(notebook_progress, "SECONDS", 3600.0)
    return known


@pytest.fixture
def cell(tmp_path) -> Cell:
    return make_plan(suite_of(parse_document(SUITE, "s.toml"), "s", tmp_path)).cells[0]


def test_the_bar_advances_and_ends(handle: Handle, cell: Cell, record, html_text) -> None:
    progress = NotebookProgress(2)
    progress.begin("r", resumed=True, wanted=True, done=1, notes=("busy",), busy=True)
    progress.cell(cell)
    progress.record(cell, record())
    progress.close()
    assert '<progress value="1" max="2" aria-label="cells">' in handle.shown[0]
    assert "resuming r" in html_text(handle.shown[0])
    assert "note: busy" in html_text(handle.shown[0])
    assert repr(progress) == "2 of 2 cells; done"


def test_steps_are_not_shown_more_often_than_a_browser_can_follow(handle: Handle, cell: Cell) -> None:
    progress = NotebookProgress(1)
    progress.begin("r", resumed=False, wanted=False, done=0, notes=(), busy=False)
    for step in range(1000):
        progress.window(cell, Window(step, 64, 0.05, 0.0, 0.5))
    assert len(handle.shown) == 1
    assert "step 999, loss 0.500" in repr(progress), "what comes next shows the newest state"


def test_failures_are_listed_as_text(handle: Handle, cell: Cell, record, html_text, hostile) -> None:
    progress = NotebookProgress(20)
    progress.data_notes(hostile, {hostile: hostile})
    for _ in range(20):
        progress.record(cell, record(status="failed", reason=f"{hostile}\nmore"))
    text = html_text(handle.shown[-1])
    assert "<script>alert(2)</script>" in text
    assert f"{21 - MAX_LINES} more: see the report" in text


def test_only_the_kernel_of_a_notebook_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    for shell, expected in ((None, False), (SimpleNamespace(), False), (SimpleNamespace(kernel=object()), True)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert in_notebook() is expected
