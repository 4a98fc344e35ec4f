"""`bench report`: the report of one run or several, as Markdown."""

from __future__ import annotations

from pathlib import Path

import click

from bench_suite.cli.arguments import RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say
from bench_suite.store.runs import Store


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]…", shell_complete=run_names)
@RESULTS
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write it; default: reports/RUN.md."
)
def command(runs: tuple[str, ...], results: Path, output: Path | None) -> None:
    """Write the report of each RUN, by default of the newest one; a run's first letters will do.

    \b
      bench report
      bench report 20261124T1200 --output reports/nlp.md
    """
    from bench_suite.reports.markdown import write_report

    chosen = [Store(results).open(run) for run in runs or ("latest",)]
    target = output or Path("reports") / f"{chosen[0].name}.md"
    for path in write_report(chosen, target):
        say(path)
    say("\nnext: bench leaderboard   puts the newest run of each suite side by side", err=True)
