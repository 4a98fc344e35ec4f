"""`bench leaderboard`: write the leaderboard to a file of its own, or between markers in a Markdown file."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import click

from bench_suite.cli.arguments import REFERENCE, RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.garbage import without_collections
from bench_suite.cli.output import say, say_left_out
from bench_suite.store.atomic import StoreError
from bench_suite.store.commands import results_option
from bench_suite.store.runs import Store


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN]…", shell_complete=run_names)
@RESULTS
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Insert it in FILE, between <!-- bench:leaderboard --> and <!-- /bench:leaderboard -->.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path("reports/LEADERBOARD.md"),
    show_default=True,
    help="Write it to FILE.",
)
@REFERENCE
@click.option(
    "--against",
    metavar="BASE",
    shell_complete=run_names,
    help="Show how much the metric that ranks has changed since BASE: a run, `baseline`, `latest` or `last:5`; "
    "default: the baseline of each suite that has one.",
)
@without_collections
def command(
    runs: tuple[str, ...], results: Path, into: Path | None, output: Path, reference: str | None, against: str | None
) -> None:
    """Write a leaderboard of the given runs, by default of the newest run of each suite.

    RUN is the name of a run or the first letters of it. Smoke runs are never ranked. Imports of one suite are ranked
    together, and the newest import of a model on a task counts. If a suite has a baseline, its rows show their change
    since then (see bench baseline).

    \b
      bench leaderboard
      bench leaderboard --into README.md
      bench leaderboard --reference logistic_regression
      bench leaderboard --against baseline
    """
    from bench_suite.reports.changes import with_changes_since
    from bench_suite.reports.leaderboard import insert, leaderboard, ranked_runs, write_leaderboard
    from bench_suite.reports.newest_runs import newest_of_each
    from bench_suite.reports.table import check_reference, standings
    from bench_suite.reports.terminal import terminal_table

    store = Store(results)
    selected_runs = [store.open(run) for run in runs] if runs else newest_of_each(store, partial(say, err=True))
    if not selected_runs:
        say_left_out(store.damages)
        raise StoreError(
            f"{results} holds no run that can be ranked\n  make one with: bench run quickstart{results_option(results)}"
        )
    check_reference(reference, selected_runs)
    ranked = ranked_runs(selected_runs)
    ranking = with_changes_since(standings(ranked, reference), ranked, against, partial(say, err=True))
    if into is not None:
        insert(leaderboard(selected_runs, ranking), into)
    else:
        write_leaderboard(selected_runs, output, ranking)
    say(terminal_table(selected_runs, shutil.get_terminal_size().columns, ranking))
    say(f"\nwritten to {into or output}")
    say_left_out([*store.damages, *(damage for run in selected_runs for damage in run.damages)])
