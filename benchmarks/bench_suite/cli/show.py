"""`bench show`: show one component, read from its source, one suite file, or everything about one cell."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench_suite.cli.arguments import JSON, RESULTS, NearestChoice, shared_options
from bench_suite.cli.completion_values import names, run_names
from bench_suite.cli.output import say, say_file, say_left_out
from bench_suite.components import discovery
from bench_suite.components.discovery import Component
from bench_suite.components.options import MISSING, Option, describe, json_schema, show
from bench_suite.contracts import Kind
from bench_suite.suite.spec import COMMON, locate

KINDS = (
    {kind[:-1]: kind for kind in discovery.KINDS}
    | {kind: kind for kind in discovery.KINDS}
    | {"suite": "suites", "suites": "suites", "cell": "cells", "cells": "cells"}
)


_SINGULAR_KINDS = [kind for kind in KINDS if not kind.endswith("s")]


@click.command()
@click.argument("kind", type=NearestChoice(KINDS, _SINGULAR_KINDS), metavar="KIND")
@click.argument("name", shell_complete=names)
@click.option("--run", metavar="RUN", shell_complete=run_names, help="The run of the cell; default: the newest run.")
@shared_options(RESULTS, JSON)
def command(kind: str, name: str, run: str | None, results: Path, as_json: bool) -> None:
    """Show the task, problem, model, engine, probe, metric, suite or cell with this NAME.

    For a component, it shows the facts and options; for a suite, the file. The name of a cell is the first letters
    of its id. For a cell, it shows the whole record: options, data, metrics with intervals, probes with their
    reasons, files and tracebacks.

    \b
      bench show model mlp
      bench show task ./my_task.py
      bench show suite quickstart
      bench show cell 9c1e
    """
    if KINDS[kind] == "cells":
        _show_cell(name, run, results, as_json=as_json)
        return
    if run is not None:
        raise click.UsageError(f"--run applies to cells only: bench show cell ID --run {run}")
    if KINDS[kind] == "suites":
        text = locate(name).read_text(encoding="utf-8")
        if as_json:
            click.echo(json.dumps({"schema": 1, "kind": "suites", "name": name, "text": text}, indent=2))
        else:
            say_file(text)
        return
    component_kind: Kind = KINDS[kind]  # type: ignore[assignment]  # cells and suites have been dealt with
    component = discovery.find(component_kind, name, Path())
    options = {**COMMON.get(component_kind, {}), **component.options}
    if as_json:
        schema = {key: json_schema(option) for key, option in options.items()}
        document = {
            "schema": 1,
            "kind": component_kind,
            "name": component.name,
            "facts": component.facts,
            "options": schema,
            "help": component.doc,
        }
        click.echo(json.dumps(document, indent=2, default=list))
        return
    say("\n".join(lines(component, options)))


def _show_cell(id: str, run: str | None, results: Path, *, as_json: bool) -> None:
    from bench_suite.cli import cell
    from bench_suite.store.runs import Store

    selected_run, record = cell.find_cell(Store(results), id, run)
    if as_json:
        click.echo(json.dumps(cell.as_document(selected_run, record), indent=2))
        return
    say("\n".join(cell.lines(selected_run, record)))
    say_left_out(selected_run.damages)


def lines(component: Component, options: dict[str, Option]) -> list[str]:
    """Return the lines that describe a component."""
    text = [f"{component.kind[:-1]} {component.name}", "", component.doc.strip(), ""]
    for fact, value in component.facts.items():
        if fact == "METRICS":
            text.append("metrics:")
            width = max(map(len, value), default=0)
            for name, facts in value.items():
                text.append(f"  {name:{width}} {facts.get('unit', ''):24} {_direction(facts)}".rstrip())
                text += [f"    {facts['about']}"] if facts.get("about") else []
        elif fact == "NEEDS_BY":
            text += [f"needs by {option}: {_needs_by(needs)}" for option, needs in value.items()]
        elif fact == "NO_EXAMPLE_GRADIENTS":
            layers = (
                value
                if isinstance(value, str)
                else "; ".join(
                    f"{layer} with {option} = {show(one)}" for option, by in value.items() for one, layer in by.items()
                )
            )
            text.append(f"layers that rule out privacy: {layers}")
        elif fact == "OPTION_NEEDS":
            text += [
                f"needs of {option}: {_needs_by(needs) if isinstance(needs, dict) else ' and '.join(needs)}"
                for option, needs in value.items()
            ]
        elif fact == "NEEDS_UNLESS":
            text += [
                f"needs: {' and '.join(needs)}, unless `{option}` names another task of the same modality"
                for option, needs in value.items()
            ]
        elif fact == "IMPORTS_BY":
            text += [
                f"imports by {option}: {_needs_by(packages) if isinstance(packages, dict) else ', '.join(packages)}"
                for option, packages in value.items()
            ]
        elif fact not in (
            "BOUNDS",
            "SMOKE",
            "NAMES",
            "METRICS_OF_PROBLEM",
            "OF_PREDICTIONS",
            "OF_VALIDATION",
            "PACKAGE",
            "HUB",
        ):
            value_text = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            text.append(f"{fact.lower().replace('_', ' ')}: {value_text if value_text != '' else 'none'}")
    if options:
        text += ["", "options:"]
        for option in options.values():
            default = "must be given" if option.default is MISSING else f"default {_default(option.default)}"
            text += [f"  {option.name}: {describe(option.type)}{_bounds(option)}; {default}", f"      {option.help}"]
    return text


def _needs_by(needs: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{choice} needs {', '.join(words)}" for choice, words in needs.items())


def _default(value: object) -> str:
    """Return a default as TOML writes it; a list is never shortened."""
    return f"[{', '.join(map(show, value))}]" if isinstance(value, tuple) else show(value)


def _bounds(option: Option) -> str:
    low, high = option.bounds
    if low is None and high is None:
        return ""
    separator = ", each" if option.type.name in ("tuple", "Mapping") else ","
    if low is not None and high is not None:
        return f"{separator} from {low} to {high}"
    return f"{separator} {low} or more" if low is not None else f"{separator} {high} or less"


def _direction(facts: dict[str, str]) -> str:
    better = facts.get("better", "none")
    return "" if better == "none" else f"{better} is better"
