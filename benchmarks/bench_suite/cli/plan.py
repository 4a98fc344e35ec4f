"""`bench plan`: what a suite comes to, before anything is spent."""

from __future__ import annotations

import json

import click

from bench_suite.cli.arguments import JSON, ONLY, SET, SUITE, again, chosen
from bench_suite.plan import Plan, make_plan, name
from bench_suite.reading import read_suite


@click.command()
@chosen(SUITE, SET, ONLY, JSON)
def command(suite: str, overrides: tuple[str, ...], only: tuple[str, ...], as_json: bool) -> None:
    """Show the cells of SUITE: a file, or the name of one that ships with the program.

    Nothing is imported, loaded or run, so a suite that names its own files needs no --trust here.

    \b
      bench plan quickstart
      bench plan mine.toml --only model=mlp --json
    """
    plan = make_plan(read_suite(suite, overrides), only)
    click.echo(
        json.dumps(as_document(plan), indent=2, default=list)
        if as_json
        else "\n".join(lines(plan, again(suite, overrides, only, trust=bool(plan.suite.foreign))))
    )


def as_document(plan: Plan) -> dict[str, object]:
    """The plan as JSON values."""
    return {
        "schema": 1,
        "suite": plan.suite.name,
        "cells": [
            {
                "id": cell.id, "unit": cell.unit, "cell": cell.labels,
                "probes": {
                    label: {"applies": reason is None, "reason": reason} for label, reason in cell.probes.items()
                },
            }
            for cell in plan.cells
        ],
        "left_out": [{"task": task, "model": model, "reason": reason} for task, model, reason in plan.left_out],
        "trust": [component.use for component in plan.suite.foreign],
    }  # fmt: skip


def lines(plan: Plan, again: str) -> list[str]:
    """The plan for a person; `again` is what to say after `bench run`."""
    cells, units = plan.cells, plan.units
    shared = f", {len(units)} training{'s' if len(units) != 1 else ''}" if len(units) != len(cells) else ""
    text = [f"{plan.suite.title}: {len(cells)} cell{'s' if len(cells) != 1 else ''}{shared}", ""]
    for cell in cells:
        applied = [label for label, reason in cell.probes.items() if reason is None]
        text.append(f"  {cell.id[:8]}  {name(cell)}")
        text.append(f"            {', '.join(applied) or 'no probe'}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        for label, reason in cell.probes.items():
            if reason:
                pair = f"{cell.task.label}/{cell.model.label}"
                reasons.setdefault((label, reason), [])
                if pair not in reasons[label, reason]:
                    reasons[label, reason].append(pair)
    if reasons:
        text += ["", "not applicable:"]
        text += [f"  {label}: {reason} ({', '.join(pairs)})" for (label, reason), pairs in reasons.items()]
    if plan.left_out:
        text += ["", "left out, because they do not fit:"]
        text += [f"  {task} × {model}: {reason}" for task, model, reason in plan.left_out]
    if plan.suite.foreign:
        text += ["", "code from files of the suite's own, run only with --trust:"]
        text += [f"  {component.kind[:-1]} {component.use}" for component in plan.suite.foreign]
    return [*text, "", f"next: bench run {again}     (first try it in seconds: --smoke)"]
