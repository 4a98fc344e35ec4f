"""The exit status of a run: whether it, its gates, or its comparison should make a command fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench_suite.comparison.gates import Judgement
    from bench_suite.execution.session import Outcome

PRIORITY = (130, 2, 1, 3, 4)
"Exit statuses by priority: if several apply, the first one is used."


def combined(*statuses: int) -> int:
    """Return the exit status with the highest priority."""
    return next((status for status in PRIORITY if status in statuses), 0)


def failing_codes(outcome: Outcome, fail_on: Sequence[str]) -> list[str]:
    """Return the codes of the run's findings that the suite's `[data] fail_on` names."""
    return sorted({finding.code for finding in outcome.run.findings} & {*fail_on})


def exit_status(outcome: Outcome, judgements: Sequence[Judgement], fail_on: Sequence[str] = ()) -> int:
    """Return 130 if interrupted, else the worst of the statuses of gates, findings and failed cells: 1, 3, 4 or 0."""
    statuses = [judgement.status for judgement in judgements]
    statuses += [1] if failing_codes(outcome, fail_on) else []
    statuses += [130] if outcome.interrupted else []
    statuses += [3] if outcome.failed or outcome.summary_errors else []
    return combined(*statuses)
