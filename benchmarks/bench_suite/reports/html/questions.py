"""The questions that a report answers, in the order of the page, and the question of each probe."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from bench_suite.components import discovery
from bench_suite.contracts import BenchError, Question
from bench_suite.store.runs import Run

OTHER = "other"
"The section of probes without a question: those of other programs, and metrics of imported results."
HEADINGS: Mapping[str, str] = {
    "quality": "Quality: how good is it?",
    "generalisation": "Generalisation: does it hold on other data?",
    "cost": "Cost: what does it take?",
    "groups": "Groups: whom does it treat worse?",
    "explanation": "Explanations: what does it look at?",
    "privacy": "Privacy: what does it reveal about its training data?",
    "training": "Training: how did it train?",
    OTHER: "Other measurements",
}
"Headings by question, in the order of the page."

SHORT: Mapping[str, str] = {
    "quality": "Quality",
    "generalisation": "Generalisation",
    "cost": "Cost",
    "groups": "Groups",
    "explanation": "Explanations",
    "privacy": "Privacy",
    "training": "Training",
    OTHER: "Other",
}
"Names of the sections in the navigation."


def questions_of(run: Run) -> dict[str, str]:
    """Return the question of each probe that the suite of a run configures, by its label.

    The suite's text says which component has a label, and the component's file states its fact `QUESTION`. Files that
    the suite names by path are not searched: they may be elsewhere. Such a probe has no entry.
    """
    questions: dict[str, str] = {}
    labels = dict.fromkeys(label for record in run.records() for label in record.probes)
    for label, use in {**{label: label for label in labels}, **_uses(str(run.info.get("text") or ""))}.items():
        if discovery.is_path(use):
            continue
        try:
            question: str | None = discovery.find("probes", use, Path()).facts.get("QUESTION")
        except BenchError:  # of a program that is not installed here
            continue
        if question is not None and question in get_args(Question):
            questions[label] = question
    return questions


def _uses(text: str) -> dict[str, str]:
    """Return the `use` of each probe that states one, by its label."""
    try:
        probes: Any = tomllib.loads(text).get("probes", {})
    except tomllib.TOMLDecodeError:
        return {}
    tables = probes.items() if isinstance(probes, Mapping) else ()
    return {
        label: use
        for label, options in tables
        if isinstance(options, Mapping) and isinstance(use := options.get("use"), str)
    }
