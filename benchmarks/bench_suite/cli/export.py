"""`bench export`: write a run in the format of another tool."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import RESULTS, display_path
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out

if TYPE_CHECKING:
    from bench_suite.components.discovery import Component

LIST = ""
"Value of `--format` without a name."


@click.command()
@click.argument("run", default="latest", metavar="[RUN]", shell_complete=run_names)
@click.option(
    "--format", "format_name", is_flag=False, flag_value=LIST, metavar="[NAME]",
    help="Format of the file; without NAME, list the formats.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write it to FILE; default: standard output.",
)  # fmt: skip
@RESULTS
def command(run: str, format_name: str | None, output: Path | None, results: Path) -> None:
    """Write RUN, by default the newest run that is not a smoke run, in the format of another tool.

    \b
      bench export --format
      bench export --format pytest-benchmark --output timings.json
      pytest-benchmark compare before.json timings.json
    """
    from bench_suite.comparison.baselines import head_run
    from bench_suite.components import discovery
    from bench_suite.reports.leaderboard import write
    from bench_suite.store.runs import Store

    if format_name is None:
        raise click.UsageError(f"Missing option '--format': one of {', '.join(shown(one) for one in run_exporters())}")
    if format_name == LIST:
        for exporter in run_exporters():
            say(f"{shown(exporter):18}  {exporter.summary}")
        say("\nnext: bench export RUN --format NAME --output FILE")
        return
    exporter = exporter_named(format_name)
    store = Store(results)
    source = head_run(store, run)
    content = discovery.load(exporter).export(source)
    say_left_out([*store.damages, *source.damages])
    if output is None:
        sys.stdout.buffer.write(content)
        return
    write(output, content)
    say(f"{source.name} written to {display_path(output)}")


def run_exporters() -> Iterator[Component]:
    """Yield the exporters that write a run: the parameter of their function `export` is called `run`."""
    from bench_suite.components import discovery

    for name in sorted({*discovery.builtin("exporters"), *discovery.installed("exporters")}):
        exporter = discovery.find("exporters", name, Path())
        if "run" in exporter.parameters.get("export", {}):
            yield exporter


def exporter_named(name: str) -> Component:
    """Return an exporter of runs by its name, with `_` or `-`.

    Raises:
        UsageError: there is no such exporter of runs.
    """
    from bench_suite.components.suggestions import nearest

    exporters = {shown(exporter): exporter for exporter in run_exporters()}
    exporter = exporters.get(name.replace("_", "-"))
    if exporter is None:
        hint = nearest(name, exporters)
        raise click.UsageError(f"there is no format '{name}' for a run{hint}; the formats are {', '.join(exporters)}")
    return exporter


def shown(exporter: Component) -> str:
    """Return the name of an exporter as other tools spell theirs: `pytest-benchmark`."""
    return exporter.name.replace("_", "-")
