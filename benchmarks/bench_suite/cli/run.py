"""`bench run`: train, evaluate and measure every cell of a suite."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench_suite.cli.arguments import JSON, ONLY, RESULTS, SET, again, chosen, shown

if TYPE_CHECKING:
    from bench_suite.execution.session import Outcome
    from bench_suite.gates import Judgement

FEW_SEEDS = 5
"With fewer, a run says how to get more: two or three tell little of what seeds do."


@click.command()
@click.argument("suite", required=False, metavar="SUITE")
@chosen(SET, ONLY)
@click.option(
    "--resume",
    is_flag=False,
    flag_value="newest",
    metavar="[RUN]",
    help="Go on with the newest run of this suite under these --set, or with RUN: only what is missing is done.",
)
@click.option(
    "--stale",
    type=click.Choice(["keep", "redo"]),
    help="With --resume, cells whose source or data changed since: keep or redo them.",
)
@click.option(
    "--smoke", is_flag=True, help="Try everything in seconds: 64 examples a split, one epoch. Never ranked or compared."
)
@click.option("--offline", is_flag=True, help="Skip the hub at once, without time-outs (as HF_HUB_OFFLINE=1 does).")
@click.option("--trust", is_flag=True, help="Run the code of files that the suite names.")
@chosen(RESULTS, JSON)
def command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], resume: str | None, stale: str | None, smoke: bool,
    offline: bool, trust: bool, results: Path, as_json: bool,
) -> int:  # fmt: skip
    """Train, evaluate and measure every cell of SUITE: a file, or the name of one that ships.

    Each cell's record is on disk when its last probe has ended. Ctrl-C once ends the cell in progress
    and reports what is done; twice ends at once. Then --resume does exactly what is missing.

    \b
      bench run quickstart
      bench run mine.toml --set train.epochs=5 --only model=mlp
      bench run mine.toml --resume
    """
    from bench_suite.plan import make_plan
    from bench_suite.reading import read_suite
    from bench_suite.store import Store

    if suite is None and resume not in (None, "newest"):
        suite, resume = resume, "newest"  # `bench run --resume SUITE`: the word after it is the suite, not a run
    if suite is None:
        raise click.UsageError("Missing argument 'SUITE': a file, or the name of one that ships (bench list suites)")
    plan = make_plan(read_suite(suite, overrides), only)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # before any library of the hub is imported
    from bench_suite.cli.progress import progress
    from bench_suite.execution.session import Request, check_trust, execute

    check_trust(plan, trust=trust)
    # No paths of this machine: the command is stored, and shown in reports.
    command = ["bench", "run", *shlex.split(again(Path(suite).name, overrides, only, trust=trust))]
    command += [*(["--smoke"] if smoke else []), *(["--resume"] if resume else [])]
    request = Request(smoke, offline, trust, resume, stale, command)  # type: ignore[arg-type]  # click has checked the choice
    with progress(len(plan.cells)) as watcher:
        outcome = execute(plan, Store(results), request, watcher)
    # The suite's gates as they are now: those that a resume finds in `run.json` may be older.
    gates = {gate.metric: gate.rules for gate in plan.suite.gates}
    same = again(suite, overrides, only, trust=trust, results=results)
    return _conclude(outcome, same, gates, as_json=as_json, smoke=smoke)


def _conclude(
    outcome: Outcome, same: str, gates: Mapping[str, Mapping[str, Any]], *, as_json: bool, smoke: bool
) -> int:
    """Write the report, judge the gates, print what was found, and return the exit status."""
    from bench_suite.gates import judge
    from bench_suite.reports.markdown import write_report
    from bench_suite.reports.terminal import terminal_table

    run = outcome.run
    judged = [] if smoke else judge(gates, outcome.records, run.summaries()[0])
    status = exit_status(outcome, judged)
    written = write_report([run], run.path / "report.md")
    if as_json:
        click.echo(json.dumps(_as_document(outcome, judged, status), indent=2))
        return status
    click.echo("", err=True)
    click.echo(terminal_table(run, shutil.get_terminal_size().columns))
    for judgement in judged:
        click.echo(f"gate {judgement.verdict}: {judgement.metric}, {judgement.where}: {judgement.message}")
    _say_faults(outcome, run.path)
    click.echo(f"records  {shown(run.path)}/records/")
    click.echo(f"report   {shown(written[0])}")
    click.echo("")
    unfinished = outcome.interrupted or outcome.failed
    few = len({record.cell.get("seed") for record in outcome.records}) < FEW_SEEDS
    if smoke:
        mended = "once what failed is mended, " if outcome.failed else ""
        click.echo(f"next: bench run {same}   {mended}the whole of it; a smoke run is never ranked nor resumed")
    elif unfinished:
        click.echo(f"next: bench run {same} --resume   does what is missing")
    elif status == 1:
        click.echo("next: read in the report what the failed gate is about")
    else:
        click.echo("next: bench leaderboard                   the newest run of each suite, side by side")
        if few and not any(override.startswith("matrix.seed") for override in outcome.run.info["overrides"]):
            click.echo("      … --set 'matrix.seed=[0,1,2,3,4]'   more seeds: what chance does, and narrower intervals")
    return status


def exit_status(outcome: Outcome, judged: Sequence[Judgement]) -> int:
    """The first that holds of 130, 1, 3."""
    if outcome.interrupted:
        return 130
    if any(judgement.verdict == "failed" for judgement in judged):
        return 1
    if outcome.failed or outcome.summary_faults or any(judgement.verdict == "absent" for judgement in judged):
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
        click.echo(f"{places[0]}{more}: {reason}", err=True)
    for fault in outcome.summary_faults:
        click.echo(fault, err=True)
    if outcome.failed and any(path.glob("cells/*/traceback-*")):
        click.echo(f"tracebacks: {shown(path)}/cells/*/traceback-*.txt", err=True)


def _as_document(outcome: Outcome, judged: Sequence[Judgement], status: int) -> dict[str, object]:
    from bench_suite.records import to_json

    return {
        "schema": 1,
        "run": outcome.run.name,
        "path": str(outcome.run.path),
        "status": status,
        "interrupted": outcome.interrupted,
        "cells": outcome.cells,
        "gates": [vars(judgement) for judgement in judged],
        "records": [to_json(record) for record in outcome.records],
    }
