"""`bench data check SUITE`: what is wrong with the data of a suite, before anything is trained."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from bench_suite.cli.arguments import JSON, ONLY, SET, SUITE, NearestChoice, run_arguments, shared_options
from bench_suite.cli.data_sources import plan_and_sources
from bench_suite.cli.output import say
from bench_suite.contracts import FINDING_CODES, DataInvalid, DataUnavailable
from bench_suite.suite.folds import AXIS as FOLD

if TYPE_CHECKING:
    from bench_suite.contracts import Evidence, Finding
    from bench_suite.data.checks.runner import Checked
    from bench_suite.data.sources import Sources
    from bench_suite.suite.plan import Cell, Plan

OF_DATA = tuple(code for code in FINDING_CODES if code not in ("D009", "D011", "D012"))
"The codes that need no run."
MAX_SHOWN_ROWS = 5
"Rows of a split that a line shows; --json has more."
SLOW = 2.0
"Seconds after which the check that is going on is shown."
_CODES = "\n".join(f"  {code}  {FINDING_CODES[code]}" for code in OF_DATA)
HELP = f"""Check the data of each task of SUITE, as the task returns them; nothing is trained.

A finding has a code, a severity, the rows that show it, and the line that mends it. The exit status is 1
if there is a finding of a code in `[data] fail_on`, and 3 if data are not available. The costly checks of
these codes are run too.

\b
  bench data check mine.toml
  bench data check mine.toml --all
  bench data check mine.toml --code D003 --json

\b
{_CODES}

D009, D011 and D012 need a run, which reports them at its end.
"""
"The help of the command. Rows are counted from 0, as in Python."


@click.command(help=HELP, short_help="Check the data of SUITE: duplicates, leaks, labels, shift.")
@shared_options(SUITE, SET, ONLY)
@click.option("--all", "costly", is_flag=True, help="Run the costly checks too: D006, D008, large near duplicates.")
@click.option(
    "--code", "codes", metavar="CODE", multiple=True, type=NearestChoice(OF_DATA),
    help="Run the checks of this code only, costly or not. Repeatable.",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Do not contact the hub.")
@click.option("--trust", is_flag=True, help="Run the code of files that the suite names.")
@JSON
def command(
    suite: str, overrides: tuple[str, ...], only: tuple[str, ...], costly: bool, codes: tuple[str, ...],
    offline: bool, trust: bool, as_json: bool,
) -> int:  # fmt: skip
    """Check the data of each task; see `HELP`."""
    from bench_suite.store.findings import finding_to_json

    plan, sources = plan_and_sources(suite, overrides, only, offline=offline, trust=trust)
    findings: list[Finding] = []
    entries: list[dict[str, object]] = []
    unchecked: list[str] = []
    for cell in _cells_by_task(plan):
        began = time.perf_counter()
        try:
            described, checked, seconds_of_checks = _check(
                cell, sources, frozenset(codes), frozenset(plan.suite.fail_on), costly=costly
            )
        except (DataUnavailable, DataInvalid) as error:
            unchecked.append(cell.task.label)
            entries.append({"task": cell.task.label, "error": str(error)})
            if not as_json:
                say(f"{cell.task.label}: {error}", err=True)
            continue
        findings += checked.findings
        seconds = time.perf_counter() - began
        entries.append(
            {
                "task": cell.task.label, "seconds": round(seconds, 3),
                "findings": [finding_to_json(finding) for finding in checked.findings],
                "inapplicable": dict(checked.inapplicable), "too_costly": dict(checked.too_costly),
            }
        )  # fmt: skip
        if not as_json:
            say("\n".join(_task_lines(described, checked, seconds, seconds_of_checks)))
    status = 1 if any(one.code in plan.suite.fail_on for one in findings) else 3 if unchecked else 0
    if as_json:
        document = {"schema": 1, "status": status, "fail_on": list(plan.suite.fail_on), "tasks": entries}
        click.echo(json.dumps(document, indent=2))
        return status
    arguments = run_arguments(suite, overrides, only, trust=trust)
    for line in _closing_lines(findings, unchecked, plan.suite.fail_on, arguments, costly=costly or bool(codes)):
        say(line)
    return status


def _cells_by_task(plan: Plan) -> list[Cell]:
    """Return one cell for each task with its options: an axis may vary an option of a task.

    Fold 0 stands for all folds, as in a run, since their examples are the same.
    """
    cells = {
        (cell.task.label, repr({**cell.options["task"], FOLD: None})): cell for cell in reversed(plan.cells)
    }  # the first cell of each task remains
    return list(reversed(cells.values()))


def _check(
    cell: Cell, sources: Sources, codes: frozenset[str], gated: frozenset[str], *, costly: bool
) -> tuple[str, Checked, float]:
    """Load the data of a cell's task and check them; the costly checks too of codes that are `gated`.

    Returns:
        A line that describes the data, the outcome, and the seconds that the checks took.
    """
    from bench_suite.components import discovery
    from bench_suite.data.checks.checked_task import CheckedTask
    from bench_suite.data.checks.runner import check_task
    from bench_suite.data.preparation import check_splits
    from bench_suite.training.seeding import seed_everything

    seed_everything(0)  # as in a run: a task that draws by a global generator has the same data
    module = discovery.load(cell.task.component)
    data = module.load(discovery.make_options(cell.task.component, cell.options["task"]), sources)
    check_splits(data)
    began = time.perf_counter()

    def show(name: str) -> None:
        if time.perf_counter() - began > SLOW:
            say(f"… {cell.task.label}: {name}", err=True)

    task = CheckedTask(cell.task.label, data, cell.options["task"])
    checked = check_task(task, codes, costly=costly, also=gated, on_progress=show)
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
    fold = data.source.folds
    of_folds = f"  fold {fold['fold']} of {fold['folds'] * fold['repeats']}" if fold else ""
    described = f"{cell.task.label}  {sizes}  ({data.source.origin}){of_folds}"
    return described, checked, time.perf_counter() - began


def _task_lines(described: str, checked: Checked, seconds: float, seconds_of_checks: float) -> Iterator[str]:
    yield described
    for finding in checked.findings:
        yield f"  {finding.code} {finding.severity}: {finding.summary}"
        for evidence in finding.evidence:
            yield f"    {_rows(evidence)}"
        yield f"    mend: {finding.mend}"
    if not checked.findings:
        yield "  no finding"
    for name, reason in checked.too_costly.items():
        yield f"  not checked without --all: {name} ({reason})"
    for name, reason in checked.inapplicable.items() if not checked.ran else ():
        yield f"  not checked: {name} ({reason})"
    if seconds > SLOW:
        yield f"  read in {seconds - seconds_of_checks:.0f} s, checked in {seconds_of_checks:.0f} s"


def _rows(evidence: Evidence) -> str:
    """Return the rows of the evidence: `rows of test: 3, 17, … (12 in all, counted from 0)`."""
    shown = ", ".join(str(row) for row in evidence.rows[:MAX_SHOWN_ROWS])
    more = f", … ({evidence.count:,} in all, counted from 0)" if evidence.count > MAX_SHOWN_ROWS else " (from 0)"
    return f"rows of {evidence.split}: {shown}{more}"


def _closing_lines(
    findings: Sequence[Finding], unchecked: Sequence[str], fail_on: Sequence[str], arguments: str, *, costly: bool
) -> Iterator[str]:
    counts = Counter(finding.severity for finding in findings)
    listed = ", ".join(f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts.items())
    yield f"\n{len(findings)} finding{'s' if len(findings) != 1 else ''}{f': {listed}' if listed else ''}"
    if unchecked:
        yield f"NOT CHECKED, since their data could not be read: {', '.join(unchecked)}"
    failing = sorted({finding.code for finding in findings} & set(fail_on))
    if failing:
        yield f"FAILED: [data] fail_on names {', '.join(failing)}"
    elif unchecked:
        yield f"next: bench data check {arguments}   with these data"
    elif not costly:
        yield f"next: bench data check {arguments} --all   the costly checks too"
    else:
        yield f"next: bench run {arguments}"
