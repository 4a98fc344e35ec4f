"""`bench list`: list the components and suites that can be used."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path

import click

from bench_suite.cli.arguments import JSON, NearestChoice
from bench_suite.cli.output import say
from bench_suite.components import discovery
from bench_suite.contracts import ComponentError, Kind
from bench_suite.suite.spec import locate, shipped_suites

KINDS = (*discovery.KINDS, "suites")


@click.command()
@click.argument("kind", type=NearestChoice(KINDS), required=False, metavar="[KIND]")
@JSON
def command(kind: str | None, as_json: bool) -> None:
    """List the components of KIND, or of every kind, with a one-line description.

    KIND is tasks, models, engines, problems, probes, metrics, executors, importers, exporters or suites.

    \b
      bench list
      bench list models
      bench list suites --json
    """
    names_by_kind = {each_kind: entries(each_kind) for each_kind in ((kind,) if kind else KINDS)}
    if as_json:
        click.echo(json.dumps({"schema": 1, **names_by_kind}, indent=2))
        return
    columns = shutil.get_terminal_size().columns
    for position, (each_kind, summaries) in enumerate(names_by_kind.items()):
        say(("\n" if position else "") + each_kind)
        width = max((len(name) for name in summaries), default=0)
        if not summaries:
            say("  none")
        for name, summary in summaries.items():
            wrapped = textwrap.wrap(summary, max(columns - width - 4, 20)) or [""]
            say(f"  {name:{width}}  " + f"\n{'':{width + 4}}".join(wrapped))
    shown = kind if kind and names_by_kind[kind] else "models"
    say("\nnext: bench plan NAME" if kind == "suites" else f"\nnext: bench show {shown} NAME")


def entries(kind: str) -> dict[str, str]:
    """Return the summaries by name: built-in components first, then those of installed distributions."""
    if kind == "suites":
        return {name: _suite_title(locate(name)) for name in shipped_suites()}
    component_kind: Kind = kind  # type: ignore[assignment]  # one of KINDS but "suites"
    summaries = {}
    for name in [*discovery.builtin(component_kind), *discovery.installed(component_kind)]:
        try:
            summaries[name] = discovery.find(component_kind, name, Path()).summary
        except ComponentError as error:
            summaries[name] = f"does not load: {error}"
    return summaries


def _suite_title(path: Path) -> str:
    import tomllib

    return str(tomllib.loads(path.read_text(encoding="utf-8")).get("title", ""))
