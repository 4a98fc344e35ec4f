"""The plan of a suite: its cells in units, and the errors that only the cells show; nothing has been run."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.suite.cell import Cell, Unit, matches, name, name_of
from bench_suite.suite.checks import check_cell
from bench_suite.suite.document import SuiteError
from bench_suite.suite.expansion import cells_of, concerns, count_points, incompatibility
from bench_suite.suite.folds import AXIS as FOLD
from bench_suite.suite.gate_section import check_scope
from bench_suite.suite.identity import digest, probe_key
from bench_suite.suite.spec import GATE_SEEDS, MODEL, ComponentUse, Suite, unknown_classes

# Cells, their names and `digest` are part of what other rooms know a plan by.
__all__ = ["MAX_CELLS", "Cell", "Plan", "Unit", "digest", "make_plan", "name", "name_of"]

MAX_CELLS = 100_000
"Most cells of a suite: more is a slip of the pen, and would fill the memory before anybody sees it."


@dataclass(frozen=True)
class Plan:
    """The units that a suite comes to."""

    suite: Suite
    units: tuple[Unit, ...]
    left_out: tuple[tuple[str, str, str], ...] = ()
    "Task, model and the reason why they do not fit."
    only: tuple[str, ...] = ()
    "The selectors that reduced it to a part of the suite."
    probe_keys: Mapping[str, str] = field(default_factory=dict)
    "By label: hash of the probe's `use`, `VERSION`, options, and files that they name."
    passed: tuple[str, ...] = ()
    "Ids of cells that `--lf` left out, since they ended well when they last ran."

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, in the order of their execution."""
        return tuple(cell for unit in self.units for cell in unit.cells)


def make_plan(suite: Suite, only: Sequence[str] = ()) -> Plan:
    """Return the plan of a suite, reduced to the cells of `only` (`AXIS=VALUE`) if there are any.

    Raises:
        SuiteError: with all errors that the cells show, or because no cell is left.
    """
    cells, left_out = _expand(suite)
    _check_unused(suite, cells, left_out)
    _check_axes(suite, cells)
    for cell in cells:
        check_cell(suite, cell)
    _check_duplicates(suite, cells)
    _check_choices(suite, cells)
    for probe in suite.probes:
        _check_probe(suite, probe, cells)
    for gate in suite.gates:
        check_scope(suite, gate, cells)
    if suite.gate_seeds is not None and any(FOLD in cell.labels for cell in cells):
        suite.document.error(
            ("gate", GATE_SEEDS),
            "does not go with folds: a comparison of folds has no seeds to add; keep one of the two",
        )
    suite.document.raise_errors()
    selector = _parse_only(only, cells)
    chosen = [cell for cell in cells if matches(cell.labels, selector)]
    if not chosen:
        raise SuiteError([f"--only {' --only '.join(only)}: no cell of this suite is all of that"])
    by_unit: dict[str, list[Cell]] = {}
    for cell in chosen:
        by_unit.setdefault(cell.unit, []).append(cell)
    units = tuple(Unit(id, tuple(members)) for id, members in by_unit.items())
    return Plan(suite, units, tuple(left_out), tuple(only), {probe.label: probe_key(probe) for probe in suite.probes})


def _expand(suite: Suite) -> tuple[list[Cell], list[tuple[str, str, str]]]:
    """Return all cells of a suite, and the pairs that do not fit, each with the reason.

    Raises:
        SuiteError: there are more than `MAX_CELLS` cells; noticed before they are made.
    """
    left_out: list[tuple[str, str, str]] = []
    cells: list[Cell] = []
    for task, model in itertools.product(suite.tasks, suite.models):
        reason = incompatibility(task, model.component, suite.problems[task.label])
        if reason:
            left_out.append((task.label, model.label, reason))
            continue
        points = count_points(suite, task, model)
        if len(cells) + points > MAX_CELLS:
            suite.document.error(
                ("matrix",),
                f"comes to more than {MAX_CELLS:,} cells ({points:,} for {task.label}, {model.label}): "
                "give some axes fewer values",
            )
            suite.document.raise_errors()
        cells.extend(cells_of(suite, task, model))
    return cells, left_out


# ── errors that only all cells together show ────────────────────────────────────────────────────


def _check_unused(suite: Suite, cells: Sequence[Cell], left_out: Sequence[tuple[str, str, str]]) -> None:
    """Add an error for each task and model that is in no cell, with the reason."""
    for position, (kind, choices) in enumerate((("task", suite.tasks), ("model", suite.models))):
        for choice in choices:
            if any((cell.task, cell.model)[position] is choice for cell in cells):
                continue
            pairs = [f"{pair[1 - position]} ({pair[2]})" for pair in left_out if pair[position] == choice.label]
            other = "model" if kind == "task" else "task"
            excluded = len(pairs) < len(suite.models if kind == "task" else suite.tasks)
            reason = (
                "is in no cell: all of its cells are excluded"
                if excluded
                else f"fits no {other} of this suite: {', '.join(pairs)}"
            )
            suite.document.error((*choice.key, "use"), f"the {kind} {choice.label} {reason}")


def _check_axes(suite: Suite, cells: Sequence[Cell]) -> None:
    """Add an error for each axis of several values that concerns no cell."""
    for axis, values in suite.axes.items():
        if cells and len(values) > 1 and not any(concerns(axis, cell.task, cell.model) for cell in cells):
            suite.document.error(
                ("matrix", axis),
                "is an axis that concerns no cell of this suite: its models fit themselves, without an engine",
            )


def _check_duplicates(suite: Suite, cells: Iterable[Cell]) -> None:
    """Add an error for cells of one identity: one for each pair of task and model, however many seeds there are."""
    first: dict[str, Cell] = {}
    noted: set[tuple[str, str]] = set()
    for cell in cells:
        other = first.setdefault(cell.id, cell)
        pair = (cell.task.label, cell.model.label)
        if other is not cell and pair not in noted:
            noted.add(pair)
            key = cell.model.key if other.task is cell.task else cell.task.key
            suite.document.error(
                key, f"the cells {name(other)} and {name(cell)} are the same but for their names; leave one out"
            )


def _check_choices(suite: Suite, cells: Sequence[Cell]) -> None:
    """Add an error for the values of a probe's options that the suite states and that apply to none of its cells."""
    for probe in suite.probes:
        unfit = [cell.unfit[probe.label] for cell in cells if cell.probes.get(probe.label, "") is None]
        for option, reasons in unfit[0].items() if unfit else ():
            for choice, reason in reasons.items() if option in probe.stated else ():
                if all(choice in of_cell.get(option, {}) for of_cell in unfit):
                    message = f"{show(choice)} applies to no cell of this suite: {reason}"
                    suite.document.error((*probe.key, option), f"{message} (else leave it out)")


def _check_probe(suite: Suite, probe: ComponentUse, cells: Sequence[Cell]) -> None:
    """Add an error for a probe that chooses no cell, applies to none, or names a class or a model that there is not."""
    for option, kind in probe.component.facts.get("NAMES", {}).items():
        label, labels = probe.stated.get(option), [model.label for model in suite.models]
        if kind == MODEL and label is not None and label not in labels:
            message = f"{show(label)} is no model of this suite{nearest(label, labels)} (it has: {', '.join(labels)})"
            suite.document.error((*probe.key, option), message)
    reasons = [cell.probes[probe.label] for cell in cells if probe.label in cell.probes]
    if cells and not reasons:
        suite.document.error((*probe.key, "only"), "chooses no cell of this suite")
    elif reasons and all(reasons):
        suite.document.error(probe.key, f"applies to no cell of this suite: {reasons[0]}")
    tasks = {cell.task.label: cell.task for cell in cells if cell.probes.get(probe.label, "") is None}
    for task in tasks.values():
        if classes := task.component.words("CLASSES"):
            for option, error in unknown_classes(probe, task.label, classes):
                suite.document.error((*probe.key, option), f"{error}{advice_to_skip(task, suite.tasks)}")


def advice_to_skip(task: ComponentUse, tasks: Sequence[ComponentUse]) -> str:
    """Return how to keep a probe from a task; empty if the suite has no other task."""
    others = [f'"{other.label}"' for other in tasks if other is not task]
    return f"; to leave that task out: only = {{ task = [{', '.join(others)}] }}" if others else ""


# ── --only ──────────────────────────────────────────────────────────────────────────────────────


def _parse_only(only: Sequence[str], cells: Sequence[Cell]) -> dict[str, tuple[Any, ...]]:
    """Return the values that `--only` chooses, by axis; several of one axis are alternatives. Raises SuiteError."""
    selector: dict[str, tuple[Any, ...]] = {}
    for text in only:
        axis, equals, written = text.partition("=")
        known = list(dict.fromkeys(axis for cell in cells for axis in cell.labels))
        if not equals or axis not in known:
            raise SuiteError(
                [f"--only {text}: is not AXIS=VALUE{nearest(axis, known)} (axes here: {', '.join(known)})"]
            )
        values = {str(cell.labels.get(axis)): cell.labels.get(axis) for cell in cells}
        for value in [written] if written in values else written.split(","):
            if value not in values:
                near = nearest(value, values)
                raise SuiteError(
                    [f'--only {text}: no cell has {axis} "{value}"{near} (there are: {", ".join(values)})']
                )
            selector[axis] = (*selector.get(axis, ()), values[value])
    return selector
