"""`bench run`: train, evaluate and measure every cell of a suite."""

from __future__ import annotations

import os
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import (
    ADDRESS,
    CLUSTER,
    EXECUTOR,
    JOBS,
    JSON,
    KEYWORD,
    ONLY,
    RESULTS,
    SEEDS,
    SET,
    SMOKE,
    run_arguments,
    shared_options,
    with_executor,
)
from bench_suite.cli.completion_values import run_names, suites
from bench_suite.cli.output import printable, say, say_left_out

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run, Store
    from bench_suite.suite.plan import Plan
    from bench_suite.suite.spec import Suite


@click.command()
@click.argument("suite", required=False, metavar="SUITE", shell_complete=suites)
@shared_options(SET, ONLY, KEYWORD)
@click.option("-x", "--exitfirst", is_flag=True, help="Stop at the first cell that fails or is unavailable.")
@click.option(
    "--lf", "--last-failed", "last_failed", is_flag=True,
    help="Start a new run of the cells that failed or were not reached last time; of all cells if there are none.",
)  # fmt: skip
@click.option(
    "--resume",
    is_flag=False,
    flag_value="newest",
    metavar="[RUN]",
    shell_complete=run_names,
    help="Continue RUN, by default the newest run of this suite with the same --set: run the missing cells only.",
)
@click.option(
    "--stale",
    type=click.Choice(["keep", "redo"]),
    help="With --resume: keep or redo cells whose source or data have changed.",
)
@click.option(
    "--against",
    metavar="BASE",
    shell_complete=run_names,
    help="Compare the run with BASE, as bench compare does: a run, `baseline`, `latest` (the newest earlier run), or "
    "`last:5` (the mean of the newest five runs of the main branch).",
)
@shared_options(SEEDS)
@click.option("--cells", hidden=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@SMOKE
@click.option("--offline", is_flag=True, help="Do not contact the hub (same as HF_HUB_OFFLINE=1).")
@click.option("--trust", is_flag=True, help="Allow the suite to run the Python files that it names.")
@click.option(
    "--tensorboard", is_flag=True, help="Write event files for TensorBoard beside the records (same as run.log)."
)
@shared_options(EXECUTOR, JOBS, ADDRESS, CLUSTER, RESULTS, JSON)
def command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], keyword: str, exitfirst: bool, last_failed: bool,
    resume: str | None, stale: str | None, against: str | None, seeds: str | None, cells: Path | None, smoke: bool,
    offline: bool, trust: bool, tensorboard: bool, executor: str | None, jobs: str | None, address: str | None,
    cluster: str | None, results: Path, as_json: bool,
) -> int:  # fmt: skip
    """Train, evaluate and measure every cell of SUITE: a file, or the name of a built-in suite.

    Each cell's record is written when its last probe has ended. Ctrl-C once stops the current cell and
    reports the finished cells; Ctrl-C twice exits at once. --resume runs exactly the missing cells, in the same
    run. --lf starts a new run of the failed cells; while you fix them, add -x to stop at the next failure.

    With --against and `seeds = { from = 3, to = 15 }` in [gate], a run begins with 3 seeds, and both sides get more
    as long as a tolerance is undecided, at most 15. BASE gets them with the files of its own commit.

    \b
      bench run quickstart
      bench run mine.toml --set train.epochs=5 --only model=mlp
      bench run mine.toml -k 'mnist and not cnn' -x
      bench run mine.toml --jobs 4
      bench run mine.toml --resume
      bench run mine.toml --against baseline
    """
    from bench_suite.cli.selection import select_cells
    from bench_suite.execution.more_seeds import run_to_resume, seeded, with_seeds_of_run
    from bench_suite.execution.selection import select
    from bench_suite.store.runs import Store
    from bench_suite.suite.parser import read_suite
    from bench_suite.suite.plan import make_plan
    from bench_suite.suite.trackers import with_tracker

    if suite is None and resume not in (None, "newest"):
        suite, resume = resume, "newest"  # `bench run --resume SUITE`: the word after it is the suite, not a run
    if suite is None:
        raise click.UsageError("Missing argument 'SUITE': a file, or the name of one that ships (bench list suites)")
    if last_failed and resume is not None:
        raise click.UsageError("--resume does what failed or is missing, in the same run: leave out --lf, or --resume")
    if against is not None and smoke:
        raise click.UsageError("a smoke run is never compared: leave out --smoke, or --against")
    overrides = with_executor(overrides, executor, jobs, address, cluster)
    store = Store(results)
    stated = read_suite(suite, overrides)
    if tensorboard:
        stated = with_tracker(stated, "tensorboard")
    plan, failed_in = select_cells(make_plan(seeded(stated, seeds), only), keyword), None

    def plan_of(other: Suite) -> Plan:
        return select(make_plan(other, only), keyword)

    if last_failed:
        plan, failed_in = _last_failed(plan, store, smoke=smoke)
    if resume is not None:
        plan = with_seeds_of_run(plan, plan_of, run_to_resume(plan, store, resume), cells)
    base: Run | LastRuns | None = None
    if against is not None:
        from bench_suite.comparison.decide_gates import base_of_plan

        base = base_of_plan(plan, store, against, resume)
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # before any library of the hub is imported
    from bench_suite.cli.progress import progress_for
    from bench_suite.cli.run_summary import conclude
    from bench_suite.execution.component_checks import check_trust
    from bench_suite.execution.session import Request, execute
    from bench_suite.execution.time_estimates import expected_seconds
    from bench_suite.suite.option_checks import check_plan_options
    from bench_suite.suite.spec import locate

    check_trust(plan, trust=trust)
    check_plan_options(plan)
    _say_inapplicable(plan, suite)
    # No paths of this machine: the command is stored, and shown in reports.
    command = [
        "bench",
        "run",
        *shlex.split(run_arguments(Path(suite).name, overrides, only, keyword=keyword, trust=trust)),
    ]
    flags = {"-x": exitfirst, "--lf": last_failed, "--smoke": smoke, "--resume": resume}
    command += [flag for flag, given in flags.items() if given]
    command += ["--seeds", seeds] if seeds is not None else []

    def execute_plan(plan: Plan, resume: str | None) -> Outcome:
        request = Request(smoke, offline, trust, resume, stale, command, exitfirst)  # type: ignore[arg-type]  # click has checked the choice
        arguments = run_arguments(suite, overrides, only, trust=trust)
        with progress_for(plan.cells, arguments, None if smoke else partial(expected_seconds, plan, store)) as progress:
            return execute(plan, store, request, progress)

    outcome = execute_plan(plan, resume)
    if base is not None and not last_failed:
        from bench_suite.comparison.decide_gates import decide_gates

        path, notify = locate(suite), partial(say, err=True)
        decided = decide_gates(plan, outcome, base, path, store, plan_of, execute_plan, notify, offline=offline)
        plan, outcome, base = decided.plan, decided.outcome, decided.base
    for line in (*outcome.logged.values(), *(f"warning: {error}" for error in outcome.tracker_errors)):
        say(printable(line), err=True)
    say_left_out([*store.damages, *outcome.run.damages, *(base.damages if base is not None else ())])
    resumable = f"bench run {run_arguments(suite, overrides, only, keyword=keyword, trust=trust, results=results)}"
    resumable += f" --seeds {seeds}" if seeds is not None else ""
    resumable += f" --against {shlex.quote(against)}" if against is not None else ""
    return conclude(plan, outcome, resumable, as_json=as_json, smoke=smoke, failed_in=failed_in, base=base)


MAX_INAPPLICABLE = 8
"Lines on what does not apply that a run shows before it begins; the plan shows all."


def _say_inapplicable(plan: Plan, suite: str) -> None:
    """Say which probes, and which values of their options, will not apply to some cells."""
    from bench_suite.cli.plan import inapplicable_lines

    lines = inapplicable_lines(plan.cells)
    shown = [f"not applicable: {line}" for line in lines[:MAX_INAPPLICABLE]]
    if len(lines) > MAX_INAPPLICABLE:
        shown.append(f"not applicable: {len(lines) - MAX_INAPPLICABLE} more; see all: bench plan {suite}")
    for line in shown:
        say(printable(line), err=True)


def _last_failed(plan: Plan, store: Store, *, smoke: bool) -> tuple[Plan, str | None]:
    """Return the cells that failed last time or were not reached, and their run; all cells if there are none."""
    from bench_suite.execution.selection import failed_or_missing, last_results

    outcome = last_results(plan, store, smoke=smoke)
    if not outcome.runs:
        say("--lf: there is no earlier run of this suite with these --set: all cells are run", err=True)
        return plan, None
    wanted = outcome.failed | outcome.missing
    if not wanted:
        say(f"--lf: nothing failed in {outcome.runs[0]}: all cells are run", err=True)
        return plan, None
    if len(wanted) == len(plan.cells):
        say(f"--lf: all {len(wanted)} cells failed or were not reached", err=True)
        return plan, None
    missing = f", {len(outcome.missing)} had not been reached" if outcome.missing else ""
    say(f"--lf: {len(wanted)} of {len(plan.cells)} cells: {len(outcome.failed)} failed{missing}", err=True)
    return failed_or_missing(plan, outcome), outcome.runs[-1]
