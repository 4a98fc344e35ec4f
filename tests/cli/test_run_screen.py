"""Claims about the end of a run: the board, the verdicts, what is odd, and what to do next, in one screen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench_suite.cli.next_steps import step_lines
from bench_suite.cli.run_screen import End, sections
from bench_suite.cli.screen import Entry, Section, fit
from bench_suite.comparison.gates import Judgement
from bench_suite.contracts import Finding, MetricRow, ProbeRow, Record
from bench_suite.execution.session import Outcome
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

HOSTILE = "\x1b[2J[red]x[/red]\u202e\x9b31m"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(read_suite("quickstart"))


def make_outcome(plan: Plan, root: Path, *, failed: int = 0) -> Outcome:
    """Return a run of all cells of the plan, some of which failed for different reasons."""
    run = Store(root / "results").create("quickstart", {"overrides": [], "cells": len(plan.cells)})
    records = []
    for number, cell in enumerate(plan.cells):
        metrics = tuple(
            MetricRow(name, 0.9, "fraction", "higher") for name in ("quality/accuracy", "generalization/accuracy_gap")
        )
        record = Record(
            run.name, "quickstart", cell.id, "w", dict(cell.labels), {}, "ok",
            probes={"quality": ProbeRow("ok", "k")}, metrics=metrics, data={"name": cell.task.label},
            seconds={"total": 1.0},
        )  # fmt: skip
        if number < failed:
            record = replace(record, status="failed", reason=f"reason {number} {HOSTILE}", metrics=())
        records.append(record)
    with run.writer() as writer:
        for record in records:
            writer.write(record)
    return Outcome(run, tuple(records), len(records), resumed=False, done_before=0, interrupted=False)


def screen(end: End, columns: int = 80, rows: int | None = 24) -> list[Entry]:
    return fit(sections(end, columns, rows), columns, rows)


def texts(entries: list[Entry]) -> list[str]:
    return [entry.text for entry in entries]


def judgements(*verdicts: str) -> list[Judgement]:
    status = {"failed": 1, "cannot tell": 4}
    return [
        Judgement("quality/accuracy", f"task, m{n}", verdict, "0.9", status.get(verdict, 0))  # type: ignore[arg-type]  # words of `Verdict`
        for n, verdict in enumerate(verdicts)
    ]


def test_the_end_of_a_quickstart_fits_a_screen_of_24_rows_with_its_next_steps(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = make_outcome(plan, tmp_path)
    steps = step_lines(outcome, "bench run quickstart", 0, smoke=False, failed_in=None, compared=False, unjudged=False)
    tail = Section([Entry("records"), Entry("report"), Entry(""), *map(Entry, steps)], least=9)
    end = End(plan, outcome, judgements("passed", "passed"), ())
    shown = texts(fit([*sections(end, 80, 23), tail], 80, 23))
    assert len(shown) <= 23
    assert [line.split()[0] for line in shown if "accuracy ↑" in line] == ["mnist", "imdb", "loans"]
    assert sum(" 0.9" in line and not line.startswith("gate") for line in shown) == 8, "no row is cut"
    assert sum(line.startswith("gate passed") for line in shown) == 2
    assert any(line.startswith("next: bench ") for line in shown)


def test_gates_come_worst_first_and_those_left_out_are_counted_by_verdict(plan, tmp_path):
    verdicts = judgements(*["passed"] * 30, "cannot tell", "failed", "not judged")
    end = End(plan, make_outcome(plan, tmp_path), verdicts, ())
    shown = [line for line in texts(screen(end)) if "gate" in line]
    assert [line.partition(":")[0] for line in shown[:3]] == ["gate failed", "gate cannot tell", "gate not judged"]
    assert re.fullmatch(r"… and \d+ more gates passed: see the report", shown[-1])
    assert sum(line.startswith("gate passed") for line in texts(screen(end, rows=None))) == 30, "a file has them all"


def test_failures_are_named_once_and_cut_to_the_screen(plan, tmp_path):
    end = End(plan, make_outcome(plan, tmp_path, failed=12), [], ())
    shown = screen(end, rows=16)
    failures = [entry for entry in shown if "reason" in entry.text]
    assert failures
    assert all(entry.err and entry.style == "red" for entry in failures)
    assert any(re.fullmatch(r"… and \d+ more lines?: see the report", text) for text in texts(shown))
    assert sum("reason" in text for text in texts(screen(end, rows=None))) == 12


def test_findings_of_one_kind_are_one_line_and_notes_are_none(plan, tmp_path, monkeypatch):
    findings = [
        Finding("D010", "note", "loans", "a note", ""),
        *(Finding("D010", "warning", "loans", f"group {n}", "") for n in range(3)),
        Finding("D001", "error", "imdb", "shared rows", ""),
    ]
    outcome = make_outcome(plan, tmp_path)
    monkeypatch.setattr(type(outcome.run), "findings", property(lambda run: findings))
    shown = [line for line in texts(screen(End(plan, outcome, [], ()))) if line.startswith("D0")]
    assert shown == ["D001 imdb: shared rows", "D010 loans: group 0 (and 2 more)"]


def test_untrusted_text_of_a_run_is_escaped_where_it_is_printed(plan, tmp_path, capsys, monkeypatch):
    from bench_suite.cli.output import say

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for entry in screen(End(plan, make_outcome(plan, tmp_path, failed=3), [], ()), rows=None):
        say(entry.text, err=entry.err, style=entry.style)
    written = capsys.readouterr().err
    assert "\x1b[31m" in written, "the colour of a failure"
    assert r"\x1b[2J[red]x[/red]\u202e\x9b31m" in written
    assert not {"\x9b", "\u202e"} & {*written}
    assert "\x1b[2J" not in written


def steps_of(outcome: Outcome, status: int, *, smoke: bool = False, failed_in: str | None = None) -> list[str]:
    return step_lines(
        outcome, "bench run s.toml", status, smoke=smoke, failed_in=failed_in, compared=False, unjudged=False
    )


def test_a_failed_cell_has_the_command_that_shows_it(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = steps_of(make_outcome(plan, tmp_path, failed=2), 3)
    assert first == "next: bench run s.toml --resume           run the missing cells"
    assert second.split() == [
        "bench",
        "show",
        "cell",
        plan.cells[0].id[:8],
        *["what", "went", "wrong", "in", "mnist,", "mlp"],
    ]


def test_a_second_run_can_be_compared_and_few_seeds_are_named(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not any("bench compare" in line for line in steps_of(make_outcome(plan, tmp_path), 0))
    lines = steps_of(make_outcome(plan, tmp_path), 0)
    assert lines[0].startswith("next: bench ")
    assert any("bench compare latest" in line for line in lines)
    assert lines[-1] == "      … --set 'matrix.seed=[0,1,2,3,4]'   run more seeds: narrower intervals"


def test_a_smoke_run_leads_to_the_real_one(plan, tmp_path):
    (line,) = steps_of(make_outcome(plan, tmp_path), 0, smoke=True)
    assert line.startswith("next: bench run s.toml   ")
