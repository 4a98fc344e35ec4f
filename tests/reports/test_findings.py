"""Findings as reports show them: one for each task and code, with one advice."""

from __future__ import annotations

from bench_suite.contracts import Evidence, Finding
from bench_suite.reports.findings import shown_findings


def one(summary: str, mend: str = "draw again", subject: str = "", severity: str = "warning", **more) -> Finding:
    return Finding(more.pop("code", "D001"), severity, more.pop("task", "loans"), summary, mend, subject, **more)


def test_findings_of_one_code_and_task_are_one_and_those_of_another_task_are_not() -> None:
    rows = (Evidence("test", 1, (3,)),)
    shown = shown_findings([one("a", evidence=rows), one("b"), one("c", task="imdb"), one("d", code="D002")])
    assert [(line.task, line.code, line.summary) for line in shown] == [
        ("imdb", "D001", "c"), ("loans", "D001", "a; b"), ("loans", "D002", "d"),
    ]  # fmt: skip
    assert shown[1].evidence == rows


def test_an_equal_advice_is_shown_once() -> None:
    [shown] = shown_findings([one("a", "add rows", "x"), one("b", "add rows", "y")])
    assert shown.mend == "add rows"


def test_advice_that_differs_names_what_it_is_about() -> None:
    """Runs of earlier versions have a finding for each attribute, whose lines contradict each other."""
    [shown] = shown_findings([one("a", 'groups = ["y"]', "x"), one("b", 'groups = ["x"]', "y")])
    assert shown.mend == 'for x alone: groups = ["y"]; for y alone: groups = ["x"]'


def test_the_worst_severity_counts_and_comes_first() -> None:
    shown = shown_findings([one("a", severity="note"), one("b", severity="error"), one("c", code="D000")])
    assert [(line.code, line.severity) for line in shown] == [("D001", "error"), ("D000", "warning")]
    assert shown[0].summary == "b; a"


def test_notes_can_be_left_out() -> None:
    assert [line.summary for line in shown_findings([one("a"), one("b", severity="note")], notes=False)] == ["a"]
