"""`bench data`: where each data set would come from, here and now; `bench data fetch SUITE` gets all of a suite."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import JSON, ONLY, SET, SUITE, run_arguments, shared_options
from bench_suite.cli.output import say
from bench_suite.components import discovery
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    from bench_suite.components.discovery import Component
    from bench_suite.data.requirements import Got
    from bench_suite.data.sources import Sources


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show where the data of each task would come from on this machine. Nothing is loaded.

    Full data come from the folder $BENCH_DATA/<hub id> if it exists, else from the local cache of the Hugging
    Face hub or from the hub. Samples come from installed packages.

    \b
      bench data
      bench data --json
      bench data fetch nlp          download everything that the suite nlp needs
    """
    if ctx.invoked_subcommand is not None:
        return
    from bench_suite.data.sources import Sources

    sources = Sources()
    tasks = {name: discovery.find("tasks", name, Path()) for name in discovery.builtin("tasks")}
    if as_json:
        found = {name: _places(task, sources) for name, task in tasks.items()}
        click.echo(json.dumps({"schema": 1, "tasks": found, "own": _folders(tasks.values())}, indent=2))
        return
    for name, task in tasks.items():
        say(name)
        for line in _lines(task, sources):
            say(f"  {line}")
    for line in _own(tasks.values()):
        say(line)
    say('\nsamples: pip install "bench-suite[samples]"')
    say("next: bench data fetch SUITE   get all that a suite needs; quickstart and ci need samples only")


def _folders(tasks: Iterable[Component]) -> list[str]:
    """Ids of the folders in `$BENCH_DATA` that no task names: for the task `hub`."""
    from bench_suite.data.requirements import folders

    named = {hub_id for task in tasks for hub_id in task.words("HUB")}
    return [id for id in folders() if id not in named]


def _own(tasks: Iterable[Component]) -> Iterator[str]:
    from bench_suite.data.hub import own_files

    yield "other folders in $BENCH_DATA, for the task hub"
    found = _folders(tasks)
    yield from (f'  id = "{id}"' for id in found)
    yield from [] if found else [f"  none; {own_files()}"]


def _places(task: Component, sources: Sources) -> dict[str, object]:
    """`full` and `sample`: where they would come from, or null; `hub`: the same for each of several hub ids."""
    from bench_suite.data.requirements import locate_hub

    hubs, package = task.words("HUB"), task.words("PACKAGE")
    held = sources.locate_package(*package) if package else None
    places = {hub_id: locate_hub(task, hub_id, sources) for hub_id in hubs}
    found: dict[str, object] = {"full": places[hubs[0]] if hubs else held, "sample": held}
    return found | ({"hub": places} if len(hubs) > 1 else {})


def _lines(task: Component, sources: Sources) -> list[str]:
    from bench_suite.data.requirements import locate_hub
    from bench_suite.data.sources import PACKAGE_COMMAND, hub_command

    hubs, package = task.words("HUB"), task.words("PACKAGE")
    if not hubs and not package:
        of_the_hub = "any data set of the hub, by its id and columns: bench show task hub"
        return [of_the_hub if "id" in task.options else "generated: there is nothing to get"]
    held = f"not here; to get it: {PACKAGE_COMMAND}"
    if package:
        held = sources.locate_package(*package) or held
    full = [locate_hub(task, hub_id, sources) or f"not here; to get it: {hub_command(hub_id)}" for hub_id in hubs]
    lines = [f"{'full' if number == 0 else '':6}  {place}" for number, place in enumerate(full or [held])]
    return [*lines, f"sample  {held if package else 'there is none'}"]


@command.command("fetch", short_help="Download the data, weights and tokenizers of SUITE.")
@shared_options(SUITE, SET, ONLY)
@click.option("--offline", is_flag=True, help="Only check whether everything is here; download nothing.")
@click.option("--trust", is_flag=True, help="Allow the suite to run the Python files that it names.")
@JSON
def fetch_command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], offline: bool, trust: bool, as_json: bool
) -> int:
    """Download the data, weights and tokenizers that SUITE needs, so that it runs with --offline.

    Data in $BENCH_DATA and in installed packages are used where they are. Everything else goes into the local
    cache of the hub (HF_HOME). Exit status 3 if something is not available.

    \b
      bench data fetch nlp
      bench data fetch mine.toml --set tasks.imdb.data=full
      bench data fetch nlp --offline     check whether everything is here
    """
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan

    plan = make_plan(read_suite(suite, overrides), only)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # before any library of the hub is imported
    from bench_suite.data.cache import Cache
    from bench_suite.data.requirements import downloads, fetch
    from bench_suite.data.sources import Sources
    from bench_suite.execution.session import check_components, check_trust

    check_trust(plan, trust=trust)
    check_components(plan)
    sources = Sources(offline=offline, trust=trust, cache=Cache(), progress=sys.stderr.isatty())
    before = {need.name: need for need in downloads(plan, sources)}
    results = []
    for got in fetch(plan, sources, lambda what: say(f"… {what}", err=True)):
        results.append(got)
        if not as_json:
            say(_said(got))
    after = [need for need in downloads(plan, sources) if need.size is not None]
    lacking = [got for got in results if got.origin is None]
    if as_json:
        document = {
            "schema": 1,
            "fetched": [vars(got) for got in results],
            "sizes": {need.name: need.size for need in after},
        }
        click.echo(json.dumps(document, indent=2))
        return 3 if lacking else 0
    same = run_arguments(suite, overrides, only, trust=trust)
    say()
    for need in after:
        new = " (downloaded)" if before[need.name].is_download else ""
        say(f"{need.name}: {format_bytes(need.size or 0)}{new}")
    if lacking:
        say(f"{len(lacking)} of {len(results)} could not be had: the cells that need them would be unavailable")
        say(f"next: bench data fetch {same}   once you have got them as said above")
        return 3
    say(f"next: bench run {same} --offline   all that it needs is here")
    return 0


def _said(got: Got) -> str:
    """One thing that was fetched, or why it was not."""
    if got.origin is None:
        reason = got.detail.replace("\n", "\n    ")
        return f"{got.label}  {got.what} cannot be had: {reason}"
    return f"{got.label}  {got.what} from {got.origin}" + (f"  ({got.detail})" if got.detail else "")
