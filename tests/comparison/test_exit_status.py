"""Claims about the exit status of a run: the most important reason to fail decides."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.comparison.exit_status import PRIORITY, combined, exit_status, failing_codes


def outcome(*codes: str, interrupted: bool = False, failed: int = 0, summary_errors: tuple[str, ...] = ()) -> Any:
    run = SimpleNamespace(findings=tuple(SimpleNamespace(code=code) for code in codes))
    return SimpleNamespace(run=run, interrupted=interrupted, failed=failed, summary_errors=summary_errors)


def judgement(status: int) -> Any:
    return SimpleNamespace(status=status)


@pytest.mark.parametrize("number", range(len(PRIORITY)))
def test_a_status_comes_before_those_after_it_and_success(number: int) -> None:
    assert combined(0, *reversed(PRIORITY[number:])) == PRIORITY[number]


def test_nothing_to_fail_for_is_success() -> None:
    assert combined() == combined(0) == exit_status(outcome("D010"), [judgement(0)]) == 0


@pytest.mark.parametrize(
    ("end", "judgements", "status"),
    [
        (outcome(interrupted=True, failed=2), [judgement(1)], 130),
        (outcome(failed=2), [judgement(1)], 1),
        (outcome(failed=2), [judgement(0), judgement(4)], 3),
        (outcome(summary_errors=("no summary",)), [], 3),
        (outcome(), [judgement(4), judgement(0)], 4),
    ],
)
def test_the_first_reason_decides(end: Any, judgements: list[Any], status: int) -> None:
    assert exit_status(end, judgements) == status


def test_a_finding_fails_a_run_only_if_the_suite_asks_for_it() -> None:
    end = outcome("D010", "D009", "D010")
    assert failing_codes(end, ("D010", "D001")) == ["D010"]
    assert exit_status(end, [], ("D010",)) == 1
    assert exit_status(end, [], ("D001",)) == 0
