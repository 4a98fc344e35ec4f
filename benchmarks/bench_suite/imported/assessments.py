"""Assessments of MLflow 3: what code, models and humans say of a trace, as scores by the name of the assessment.

Code, model judges and humans that assess under one name are different instruments, so each becomes a metric of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench_suite.contracts import BenchError
from bench_suite.imported.json_files import finite, mapping, text
from bench_suite.imported.tables import number_of

WORDS: Mapping[str, float] = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "pass": 1.0, "fail": 0.0}
"Numbers that a rating stands for; MLflow itself counts `yes` and `no`."
SUFFIXES: Mapping[str, str] = {"HUMAN": "_human", "LLM_JUDGE": "_judge", "AI_JUDGE": "_judge"}
"End of a metric's name by the type of its source; scores that code computed have none."
SOURCE_RUN = "mlflow.assessment.sourceRunId"


@dataclass
class Assessed:
    """The scores of some rows from their assessments, and why others are absent."""

    rows: list[dict[str, float]] = field(default_factory=list)
    "For each row, the score by metric."
    absences: dict[str, list[str]] = field(default_factory=dict)
    "By metric, why rows have no score: an error of the judge, or a rating that is no number."
    several: int = 0
    "Scores that are the mean of several assessments of one row."
    outdated: int = 0
    "Assessments of an earlier evaluation of the same trace, left out."


def assessed(rows: Sequence[Any], where: str) -> Assessed:
    """Return the scores of some rows.

    Args:
        rows: for each row its assessments: a list of objects, or its JSON.
        where: the file, for errors.

    Raises:
        BenchError: the assessments of a row are no list of objects.
    """
    listed = [_feedback(row, f"{where}: assessments of row {number:,}") for number, row in enumerate(rows, 1)]
    of_judges = {
        text(one.get("assessment_name"), 1_000)
        for row in listed
        for one in row
        if _suffix(one) == "_judge" and _error(one) is None
    }
    result = Assessed()
    for row in listed:
        by_metric: dict[str, list[Mapping[str, Any]]] = {}
        for one in row:
            name, suffix = text(one.get("assessment_name"), 1_000) or "feedback", _suffix(one)
            # MLflow records the error of a scorer as one of code, whatever the scorer would have called itself.
            suffix = "_judge" if not suffix and name in of_judges and _error(one) is not None else suffix
            by_metric.setdefault(f"{name}{suffix}", []).append(one)
        scores: dict[str, float] = {}
        for metric, assessments in by_metric.items():
            newest = _of_newest_run(assessments)
            result.outdated += len(assessments) - len(newest)
            values = [value for one in newest if (value := rating(one["feedback"].get("value"))) is not None]
            if len(values) == len(newest):
                scores[metric] = sum(values) / len(values)
                result.several += len(values) > 1
            else:
                reasons = result.absences.setdefault(metric, [])
                reasons += [reason for one in newest if (reason := _reason(one))]
        result.rows.append(scores)
    return result


def rating(value: Any) -> float | None:
    """Return a rating as a number, also one in a text, None if it is none: `yes` is 1 and `no` is 0."""
    if not isinstance(value, str):
        return finite(value)
    word = value.strip().lower()
    return WORDS[word] if word in WORDS else finite(number_of(word))


def _feedback(row: Any, where: str) -> list[Mapping[str, Any]]:
    """Return the assessments of a row that are feedback, and that no other one replaced."""
    if isinstance(row, str):
        try:
            row = json.loads(row)
        except ValueError as error:
            raise BenchError(f"{where} are no JSON: {error}") from error
    if row is None:
        return []
    if not isinstance(row, list):
        raise BenchError(f"{where} must be a list, and are {type(row).__name__}")
    listed = [mapping(one, where) for one in row]
    return [one for one in listed if isinstance(one.get("feedback"), Mapping) and one.get("valid") is not False]


def _suffix(one: Mapping[str, Any]) -> str:
    source = one.get("source")
    kind = text(source.get("source_type")) if isinstance(source, Mapping) else ""
    return SUFFIXES.get(kind.upper(), "")


def _of_newest_run(assessments: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the assessments of the newest evaluation; those that no evaluation made are kept beside one another."""
    runs: dict[str, str] = {}
    for one in assessments:
        run = _run_of(one)
        runs[run] = max(runs.get(run, ""), text(one.get("create_time")))
    if len(runs) < 2:
        return assessments
    newest = max(runs, key=lambda run: runs[run])
    return [one for one in assessments if _run_of(one) == newest]


def _run_of(one: Mapping[str, Any]) -> str:
    metadata = one.get("metadata")
    return text(metadata.get(SOURCE_RUN)) if isinstance(metadata, Mapping) else ""


def _error(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    error = one["feedback"].get("error")
    return error if isinstance(error, Mapping) else None


def _reason(one: Mapping[str, Any]) -> str:
    """Return why an assessment is no score; empty if it is one."""
    if (error := _error(one)) is not None:
        return text(error.get("error_message")) or text(error.get("error_code")) or "error"
    value = one["feedback"].get("value")
    return "" if rating(value) is not None else f"the rating {json.dumps(value, default=str)[:60]} is no number"
