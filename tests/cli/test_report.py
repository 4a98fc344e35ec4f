"""`bench report`: the reports of stored runs, as Markdown."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench_suite.store.runs import Run, Store


@pytest.fixture
def runs(bench) -> list[Run]:
    """Return two runs without cells, the older one first."""
    runs = []
    for title in ("First", "Second"):
        runs.append(Store(Path("results")).create("s", {"title": title, "cells": 0}))
        time.sleep(0.002)  # the millisecond of their start distinguishes runs
    return runs


def test_the_newest_run_has_its_report_under_its_name(bench, runs):
    ended = bench("report")
    assert (ended.status, ended.out) == (0, f"reports/{runs[1].name}.md\n")
    assert Path(f"reports/{runs[1].name}.md").read_text().startswith("# Second\n")
    assert "next: bench leaderboard" in ended.err


def test_several_runs_are_one_file_where_one_is_named(bench, runs):
    ended = bench("report", *(run.name for run in runs), "--output", "deep/both.md")
    assert (ended.status, ended.out) == (0, "deep/both.md\n")
    text = Path("deep/both.md").read_text()
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# Reports of 2 runs"]
    assert text.index("## First") < text.index("## Second")


def test_the_report_is_short_unless_all_of_it_is_asked_for(bench, runs):
    bench("report", runs[0].name, "--output", "short.md")
    bench("report", runs[0].name, "--output", "full.md", "--full")
    short, full = Path("short.md").read_text(), Path("full.md").read_text()
    assert "## Gates" in short
    assert "## Gates" in full
    assert "## What to open" in short
    assert "## What to open" not in full


def test_the_page_is_written_with_as_many_examples_as_are_asked_for(bench, runs):
    ended = bench("report", runs[0].name, "--html", "--examples", "0")
    assert (ended.status, ended.out) == (0, f"reports/{runs[0].name}.html\n")
    refused = bench("report", "--html", "--examples", "-1")
    assert refused.status == 2
    assert "-1 is not in the range x>=0" in refused.err


def test_a_run_that_is_not_there_is_an_error(bench, runs):
    ended = bench("report", "zzz")
    assert ended.status == 2
    assert "no run 'zzz' in " in ended.err
