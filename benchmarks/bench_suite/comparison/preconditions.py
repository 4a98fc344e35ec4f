"""What must hold before two runs are compared: two different runs, no smoke run, cells in common, readable gates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bench_suite.comparison.gates import DamagedGate, stated_gates
from bench_suite.contracts import BenchError
from bench_suite.store.commands import results_option
from bench_suite.store.runs import Run
from bench_suite.suite.spec import GATE_OPTIONS, Gate

if TYPE_CHECKING:
    from bench_suite.comparison.base_runs.last_runs import LastRuns


class ComparisonError(BenchError):
    """Runs that cannot be compared."""


class NoBaseline(BenchError):
    """A comparison that has no baseline, or whose base has too few runs."""

    exit_status = 4


def check_common(base: Run | LastRuns, ids: Iterable[str], flag: str = "--against") -> None:
    """Check, before cells are run, that a base has at least one of them; `flag` is what names the base.

    Raises:
        ComparisonError: The base has none of these cells, or it is a smoke run.
    """
    if isinstance(base, Run):
        check_no_smoke(base)
    if not {record.id for record in base.records() if record.status == "ok"} & set(ids):
        raise ComparisonError(
            f"{base.name} has none of these cells: its suite, its options or a component's VERSION differ\n"
            f"  leave out {flag}, or name another run: bench results"
        )


def check_no_smoke(*runs: Run) -> None:
    """Refuse smoke runs.

    Raises:
        ComparisonError: One of the runs is a smoke run.
    """
    for run in runs:
        if run.info.get("smoke"):
            raise ComparisonError(f"{run.name} is a smoke run, which is never compared\n  run it without --smoke")


def check_different(base: Run, head: Run) -> None:
    """Refuse to compare a run with itself, which would never find anything worse.

    Raises:
        ComparisonError: Both are the same run, or head is the run that the baseline was made from.
    """
    if base.name != head.name:
        return
    if base.path == head.path:
        raise ComparisonError(
            f"BASE and HEAD are the same run, {head.name}: name two runs\n"
            f"  list them with: bench results{results_option(head.path.parent)}"
        )
    raise ComparisonError(
        "HEAD is the run that the baseline was made from: run the suite first, or name HEAD\n"
        f"  it is {head.name}; list others with: bench results{results_option(head.path.parent)}"
    )


def judged_gates(head: Run) -> tuple[Gate, ...]:
    """Return the gates that are judged.

    Raises:
        ComparisonError: A gate in `run.json` is damaged.
    """
    try:
        return stated_gates(head.info.get("gate", {}))
    except DamagedGate as error:
        message = f"{head.path / 'run.json'} is damaged: {error}\n  run the suite again"
        raise ComparisonError(message) from None


def gate_options(head: Run) -> dict[str, str]:
    """Return `undecided` and `new` of the section `[gate]`, with defaults for what an older run does not state."""
    stated = head.info.get("gate_options", {})
    return {name: stated.get(name, option.default) for name, option in GATE_OPTIONS.items()}
