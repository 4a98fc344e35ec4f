"""The end of a run: leaderboard, gates, failures, files, and the next commands, as text or JSON."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.compare import as_document, say_comparison
from bench_suite.cli.output import say
from bench_suite.cli.screen import Section, fit
from bench_suite.comparison.exit_status import combined, exit_status, failing_codes
from bench_suite.contracts import BenchError
from bench_suite.store.commands import display_path
from bench_suite.suite.gate_section import gate_warnings

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns
    from bench_suite.comparison.compare import Comparison
    from bench_suite.comparison.gates import Judgement
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run
    from bench_suite.suite.plan import Plan


def conclude(
    plan: Plan, outcome: Outcome, run_command: str, *, as_json: bool, smoke: bool = False, failed_in: str | None = None,
    base: Run | LastRuns | None = None,
) -> int:  # fmt: skip
    """Write the report, judge the gates, print the summary, and return the exit status.

    Args:
        plan: the plan of the run.
        outcome: the outcome of the run.
        run_command: the command that runs the same cells with the same results folder.
        as_json: print JSON instead of text.
        smoke: whether it is a smoke run; its gates are not judged.
        failed_in: the run whose failed cells were run again (`--lf`).
        base: the run or the runs to compare with (`--against`).
    """
    from bench_suite.cli.next_steps import step_lines
    from bench_suite.cli.run_screen import End, sections, tail
    from bench_suite.comparison.gates import applies
    from bench_suite.comparison.ratios.gates import judge_run

    run = outcome.run
    # The current gates of the suite: the `run.json` of a resumed run may hold older ones.
    # A gate for cells that the run was not asked for judges nothing.
    gates = [gate for gate in plan.suite.gates if any(applies(gate, cell.labels) for cell in plan.cells)]
    undecided = plan.suite.gate_options["undecided"]
    judgements = (
        [] if smoke else judge_run(gates, run, outcome.records, run.summaries()[0], undecided, trust=True)
    )  # the run has just run the files that its suite names
    comparison, status = _compare_with_base(base, outcome, exit_status(outcome, judgements, plan.suite.fail_on))
    report_file = _write_report(run)
    status = status if report_file is not None else combined(status, 3)
    if as_json:
        click.echo(json.dumps(_summary_document(plan, outcome, judgements, status, comparison), indent=2))
        return status
    unjudged = comparison is None and not smoke and any("tolerance" in gate.rules for gate in gates)
    steps = step_lines(
        outcome,
        run_command,
        status,
        smoke=smoke,
        failed_in=failed_in,
        compared=comparison is not None,
        unjudged=unjudged,
    )
    size = shutil.get_terminal_size()
    rows = size.lines - 1 if sys.stdout.isatty() else None
    codes = failing_codes(outcome, plan.suite.fail_on)
    end = End(plan, outcome, judgements, gates, codes, smoke=smoke, comparison=comparison)
    head, rest = sections(end, size.columns, rows), tail(run, report_file, steps)
    if comparison is not None and rows is None:  # a file has all of the comparison, between the two
        _say_sections(head, size.columns, rows)
        say()
        say_comparison(comparison)
        _say_sections(rest, size.columns, rows)
    else:
        _say_sections([*head, *rest], size.columns, rows)
    return status


def _say_sections(parts: Sequence[Section], columns: int, rows: int | None) -> None:
    for entry in fit(parts, columns, rows):
        say(entry.text, err=entry.err, style=entry.style)


def _write_report(run: Run) -> Path | None:
    """Write the report; print the error and return None if it cannot be written, because all records are complete."""
    from bench_suite.reports.markdown import write_report

    try:
        return write_report([run], run.path / "report.md")[0]
    except BenchError as error:
        say(f"all records are complete, but the report is not: {error}", err=True)
        say(f"  write it again with: bench report {shlex.quote(display_path(run.path))}", err=True)
        return None


def _compare_with_base(base: Run | LastRuns | None, outcome: Outcome, status: int) -> tuple[Comparison | None, int]:
    """Compare the run with a base, if there is one; return the comparison and the combined exit status."""
    from bench_suite.comparison.compare import compare

    if base is None:
        return None, status
    try:
        # The run has just run the files that its suite names.
        comparison = None if outcome.interrupted else compare(base, outcome.run, trust=True)
    except BenchError as error:  # one run with itself, no common cell, or a damaged base
        say(f"not compared: {error}", err=True)
        comparison = None
    return comparison, combined(status, 4 if comparison is None else comparison.status)


def _summary_document(
    plan: Plan, outcome: Outcome, judgements: Sequence[Judgement], status: int, comparison: Comparison | None
) -> dict[str, object]:
    from bench_suite.store.findings import finding_to_json
    from bench_suite.store.records import to_json

    comparison_entry = {"comparison": as_document(comparison)} if comparison else {}
    return {
        "schema": 1,
        **comparison_entry,
        "run": outcome.run.name,
        "path": str(outcome.run.path),
        "status": status,
        "interrupted": outcome.interrupted,
        "stopped": outcome.stopped,
        "cells": outcome.cells,
        "gates": [vars(judgement) for judgement in judgements],
        "warnings": [vars(warning) for warning in gate_warnings(plan.suite.gates, plan.cells)],
        "findings": [finding_to_json(finding) for finding in outcome.run.findings],
        "records": [to_json(record) for record in outcome.records],
    }
