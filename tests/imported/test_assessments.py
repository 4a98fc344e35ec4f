"""Assessments of MLflow 3."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.assessments import SOURCE_RUN, assessed, rating


def feedback(value: Any, kind: str = "CODE", name: str = "tone", **further: Any) -> dict[str, Any]:
    source = {"source_type": kind, "source_id": "x"}
    return {"assessment_name": name, "source": source, "feedback": {"value": value}, "valid": True, **further}


def error(message: str) -> dict[str, Any]:
    return feedback(None) | {"feedback": {"value": None, "error": {"error_message": message}}}


def test_code_models_and_humans_are_metrics_of_their_own() -> None:
    row = [feedback(0.5), feedback("yes", "LLM_JUDGE"), feedback(False, "HUMAN"), feedback("no", "AI_JUDGE", "x")]
    assert assessed([row], "f").rows == [{"tone": 0.5, "tone_judge": 1.0, "tone_human": 0.0, "x_judge": 0.0}]


def test_an_error_belongs_to_the_judge_of_that_name() -> None:
    result = assessed([[feedback("yes", "LLM_JUDGE")], [error("timeout")], []], "f")
    assert result.rows == [{"tone_judge": 1.0}, {}, {}]
    assert result.absences == {"tone_judge": ["timeout"]}
    assert assessed([[error("timeout")]], "f").absences == {"tone": ["timeout"]}, "nothing shows that it was a judge"


def test_a_rating_that_is_no_number_is_absent_with_its_words() -> None:
    result = assessed([[feedback("rather good")], [feedback({"a": 1})]], "f")
    assert result.rows == [{}, {}]
    assert result.absences["tone"] == [
        'the rating "rather good" is no number', 'the rating {"a": 1} is no number']  # fmt: skip
    assert [rating(value) for value in ("Yes ", "no", True, 3, "3", None, float("nan"))] == [
        1.0, 0.0, 1.0, 3.0, 3.0, None, None]  # fmt: skip


def test_replaced_assessments_expectations_and_earlier_evaluations_do_not_count() -> None:
    expectation = {"assessment_name": "answer", "source": {"source_type": "HUMAN"}, "expectation": {"value": "6"}}
    old = feedback(0.0, metadata={SOURCE_RUN: "r1"}, create_time="2026-01-01T00:00:00Z")
    new = feedback(1.0, metadata={SOURCE_RUN: "r2"}, create_time="2026-01-02T00:00:00Z")
    result = assessed([[new, old, expectation, feedback(0, "HUMAN", valid=False)]], "f")
    assert (result.rows, result.outdated) == ([{"tone": 1.0}], 1)


def test_two_humans_count_as_their_mean() -> None:
    result = assessed([[feedback(True, "HUMAN"), feedback(False, "HUMAN")]], "f")
    assert (result.rows, result.several) == ([{"tone_human": 0.5}], 1)


@pytest.mark.parametrize("row", ["{", 3, "3", [1], {"a": 1}])
def test_what_is_no_list_of_objects_is_refused(row: Any) -> None:
    with pytest.raises(BenchError, match=r"f: assessments of row 2"):
        assessed([None, row], "f")
