"""`bench baseline`: the runs that others are compared with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench_suite.cli.arguments import JSON, RESULTS, display_path, shared_options
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import format_bytes, say


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
@RESULTS
def set_(run: str, results: Path) -> None:
    """Make RUN, by default the newest run, the baseline of its suite. It replaces the previous baseline.

    \b
      bench baseline set
      bench baseline set 20261124T1200
    """
    from bench_suite.comparison.baselines import set_baseline
    from bench_suite.reports.leaderboard import missing_part
    from bench_suite.store.runs import Store

    store = Store(results)
    made = set_baseline(store, store.open(run))
    say(f"{made.suite}: {made.run.name}, {format_bytes(made.size)} in {display_path(made.run.path)}")
    if lacks := missing_part(made.run):
        say(f"note: it is not the whole suite: {lacks}")
    say("\nnext: bench run SUITE --against baseline   measures anew and compares")


@command.command()
@shared_options(RESULTS, JSON)
def show(results: Path, as_json: bool) -> None:
    """List the baselines, with run, commit, number of cells and size.

    \b
      bench baseline show --json
    """
    from bench_suite.comparison.baselines import baselines
    from bench_suite.store.runs import Store

    found = baselines(Store(results))
    if as_json:
        listed = [
            {"suite": each.suite, "run": each.run.name, "bytes": each.size, "git": each.run.info.get("git"),
             "cells": len(each.run.records()), "path": str(each.run.path)}
            for each in found
        ]  # fmt: skip
        click.echo(json.dumps({"schema": 1, "baselines": listed}, indent=2))
        return
    if not found:
        say(f"{results}/baselines holds none yet\n\nnext: bench baseline set RUN")
        return
    width = max(len(each.suite) for each in found)
    for each in found:
        commit = str((each.run.info.get("git") or {}).get("commit") or "no commit known")[:7]
        cells = len(each.run.records())
        say(f"{each.suite:{width}}  {each.run.name}  {commit}  {cells} cells, {format_bytes(each.size)}")
