"""`bench leaderboard`: which runs are ranked, and where the table is written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.frames import metrics
from bench_suite.reports.leaderboard import BEGIN, END
from bench_suite.reports.newest_runs import newest_of_each
from bench_suite.store import record_files
from bench_suite.store.index import FILE
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
    assert "| old " not in text
    assert all(model in text and model in ended.out for model in ("mlp", "cnn"))


def test_imports_of_one_suite_are_ranked_together_and_the_newest_of_a_model_counts(bench, store):
    facts = {"format": "scores", "files": [], "absent": {}, "started": ""}

    def imported(model: str) -> str:
        return keep(store, "nightly", model, planned={f"nightly{model}": model}, imported=facts)

    old = imported("net")
    other = imported("forest")
    new = imported("net")
    own = keep(store, "a", "mlp")
    assert [run.name for run in newest_of_each(store, print)] == [own, new, other]
    assert old not in bench("leaderboard").out
    text = Path("reports/LEADERBOARD.md").read_text()
    assert all(model in text for model in ("net", "forest", "mlp"))


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


def test_an_incomplete_run_stands_for_its_suite_only_if_there_is_no_complete_one(store):
    complete = keep(store, "a")
    keep(store, "a", only=["model=mlp"])
    keep(store, "b", only=["model=mlp"])
    newest = keep(store, "b", only=["model=cnn"])
    keep(store, "b", status="failed")
    keep(store, "c", status="failed")
    notes: list[str] = []
    assert {run.name for run in newest_of_each(store, notes.append)} == {complete, newest}
    (note,) = notes
    assert note.startswith("b: no complete run yet; the leaderboard shows an incomplete one: ")


def keep_seeds(store: Store, accuracy: float) -> str:
    """Store a run of two tasks, three seeds, a failed cell, a resumed cell and a damaged line; return its name."""
    run = store.create("many", {"cells": 8, "gate": {"quality/accuracy": {"tolerance": 0.1, "min": 0.5}}})
    environment = run.add_environment({"hardware": {"cpu": "Example Processor", "cores": 2}})
    with run.writer() as writer:
        for task, seed in [("loans", 0), ("loans", 1), ("loans", 2), ("digits", 0), ("digits", 1), ("loans", 0)]:
            value = accuracy + seed / 100
            timed = MetricRow("speed/train", 3.5 + seed, "s", "lower", at={"size": 64}, samples=(3.25, 3.5, 4.0), n=3)
            rows = (
                MetricRow(
                    "quality/accuracy", value, "fraction", "higher", interval=Interval(value - 0.02, value + 0.02), n=9
                ),
                MetricRow("quality/auc", None, "fraction", "higher", reason="one class"),
                MetricRow("quality/parameters", 1000, "", "lower", kind="exact"),
                *([timed] if task == "loans" else []),
            )
            writer.write(
                Record(run.name, "many", f"{task}{seed}", "w", {"task": task, "model": "mlp", "seed": seed},
                       {"train": {"epochs": 3, "rate": 0.1}}, "ok", None, {"quality": ProbeRow("ok", "k")},
                       {"name": task, "fingerprint": "f", "test": 9}, metrics=rows, environment=environment,
                       seconds={"total": 1.5}, notes=("a note",))
            )  # fmt: skip
        labels = {"task": "loans", "model": "cnn", "seed": 0}
        writer.write(Record(run.name, "many", "failed", "w", labels, {}, "failed", "no memory"))
    with writer.path.open("ab") as file:
        file.write(b'{"schema": 2\n')
    return run.name


def test_every_output_is_the_same_with_and_without_an_index(bench, store, monkeypatch):
    base, head = keep_seeds(store, 0.8), keep_seeds(store, 0.9)
    commands = [
        ("leaderboard", base, head), ("report", head, "--output", "r.md"), ("compare", base, head, "--json"),
        ("compare", base, head, "--markdown", "c.md"), ("results", "--json"),
        ("show", "cell", "loans2", "--run", head, "--json"),
    ]  # fmt: skip

    def outputs() -> list[object]:
        ended = [bench(*command) for command in commands]
        assert not [command for command, end in zip(commands, ended) if end.status == 2]
        frame = repr(metrics([store.open(head)]).to_dict())
        return [*ended, frame, *(Path(name).read_bytes() for name in ("reports/LEADERBOARD.md", "r.md", "c.md"))]

    def index_files() -> list[Path]:
        return [path for name in (base, head) if (path := store.open(name).path / FILE).exists()]

    expected = outputs()
    assert index_files() == [], "small runs have none"
    assert "no memory" in Path("r.md").read_text()
    monkeypatch.setattr(record_files, "INDEXED_BYTES", 1)
    assert outputs() == expected, "the index is written"
    assert len(index_files()) == 2
    assert outputs() == expected, "the index is read"
    for path in index_files():
        path.unlink()
    assert outputs() == expected, "the index was removed"
    for path in index_files():
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert outputs() == expected, "the index is damaged"
