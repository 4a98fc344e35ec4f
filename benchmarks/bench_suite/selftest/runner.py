"""Running the self-test: the suite `planted` through the real frame, in a folder that goes away again."""

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
from bench_suite.selftest.attribution_checks import ASKED, Asked
from bench_suite.selftest.checks import Check, Finding, Measured, judge
from bench_suite.selftest.expected_values import checks_of
from bench_suite.selftest.fairness_checks import RESAMPLES
from bench_suite.store.runs import Store
from bench_suite.suite.parser import read_suite
from bench_suite.suite.plan import Plan, Unit, make_plan

SUITE = "planted"
COMMAND = ("bench", "selftest")


def _attribution(label: str, asked: Asked) -> str:
    where = f'only={{task="{asked.task}",model="{asked.model}"}}'
    how = f"examples={asked.examples},samples={asked.samples},methods={json.dumps(asked.methods)}"
    stated = ",".join(filter(None, ('use="attribution"', where, "shown=0", how, asked.more)))
    return f"probes.{label}={{{stated}}}"


EXTRAS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "fairness": (
        "fairlearn",
        {
            "fairness": 'probes.fairness={only={model=["planted_rule","planted_words"]},terms=["gender"],'
            f"resamples={RESAMPLES}}}"
        },
    ),
    "attribution": ("captum", {label: _attribution(label, asked) for label, asked in ASKED.items()}),
}
"""Probes that need a package of an extra: by the extra's name that package, and by probe how `--set` adds it: the suite
itself is without, so that it runs where they are not installed."""


def planned() -> tuple[Plan, list[Check], list[str]]:
    """The plan of the suite, all that is known of its cells, and the extras that are not installed here."""
    here = {extra: importlib.util.find_spec(package) is not None for extra, (package, _) in EXTRAS.items()}
    added = [setting for extra, installed in here.items() if installed for setting in EXTRAS[extra][1].values()]
    plan = make_plan(read_suite(SUITE, added))
    return plan, checks_of(plan.cells), [extra for extra, installed in here.items() if not installed]


def as_plan(plan: Plan, checks: Sequence[Check]) -> Plan:
    """The checks as cells with an axis `instrument`, for `-k` to choose from; a unit's id is the check's position."""
    units = [
        Unit(str(number), (replace(check.cell, labels={**check.cell.labels, "instrument": check.instrument}),))
        for number, check in enumerate(checks)
    ]
    return replace(plan, units=tuple(units))


def chosen(matching: Plan, checks: Sequence[Check]) -> list[Check]:
    """The checks that are left of `as_plan`."""
    return [checks[int(unit.id)] for unit in matching.units]


def selftest(
    plan: Plan, checks: Sequence[Check], watched: Callable[[int], AbstractContextManager[RunCallback]]
) -> list[Finding]:
    """Run the cells that the checks are about, some of them twice, and judge each check.

    Arguments: `plan` and `checks` as `planned` gave them, or fewer checks; `watched` gives what is told of that many
    cells' progress. Raises KeyboardInterrupt after a Ctrl-C, and BenchError where the suite cannot run at all.
    """
    needed = {id for check in checks for id in (check.cell.id, *check.others)}
    twice = {check.cell.id for check in checks if check.repeated}
    with tempfile.TemporaryDirectory(prefix="bench-selftest-") as folder:
        store = Store(Path(folder))
        part = filter_cells(plan, lambda cell: cell.id in needed, "selftest")
        with watched(len(part.cells)) as callback:
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
