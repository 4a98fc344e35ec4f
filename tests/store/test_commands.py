"""Claims about commands that a person can paste."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench_suite.comparison.baselines import base_for
from bench_suite.contracts import BenchError, Interval, MetricRow, ProbeRow, Record
from bench_suite.reports import gate_verdicts
from bench_suite.reports.gate_verdicts import verdicts_of
from bench_suite.store.atomic import StoreError
from bench_suite.store.commands import bench, display_path, results_option
from bench_suite.store.runs import Run, Store

ASSETS = Path(gate_verdicts.__file__).parent / "html/assets"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_RESULTS", raising=False)
    return tmp_path


def test_a_command_names_the_results_folder_unless_it_is_the_default(folder):
    assert bench("report", "a run", results=Path("results")) == "bench report 'a run'"
    assert bench("report", results=folder / "results") == "bench report"
    assert bench("report", results=Path("my runs")) == "bench report --results 'my runs'"
    assert bench("report", results=Path("/runs")) == "bench report --results /runs"
    assert bench("run", "quickstart") == "bench run quickstart"


def test_the_default_folder_is_named_if_the_variable_states_another_one(monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", "elsewhere")
    assert results_option(Path("results")) == " --results results"
    assert results_option(Path("elsewhere")) == " --results elsewhere"


def test_paths_inside_the_working_folder_are_relative(folder):
    assert display_path(folder / "runs" / "one") == "runs/one"
    assert display_path(Path("/elsewhere")) == "/elsewhere"


RECIPE = re.compile(r"bench (?:report|leaderboard|compare|baseline set|results|history|power|show cell)\b[^`\n\"]*")


def test_every_command_about_stored_runs_names_their_folder(make_runs):
    """What the end of a run, the reports and errors print can be pasted: the runs are not in `results`."""
    from bench_suite.cli.comparison_screen import comparison_sections
    from bench_suite.cli.next_steps import step_lines
    from bench_suite.comparison.compare import compare
    from bench_suite.execution.session import Outcome
    from bench_suite.reports.comparison import as_markdown, what_next
    from bench_suite.reports.html.page import write_page
    from bench_suite.reports.markdown import report

    first, run = make_runs
    root = run.path.parent
    comparison = compare(first, run)
    outcome = Outcome(run, tuple(run.records()), 1, resumed=False, done_before=0, interrupted=False)
    steps = step_lines(outcome, "bench run s.toml --results runs", 0, smoke=False, failed_in=None, compared=False,
                       unjudged=True)  # fmt: skip
    page = html.unescape(write_page([first, run], Path("page.html"), examples=0).read_text())
    texts = {
        "steps": "\n".join(steps),
        "screen": "\n".join(entry.text for one in comparison_sections(comparison, root) for entry in one.entries),
        "markdown": as_markdown(comparison, limit=1800, results=root),
        "next": what_next(replace(comparison, gated=True), root),
        "short": short_report(run),
        "report": report(run, verdicts=verdicts_of(run)),
        "page": "\n".join(re.findall(r"<code[^>]*>(bench (?:compare|baseline set|show cell|export) [^<]+)", page)),
        "error": error_of(lambda: Store(root).open("zzz")),
    }
    for name, text in texts.items():
        # Prose names the command `bench compare`; the recipe that makes the run elsewhere ends with `bench report`.
        commands = [one for one in RECIPE.findall(text) if one not in ("bench compare", "bench report")]
        assert commands or name in ("report", "markdown"), name
        assert all("--results runs" in command for command in commands), (name, commands)


def test_the_program_of_a_page_knows_the_folder_of_each_run(make_runs):
    from bench_suite.reports.html.page import write_page

    text = write_page([*make_runs], Path("page.html"), examples=0).read_text()
    (packed,) = re.findall(r'<script[^>]*id="packed"[^>]*>([^<]+)<', text)
    boards = json.loads(zlib.decompress(base64.b64decode(packed), -zlib.MAX_WBITS))["boards"]
    assert {board["option"] for board in boards} == {" --results runs"}
    written = re.findall(r"bench (?:show cell|compare|export) \$?[^`\"]*", (ASSETS / "page.js").read_text())
    assert len(written) == 3
    assert all("${board.option}" in command for command in written)


def test_a_name_of_a_foreign_run_is_quoted_in_a_command(folder):
    run = Store(folder / "runs").create("x; touch y", {"overrides": [], "cells": 1, "command": "bench run x"})
    with pytest.raises(BenchError, match=re.escape("bench run 'x; touch y' --results runs")):
        base_for(Store(folder / "runs"), "latest", run)
    with pytest.raises(BenchError, match=re.escape("bench run 'x; touch y' --results runs")):
        base_for(Store(folder / "runs"), "last:3", run)


def short_report(run: Run) -> str:
    from bench_suite.reports.markdown import write_report

    (path, *_) = write_report([run], Path("short.md"), short=True, gates=True)
    return path.read_text().partition("How it was made")[0] + path.read_text().partition("What to open")[2]


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as raised:
        call()
    return str(raised.value)


@pytest.fixture
def make_runs(folder: Path) -> tuple[Run, Run]:
    """Return two runs of one cell in the folder `runs`."""
    interval = Interval(0.85, 0.95)
    metric = MetricRow("quality/accuracy", 0.9, "fraction", "higher", n=100, interval=interval)
    runs = []
    for _ in range(2):
        run = Store(folder / "runs").create("s", {"overrides": [], "cells": 1, "command": "bench run s.toml"})
        cell = {"task": "loans", "model": "mlp", "seed": 0}
        with run.writer() as writer:
            writer.write(Record(run.name, "s", "a" * 16, "w", cell, {}, "ok", probes={"quality": ProbeRow("ok", "k")},
                                data={"name": "loans", "fingerprint": "f"}, metrics=(metric,)))  # fmt: skip
        runs.append(run)
    return runs[0], runs[1]
