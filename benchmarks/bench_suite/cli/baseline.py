"""`bench baseline`: keep and list the runs that others are compared with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench_suite.cli.arguments import JSON, RESULTS, shared_options
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out
from bench_suite.environment import format_bytes
from bench_suite.store.commands import display_path, results_option


@click.group(name="baseline")
def command() -> None:
    """Keep a run as the baseline of its suite, or list the baselines.

    A baseline is a small copy of a run in results/baselines/: its records and test predictions. Commit it to git.

    \b
      bench baseline set latest
      bench run mine.toml --against baseline
    """


@command.command(name="set", short_help="Make RUN the baseline of its suite.")
@click.argument("run", default="latest", shell_complete=run_names)
@click.option(
    "--partial", is_flag=True,
    help="Accept a run that lacks cells, or in which cells or probes failed: what it lacks is not compared later.",
)  # fmt: skip
@RESULTS
def set_(run: str, partial: bool, results: Path) -> None:
    """Make RUN, by default the newest run, the baseline of its suite. It replaces the previous baseline.

    A run that is not complete is refused, because later runs would not be compared with what it lacks.

    \b
      bench baseline set
      bench baseline set 20261124T1200
    """
    from bench_suite.comparison.baselines import set_baseline
    from bench_suite.reports.leaderboard import missing_part
    from bench_suite.store.runs import Store

    store = Store(results)
    source = store.open(run)
    baseline = set_baseline(store, source, partial=partial)
    say_left_out([*store.damages, *source.damages])
    say(f"{baseline.suite}: {baseline.run.name}, {format_bytes(baseline.size)} in {display_path(baseline.run.path)}")
    if lacks := missing_part(baseline.run):
        say(f"note: it is not the whole suite: {lacks}")
    say(f"\nnext: bench run SUITE --against baseline{results_option(results)}   measures anew and compares")


@command.command()
@shared_options(RESULTS, JSON)
def show(results: Path, as_json: bool) -> None:
    """List the baselines, with run, commit, number of cells and size.

    \b
      bench baseline show --json
    """
    from bench_suite.comparison.baselines import baselines, damaged_baselines
    from bench_suite.store.runs import Store

    store = Store(results)
    known, damaged = baselines(store), damaged_baselines(store)
    say_left_out(damaged.values())
    if as_json:
        entries = [
            {"suite": baseline.suite, "run": baseline.run.name, "bytes": baseline.size,
             "git": baseline.run.info.get("git"), "cells": len(baseline.run.records()),
             "path": str(baseline.run.path)}
            for baseline in known
        ]  # fmt: skip
        click.echo(json.dumps({"schema": 1, "baselines": entries}, indent=2))
        return
    if not known:
        say(f"{results}/baselines holds none yet\n\nnext: bench baseline set RUN{results_option(results)}")
        return
    width = max(len(baseline.suite) for baseline in known)
    for baseline in known:
        run = baseline.run
        commit = str((run.info.get("git") or {}).get("commit") or "no commit known")[:7]
        size = f"{len(run.records())} cells, {format_bytes(baseline.size)}"
        say(f"{baseline.suite:{width}}  {run.name}  {commit}  {size}")
