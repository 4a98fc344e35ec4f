"""A run from Python: short as an expression, its leaderboard as text, tables in a notebook."""

import runpy
from dataclasses import replace
from pathlib import Path

import bench_suite
from bench_suite.contracts import ProbeRow
from bench_suite.reports.stored_run import MAX_REASONS, StoredRun, failure_lines
from bench_suite.reports.terminal import terminal_table

check = runpy.run_path(str(Path(__file__).parents[1] / "frame_documentation.py"))["check"]


def test_a_loaded_run_is_a_run_and_prints_as_its_leaderboard(make_run, record, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stored = make_run(record(), record(seed=1))
    run = bench_suite.load(results=stored.path.parent)
    assert isinstance(run, bench_suite.Run)
    assert run.records() == stored.records()
    assert repr(run) == f"<StoredRun {stored.name}: 2 cells>"
    assert str(run) == terminal_table(stored, 100)
    assert StoredRun.of(run) is run


def test_the_frame_of_a_run_has_the_documented_columns(make_run, record) -> None:
    run = StoredRun.of(make_run(record(half_width=0.01), record(seed=1, half_width=0.01)))
    check(run.frame(), StoredRun.frame)
    assert run.frame().equals(bench_suite.frame(run))


def test_a_notebook_shows_failures_findings_and_the_board(hostile_run, html_text, hostile) -> None:
    text = html_text(StoredRun.of(hostile_run)._repr_html_())
    assert "2 of 3 cells succeeded" in text
    assert "failed: <img src=x" in text
    assert "probe <img" in text
    assert "D001 <img" in text
    assert "\x1b" not in str(StoredRun.of(hostile_run))


def test_a_smoke_run_and_a_damaged_line_are_named(make_run, record, html_text) -> None:
    run = make_run(record(smoke=True), smoke=True)
    path = next((run.path / "records").glob("*.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"schema": 2, "id": 3}\n')
    stored = bench_suite.load(run.path)
    assert repr(stored).endswith("1 cells, smoke run>")
    assert "damaged and left out" in html_text(stored._repr_html_())


def test_equal_failures_are_one_line_and_many_are_counted(record) -> None:
    same = [record(seed=seed, status="failed", reason="no memory") for seed in range(3)]
    assert failure_lines(same) == ["imdb, minilm: failed: no memory"], "all of its seeds"
    probe = replace(record(), probes={"fairness": ProbeRow("failed", "k", "no groups")})
    assert failure_lines([probe, record(seed=1)]) == ["imdb, minilm, seed 0: probe fairness failed: no groups"]
    many = [record(seed=seed, status="failed", reason=f"reason {seed}") for seed in range(MAX_REASONS + 3)]
    assert failure_lines(many)[-1] == "3 more reasons: see the report"


def test_the_report_is_markdown_in_memory_or_a_file(make_run, record, tmp_path: Path) -> None:
    run = bench_suite.load(make_run(record()).path)
    assert "# Sentiment" in run.markdown()
    path = bench_suite.report(run, tmp_path / "new" / "r.md")
    assert path.read_text(encoding="utf-8").startswith("# Sentiment")
