"""Axes to cells to units, and their identities: what a run would do, before anything is spent."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, resolve_paths
from bench_suite.components.options import MISSING, Option, show
from bench_suite.components.suggestions import nearest
from bench_suite.suite.checks import contradictions
from bench_suite.suite.document import SuiteError
from bench_suite.suite.spec import AXES, COMMON, EVALUATE, ComponentUse, Suite, train_options, unknown_classes

MAX_CELLS = 100_000
"Cells that a suite may come to: more is a slip of the pen, and would fill the memory before it is seen."


@dataclass(frozen=True)
class Cell:
    """One point of the matrix."""

    id: str
    "Pairs cells across runs, commits and machines."
    unit: str
    "Identity of the training that it shares."
    labels: Mapping[str, Any]
    "`task`, `model`, `engine`, `precision`, `seed`, and each further axis by its name."
    task: ComponentUse
    model: ComponentUse
    problems: tuple[Component, ...]
    "What the task is; several where the data decide."
    engine: Component | None
    "None for an estimator, which fits itself."
    seed: int
    precision: str
    device: str
    threads: int | str
    fraction: float
    compile: bool
    options: Mapping[str, Mapping[str, Any]]
    "Resolved, by family: `task`, `model`, `train`, `evaluate`."
    probes: Mapping[str, str | None]
    "Probe label to None where it applies, else the reason why it does not."
    unfit: Mapping[str, Mapping[str, Mapping[Any, str]]] = field(default_factory=dict)
    "Of probes that apply: by label and option the choices that do not, each with the reason."


@dataclass(frozen=True)
class Unit:
    """The cells that share one training."""

    id: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Plan:
    """What a suite comes to."""

    suite: Suite
    units: tuple[Unit, ...]
    left_out: tuple[tuple[str, str, str], ...] = ()
    "Task, model and the reason why they do not fit."
    only: tuple[str, ...] = ()
    "The selectors that made it a part of the suite."
    probe_keys: Mapping[str, str] = field(default_factory=dict)
    "By label: hash of the probe's `use`, `VERSION`, options, and files that they name."
    passed: tuple[str, ...] = ()
    "Ids of cells that `--lf` left out, since they had ended well when they were last run."

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, in the order of their execution."""
        return tuple(cell for unit in self.units for cell in unit.cells)


def digest(value: Any) -> str:
    """A short stable hash of plain values, independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_plan(suite: Suite, only: Sequence[str] = ()) -> Plan:
    """The cells of a suite, those of `only` (`AXIS=VALUE`) where it is given. Raises SuiteError."""
    left_out: list[tuple[str, str, str]] = []
    cells: list[Cell] = []
    for task, model in itertools.product(suite.tasks, suite.models):
        reason = incompatibility(task, model.component, suite.problems[task.label])
        if reason:
            left_out.append((task.label, model.label, reason))
            continue
        points = sum(math.prod(map(len, grid.values())) for _, grid in _grids(suite, task, model))
        if len(cells) + points > MAX_CELLS:
            suite.document.error(
                ("matrix",),
                f"comes to more than {MAX_CELLS:,} cells ({points:,} for {task.label}, {model.label}): "
                "give some axes fewer values",
            )
            suite.document.raise_errors()
        cells.extend(_cells(suite, task, model))
    document = suite.document
    _never_used(suite, cells, left_out)
    for axis, values in suite.axes.items():
        if cells and len(values) > 1 and not any(_concerns(axis, cell.task, cell.model) for cell in cells):
            document.error(
                ("matrix", axis),
                "is an axis that concerns no cell of this suite: its models fit themselves, without an engine",
            )
    for cell in cells:
        _check(suite, cell)
    _check_twice(suite, cells)
    _check_choices(suite, cells)
    for probe in suite.probes:
        reasons = [cell.probes[probe.label] for cell in cells if probe.label in cell.probes]
        if cells and not reasons:
            document.error((*probe.key, "only"), "chooses no cell of this suite")
        elif reasons and all(reasons):
            document.error(probe.key, f"applies to no cell of this suite: {reasons[0]}")
        _check_classes(suite, probe, [cell.task for cell in cells if cell.probes.get(probe.label, "") is None])
    document.raise_errors()
    chosen = [cell for cell in cells if _wanted(cell, _parse_only(only, suite, cells))]
    if not chosen:
        raise SuiteError([f"--only {' --only '.join(only)}: no cell of this suite is all of that"])
    units: dict[str, list[Cell]] = {}
    for cell in chosen:
        units.setdefault(cell.unit, []).append(cell)
    made = tuple(Unit(id, tuple(cells)) for id, cells in units.items())
    return Plan(suite, made, tuple(left_out), tuple(only), {p.label: _probe_key(p) for p in suite.probes})


def _check_choices(suite: Suite, cells: Sequence[Cell]) -> None:
    """Choices of a probe's options that apply to none of the cells that the probe applies to."""
    for probe in suite.probes:
        mine = [cell.unfit[probe.label] for cell in cells if cell.probes.get(probe.label, "") is None]
        for option, reasons in mine[0].items() if mine else ():
            for choice, reason in reasons.items():
                if all(choice in unfit.get(option, {}) for unfit in mine):
                    key = (*probe.key, option) if option in probe.stated else probe.key
                    suite.document.error(key, f"{show(choice)} applies to no cell of this suite: {reason}")


def _check_classes(suite: Suite, probe: ComponentUse, tasks: Sequence[ComponentUse]) -> None:
    """Classes that a probe's options name, against those of each task that states its own (`CLASSES`)."""
    for task in {task.label: task for task in tasks}.values():
        if classes := task.component.words("CLASSES"):
            for option, error in unknown_classes(probe, task.label, classes):
                suite.document.error((*probe.key, option), f"{error}{_but_for(task, suite.tasks)}")


def _but_for(task: ComponentUse, tasks: Sequence[ComponentUse]) -> str:
    """How to keep a probe from a task, where a suite has others."""
    others = [f'"{other.label}"' for other in tasks if other is not task]
    return f"; to leave that task out: only = {{ task = [{', '.join(others)}] }}" if others else ""


def _check_twice(suite: Suite, cells: Iterable[Cell]) -> None:
    """Two cells of one identity: one fault for each pair of entries, whatever the number of seeds."""
    first: dict[str, Cell] = {}
    said: set[tuple[str, str]] = set()
    for cell in cells:
        other = first.setdefault(cell.id, cell)
        pair = (cell.task.label, cell.model.label)
        if other is not cell and pair not in said:
            said.add(pair)
            key = cell.model.key if other.task is cell.task else cell.task.key
            suite.document.error(
                key, f"the cells {name(other)} and {name(cell)} are the same but for their names; leave one out"
            )


def name(cell: Cell) -> str:
    """A cell in words: `mnist, mlp, seed 0`; engine and precision only where they are not the usual ones."""
    return name_of(cell.labels)


def name_of(labels: Mapping[str, Any]) -> str:
    """`name` of a cell with these labels, which a record has too."""
    unusual = {
        a: v for a, v in labels.items() if a == "seed" or v not in (None, AXES[a].default if a in AXES else None)
    }
    rest = [f"{axis} {show(value)}" for axis, value in unusual.items() if axis not in ("task", "model")]
    return ", ".join([str(labels["task"]), str(labels["model"]), *rest])


def incompatibility(task: ComponentUse, model: Component, problems: Iterable[Component]) -> str | None:
    """Why a model cannot be used on a task; None where it can, or where only the data will tell.

    A task that may be several things, such as `hub`, is what its options `modality` and `problem` say, if they do.
    """
    modalities, solves = model.words("MODALITIES"), model.words("PROBLEMS")
    shown = modalities_of(task)
    if not set(shown) & set(modalities):
        return f"takes {' or '.join(modalities)}, the task is {' or '.join(shown)}"
    every = [p.name for p in problems]
    kinds = [kind for kind in every if kind == task.stated.get("problem")] or every
    if not set(kinds) & set(solves):
        return f"does {' or '.join(solves)}, the task is {' or '.join(kinds)}"
    return None


def modalities_of(task: ComponentUse) -> tuple[str, ...]:
    """What the examples of a task are; several words where only the data will tell."""
    every = task.component.words("MODALITY")
    return tuple(word for word in every if word == task.stated.get("modality")) or every


def stated_needs(cell: Cell) -> set[str]:
    """Needs of probes that the suite meets or does not.

    What examples are (`images`, `tables`, `texts`), the axis `fraction`, a `target` of the training.
    """
    met = {"fraction": "fraction" in cell.labels, "target": cell.options["train"].get("target") is not None}
    met |= {f"{modality}s": True for modality in modalities_of(cell.task)}
    return {need for need, there in met.items() if there}


def unmet_needs(probe: ComponentUse, available: Iterable[str], problems: Iterable[str]) -> str | None:
    """Why a probe does not apply where these needs are met; None where it does.

    A list option may name choices whose needs are unmet (`inapplicable_choices`), as long as it names others too.
    """
    solves, there = probe.component.words("PROBLEMS"), set(available)
    if solves and not set(solves) & set(problems):
        return f"measures {' or '.join(solves)}"
    listed, needs = [], list(probe.component.words("NEEDS"))
    for value, by_choice in _choices(probe).values():
        if isinstance(value, tuple):
            listed += [by_choice.get(choice, ()) for choice in value]
        else:
            needs += by_choice.get(value, ())
    if listed and not any(there.issuperset(each) for each in listed):
        needs += [need for each in listed for need in each]
    return _needs(needs, there)


def inapplicable_choices(probe: ComponentUse, available: Iterable[str]) -> dict[str, dict[Any, str]]:
    """By option that is a list, its choices that do not apply where these needs are met, each with the reason."""
    there = set(available)
    found: dict[str, dict[Any, str]] = {}
    for option, (value, by_choice) in _choices(probe).items():
        for choice in value if isinstance(value, tuple) else ():
            if reason := _needs(by_choice.get(choice, ()), there):
                found.setdefault(option, {})[choice] = reason
    return found


def _choices(probe: ComponentUse) -> dict[str, tuple[Any, Mapping[Any, tuple[str, ...]]]]:
    """The value of each option whose choices have needs of their own, and these needs by choice."""
    options = resolve(probe.component.options, probe.stated)
    by_option = probe.component.facts.get("NEEDS_BY", {})
    return {option: (options.get(option), by_choice) for option, by_choice in by_option.items()}


def _needs(needs: Iterable[str], there: set[str]) -> str | None:
    missing = [need for need in dict.fromkeys(needs) if need not in there]
    return f"needs {' and '.join(missing)}" if missing else None


def resolve(options: Mapping[str, Option], stated: Mapping[str, Any]) -> dict[str, Any]:
    """All options: defaults, and what is stated in their place."""
    return {**{key: option.default for key, option in options.items() if option.default is not MISSING}, **stated}


def changed(options: Mapping[str, Option], stated: Mapping[str, Any]) -> dict[str, Any]:
    """The stated options that differ from their defaults: what an identity is made of."""
    return {key: value for key, value in stated.items() if key not in options or options[key].default != value}


def _cells(suite: Suite, task: ComponentUse, model: ComponentUse) -> Iterator[Cell]:
    """The cells of a pair: the product of the axes, less what `exclude` names, and then what `include` adds.

    A selector names a cell where each of its axes has one of its values; an axis that does not concern a pair is no
    label of its cells, so a selector that names it chooses none of them. An entry of `include` adds one cell for each
    combination of the values it names with all values of every axis of the matrix that it does not name, such as the
    seeds; as in GitHub Actions, it may bring back what was excluded.
    """
    seen: set[str] = set()
    for included, grid in _grids(suite, task, model):
        for values in itertools.product(*grid.values()):
            cell = _cell(suite, task, model, dict(zip(grid, values)))
            if not included and any(_wanted(cell, selector) for selector in suite.exclude):
                continue
            # Axes that do not concern this pair were dropped from the grid, so points may coincide.
            if cell.id not in seen:
                seen.add(cell.id)
                yield cell


def _grids(suite: Suite, task: ComponentUse, model: ComponentUse) -> Iterator[tuple[bool, dict[str, tuple[Any, ...]]]]:
    """Axes that concern a pair and their values: the matrix, then each entry of `include`; and whether it is one."""
    matrix = {axis: values for axis, values in suite.axes.items() if _concerns(axis, task, model)}
    yield False, matrix
    for selector in suite.include:
        own = {"task": task.label, "model": model.label}
        if all(label in selector.get(kind, (label,)) for kind, label in own.items()):
            named = {a: values for a, values in selector.items() if a not in own and _concerns(a, task, model)}
            yield True, matrix | named


def is_network(model: Component) -> bool:
    """Whether a model is trained by an engine; an estimator fits itself."""
    return "gradients" in model.words("PROVIDES")


def _concerns(axis: str, task: ComponentUse, model: ComponentUse) -> bool:
    family, _, rest = axis.partition(".")
    if family in ("engine", "precision", "compile", "train") and not is_network(model.component):
        return family == "train" and (rest == "validation" or rest in model.component.words("ACCEPTS"))
    # An option has no dot in its name, a label may: what stands before the last dot is the label.
    if family == "tasks":
        return rest.rpartition(".")[0] == task.label
    if family == "models":
        return rest.rpartition(".")[0] == model.label
    return True


def _cell(suite: Suite, task: ComponentUse, model: ComponentUse, point: Mapping[str, Any]) -> Cell:
    network = is_network(model.component)
    values = {axis: point.get(axis, option.default) for axis, option in AXES.items()}
    engine = suite.engines[values["engine"]] if network else None
    stated_task = {**task.stated, **_of(point, f"tasks.{task.label}.")}
    stated_model = {**model.stated, **_of(point, f"models.{model.label}.")}
    train = {**suite.train, **model.train, **_of(point, "train.")}
    problems = suite.problems[task.label]
    if not network:
        train = {
            key: value for key, value in train.items() if key == "validation" or key in model.component.words("ACCEPTS")
        }
    evaluation_options = {**EVALUATE, **{k: o for p in problems for k, o in p.options.items()}}
    evaluate = {
        key: value
        for key, value in ({**suite.evaluate, **_of(point, "evaluate.")}).items()
        if key in evaluation_options
    }
    task_options = {**COMMON["tasks"], **task.component.options}
    training = {
        "task": [_identity(task.component), task.component.version, changed(task_options, stated_task)],
        "problem": [[_identity(p), p.version] for p in problems],
        "model": [_identity(model.component), model.component.version, changed(model.component.options, stated_model)],
        "engine": [_identity(engine), engine.version] if engine else None,
        "train": changed(train_options(), train),
        "seed": values["seed"],
        "place": {
            axis: values[axis] for axis in AXES if axis not in ("seed", "engine") and values[axis] != AXES[axis].default
        },
    }
    labels = {
        "task": task.label, "model": model.label, "engine": values["engine"] if network else None,
        "precision": values["precision"] if network else None, "seed": values["seed"],
    }  # fmt: skip
    options = {
        "task": resolve(task_options, stated_task),
        "model": resolve(model.component.options, stated_model),
        "train": resolve(train_options(), train),
        "evaluate": resolve(evaluation_options, evaluate),
    }
    cell = Cell(
        id=digest({**training, "evaluate": changed(evaluation_options, evaluate)}),
        unit=digest(training),
        labels={**labels, **{axis: value for axis, value in point.items() if axis not in labels}},
        task=task, model=model, problems=problems, engine=engine, seed=values["seed"], precision=values["precision"],
        device=values["device"], threads=values["threads"], fraction=values["fraction"], compile=values["compile"],
        options=options, probes={},
    )  # fmt: skip
    available = {*model.component.words("PROVIDES")}
    groups = options["task"].get("groups")  # `hub` has none of its own, and those that the suite names
    available |= {"groups"} if groups or (groups is None and task.component.words("GROUPS")) else set()
    available |= {"shift"} if task.component.words("SHIFTS") else set()
    available |= {"cuda"} if cell.device in ("cuda", "auto") else set()
    available |= stated_needs(cell)
    kinds = [p.name for p in problems]
    mine = [probe for probe in suite.probes if _wanted(cell, probe.only)]
    probes = {probe.label: unmet_needs(probe, available, kinds) for probe in mine}
    unfit = {probe.label: inapplicable_choices(probe, available) for probe in mine if probes[probe.label] is None}
    return replace(cell, probes=probes, unfit=unfit)


def _identity(component: Component) -> str:
    """Its name; of a file, the path that the suite states: `a/model.py` and `b/model.py` are two models."""
    return posixpath.normpath(component.use) if component.external else component.name


def _of(point: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {axis[len(prefix) :]: value for axis, value in point.items() if axis.rpartition(".")[0] + "." == prefix}


def _check(suite: Suite, cell: Cell) -> None:
    """Options that the cell's engine does not understand."""
    document = suite.document
    if cell.engine is not None:
        accepts = cell.engine.words("ACCEPTS")
        for option, value in changed(
            train_options(), {**suite.train, **cell.model.train, **_of(cell.labels, "train.")}
        ).items():
            if option not in accepts and option not in ("validation", "keep"):
                key = (*cell.model.key, "train", option) if option in cell.model.train else ("train", option)
                document.error(
                    key,
                    f"the engine {cell.engine.name} has no {option} "
                    f"(you ask for {show(value)}; it has: {', '.join(accepts)})",
                )
        for option, error in contradictions(cell.options["train"], cell.task, cell.problems):
            document.error(_stated_at(cell, option), error)
        return
    for option in cell.model.train:
        if option != "validation" and option not in cell.model.component.words("ACCEPTS"):
            document.error(
                (*cell.model.key, "train", option), f"{cell.model.component.name} fits itself and has no {option}"
            )


def _stated_at(cell: Cell, option: str) -> tuple[str | int, ...]:
    """Where the file states a training option of a cell."""
    if f"train.{option}" in cell.labels:
        return ("matrix", f"train.{option}")
    return (*cell.model.key, "train", option) if option in cell.model.train else ("train", option)


def _never_used(suite: Suite, cells: Sequence[Cell], left_out: Sequence[tuple[str, str, str]]) -> None:
    for position, (kind, choices) in enumerate((("task", suite.tasks), ("model", suite.models))):
        for choice in choices:
            if any((cell.task, cell.model)[position] is choice for cell in cells):
                continue
            pairs = [f"{pair[1 - position]} ({pair[2]})" for pair in left_out if pair[position] == choice.label]
            other = "model" if kind == "task" else "task"
            excluded = len(pairs) < len(suite.models if kind == "task" else suite.tasks)
            reason = (
                "stands in no cell: all of its cells are excluded"
                if excluded
                else f"fits no {other} of this suite: {', '.join(pairs)}"
            )
            suite.document.error((*choice.key, "use"), f"the {kind} {choice.label} {reason}")


def _parse_only(only: Sequence[str], suite: Suite, cells: Sequence[Cell]) -> dict[str, tuple[Any, ...]]:
    selectors: dict[str, tuple[Any, ...]] = {}
    for text in only:
        axis, equals, value = text.partition("=")
        known = list(dict.fromkeys(axis for cell in cells for axis in cell.labels))
        if not equals or axis not in known:
            raise SuiteError(
                [f"--only {text}: is not AXIS=VALUE{nearest(axis, known)} (axes here: {', '.join(known)})"]
            )
        values = {str(cell.labels.get(axis)): cell.labels.get(axis) for cell in cells}
        for item in [value] if value in values else value.split(","):
            if item not in values:
                near = nearest(item, values)
                raise SuiteError([f'--only {text}: no cell has {axis} "{item}"{near} (there are: {", ".join(values)})'])
            selectors[axis] = (*selectors.get(axis, ()), values[item])
    return selectors


def _wanted(cell: Cell, selectors: Mapping[str, tuple[Any, ...]]) -> bool:
    return _wanted_labels(cell.labels, selectors)


def _wanted_labels(labels: Mapping[str, Any], selectors: Mapping[str, tuple[Any, ...]]) -> bool:
    return all(axis in labels and labels[axis] in values for axis, values in selectors.items())


def _probe_key(probe: ComponentUse) -> str:
    stated = changed(probe.component.options, probe.stated)
    contents = [
        hashlib.sha256(Path(path).read_bytes()).hexdigest()
        for name, path in sorted(resolve_paths(probe.component, stated).items())
        if name in probe.component.words("PATHS") and isinstance(path, str) and Path(path).is_file()
    ]
    return digest([_identity(probe.component), probe.component.version, stated, *contents])
