"""Checks of a run that need data or a built model, made for all cells before the first of them is trained.

They cover what the suite states about the data (columns and classes by name, other tasks to compare with) and private
trainings, which most networks do not permit. A task or a model that does not load is passed over: the record of its
cell says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError, Data, DataUnavailable, Placement
from bench_suite.execution.context import RunContext
from bench_suite.execution.data_findings import check_loaded
from bench_suite.suite.cell import train_key
from bench_suite.suite.plan import Cell, advice_to_skip, digest
from bench_suite.suite.spec import COLUMN, ComponentUse, list_classes, unknown_classes

_Reasons = dict[tuple[str, str], dict[str, str | None]]
"By probe and the task that it names, and by label of a cell's task: why the two do not fit; None if they do."


def check_early(context: RunContext) -> None:
    """Check the cells that are still to do against their data, before anything is trained.

    If the units run on other machines, nothing is checked here, since data and packages may be there only.

    Raises:
        SuiteError: lists what the suite states and cannot be done.
    """
    if context.elsewhere:
        return
    document, reasons = context.plan.suite.document, _Reasons()
    for cell in _representatives(context):  # the first task last, whose data then need not be loaded again
        try:
            data = context.load(cell)
        except Exception:  # noqa: BLE001 - a task may raise anything, and the record of its cell reports it
            continue
        check_loaded(context)
        skip = advice_to_skip(cell.task, context.plan.suite.tasks)
        for probe in _applied(cell, context):
            for option, error in unknown_names(probe, cell.task.label, data):
                document.error((*probe.key, option), f"{error}{skip}")
            _compare_tasks(probe, cell, data, context, reasons)
        for option, error in _training_errors(cell, data):
            document.error(train_key(cell, option), error)
    _report_tasks(context, reasons)
    document.raise_errors()


def _representatives(context: RunContext) -> Iterator[Cell]:
    """Yield cells that stand for all that have something to check: one for each task, and each private training."""
    cells: dict[str, Cell] = {}
    for cell in reversed(context.plan.cells):
        train = cell.options["train"]
        private = train["privacy"] is not None and cell.engine is not None
        weights = isinstance(train["class_weights"], Mapping)
        if not context.missing(cell) or not (private or weights or any(map(_names_data, _applied(cell, context)))):
            continue
        trained = [cell.model.label, cell.options["model"], train, cell.fraction] if private or weights else []
        key = digest([cell.task.label, cell.options["task"], [*_labels(cell, context)], *trained])
        cells.pop(key, None)  # the first cell of the plan is the one that stays, at its position
        cells[key] = cell
    yield from cells.values()


def _labels(cell: Cell, context: RunContext) -> Iterator[str]:
    yield from (probe.label for probe in _applied(cell, context))


def _applied(cell: Cell, context: RunContext) -> list[ComponentUse]:
    """Return the probes that apply to a cell and are still to do."""
    missing = context.missing(cell)
    return [one for one in context.plan.suite.probes if one.label in missing and cell.probes[one.label] is None]


def _names_data(probe: ComponentUse) -> bool:
    """Return whether a probe has an option that only data can show to be right."""
    kinds = probe.component.facts.get("NAMES", {})
    return any(probe.stated.get(option) and kinds[option] in ("class", COLUMN, "tasks") for option in kinds)


def unknown_names(probe: ComponentUse, task: str, data: Data) -> Iterator[tuple[str, str]]:
    """Yield each option of a probe that names a class or a column which the data do not have, with the message."""
    if data.problem not in (probe.component.words("PROBLEMS") or (data.problem,)):
        return
    if classes := [str(name) for name in data.spec.get("classes", ())]:
        yield from unknown_classes(probe, task, classes)
    for option, kind in probe.component.facts.get("NAMES", {}).items():
        stated = probe.stated.get(option) or ()
        names = _columns(data) if kind == COLUMN and stated else ()
        for column in stated if names else ():
            if column not in names:
                has = list_classes(names)
                yield option, f'the table of {task} has no column "{column}"{nearest(column, names)} (it has: {has})'


def _columns(data: Data) -> tuple[str, ...]:
    """Return the names of the columns of a table as a person brought them; empty if the data are none."""
    import numpy as np

    from bench_suite.data.table_inputs import table_inputs

    first = data.splits["test"].take(np.arange(min(1, len(data.splits["test"]))))
    if "table" not in first:
        return ()
    return tuple(one.name for one in table_inputs(data.spec, np.asarray(first["table"]).shape[1]))


# ── other tasks ─────────────────────────────────────────────────────────────────────────────────


def _compare_tasks(probe: ComponentUse, cell: Cell, data: Data, context: RunContext, reasons: _Reasons) -> None:
    """Note why the model of a cell cannot read the examples of each task that a probe names, or that it can."""
    from bench_suite.execution.other_task import with_test_of

    kinds = probe.component.facts.get("NAMES", {})
    for option in probe.component.facts.get("NEEDS_UNLESS", {}):
        for use in probe.stated.get(option, ()) if kinds.get(option) == "tasks" else ():
            reason = cell.unfit.get(probe.label, {}).get(option, {}).get(use)
            if reason is None:
                try:
                    with_test_of(use, cell, data, context.sources)
                except DataUnavailable:
                    continue  # the probe reports it, with the command that gets the data
                except BenchError as error:
                    reason = str(error)
                except Exception:  # noqa: BLE001 - a task may raise anything, and the probe reports it
                    continue
            reasons.setdefault((probe.label, use), {})[cell.task.label] = reason


def _report_tasks(context: RunContext, reasons: _Reasons) -> None:
    """Add an error for each named task that fits no cell, and announce those that fit some cells only."""
    for probe in context.plan.suite.probes:
        for option in probe.component.facts.get("NEEDS_UNLESS", {}):
            for use in probe.stated.get(option, ()):
                by_task = reasons.get((probe.label, use), {})
                incompatible = {task: reason for task, reason in by_task.items() if reason is not None}
                if incompatible and len(incompatible) == len(by_task):
                    listed = "; ".join(f"for {task}, {reason}" for task, reason in incompatible.items())
                    message = f'"{use}" cannot be compared with any task of this suite: {listed} (else leave it out)'
                    context.plan.suite.document.error((*probe.key, option), message)
                    continue
                for task, reason in incompatible.items():
                    context.callback.data_notes(task, {f"{probe.label} does not compare with {use}": reason})


# ── trainings ───────────────────────────────────────────────────────────────────────────────────


def _training_errors(cell: Cell, data: Data) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the training options of a cell, given its data, with the option."""
    train = cell.options["train"]
    if isinstance(train["class_weights"], Mapping):
        from bench_suite.training.class_weights import check_class_options

        try:
            check_class_options(train["class_weights"], "shuffled", data, cell.task.label)
        except BenchError as error:
            yield "class_weights", str(error)
    if train["privacy"] is not None and cell.engine is not None and train["epochs"]:
        with suppress(Exception):  # a model may raise anything, and the record of its cell reports it
            if message := _private_error(cell, data, train):
                yield "privacy", message


def _private_error(cell: Cell, data: Data, train: Mapping[str, Any]) -> str | None:
    """Return why a cell cannot be trained privately, as far as it is known on the CPU; None if it can."""
    from bench_suite.execution.model_training import build, train_options
    from bench_suite.training.example_gradients import NotPrivate
    from bench_suite.training.private import check_private, few_examples

    placement = Placement("cpu", 1, "32-true")
    try:
        trained = build(cell, data, placement, cell.seed, train)
    except NotPrivate as error:
        return str(error)
    few = replace(trained, data=few_examples(trained.data), _encoded={})
    size = len(data.splits["train"])
    try:
        check_private(few.model, size, few.data, few.problem, train_options(train), placement, few.encoded)
    except NotPrivate as error:
        return f"{cell.model.label}: {error}"
    return None
