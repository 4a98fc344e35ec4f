"""Runner: run the suite `planted` as `bench run` does, in a temporary folder, and judge all checks."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from bench_suite.execution.callbacks import RunCallback
from bench_suite.execution.selection import filter_cells
from bench_suite.execution.session import Outcome, Request, execute
from bench_suite.selftest.ab_checks import ab_checks
from bench_suite.selftest.attribution_checks import PROBES, ProbeRequest
from bench_suite.selftest.checks import NOTHING, Check, Finding, Measured, judge
from bench_suite.selftest.energy_checks import energy_checks
from bench_suite.selftest.expected_values import checks_of
from bench_suite.selftest.fairness_checks import RESAMPLES
from bench_suite.selftest.finding_checks import finding_checks
from bench_suite.selftest.history_checks import history_checks
from bench_suite.selftest.ratio_checks import ratio_checks
from bench_suite.selftest.seed_checks import seed_checks
from bench_suite.selftest.validation_checks import validation_checks
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, Unit, make_plan

SUITE = "planted"
COMMAND = ("bench", "selftest")


def _attribution_setting(label: str, request: ProbeRequest) -> str:
    cells = f'only={{task="{request.task}",model="{request.model}"}}'
    options = f"examples={request.examples},samples={request.samples},methods={json.dumps(request.methods)}"
    entries = ",".join(filter(None, ('use="attribution"', cells, "shown=0", options, request.more)))
    return f"probes.{label}={{{entries}}}"


EXTRAS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "fairness": (
        "fairlearn",
        {
            "fairness": 'probes.fairness={only={model=["planted_rule","planted_words"]},terms=["gender"],'
            f"resamples={RESAMPLES}}}"
        },
    ),
    "attribution": ("captum", {label: _attribution_setting(label, request) for label, request in PROBES.items()}),
}
"""Probes that need the package of an extra: by the extra's name, the package and the `--set` setting for each probe.
The suite itself does not contain them, so that it runs without these packages."""


def plan_checks() -> tuple[Plan, list[Check], list[str]]:
    """Return the plan of the suite, all checks of its cells, and the extras that are not installed."""
    here = {extra: importlib.util.find_spec(package) is not None for extra, (package, _) in EXTRAS.items()}
    added = [setting for extra, installed in here.items() if installed for setting in EXTRAS[extra][1].values()]
    plan = make_plan(read_suite(SUITE, added))
    first = plan.cells[0]
    checks = [*checks_of(plan.cells), *finding_checks(first), *energy_checks(first)]
    checks += [*history_checks(first), *ab_checks(first), *seed_checks(first), *ratio_checks(first)]
    checks += validation_checks(first)
    return plan, checks, [extra for extra, installed in here.items() if not installed]


def as_plan(plan: Plan, checks: Sequence[Check]) -> Plan:
    """Return the checks as cells with an axis `instrument`, for `-k`; the id of a unit is the index of its check."""
    units = [
        Unit(str(number), (replace(check.cell, labels={**check.cell.labels, "instrument": check.instrument}),))
        for number, check in enumerate(checks)
    ]
    return replace(plan, units=tuple(units))


def choose_checks(matching: Plan, checks: Sequence[Check]) -> list[Check]:
    """Return the checks that remain of the plan that `as_plan` returned."""
    return [checks[int(unit.id)] for unit in matching.units]


def selftest(
    plan: Plan, checks: Sequence[Check], progress: Callable[[int], AbstractContextManager[RunCallback]]
) -> list[Finding]:
    """Run the cells of the checks, some of them twice, and judge each check.

    Args:
        plan: the plan from `plan_checks`.
        checks: the checks from `plan_checks`, or some of them.
        progress: returns the callback that reports the progress of so many cells.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        BenchError: if the suite cannot run at all.
    """
    of_runs = [check for check in checks if check.needs_run]
    if not of_runs:
        return [judge(check, NOTHING) for check in checks]
    cell_ids = {id for check in of_runs for id in (check.cell.id, *check.others)}
    twice = {check.cell.id for check in of_runs if check.repeated}
    with tempfile.TemporaryDirectory(prefix="bench-selftest-") as folder:
        store = Store(Path(folder))
        part = filter_cells(plan, lambda cell: cell.id in cell_ids, "selftest")
        with progress(len(part.cells)) as callback:
            measured = _measured(execute(part, store, Request(command=COMMAND), callback))
        if twice:
            again = filter_cells(plan, lambda cell: cell.id in twice, "selftest")
            measured = replace(
                measured, again=_measured(execute(again, store, Request(command=COMMAND), RunCallback()))
            )
        return [judge(check, measured) for check in checks]


def _measured(outcome: Outcome) -> Measured:
    if outcome.interrupted:
        raise KeyboardInterrupt
    return Measured(outcome.run, {record.id: record for record in outcome.records})
