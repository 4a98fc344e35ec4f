"""`bench leaderboard`: the leaderboard of the store, or between markers in any Markdown file."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from bench_suite.cli.arguments import RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say
from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Run, Store


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]…", shell_complete=run_names)
@RESULTS
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Put it between <!-- bench:leaderboard --> and <!-- /bench:leaderboard --> in FILE.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path("reports/LEADERBOARD.md"),
    show_default=True,
    help="Where to write it.",
)
def command(runs: tuple[str, ...], results: Path, into: Path | None, output: Path) -> None:
    """Write a leaderboard of each RUN, by default of the newest run of each suite; smoke runs are never ranked.

    \b
      bench leaderboard
      bench leaderboard --into README.md
    """
    from bench_suite.reports.leaderboard import insert, leaderboard, write_leaderboard
    from bench_suite.reports.terminal import terminal_table

    store = Store(results)
    chosen = [store.open(run) for run in runs] if runs else newest_of_each(store)
    if not chosen:
        raise StoreError(f"{results} holds no run that can be ranked\n  make one with: bench run quickstart")
    if into is not None:
        insert(leaderboard(chosen), into)
    else:
        write_leaderboard(chosen, output)
    say(terminal_table(chosen, shutil.get_terminal_size().columns))
    say(f"\nwritten to {into or output}")


def newest_of_each(store: Store) -> list[Run]:
    """The newest whole run of each suite; where there is none, the newest that has anything to rank. No smoke runs.

    A run of a part of a suite (`--only`), or one in which cells failed, does not take the place of a whole one.
    """
    from bench_suite.reports.leaderboard import lacking

    chosen: dict[str, tuple[bool, Run]] = {}
    for info in store.runs():
        if info.smoke or chosen.get(info.suite, (False, None))[0]:
            continue
        run = Run(info.path)
        whole = lacking(run) == ""
        if whole or (info.suite not in chosen and any(record.status == "ok" for record in run.records())):
            chosen[info.suite] = (whole, run)
    for suite, (whole, run) in chosen.items():
        if not whole:
            say(f"{suite}: there is no whole run yet; this is of a part of it: {lacking(run)}", err=True)
    return [run for _, run in chosen.values()]
