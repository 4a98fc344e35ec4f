"""`bench merge`: join the runs of parts of one suite, such as those of several CI jobs, into one run."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from bench_suite.cli.arguments import RESULTS
from bench_suite.cli.completion_values import run_names
from bench_suite.cli.output import say, say_left_out
from bench_suite.store.commands import bench


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN…", shell_complete=run_names)
@click.option("--suite", metavar="SUITE", help="The suite whose parts these are, if it is not where the runs state it.")
@click.option("--partial", is_flag=True, help="Merge although cells are missing: comparisons then report them.")
@RESULTS
def command(runs: tuple[str, ...], suite: str | None, partial: bool, results: Path) -> None:
    """Join runs of parts of one suite (`bench run SUITE --only …` in several jobs) into one run.

    The parts must have the same suite, overrides, version and commit, and no cell twice. The merge is refused if a
    cell of the suite is in none of them.

    \b
      bench run ci --only task=mnist        in one job
      bench run ci --only task=imdb,loans   in another one
      bench merge 20261124T1200 20261124T1201
    """
    from bench_suite.contracts import BenchError
    from bench_suite.reports.provenance import suite_and_selection
    from bench_suite.store.merging import merge_runs
    from bench_suite.store.runs import Store
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan, name

    store = Store(results)
    parts = [store.open(run) for run in dict.fromkeys(runs)]
    info = parts[0].info
    if info.get("imported"):
        raise BenchError(f"{parts[0].name} was imported: import its files together instead")
    stated = suite or suite_and_selection(info)[0]
    try:
        plan = make_plan(read_suite(stated, info.get("overrides", ())))
    except BenchError as error:
        raise BenchError(
            f"which cells the suite has is not known: {error}\n  state the suite: --suite SUITE.toml"
        ) from error
    if plan.suite.name != info["suite"]:
        raise BenchError(f"{stated} is the suite {plan.suite.name}, and the runs are of {info['suite']}")
    planned = {cell.id: name(cell) for cell in plan.cells}
    merged = merge_runs(store, parts, planned, partial=partial, command=shlex.join(["bench", "merge", *runs]))
    say_left_out([*store.damages, *(damage for part in parts for damage in part.damages)])
    records = merged.records()
    say(f"{merged.name}: {len(records)} of {len(planned)} cells from {len(parts)} runs")
    if any(part.summaries()[0] for part in parts):
        say("note: metrics of a whole run are left out, since they summarise one part only", err=True)
    say(f"\nnext: {bench('report', merged.name, results=store.root)}")
