"""Claims about the end of a run: the board, the verdicts, what is odd, and what to do next, in one screen."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench_suite.cli.next_steps import step_lines
from bench_suite.cli.output import say
from bench_suite.cli.run_screen import End, sections, tail
from bench_suite.cli.screen import Entry, fit
from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.gates import Judgement
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Finding, MetricRow, ProbeRow, Record
from bench_suite.execution.session import Outcome
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, make_plan

ROW = Row(
    "quality/accuracy", "imdb, minilm", True, "", "fraction", "higher", "regressed", 0.9, 0.85, -0.05, (-0.06, -0.04),
    tolerance=0.01, smallest=0.02, p=0.001, note="two seeds are few",
)  # fmt: skip
COMPARISON = Comparison(
    "20261201T014654Z-quickstart-6bbd", "20261201T014805Z-quickstart-cd47",
    (ROW, *(replace(ROW, verdict="not worse than the tolerance", where=f"imdb, m{number}") for number in range(20)),
     *(replace(ROW, gated=False, verdict="worse", metric=f"speed/m{number}") for number in range(9))),
    (), ("other versions: torch",), True, 1, {"undecided": "exit 4", "new": "pass"},
)  # fmt: skip
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
    end = End(plan, outcome, judgements("passed", "passed"), ())
    shown = texts(fit([*sections(end, 80, 23), *tail(outcome.run, tmp_path / "report.md", steps)], 80, 23))
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
    assert re.fullmatch(r"… \d+ more gates passed: see the report", shown[-1])
    assert sum(line.startswith("gate passed") for line in texts(screen(end, rows=None))) == 30, "a file has them all"


def test_failures_are_named_once_and_cut_to_the_screen(plan, tmp_path):
    end = End(plan, make_outcome(plan, tmp_path, failed=12), [], ())
    shown = screen(end, rows=16)
    failures = [entry for entry in shown if "reason" in entry.text]
    assert failures
    assert all(entry.err and entry.style == "red" for entry in failures)
    assert any(re.fullmatch(r"… \d+ more lines?: see the report", text) for text in texts(shown))
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


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (80, 40), (200, 50), (60, 24)])
@pytest.mark.parametrize("case", ["passes", "fails", "compared", "many tasks"])
def test_the_whole_end_of_a_run_is_one_screen_of_a_terminal(plan, tmp_path, capsys, monkeypatch, columns, rows, case):
    """A terminal emulator reads what is written; no line may scroll out of its screen."""
    pyte = pytest.importorskip("pyte", reason="needs pyte, a terminal emulator: pip install pyte")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((columns, rows)))
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(f"sys.{name}.isatty", lambda: True, raising=False)
    if case == "many tasks":
        plan = plan_of_tasks(tmp_path)
    outcome = make_outcome(plan, tmp_path, failed=9 if case == "fails" else 0)
    verdicts = judgements(*["failed"] * (4 if case == "fails" else 0), *["passed"] * 20)
    status = 3 if case == "fails" else 0
    steps = step_lines(
        outcome, "bench run quickstart", status, smoke=False, failed_in=None, compared=False, unjudged=True
    )
    end = End(plan, outcome, verdicts, (), comparison=COMPARISON if case == "compared" else None)
    parts = [*sections(end, columns, rows - 1), *tail(outcome.run, outcome.run.path / "report.md", steps)]
    for entry in fit(parts, columns, rows - 1):
        say(entry.text, style=entry.style)
    screen = pyte.HistoryScreen(columns, rows)
    screen.set_mode(pyte.modes.LNM)
    pyte.Stream(screen).feed(capsys.readouterr().out)
    display = "\n".join(line.rstrip() for line in screen.display)
    assert not screen.history.top, display
    for part in ("accuracy ↑", "next: bench ", "report   ", "gate failed" if case == "fails" else "gate passed"):
        assert part in display
    assert ("regressed: quality/accuracy" in display) == (case == "compared")
    if case == "many tasks" and columns >= 80:
        assert ("more tasks: bench leaderboard " + outcome.run.name in display) == (rows < 50)


def plan_of_tasks(folder: Path) -> Plan:
    """Return a plan of twelve tasks and two models: data of one kind with other groups, or another positive class."""
    groups = [["black"], ["hispan"], ["male"], ["black", "hispan"], ["black", "male"], ["hispan", "male"]]
    tasks = "\n".join(
        f'[[tasks]]\nuse = "loans"\nname = "{label}_{number}"\ngroups = {json.dumps(names)}\npositive = "{label}"'
        for label in ("approved", "denied")
        for number, names in enumerate(groups)
    )
    models = '[[models]]\nuse = "logistic_regression"\n[[models]]\nuse = "mlp"\n'
    (folder / "many.toml").write_text(f"{tasks}\n{models}[probes.quality]\n")
    return make_plan(read_suite(str(folder / "many.toml")))
