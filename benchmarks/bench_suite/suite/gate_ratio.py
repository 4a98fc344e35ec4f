"""The option `ratio_to` of a gate: the model by whose value that of each other model is divided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench_suite.components.options import MISSING, show
from bench_suite.components.suggestions import nearest
from bench_suite.suite.cell import Cell
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.spec import BEST, GATE_RATIO, REFERENCE, ComponentUse, Gate, Suite
from bench_suite.suite.toml_positions import Path as KeyPath


def read_ratio(
    sections: Sections, rules: Mapping[str, Any], path: KeyPath, models: Sequence[ComponentUse],
    facts: Mapping[str, Any],
) -> tuple[str, Mapping[str, Any]]:  # fmt: skip
    """Return the reference model of a gate, and the facts of what it judges; errors are added to the sections.

    Args:
        sections: the sections of the suite.
        rules: one table of rules.
        path: where the file states them.
        models: the models of the suite.
        facts: unit, direction and range of the metric; empty if it is not known.

    Returns:
        The label of the reference, empty without `ratio_to` or after an error; and the facts of the ratio.
    """
    if "ratio_to" not in rules:
        return "", facts
    key = (*path, "ratio_to")
    least = facts.get("range", (0.0, None))[0]
    if least is None or least < 0:
        sections.error(key, "the metric can be negative, so a ratio of two of its values means nothing: leave it out")
    for rule in ("min", "max"):
        bound = rules.get(rule)
        if isinstance(bound, (int, float)) and not isinstance(bound, bool) and bound <= 0:
            sections.error(
                (*path, rule), f"{show(bound)} bounds no ratio, which is above 0: 1 is as good as the reference"
            )
    name = sections.accept(GATE_RATIO, rules["ratio_to"], key)
    label = "" if name is MISSING else _label_of(sections, name, key, [model.label for model in models])
    return label, {**facts, "unit": "ratio"}


def _label_of(sections: Sections, name: str, key: KeyPath, labels: Sequence[str]) -> str:
    """Return the label of the model that `ratio_to` names; empty after an error."""
    if name in labels or "models" in sections.incomplete:
        return name
    if name != REFERENCE:
        known = f"{nearest(name, [*labels, REFERENCE])} (a model of the suite: {', '.join(labels)}; or {REFERENCE})"
        sections.error(key, f"there is no model {show(name)}{known}")
        return ""
    stated = sections.section("report").get("reference")
    if stated in labels:
        return str(stated)
    if stated is None:
        sections.error(
            key, f"[report] states no reference: name a model here ({', '.join(labels)}), or state one there"
        )
    elif stated == BEST:
        message = f'[report] reference = "{BEST}" is no fixed model, so no gate is of a ratio to it'
        sections.error(key, f"{message}: name one here ({', '.join(labels)})")
    return ""  # any other reference that is no model is an error of [report]


def check_ratio_cells(suite: Suite, gate: Gate, judged_cells: Sequence[Cell], references: Sequence[Cell]) -> None:
    """Add an error if the reference has no cell on a task that a gate judges.

    Args:
        suite: the suite of the gate.
        gate: a gate with `ratio_to`.
        judged_cells: the cells of other models that the gate is for and that measure its metric.
        references: the cells of the reference that measure it.
    """
    key = (*gate.key, "ratio_to")
    tasks = dict.fromkeys(str(cell.labels["task"]) for cell in judged_cells)
    known = {str(cell.labels["task"]) for cell in references}
    shared = [task for task in tasks if task in known]
    if not tasks:
        suite.document.error(key, f"no other model of this suite measures {gate.metric}")
    elif not shared:
        suite.document.error(key, f"{gate.ratio_to} measures {gate.metric} on no task on which another model does")
    elif len(shared) < len(tasks):
        missing = ", ".join(task for task in tasks if task not in known)
        chosen = ", ".join(f'"{task}"' for task in shared)
        suite.document.error(
            key, f"{gate.ratio_to} does not measure {gate.metric} on {missing}; add only = {{ task = [{chosen}] }}"
        )
