"""The questions that a report answers, in the order of the page, and the question of each probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from bench_suite.contracts import Question
from bench_suite.reports.probe_facts import probe_facts
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

    The component's file states its fact `QUESTION`. A probe without one, or whose file is not here, has no entry.
    """
    return {
        label: question
        for label, facts in probe_facts(run).items()
        if (question := facts.get("QUESTION")) in get_args(Question) and question is not None
    }
