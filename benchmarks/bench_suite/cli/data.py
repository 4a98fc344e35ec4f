"""`bench data` shows where each data set would come from; `bench data fetch SUITE` downloads all that a suite needs.

`bench data check` is in `data_check`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import JSON, ONLY, SET, SUITE, run_arguments, shared_options
from bench_suite.cli.data_check import command as check_command
from bench_suite.cli.data_show import command as show_command
from bench_suite.cli.data_sources import plan_and_sources
from bench_suite.cli.output import say
from bench_suite.components import discovery
from bench_suite.environment import format_bytes

if TYPE_CHECKING:
    from bench_suite.components.discovery import Component
    from bench_suite.data.requirements import FetchResult
    from bench_suite.data.sources import Location, Sources


@click.group(invoke_without_command=True)
@JSON
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show where a run on this machine would take each task's data from; nothing is loaded.

    Full data come from a folder $BENCH_DATA/<hub id>, else from the Hugging Face hub or its local cache;
    samples come from installed packages.

    \b
      bench data
      bench data --json
      bench data fetch nlp          all that a suite needs, weights too
      bench data check mine.toml    duplicates, leaks, wrong labels, shift
    """
    if ctx.invoked_subcommand is not None:
        return
    from bench_suite.data.sources import Sources

    sources = Sources()
    tasks = {name: discovery.find("tasks", name, Path()) for name in discovery.builtin("tasks")}
    if as_json:
        locations = {name: _locations(task, sources) for name, task in tasks.items()}
        click.echo(json.dumps({"schema": 1, "tasks": locations, "own": _own_folders(tasks.values())}, indent=2))
        return
    for name, task in tasks.items():
        say(name)
        for line in _lines(task, sources):
            say(f"  {line}")
    for line in _own_lines(tasks.values()):
        say(line)
    say('\nsamples: pip install "bench-suite[samples]"')
    say("next: bench data fetch SUITE   get all that a suite needs; quickstart and ci need samples only")


def _own_folders(tasks: Iterable[Component]) -> list[str]:
    """Return the ids of the folders in `$BENCH_DATA` that no task names, for the task `hub`."""
    from bench_suite.data.requirements import folders

    named = {hub_id for task in tasks for hub_id in task.words("HUB")}
    return [id for id in folders() if id not in named]


def _own_lines(tasks: Iterable[Component]) -> Iterator[str]:
    from bench_suite.data.hub import own_files

    yield "other folders in $BENCH_DATA, for the task hub"
    ids = _own_folders(tasks)
    yield from (f'  id = "{id}"' for id in ids)
    yield from [] if ids else [f"  none; {own_files()}"]


def _locations(task: Component, sources: Sources) -> dict[str, object]:
    """Return where `full` and `sample` would come from, or null; `hub` holds the same for each of several hub ids."""
    from bench_suite.data.requirements import locate_hub

    hub_ids, package = task.words("HUB"), task.words("PACKAGE")
    sample = _text(sources.locate_package(*package) if package else None)
    by_id = {hub_id: _text(locate_hub(task, hub_id, sources)) for hub_id in hub_ids}
    locations: dict[str, object] = {"full": by_id[hub_ids[0]] if hub_ids else sample, "sample": sample}
    return locations | ({"hub": by_id} if len(hub_ids) > 1 else {})


def _text(location: Location | None) -> str | None:
    return None if location is None else str(location)


def _lines(task: Component, sources: Sources) -> list[str]:
    from bench_suite.data.requirements import locate_hub
    from bench_suite.data.sources import PACKAGE_COMMAND, hub_command

    hub_ids, package = task.words("HUB"), task.words("PACKAGE")
    if not hub_ids and not package:
        any_of_the_hub = "any data set of the hub, by its id and columns: bench show task hub"
        return [any_of_the_hub if "id" in task.options else "generated: there is nothing to get"]
    location = sources.locate_package(*package) if package else None
    sample = _text(location) or f"not here; to get it: {PACKAGE_COMMAND}"
    full = [
        _text(locate_hub(task, hub_id, sources)) or f"not here; to get it: {hub_command(hub_id)}" for hub_id in hub_ids
    ]
    lines = [f"{'full' if number == 0 else '':6}  {line}" for number, line in enumerate(full or [sample])]
    return [*lines, f"sample  {sample if package else 'there is none'}"]


command.add_command(check_command, "check")
command.add_command(show_command, "show")


@command.command("fetch", short_help="Download the data, weights and tokenizers of SUITE.")
@shared_options(SUITE, SET, ONLY)
@click.option("--offline", is_flag=True, help="Check whether everything is here; download nothing.")
@click.option("--trust", is_flag=True, help="Run the code of files that the suite names.")
@JSON
def fetch_command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], offline: bool, trust: bool, as_json: bool
) -> int:
    """Get all that SUITE needs: data, weights and tokenizers. Afterwards it runs with --offline.

    Files in $BENCH_DATA or an installed package stay where they are; everything else goes into the hub's
    local cache (HF_HOME). The exit status is 3 if something cannot be had.

    \b
      bench data fetch nlp
      bench data fetch mine.toml --set tasks.imdb.data=full
      bench data fetch nlp --offline     is everything here?
    """
    from bench_suite.data.requirements import downloads, fetch

    plan, sources = plan_and_sources(suite, overrides, only, offline=offline, trust=trust)
    before = {need.name: need for need in downloads(plan, sources)}
    results = []
    for result in fetch(plan, sources, lambda item: say(f"… {item}", err=True)):
        results.append(result)
        if not as_json:
            say(_result_line(result))
    after = [need for need in downloads(plan, sources) if need.size is not None]
    failures = [result for result in results if result.origin is None]
    if as_json:
        document = {
            "schema": 1,
            "fetched": [vars(result) for result in results],
            "sizes": {need.name: need.size for need in after},
        }
        click.echo(json.dumps(document, indent=2))
        return 3 if failures else 0
    arguments = run_arguments(suite, overrides, only, trust=trust)
    say()
    for need in after:
        new = " (downloaded)" if before[need.name].is_download else ""
        say(f"{need.name}: {format_bytes(need.size or 0)}{new}")
    if failures:
        say(
            f"{len(failures)} of {len(results)} could not be had: cells and metrics that need them would be unavailable"
        )
        say(f"next: bench data fetch {arguments}   after the steps above")
        return 3
    say(f"next: bench run {arguments} --offline   all that it needs is here")
    return 0


def _result_line(result: FetchResult) -> str:
    """Return the line for one data set or the weights of one model: its origin, or why it could not be fetched."""
    if result.origin is None:
        reason = result.detail.replace("\n", "\n    ")
        return f"{result.label}  {result.what} cannot be had: {reason}"
    return f"{result.label}  {result.what} from {result.origin}" + (f"  ({result.detail})" if result.detail else "")
