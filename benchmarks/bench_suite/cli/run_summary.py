"""The end of a run: leaderboard, gates, failures, files, and the next commands, as text or JSON."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import display_path
from bench_suite.cli.compare import as_document, say_comparison
from bench_suite.cli.output import say
from bench_suite.components.evaluate_uri import name_of
from bench_suite.contracts import FINDING_CODES, BenchError
from bench_suite.suite.gate_section import gate_warnings

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns
    from bench_suite.comparison.compare import Comparison
    from bench_suite.comparison.gates import Judgement
    from bench_suite.contracts import Record
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run
    from bench_suite.suite.plan import Plan

STATUS_PRIORITY = (130, 2, 1, 3, 4)
"Exit statuses by priority: if several apply, the first one is used."
BASELINE_HINT = "set a baseline with `bench baseline set`, then run with `--against baseline`"
FEW_SEEDS = 5
"With fewer seeds, a run recommends more: two or three say little about the variation between seeds."


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
    from bench_suite.comparison.gates import applies, scope_text
    from bench_suite.comparison.ratios.gates import judge_run
    from bench_suite.reports.doubts import doubt_lines
    from bench_suite.reports.terminal import terminal_table

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
    status = status if report_file is not None else _combined(status, 3)
    if as_json:
        click.echo(json.dumps(_summary_document(plan, outcome, judgements, status, comparison), indent=2))
        return status
    say(err=True)
    say(terminal_table(run, shutil.get_terminal_size().columns))
    for line in doubt_lines(outcome.records):
        say(f"note: {line}")
    for judgement in judgements:
        if comparison is not None and judgement.needs_baseline:
            continue  # the comparison judges it
        say(gate_line(judgement))
    for warning in [] if smoke else gate_warnings(gates, plan.cells):
        say(f"note: {warning.message}")
    for gate in () if smoke else plan.suite.gates:
        if gate not in gates:
            say(f"gate not judged: {gate.name}, {scope_text(gate)}: this run was not asked for these cells")
    for code in failing_codes(outcome, plan.suite.fail_on):
        say(finding_line(code))
    _say_failures(plan, outcome)
    _say_metrics_without_value(plan, outcome.records)
    if comparison is not None:
        say()
        say_comparison(comparison)
        say()
    say(f"records  {display_path(run.path)}/records/")
    if report_file is not None:
        say(f"report   {display_path(report_file)}")
    say()
    for line in _next_steps(outcome, run_command, status, smoke=smoke, failed_in=failed_in):
        say(line)
    unjudged = comparison is None and not smoke and any("tolerance" in gate.rules for gate in gates)
    if unjudged and status == 0 and failed_in is None:
        for line in _baseline_steps(run, run_command):
            say(line)
    return status


def gate_line(judgement: Judgement) -> str:
    """Return the line about a gate."""
    hint = f" ({BASELINE_HINT})" if judgement.needs_baseline else ""
    return f"gate {judgement.verdict}: {judgement.name}, {judgement.where}: {judgement.message}{hint}"


def finding_line(code: str) -> str:
    """Return the line about a finding that the suite forbids."""
    return f"gate failed: [data] fail_on names {code}: {FINDING_CODES[code]}"


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
    return comparison, _combined(status, 4 if comparison is None else comparison.status)


def _combined(*statuses: int) -> int:
    """Return the exit status with the highest priority."""
    return next((status_code for status_code in STATUS_PRIORITY if status_code in statuses), 0)


def _next_steps(
    outcome: Outcome, run_command: str, status: int, *, smoke: bool, failed_in: str | None
) -> Iterator[str]:
    """Yield lines with the commands that the user may want to run next."""
    if smoke:
        condition = "after the failures are fixed, " if outcome.failed else ""
        yield f"next: {run_command}   {condition}run on all data; a smoke run is never ranked or resumed"
    elif outcome.failed and failed_in is not None and not outcome.interrupted:
        yield f"next: {run_command} --lf   run the failed cells again after you have fixed them"
    elif outcome.interrupted or outcome.stopped or outcome.failed:
        yield f"next: {run_command} --resume   run the missing cells"
    elif status == 1:
        yield "next: see the failures above; the report has their numbers"
    elif status == 4:
        yield "next: the data do not decide; the lines above say why. More seeds or test examples narrow the intervals"
    elif failed_in is not None:
        yield f"next: {run_command} --resume {failed_in}   run these cells"
        yield "      in the run in which they failed, to complete it"
    else:
        yield "next: bench leaderboard                   compare the newest runs of all suites"
        few_seeds = len({(record.cell.get("seed"), record.cell.get("fold")) for record in outcome.records}) < FEW_SEEDS
        if few_seeds and not any(override.startswith("matrix.seed") for override in outcome.run.info["overrides"]):
            # `[gate] seeds` begins with fewer seeds than a list that is stated, and would be refused.
            option = "--seeds all" if outcome.run.info.get("gate_seeds") else "--set 'matrix.seed=[0,1,2,3,4]'"
            yield f"      … {option:33}   run more seeds: narrower intervals"


def _baseline_steps(run: Run, run_command: str) -> Iterator[str]:
    """Yield a line that says how to have the tolerances of the suite judged against a baseline."""
    from bench_suite.comparison.baselines import baselines
    from bench_suite.store.runs import Store

    root = run.path.parent
    if any(baseline.suite == run.info["suite"] for baseline in baselines(Store(root))):
        yield f"      {run_command} --against baseline   judge the tolerances in [gate]"
    elif not run.info.get("only"):
        results_option = "" if display_path(root) == "results" else f" --results {shlex.quote(display_path(root))}"
        command = f"bench baseline set{results_option}"
        yield f"      {command:33}   keep this run as the baseline; compare later runs with --against baseline"


def failing_codes(outcome: Outcome, fail_on: Sequence[str]) -> list[str]:
    """Return the codes of the run's findings that the suite's `[data] fail_on` names."""
    return sorted({finding.code for finding in outcome.run.findings} & {*fail_on})


def exit_status(outcome: Outcome, judgements: Sequence[Judgement], fail_on: Sequence[str] = ()) -> int:
    """Return 130 if interrupted, else the worst of the statuses of gates, findings and failed cells: 1, 3, 4 or 0."""
    statuses = {judgement.status for judgement in judgements}
    statuses |= {1} if failing_codes(outcome, fail_on) else set()
    statuses |= {130} if outcome.interrupted else set()
    statuses |= {3} if outcome.failed or outcome.summary_errors else set()
    return next((status for status in STATUS_PRIORITY if status in statuses), 0)


def failure_reasons(record: Record) -> Iterator[str]:
    """Yield why a cell did not end well, and why each of its probes failed."""
    if record.status != "ok":
        yield f"{record.status}: {record.reason}"
    for label, row in record.probes.items():
        if row.status == "failed":
            yield f"probe {label} failed: {row.reason}"


def _say_failures(plan: Plan, outcome: Outcome) -> None:
    """Print each distinct failure once to standard error, with one affected cell and the number of others.

    If no cell succeeded, the description of the suite follows: it states what the suite needs. So does whether the run
    stopped at the first failure.
    """
    reasons: dict[str, list[str]] = {}
    for record in outcome.failed:
        cell_name = f"{record.cell.get('task')}, {record.cell.get('model')}, seed {record.cell.get('seed')}"
        cell_name += f", fold {record.cell['fold']}" if "fold" in record.cell else ""
        for reason in failure_reasons(record):
            reasons.setdefault(reason, []).append(cell_name)
    for reason, cell_names in reasons.items():
        more = f" and {len(cell_names) - 1} more" if len(cell_names) > 1 else ""
        say(f"{cell_names[0]}{more}: {reason}", err=True)
    for error in outcome.summary_errors:
        say(error, err=True)
    path = outcome.run.path
    if outcome.failed and any(path.glob("cells/*/traceback-*")):
        say(f"tracebacks: {display_path(path)}/cells/*/traceback-*.txt", err=True)
    if plan.suite.description and not any(record.status == "ok" for record in outcome.records):
        say(f"about {plan.suite.name}: {plan.suite.description}")
    if outcome.stopped:
        recorded = len(outcome.records)
        say(f"stopped at the first cell that failed (-x): {recorded} of {outcome.cells} cells have run", err=True)


def _say_metrics_without_value(plan: Plan, records: Sequence[Record]) -> None:
    """Print each metric that the suite names but that has a value in no cell, with the reason.

    Otherwise such a metric would disappear silently.
    """
    metric_names = {
        f"{probe.label}/{name_of(use)}"
        for probe in plan.suite.probes
        for option, kind in probe.component.facts.get("NAMES", {}).items()
        if kind == "metrics"
        for use in probe.stated.get(option, ())
    }
    rows = [row for record in records for row in record.metrics if row.name in metric_names]
    for metric in sorted(metric_names - {row.name for row in rows if row.value is not None}):
        reasons = list(dict.fromkeys(row.reason for row in rows if row.name == metric and row.reason))
        if reasons:
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            say(f"{metric} has no value: {reasons[0]}{more}", err=True)


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
