"""`bench list`: what there is to write into a suite."""

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
    """List the components of a KIND, or of every kind, with their first line of help.

    \b
      bench list
      bench list models
      bench list suites --json
    """
    found = {k: entries(k) for k in ((kind,) if kind else KINDS)}
    if as_json:
        click.echo(json.dumps({"schema": 1, **found}, indent=2))
        return
    columns = shutil.get_terminal_size().columns
    for position, (k, lines) in enumerate(found.items()):
        say(("\n" if position else "") + k)
        width = max((len(name) for name in lines), default=0)
        for name, summary in lines.items():
            wrapped = textwrap.wrap(summary, max(columns - width - 4, 20)) or [""]
            say(f"  {name:{width}}  " + f"\n{'':{width + 4}}".join(wrapped))
    say(f"\nnext: bench show {kind or 'models'} NAME" if kind != "suites" else "\nnext: bench plan NAME")


def entries(kind: str) -> dict[str, str]:
    """Names and summaries of a kind: the built-in ones, then those that installed distributions bring."""
    if kind == "suites":
        return {name: _title(locate(name)) for name in shipped_suites()}
    of: Kind = kind  # type: ignore[assignment]  # one of KINDS but "suites"
    found = {}
    for name in [*discovery.builtin(of), *discovery.installed(of)]:
        try:
            found[name] = discovery.find(of, name, Path()).summary
        except ComponentError as error:
            found[name] = f"does not load: {error}"
    return found


def _title(path: Path) -> str:
    import tomllib

    return str(tomllib.loads(path.read_text(encoding="utf-8")).get("title", ""))
