"""What a run came to, for a person or a program: gates, the table, faults, where things lie, and what to do next."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import shown
from bench_suite.cli.compare import as_document, say_comparison
from bench_suite.cli.output import say
from bench_suite.components.evaluate_uri import name_of

if TYPE_CHECKING:
    from bench_suite.comparison.compare import Comparison
    from bench_suite.comparison.gates import Judgement
    from bench_suite.contracts import Record
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run
    from bench_suite.suite.plan import Plan

ORDER = (130, 2, 1, 3, 4)
"Where several exit statuses hold, the first of these."
AGAINST = "keep one with `bench baseline set`, then run with `--against baseline`"
FEW_SEEDS = 5
"With fewer, a run says how to get more: two or three tell little of what seeds do."


def conclude(
    plan: Plan, outcome: Outcome, same: str, *, as_json: bool, smoke: bool = False, failed_in: str | None = None,
    base: Run | None = None,
) -> int:  # fmt: skip
    """Write the report, judge the gates, print what was found, and return the exit status.

    Arguments: `same`, the command that runs the same cells in the same place; `failed_in`, the run whose failed cells
    were run again (`--lf`); `base`, the run to compare with (`--against`).
    """
    from bench_suite.comparison.gates import judge
    from bench_suite.reports.markdown import write_report
    from bench_suite.reports.terminal import terminal_table

    run = outcome.run
    # The suite's gates as they are now: those that a resume finds in `run.json` may be older.
    gates = {gate.metric: gate.rules for gate in plan.suite.gates}
    judged = [] if smoke else judge(gates, outcome.records, run.summaries()[0])
    comparison, status = _compared(base, outcome, exit_status(outcome, judged))
    written = write_report([run], run.path / "report.md")
    if as_json:
        click.echo(json.dumps(_as_document(outcome, judged, status, comparison), indent=2))
        return status
    say(err=True)
    say(terminal_table(run, shutil.get_terminal_size().columns))
    for judgement in judged:
        if comparison is not None and judgement.verdict == "not judged":
            continue  # it is by the comparison
        how = f" ({AGAINST})" if judgement.verdict == "not judged" else ""
        say(f"gate {judgement.verdict}: {judgement.metric}, {judgement.where}: {judgement.message}{how}")
    _say_faults(outcome, run.path)
    _say_absent(plan, outcome.records)
    if outcome.stopped:
        done = len(outcome.records)
        say(f"stopped at the first cell that failed (-x): {done} of {outcome.cells} cells have run", err=True)
    if comparison is not None:
        say()
        say_comparison(comparison)
        say()
    say(f"records  {shown(run.path)}/records/")
    say(f"report   {shown(written[0])}")
    say()
    for line in _next(outcome, same, status, smoke=smoke, failed_in=failed_in):
        say(line)
    unjudged = comparison is None and not smoke and any("tolerance" in rules for rules in gates.values())
    if unjudged and status == 0 and failed_in is None:
        for line in _next_against(run, same):
            say(line)
    return status


def _compared(base: Run | None, outcome: Outcome, status: int) -> tuple[Comparison | None, int]:
    """The comparison with a base, where that was asked for and can be, and the exit status with its say."""
    from bench_suite.comparison.compare import ComparisonError, compare

    if base is None:
        return None, status
    try:
        comparison = None if outcome.interrupted else compare(base, outcome.run)
    except ComparisonError as error:  # one run with itself, or no common cell
        say(f"not compared: {error}", err=True)
        comparison = None
    found = {status, 4 if comparison is None else comparison.status}
    return comparison, next((each for each in ORDER if each in found), 0)


def _next(outcome: Outcome, same: str, status: int, *, smoke: bool, failed_in: str | None) -> Iterator[str]:
    """What one would do next."""
    if smoke:
        mended = "once what failed is mended, " if outcome.failed else ""
        yield f"next: {same}   {mended}all their data; a smoke run is never ranked nor resumed"
    elif outcome.failed and failed_in is not None and not outcome.interrupted:
        yield f"next: {same} --lf   does those that failed again, once they are mended"
    elif outcome.interrupted or outcome.stopped or outcome.failed:
        yield f"next: {same} --resume   does what is missing"
    elif status == 1:
        yield "next: what failed is said above; the report has its numbers"
    elif status == 4:
        yield "next: what the comparison cannot tell is said above, with what would decide"
    elif failed_in is not None:
        yield f"next: {same} --resume {failed_in}   does them in the run"
        yield "      where they had failed, so that it is whole"
    else:
        yield "next: bench leaderboard                   the newest run of each suite, side by side"
        few = len({record.cell.get("seed") for record in outcome.records}) < FEW_SEEDS
        if few and not any(override.startswith("matrix.seed") for override in outcome.run.info["overrides"]):
            yield "      … --set 'matrix.seed=[0,1,2,3,4]'   more seeds: what chance does, and narrower intervals"


def _next_against(run: Run, same: str) -> Iterator[str]:
    """How the tolerances of a suite come to be judged: by the baseline there is, or with this run as the first."""
    from bench_suite.comparison.baselines import baselines
    from bench_suite.store.runs import Store

    root = run.path.parent
    if any(each.suite == run.info["suite"] for each in baselines(Store(root))):
        yield f"      {same} --against baseline   judges the tolerances under [gate]"
    elif not run.info.get("only"):
        elsewhere = "" if shown(root) == "results" else f" --results {shlex.quote(shown(root))}"
        kept = f"bench baseline set{elsewhere}"
        yield f"      {kept:39} keeps this run, the newest; --against baseline compares later ones with it"


def exit_status(outcome: Outcome, judged: Sequence[Judgement]) -> int:
    """The first that holds of 130, 1, 3."""
    if outcome.interrupted:
        return 130
    if any(judgement.verdict == "failed" for judgement in judged):
        return 1
    if outcome.failed or outcome.summary_errors or any(judgement.verdict == "absent" for judgement in judged):
        return 3
    return 0


def _say_faults(outcome: Outcome, path: Path) -> None:
    """Each different fault once, on standard error, with how many cells it cost."""
    reasons: dict[str, list[str]] = {}
    for record in outcome.failed:
        where = f"{record.cell.get('task')}, {record.cell.get('model')}, seed {record.cell.get('seed')}"
        if record.status != "ok":
            reasons.setdefault(f"{record.status}: {record.reason}", []).append(where)
        for label, row in record.probes.items():
            if row.status == "failed":
                reasons.setdefault(f"probe {label} failed: {row.reason}", []).append(where)
    for reason, places in reasons.items():
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        say(f"{places[0]}{more}: {reason}", err=True)
    for error in outcome.summary_errors:
        say(error, err=True)
    if outcome.failed and any(path.glob("cells/*/traceback-*")):
        say(f"tracebacks: {shown(path)}/cells/*/traceback-*.txt", err=True)


def _say_absent(plan: Plan, records: Sequence[Record]) -> None:
    """Each metric that the suite names and no cell has a value of, with the reason: it shall not vanish silently."""
    named = {
        f"{probe.label}/{name_of(use)}"
        for probe in plan.suite.probes
        for option, kind in probe.component.facts.get("NAMES", {}).items()
        if kind == "metrics"
        for use in probe.stated.get(option, ())
    }
    found = [row for record in records for row in record.metrics if row.name in named]
    for metric in sorted(named - {row.name for row in found if row.value is not None}):
        reasons = list(dict.fromkeys(row.reason for row in found if row.name == metric and row.reason))
        if reasons:
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            say(f"{metric} has no value: {reasons[0]}{more}", err=True)


def _as_document(
    outcome: Outcome, judged: Sequence[Judgement], status: int, comparison: Comparison | None
) -> dict[str, object]:
    from bench_suite.store.records import to_json

    compared = {"comparison": as_document(comparison)} if comparison else {}
    return {
        "schema": 1,
        **compared,
        "run": outcome.run.name,
        "path": str(outcome.run.path),
        "status": status,
        "interrupted": outcome.interrupted,
        "stopped": outcome.stopped,
        "cells": outcome.cells,
        "gates": [vars(judgement) for judgement in judged],
        "records": [to_json(record) for record in outcome.records],
    }
