"""What to do after a run: the commands that the user may want to type next, with what each is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_suite.store.commands import results_option

if TYPE_CHECKING:
    from bench_suite.execution.session import Outcome
    from bench_suite.store.runs import Run

FEW_SEEDS = 5
"With fewer seeds, a run recommends more: two or three say little about the variation between seeds."
WIDTH = 33
"Columns of a command, so that what the commands are for stands in one column."


@dataclass(frozen=True)
class Step:
    """A command, and what it is for; a step without a command is a sentence."""

    command: str
    purpose: str = ""

    def line(self, *, first: bool) -> str:
        """Return its line."""
        text = f"{self.command:{WIDTH}}   {self.purpose}" if self.command and self.purpose else self.command
        return f"{'next: ' if first else '      '}{text or self.purpose}"


def step_lines(
    outcome: Outcome,
    run_command: str,
    status: int,
    *,
    smoke: bool,
    failed_in: str | None,
    compared: bool,
    unjudged: bool,
) -> list[str]:
    """Return a line for each step, the first one after `next:`.

    Args:
        outcome: the outcome of the run.
        run_command: the command that runs the same cells with the same results folder.
        status: the exit status.
        smoke: whether it is a smoke run.
        failed_in: the run whose failed cells were run again (`--lf`).
        compared: whether the run was compared with another one.
        unjudged: whether the suite has tolerances, which only a comparison judges, and there was none.
    """
    steps = [*_completing(outcome, run_command, smoke=smoke, failed_in=failed_in)]
    if not steps and status == 1:
        steps.append(Step("", "see the failures above; the report has their numbers"))
    if not steps and status == 4:
        why = "the data do not decide; the lines above say why. More seeds or test examples narrow the intervals"
        steps.append(Step("", why))
    failed = [record for record in outcome.failed if record.status != "interrupted"]
    if failed:
        record = failed[0]
        name = f"{record.cell.get('task')}, {record.cell.get('model')}"
        steps.append(
            Step(
                f"bench show cell {record.id[:8]}{results_option(outcome.run.path.parent)}",
                f"what went wrong in {name}",
            )
        )
    elif not smoke and not outcome.failed:
        steps += _looking(outcome.run, compared=compared)
    if status == 0 and not smoke and failed_in is None and not outcome.failed:
        steps += _more_seeds(outcome)
        steps += _baseline(outcome.run, run_command) if unjudged else ()
    return [step.line(first=number == 0) for number, step in enumerate(steps)]


def _completing(outcome: Outcome, run_command: str, *, smoke: bool, failed_in: str | None) -> Iterator[Step]:
    """Yield the steps that lead to a run with all cells."""
    if smoke:
        condition = "after the failures are fixed, " if outcome.failed else ""
        yield Step(run_command, f"{condition}run on all data; a smoke run is never ranked or resumed")
    elif outcome.failed and failed_in is not None and not outcome.interrupted:
        yield Step(f"{run_command} --lf", "run the failed cells again after you have fixed them")
    elif outcome.interrupted or outcome.stopped or outcome.failed:
        yield Step(f"{run_command} --resume", "run the missing cells")
    elif failed_in is not None:
        yield Step(f"{run_command} --resume {failed_in}", "run these cells in the run in which they failed")


def _looking(run: Run, *, compared: bool) -> Iterator[Step]:
    """Yield the steps that show the run, beside others and in full."""
    from bench_suite.store.runs import Store

    yield Step(f"bench report --html --open{results_option(run.path.parent)}", "read the report in a browser")
    suite = run.info["suite"]
    earlier = (one for one in Store(run.path.parent).runs() if one.suite == suite and not one.smoke)
    if not compared and any(one.run != run.name for one in earlier):
        yield Step(f"bench compare latest{results_option(run.path.parent)}", "compare with the run before")
    yield Step(f"bench leaderboard{results_option(run.path.parent)}", "compare the newest runs of all suites")


def _more_seeds(outcome: Outcome) -> Iterator[Step]:
    few = len({(record.cell.get("seed"), record.cell.get("fold")) for record in outcome.records}) < FEW_SEEDS
    if few and not any(override.startswith("matrix.seed") for override in outcome.run.info["overrides"]):
        # `[gate] seeds` begins with fewer seeds than a list that is stated, and would be refused.
        option = "--seeds all" if outcome.run.info.get("gate_seeds") else "--set 'matrix.seed=[0,1,2,3,4]'"
        yield Step(f"… {option}", "run more seeds: narrower intervals")


def _baseline(run: Run, run_command: str) -> Iterator[Step]:
    """Yield a step that has the tolerances of the suite judged against a baseline."""
    from bench_suite.comparison.baselines import baselines
    from bench_suite.store.runs import Store

    if any(baseline.suite == run.info["suite"] for baseline in baselines(Store(run.path.parent))):
        yield Step(f"{run_command} --against baseline", "judge the tolerances in [gate]")
    elif not run.info.get("only"):
        purpose = "keep this run as the baseline; compare later runs with --against baseline"
        yield Step(f"bench baseline set{results_option(run.path.parent)}", purpose)
