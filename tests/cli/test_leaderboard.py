"""`bench leaderboard`: which runs are ranked, and where the table is written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench_suite.cli.leaderboard import newest_of_each
from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.leaderboard import BEGIN, END
from bench_suite.store.runs import Store


@pytest.fixture
def store(bench) -> Store:
    """Return the folder of runs where the command looks for them."""
    return Store(Path("results"))


def keep(store: Store, suite: str, model: str = "mlp", status="ok", **info) -> str:
    """Store a run of one cell, and return its name."""
    run = store.create(suite, {"cells": 1, **info})
    row = MetricRow("quality/accuracy", 0.9, "fraction", "higher", interval=Interval(0.88, 0.92), n=100)
    labels = {"task": "loans", "model": model, "seed": 0}
    metrics = (row,) if status == "ok" else ()
    with run.writer() as writer:
        writer.write(
            Record(run.name, suite, f"{suite}{model}", "", labels, {}, status, "", {"quality": ProbeRow("ok", "k")},
                   {"name": "loans", "fingerprint": "f"}, metrics=metrics)
        )  # fmt: skip
    time.sleep(0.002)  # the millisecond of their start distinguishes runs
    return run.name


def test_the_newest_run_of_each_suite_is_written_and_shown(bench, store):
    keep(store, "a", "old")
    keep(store, "a", "mlp")
    keep(store, "b", "cnn")
    ended = bench("leaderboard")
    assert ended.status == 0
    assert ended.out.endswith("\nwritten to reports/LEADERBOARD.md\n")
    text = Path("reports/LEADERBOARD.md").read_text()
    assert text.startswith("# Leaderboard\n")
    assert "old" not in text
    assert all(model in text and model in ended.out for model in ("mlp", "cnn"))


def test_runs_can_be_named_and_the_table_put_into_a_file(bench, store):
    first = keep(store, "a", "old")
    keep(store, "a", "mlp")
    Path("README.md").write_text(f"# Mine\n{BEGIN}\n{END}\nend\n")
    ended = bench("leaderboard", first, "--into", "README.md")
    assert ended.status == 0
    assert "written to README.md" in ended.out
    text = Path("README.md").read_text()
    assert text.startswith("# Mine\n")
    assert "old" in text
    assert "mlp" not in text
    assert not Path("reports").exists()


def test_without_a_run_it_says_how_to_make_one(bench, store):
    keep(store, "a", smoke=True)
    ended = bench("leaderboard")
    assert ended.status == 2
    assert "results holds no run that can be ranked" in ended.err
    assert "bench run quickstart" in ended.err


def test_an_incomplete_run_stands_for_its_suite_only_if_there_is_no_complete_one(store, capsys):
    complete = keep(store, "a")
    keep(store, "a", only=["model=mlp"])
    keep(store, "b", only=["model=mlp"])
    newest = keep(store, "b", only=["model=cnn"])
    keep(store, "b", status="failed")
    keep(store, "c", status="failed")
    assert {run.name for run in newest_of_each(store)} == {complete, newest}
    err = capsys.readouterr().err
    assert err.startswith("b: no complete run yet; the leaderboard shows an incomplete one: ")
    assert "a: " not in err
