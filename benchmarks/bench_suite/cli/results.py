"""`bench results`: list the stored runs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench_suite.cli.arguments import JSON, RESULTS, shared_options
from bench_suite.cli.output import say, say_left_out
from bench_suite.execution.selection import format_selectors
from bench_suite.store.commands import results_option
from bench_suite.store.runs import Store


@click.command()
@shared_options(RESULTS, JSON)
def command(results: Path, as_json: bool) -> None:
    """List the stored runs, newest first, with the number of records and cells of each.

    \b
      bench results
      bench results --results ../elsewhere/results --json
    """
    store = Store(results)
    runs = store.runs()
    say_left_out(store.damages)
    if as_json:
        listed = [
            {
                "run": run.run,
                "suite": run.suite,
                "started": run.started,
                "records": run.records,
                "cells": run.info.get("cells"),
                "only": run.info.get("only", []),
                "smoke": run.smoke,
            }
            for run in runs
        ]
        click.echo(json.dumps({"schema": 1, "runs": listed}, indent=2))
        return
    if not runs:
        say(f"{results} holds no runs yet\n\nnext: bench run quickstart{results_option(results)}")
        return
    width = max(len(run.run) for run in runs)
    for run in runs:
        note = "  smoke: never ranked" if run.smoke else ""
        part = f"  part of the suite: {format_selectors(run.info['only'])}" if run.info.get("only") else ""
        say(f"{run.run:{width}}  {run.records} records of {run.info.get('cells', '?')} cells{note}{part}")
    say(f"\nnext: bench report RUN{results_option(results)}   write its report; the first letters of RUN suffice")
