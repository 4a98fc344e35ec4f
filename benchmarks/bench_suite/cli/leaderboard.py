"""`bench leaderboard`: the leaderboard of the store, or between markers in any Markdown file."""

from __future__ import annotations

from pathlib import Path

import click

from bench_suite.cli.arguments import RESULTS
from bench_suite.store import Run, Store
from bench_suite.writing import StoreError


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]…")
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

    store = Store(results)
    chosen = [store.open(run) for run in runs] if runs else newest_of_each(store)
    if not chosen:
        raise StoreError(f"{results} holds no run that can be ranked\n  make one with: bench run quickstart")
    if into is not None:
        insert(leaderboard(chosen), into)
    click.echo(into or write_leaderboard(chosen, output))


def newest_of_each(store: Store) -> list[Run]:
    """The newest run of each suite, smoke runs left aside."""
    newest: dict[str, Run] = {}
    for info in store.runs():
        if not info.smoke:
            newest.setdefault(info.suite, Run(info.path))
    return list(newest.values())
