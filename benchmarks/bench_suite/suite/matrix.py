"""The section `[matrix]`: axes and their values, engines, and the selectors of `include`, `exclude` and `only`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench_suite.components.discovery import Component
from bench_suite.components.options import MISSING, Option, describe, show
from bench_suite.components.suggestions import nearest
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.spec import AXES, COMMON, ComponentUse, train_options
from bench_suite.suite.toml_positions import Path as KeyPath


@dataclass(frozen=True)
class Scope:
    """The tasks, models, options and axes that axes and selectors of a suite can name."""

    tasks: Sequence[ComponentUse]
    models: Sequence[ComponentUse]
    evaluations: Mapping[str, Option]
    "Options of `[evaluate]`: the common ones, and those of the suite's problems."
    axes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    "Axes of the matrix and their values; empty while they are being read."


def read_axes(sections: Sections, scope: Scope) -> dict[str, tuple[Any, ...]]:
    """Return the axes and their values; MISSING replaces a value that does not fit."""
    axes: dict[str, tuple[Any, ...]] = {}
    for axis, values in sections.section("matrix").items():
        if axis in ("include", "exclude"):
            continue
        path: KeyPath = ("matrix", axis)
        if isinstance(values, dict) and axis in ("train", "evaluate", "tasks", "models"):
            below = f"{axis}.{next(iter(values), 'NAME')}" + (".OPTION" if axis in ("tasks", "models") else "")
            sections.error(path, f'a dotted axis is one key, in quotes: "{below}" = […]')
            continue
        option = _option_of(sections, axis, path, scope)
        if option is None:
            continue
        # A list is several values; for an option that is itself a list, a list of lists.
        listed = values if isinstance(values, list) else [values]
        if not listed:
            sections.error(
                path, "is an axis without values, so there are no cells; give one value or more, or leave it out"
            )
            continue
        if option.type.name == "tuple" and not all(isinstance(value, list) for value in listed):
            sections.error(
                path,
                f"{show(listed[0])} is not {describe(option.type)}; "
                f"an axis of lists is a list of lists: [{show(listed)}]",
            )
            continue
        accepted = [
            sections.accept(option, value, (*path, index) if isinstance(values, list) else path)
            for index, value in enumerate(listed)
        ]
        if _has_duplicates([value for value in accepted if value is not MISSING]):
            sections.error(path, "names a value twice")
        axes[axis] = tuple(accepted)
    return axes


def _has_duplicates(values: Sequence[Any]) -> bool:
    try:
        return len(set(values)) < len(values)
    except TypeError:  # a table cannot be hashed
        return any(value in values[:index] for index, value in enumerate(values))


def read_engines(sections: Sections, axes: Mapping[str, tuple[Any, ...]]) -> dict[str, Component]:
    """Return the engines that the matrix names, or the default engine, by the name or path that it states."""
    uses = [use for use in axes.get("engine", (AXES["engine"].default,)) if use is not MISSING]
    components = {use: sections.component("engines", use, ("matrix", "engine")) for use in uses}
    return {use: component for use, component in components.items() if component is not None}


def read_selectors(sections: Sections, key: str, scope: Scope) -> tuple[Mapping[str, tuple[Any, ...]], ...]:
    """Return the selectors of `include` or `exclude`: each has, by axis, the values that it names."""
    entries = sections.section("matrix").get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) and entry for entry in entries):
        sections.error(("matrix", key), f"must be a list of tables: {key} = [{{ model = …, seed = … }}]")
        return ()
    return tuple(read_selector(sections, entry, ("matrix", key, index), scope) for index, entry in enumerate(entries))


def read_only(sections: Sections, table: Mapping[str, Any], path: KeyPath, scope: Scope) -> dict[str, tuple[Any, ...]]:
    """Return the selector under `only` of the table at `path`, a probe's or a gate's; empty if there is none."""
    only = table.get("only", {})
    if not isinstance(only, dict):
        sections.error((*path, "only"), "must be a table of axes and the values to choose: only = { seed = 0 }")
        return {}
    return read_selector(sections, only, (*path, "only"), scope)


def read_selector(
    sections: Sections, entry: Mapping[str, Any], path: KeyPath, scope: Scope
) -> dict[str, tuple[Any, ...]]:
    """Return a selector of cells: by axis, `task` or `model`, the values that it names."""
    return {axis: _selected_values(sections, axis, value, (*path, axis), scope) for axis, value in entry.items()}


def _selected_values(sections: Sections, axis: str, value: Any, path: KeyPath, scope: Scope) -> tuple[Any, ...]:
    """Return the values that a selector names on one axis; errors are added for those that do not exist."""
    listed = value if isinstance(value, list) else [value]
    if axis in ("task", "model"):
        labels = [choice.label for choice in (scope.tasks if axis == "task" else scope.models)]
        for name in listed:
            if name not in labels and f"{axis}s" not in sections.incomplete:
                near = nearest(str(name), labels)
                sections.error(path, f"no {axis} is called {show(name)}{near} (there are: {', '.join(labels)})")
        return tuple(listed)
    if not scope.axes.get(axis) and path[:2] != ("matrix", "include") and axis not in AXES:
        known = list(dict.fromkeys(["task", "model", *AXES, *scope.axes]))
        sections.error(path, f"is no axis of this matrix{nearest(axis, known)} (there are: {', '.join(known)})")
        return ()
    option = _option_of(sections, axis, path, scope)
    return () if option is None else tuple(sections.accept(option, item, path) for item in listed)


def _option_of(sections: Sections, axis: str, path: KeyPath, scope: Scope) -> Option | None:
    """Return the option that an axis varies; if there is none, add an error and return None."""
    if axis in AXES:
        return AXES[axis]
    family, _, rest = axis.partition(".")
    options: Mapping[str, Option]
    if family == "train":
        options = train_options()
    elif family == "evaluate":
        options = scope.evaluations
    elif family in ("tasks", "models"):
        choices = {choice.label: choice for choice in (scope.tasks if family == "tasks" else scope.models)}
        # A label may contain dots, so two labels can fit: the longest wins.
        label = max((label for label in choices if rest.startswith(f"{label}.")), key=len, default=None)
        if label is None:
            if family not in sections.incomplete:
                sections.error(path, _no_such_label(axis, choices))
            return None
        rest = rest[len(label) + 1 :]
        component = choices[label].component
        options = {**COMMON.get(component.kind, {}), **component.options}
    else:
        dotted = [f"train.{option}" for option in train_options()]
        dotted += [f"evaluate.{option}" for option in scope.evaluations]
        near = nearest(axis, [*AXES, *dotted, "include", "exclude"])
        named = ", ".join(AXES)
        sections.error(path, f"is no axis{near} (axes: {named}, or a dotted key such as train.learning_rate)")
        return None
    if rest not in options:
        if family != "evaluate" or "tasks" not in sections.incomplete:
            listed = ", ".join(options) or "none"
            sections.error(path, f"`{rest}` is no option there{nearest(rest, options)} (there are: {listed})")
        return None
    return options[rest]


def _no_such_label(axis: str, choices: Mapping[str, ComponentUse]) -> str:
    """Return the message for an axis of a task or model that the suite does not have."""
    family = axis.partition(".")[0]
    keys = [f"{family}.{label}.{option}" for label, choice in choices.items() for option in choice.component.options]
    return (
        f"names no {family[:-1]} of this suite{nearest(axis, keys)} (there are: {', '.join(choices)}); "
        f"an axis of one is {family}.NAME.OPTION"
    )
