"""`bench results`: the runs in the store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench_suite.cli.arguments import JSON, RESULTS, chosen
from bench_suite.cli.output import say
from bench_suite.execution.selection import format_selectors
from bench_suite.store.runs import Store


@click.command()
@chosen(RESULTS, JSON)
def command(results: Path, as_json: bool) -> None:
    """List the runs in the store, newest first.

    \b
      bench results
      bench results --results ../elsewhere/results --json
    """
    runs = Store(results).runs()
    if as_json:
        listed = [
            {
                "run": r.run,
                "suite": r.suite,
                "started": r.started,
                "records": r.records,
                "cells": r.info.get("cells"),
                "only": r.info.get("only", []),
                "smoke": r.smoke,
            }
            for r in runs
        ]
        click.echo(json.dumps({"schema": 1, "runs": listed}, indent=2))
        return
    if not runs:
        say(f"{results} holds no runs yet\n\nnext: bench run quickstart")
        return
    width = max(len(r.run) for r in runs)
    for r in runs:
        smoke = "  smoke: never ranked" if r.smoke else ""
        only = f"  a part of its suite: {format_selectors(r.info['only'])}" if r.info.get("only") else ""
        say(f"{r.run:{width}}  {r.records} records of {r.info.get('cells', '?')} cells{smoke}{only}")
    say("\nnext: bench report RUN   (the first letters of a run's name will do)")
