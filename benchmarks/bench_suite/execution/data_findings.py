"""Findings of a run: its data are checked once before the first training on them, its results at the end."""

from __future__ import annotations

from collections.abc import Sequence, Set

from bench_suite.contracts import FINDING_CODES, BenchError, Finding, Record, describe_error
from bench_suite.execution.context import RunContext, check_key, data_key
from bench_suite.execution.events import Checked, Judged
from bench_suite.store.findings import finding_to_json
from bench_suite.suite.folds import AXIS as FOLD

RESULT_CODES = frozenset({"D009", "D011", "D012"})
"The codes that need results."
DATA_CODES = frozenset(FINDING_CODES) - RESULT_CODES


class FindingsFailed(BenchError):
    """Findings that the suite's `[data] fail_on` does not allow."""

    exit_status = 1


def check_loaded(context: RunContext) -> None:
    """Check the data that were loaded last, unless their task has been checked; store and announce the findings.

    An error of a check never fails the cell: it is shown as progress only.
    """
    _add_baselines(context)
    if context.unchecked is None:
        return
    from bench_suite.data.checks.checked_task import CheckedTask
    from bench_suite.data.checks.runner import check_task

    cell, data = context.unchecked
    context.unchecked = None
    label = cell.task.label
    task = CheckedTask(label, data, cell.options["task"])
    context.callback.step(cell, "checking the data")
    try:
        checked = check_task(task, also=frozenset(context.plan.suite.fail_on))
    except Exception as error:  # noqa: BLE001 - a split is a component's, and its `take` may raise anything
        context.callback.step(cell, f"the data were not checked: {describe_error(error)}")
        return
    if context.send is not None:
        context.send(Checked(check_key(cell), label, tuple(checked.findings)))
    else:
        _add(context, label, checked.findings, DATA_CODES)


def add_checked(context: RunContext, key: str, task: str, findings: Sequence[Finding]) -> None:
    """Store and announce what a worker found in data, unless another worker was faster.

    Args:
        context: of the process that drives the run.
        key: `check_key` of the data.
        task: label of their task.
        findings: what the worker found.
    """
    if key not in context.checked_tasks:
        context.checked_tasks.add(key)
        _add(context, task, findings, DATA_CODES)


def _add_baselines(context: RunContext) -> None:
    """Compute the trivial predictors of the data that were loaded last, of each fold its own."""
    if context.without_baselines is None:
        return
    from bench_suite.data.checks.checked_task import CheckedTask
    from bench_suite.data.checks.trivial import baselines_of

    cell, data = context.without_baselines
    context.without_baselines = None
    label, options = cell.task.label, cell.options["task"]
    try:
        key, baselines = data_key(label, options), baselines_of(CheckedTask(label, data, options))
    except Exception as error:  # noqa: BLE001 - a split is a component's, and its `take` may raise anything
        context.callback.step(cell, f"the data have no trivial baseline: {describe_error(error)}")
        return
    context.baselines[key] = baselines
    if context.send is not None:
        context.send(Judged(key, baselines))


def _add(context: RunContext, task: str, findings: Sequence[Finding], codes: Set[str]) -> None:
    """Add the findings on a task to the run, in place of those of earlier processes with these codes; announce them."""
    earlier = [
        one
        for one in context.run.findings
        if one not in context.findings and not (one.task == task and one.code in codes)
    ]
    context.findings += findings
    with context.storing():
        context.run.update({"findings": [finding_to_json(one) for one in (*earlier, *context.findings)]})
    if findings:
        context.callback.findings(task, findings)


def gate_data(context: RunContext) -> None:
    """Check the data of all tasks before any training, if the suite has codes that end the run.

    Raises:
        FindingsFailed: there is a finding of such a code.
    """
    codes = DATA_CODES & set(context.plan.suite.fail_on)
    if not codes:
        return
    cells = {
        (cell.task.label, repr({**cell.options["task"], FOLD: None})): cell for cell in reversed(context.plan.cells)
    }  # fold 0 stands for all folds, since their examples are the same
    for cell in cells.values():  # the first task last, whose data then need not be loaded again
        try:
            context.load(cell)
        except Exception:  # noqa: BLE001 - a task may raise anything, and the record of its cell reports it
            continue
        check_loaded(context)
    failing = [one for one in context.findings if one.code in codes]
    if failing:
        lines = "".join(f"\n  {one.code} {one.task}: {one.summary}\n    mend: {one.mend}" for one in failing[:5])
        more = f"\n  and {len(failing) - 5} more" if len(failing) > 5 else ""
        raise FindingsFailed(f"nothing was trained: [data] fail_on does not allow these findings:{lines}{more}")


def check_results(context: RunContext, records: Sequence[Record]) -> None:
    """Check the results of the run, and store and announce the findings. Smoke runs are not checked."""
    if context.smoke or not any(record.status == "ok" for record in records):
        return
    from bench_suite.execution.result_checks import result_findings

    for task in dict.fromkeys(str(record.cell["task"]) for record in records if record.status == "ok"):
        of_task = [one for one in records if one.cell["task"] == task and one.status == "ok"]
        baselines = {one.id: context.baselines.get(data_key(task, one.options["task"])) for one in of_task}
        # A resume that loads no data of the task has no baselines: an earlier finding stays.
        codes = RESULT_CODES if any(baselines.values()) else RESULT_CODES - {"D009"}
        try:
            findings = result_findings(context.plan.suite, context.run, task, of_task, baselines)
        except Exception:  # noqa: BLE001 - predictions of a component may have any form
            continue
        _add(context, task, findings, codes)
