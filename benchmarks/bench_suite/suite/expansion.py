"""The expansion of a suite: which pairs of task and model fit, and the cells that the axes give each pair."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, builtin, find
from bench_suite.components.options import Option
from bench_suite.suite.cell import Cell, is_network, matches, modalities_of
from bench_suite.suite.folds import AXIS as FOLD
from bench_suite.suite.folds import count_folds, splits_of
from bench_suite.suite.identity import changed, component_identity, digest, resolve
from bench_suite.suite.needs import inapplicable_choices, planned_needs, unmet_needs
from bench_suite.suite.spec import AXES, COMMON, EVALUATE, ComponentUse, Suite, train_options

_NOT_PLACEMENT = ("seed", "engine", "fold")
"""Axes that enter an identity by a key of their own, or as an option of the task (`fold`); all other axes of `AXES` say
where and how a cell computes."""


def incompatibility(task: ComponentUse, model: Component, problems: Iterable[Component]) -> str | None:
    """Return why a model cannot be used on a task; None if it can, or if only the data can decide.

    A task that may be several things, such as `hub`, is what its options `modality` and `problem` state, if they do.
    """
    modalities, solves = model.words("MODALITIES"), model.words("PROBLEMS")
    offered = modalities_of(task)
    if not set(offered) & set(modalities):
        return f"takes {' or '.join(modalities)}, the task is {' or '.join(offered)}"
    possible = [problem.name for problem in problems]
    kinds = [kind for kind in possible if kind == task.stated.get("problem")] or possible
    if not set(kinds) & set(solves):
        return f"does {' or '.join(solves)}, the task is {' or '.join(kinds)}"
    return None


def models_for(problem: str, modalities: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the models of the package that can do a problem on one of these modalities."""
    offered = set(modalities)
    models = (find("models", name, Path()) for name in builtin("models") if not name.startswith("planted_"))
    return tuple(
        model.name
        for model in models
        if problem in model.words("PROBLEMS") and offered & set(model.words("MODALITIES"))
    )


def count_points(suite: Suite, task: ComponentUse, model: ComponentUse) -> int:
    """Return how many points the axes give a pair, before `exclude` and before equal points are merged."""
    return sum(math.prod(map(len, grid.values())) for _, grid in _grids(suite, task, model))


def cells_of(suite: Suite, task: ComponentUse, model: ComponentUse) -> Iterator[Cell]:
    """Yield the cells of a pair: the product of the axes, less what `exclude` names, and then what `include` adds.

    A selector names a cell if each of its axes has one of its values. An axis that does not concern a pair is no
    label of its cells, so a selector with that axis chooses none of them. An entry of `include` adds one cell for each
    combination of its values with all values of every axis of the matrix that it does not name, such as the seeds.
    As in GitHub Actions, it may bring back what was excluded.
    """
    seen: set[str] = set()
    for included, grid in _grids(suite, task, model):
        for values in itertools.product(*grid.values()):
            cell = _cell(suite, task, model, dict(zip(grid, values)))
            if not included and any(matches(cell.labels, selector) for selector in suite.exclude):
                continue
            # Axes that do not concern this pair were dropped from the grid, so points may coincide.
            if cell.id not in seen:
                seen.add(cell.id)
                yield cell


def concerns(axis: str, task: ComponentUse, model: ComponentUse) -> bool:
    """Return whether an axis changes the cells of a pair."""
    family, _, rest = axis.partition(".")
    if family in ("engine", "precision", "compile", "devices", "strategy", "train") and not is_network(model.component):
        return family == "train" and (rest == "validation" or rest in model.component.words("ACCEPTS"))
    # An option has no dot in its name, but a label may: the label is all that comes before the last dot.
    if family == "tasks":
        return rest.rpartition(".")[0] == task.label
    if family == "models":
        return rest.rpartition(".")[0] == model.label
    return True


def _grids(suite: Suite, task: ComponentUse, model: ComponentUse) -> Iterator[tuple[bool, dict[str, tuple[Any, ...]]]]:
    """Yield the axes that concern a pair with their values: the matrix (False), then each `include` (True)."""
    matrix = {axis: values for axis, values in suite.axes.items() if axis != FOLD and concerns(axis, task, model)}
    folds = suite.axes.get(FOLD)
    yield from ((False, grid) for grid in _with_folds(task, matrix, folds))
    for selector in suite.include:
        own = {"task": task.label, "model": model.label}
        if all(label in selector.get(kind, (label,)) for kind, label in own.items()):
            named = {axis: values for axis, values in selector.items() if axis not in own}
            folds_of_entry = named.pop(FOLD, folds)
            grid = matrix | {axis: values for axis, values in named.items() if concerns(axis, task, model)}
            yield from ((True, one) for one in _with_folds(task, grid, folds_of_entry))


def _with_folds(
    task: ComponentUse, grid: dict[str, tuple[Any, ...]], folds: tuple[int, ...] | None
) -> Iterator[dict[str, tuple[Any, ...]]]:
    """Yield the grid with the axis `fold` first: the stated folds, else all folds of the task; as it is without any.

    The folds depend on `split`. If that is an axis and one of its values states folds, each value gets its own grid.
    """
    axis = f"tasks.{task.label}.split"
    counts = [(split, count_folds(task, split)) for split in splits_of(task, grid)]
    if not any(count for _, count in counts):
        yield grid
        return
    for split, count in counts:
        own = {**grid, axis: (split,)} if axis in grid else grid
        chosen = tuple(fold for fold in range(count) if folds is None or fold in folds)
        yield {FOLD: chosen, **own} if count else own


def _cell(suite: Suite, task: ComponentUse, model: ComponentUse, point: Mapping[str, Any]) -> Cell:
    """Return the cell of a pair at one point of its grid."""
    network = is_network(model.component)
    if point.get("devices", AXES["devices"].default) == 1:  # there is nothing to share
        point = {axis: value for axis, value in point.items() if axis != "strategy"}
    values = {axis: point.get(axis, option.default) for axis, option in AXES.items()}
    engine = suite.engines[values["engine"]] if network else None
    problems = suite.problems[task.label]
    known = _known_options(task, model, problems)
    stated = _stated_options(suite, task, model, point, known["evaluate"])
    training = {
        "task": [component_identity(task.component), task.component.version, changed(known["task"], stated["task"])],
        "problem": [[component_identity(problem), problem.version] for problem in problems],
        "model": [
            component_identity(model.component), model.component.version, changed(known["model"], stated["model"]),
        ],
        "engine": [component_identity(engine), engine.version] if engine else None,
        "train": changed(known["train"], stated["train"]),
        "seed": values["seed"],
        "place": {
            axis: value for axis, value in values.items() if axis not in _NOT_PLACEMENT and value != AXES[axis].default
        },
    }  # fmt: skip
    labels = {
        "task": task.label, "model": model.label, "engine": values["engine"] if network else None,
        "precision": values["precision"] if network else None, "seed": values["seed"],
    }  # fmt: skip
    cell = Cell(
        id=digest({**training, "evaluate": changed(known["evaluate"], stated["evaluate"])}),
        unit=digest(training),
        labels={**labels, **{axis: value for axis, value in point.items() if axis not in labels}},
        task=task, model=model, problems=problems, engine=engine, seed=values["seed"], precision=values["precision"],
        device=values["device"], threads=values["threads"], fraction=values["fraction"], compile=values["compile"],
        devices=values["devices"], strategy=values["strategy"],
        options={family: resolve(options, stated[family]) for family, options in known.items()}, probes={},
    )  # fmt: skip
    return _with_probes(cell, suite.probes)


def _known_options(
    task: ComponentUse, model: ComponentUse, problems: Iterable[Component]
) -> dict[str, Mapping[str, Option]]:
    """Return the options that a cell has, by family."""
    of_problems = {name: option for problem in problems for name, option in problem.options.items()}
    return {
        "task": {**COMMON["tasks"], **task.component.options},
        "model": model.component.options,
        "train": train_options(),
        "evaluate": {**EVALUATE, **of_problems},
    }


def _stated_options(
    suite: Suite, task: ComponentUse, model: ComponentUse, point: Mapping[str, Any], evaluations: Mapping[str, Option]
) -> dict[str, dict[str, Any]]:
    """Return the options that the suite states for a cell, by family; an axis wins over a table."""
    train = {**suite.train, **model.train, **varied_options(point, "train")}
    if not is_network(model.component):
        accepted = ("validation", *model.component.words("ACCEPTS"))
        train = {option: value for option, value in train.items() if option in accepted}
    evaluate = {**suite.evaluate, **varied_options(point, "evaluate")}
    return {
        "task": {
            **task.stated,
            **varied_options(point, f"tasks.{task.label}"),
            **({FOLD: point[FOLD]} if FOLD in point else {}),
        },
        "model": {**model.stated, **varied_options(point, f"models.{model.label}")},
        "train": train,
        "evaluate": {option: value for option, value in evaluate.items() if option in evaluations},
    }


def varied_options(point: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the values of the axes `PREFIX.OPTION`, by option."""
    return {axis[len(prefix) + 1 :]: value for axis, value in point.items() if axis.rpartition(".")[0] == prefix}


def _with_probes(cell: Cell, probes: Iterable[ComponentUse]) -> Cell:
    """Return the cell with the probes that choose it, and why some of them do not apply."""
    available, problems = planned_needs(cell), [problem.name for problem in cell.problems]
    wanted = [probe for probe in probes if matches(cell.labels, probe.only)]
    reasons = {probe.label: unmet_needs(probe, available, problems, cell.task) for probe in wanted}
    unfit = {
        probe.label: inapplicable_choices(probe, available, cell.task)
        for probe in wanted
        if reasons[probe.label] is None
    }
    return replace(cell, probes=reasons, unfit=unfit)
