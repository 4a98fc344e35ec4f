"""The parser of suites: walks over the sections of a file and returns a valid suite, or raises all errors at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, builtin, find, is_path
from bench_suite.components.options import MISSING, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ComponentError, Kind
from bench_suite.suite.checks import without_sgd
from bench_suite.suite.column_names import read_column_name
from bench_suite.suite.credentials import mask_override
from bench_suite.suite.document import Document, label, read_document
from bench_suite.suite.folds import fold_errors
from bench_suite.suite.gate_section import check_metric, read_gates
from bench_suite.suite.matrix import Scope, read_axes, read_engines, read_only, read_selectors
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.seed_range import check_seed_range, first_seeds, read_seed_range
from bench_suite.suite.spec import (
    BEST,
    CLASS,
    COLUMN,
    COMMON,
    DATA,
    EVALUATE,
    GATE_OPTIONS,
    MEASURED,
    MODEL,
    REPORT,
    RUN,
    SECTIONS,
    ComponentUse,
    ReportOptions,
    Suite,
    is_label,
    locate,
    metrics_of,
    train_options,
)
from bench_suite.suite.toml_positions import Path as KeyPath
from bench_suite.suite.trackers import read_trackers


def read_suite(name: str, overrides: Sequence[str] = ()) -> Suite:
    """Return the suite of a file. Raises SuiteError with all errors; no component is imported.

    Args:
        name: a path, or the name of a suite that is part of the program.
        overrides: `KEY=VALUE`, as `--set` takes them.
    """
    path = locate(name)
    document = read_document(path, name if path == Path(name) else f"{path.stem}.toml", overrides)
    return suite_of(document, path.stem, path.parent, overrides)


def suite_of(document: Document, name: str, folder: Path, overrides: Sequence[str] = ()) -> Suite:
    """Return the suite of a document. Raises SuiteError with all errors; no component is imported.

    Args:
        document: the sections, with the overrides applied.
        name: of the suite.
        folder: where the paths of files that it names start.
        overrides: those that the document contains already; the suite states them with credentials masked.
    """
    sections = Sections(document, folder)
    sections.check_keys(document.values, SECTIONS, ())
    title, description = (sections.string(key) for key in ("title", "description"))
    tasks = tuple(_entries(sections, "tasks"))
    models = tuple(_entries(sections, "models"))
    problems = {task.label: tuple(_problems(sections, task)) for task in tasks}
    train = sections.table("train", train_options())
    evaluations = {k: o for ps in problems.values() for p in ps for k, o in p.options.items()} | dict(EVALUATE)
    evaluate = sections.take(sections.section("evaluate"), evaluations, ("evaluate",))
    if "tasks" not in sections.incomplete:
        sections.check_keys(sections.section("evaluate"), evaluations, ("evaluate",))
    axes = read_axes(sections, Scope(tasks, models, evaluations))
    gate_seeds = read_seed_range(sections, axes)
    if gate_seeds is not None:
        axes["seed"] = first_seeds(axes.get("seed", ()), gate_seeds.first)
    scope = Scope(tasks, models, evaluations, axes)
    engines = read_engines(sections, axes)
    probes = tuple(_probes(sections, scope))
    metrics = _metrics(probes, problems)
    for probe in probes:
        _check_measured(sections, probe, metrics)
    gates = tuple(read_gates(sections, metrics, probes, scope))
    check_seed_range(sections, gates, gate_seeds)
    gate_options = {name: option.default for name, option in GATE_OPTIONS.items()}
    gate_options |= sections.take(sections.section("gate"), GATE_OPTIONS, ("gate",))
    report = _read_report(sections, metrics, models, probes)
    fail_on = sections.table("data", DATA).get("fail_on", ())
    executor, log = _read_executor(sections), read_trackers(sections)
    include, exclude = (read_selectors(sections, key, scope) for key in ("include", "exclude"))
    _check_stated_twice(sections, scope, train, evaluate)
    for path, message in without_sgd(train, axes, models, include):
        sections.error(path, message)
    for path, message in fold_errors(tasks, axes, include):
        sections.error(path, message)
    document.raise_errors()
    return Suite(
        name, folder, document, tuple(map(mask_override, overrides)), title or name, description, tasks, models, probes,
        train, evaluate, axes, include, exclude, problems, engines, metrics, gates, gate_options,
        report, gate_seeds, fail_on, executor, log,
    )  # fmt: skip


# ── tasks and models ────────────────────────────────────────────────────────────────────────────


def _entries(sections: Sections, kind: Kind) -> list[ComponentUse]:
    """Return the blocks of `tasks` or `models`; errors are added for those that name no component."""
    entries = sections.values.get(kind)
    if entries is None or entries == []:
        sections.error(
            (kind,) if kind in sections.values else (),
            f'a suite needs at least one {kind[:-1]}: [[{kind}]] with use = "NAME"',
        )
        sections.incomplete.add(kind)
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        sections.error((kind,), f"must be written [[{kind}]], one block an entry")
        sections.incomplete.add(kind)
        return []
    choices: list[ComponentUse] = []
    for index, entry in enumerate(entries):
        choice = _entry(sections, kind, entry, (kind, index), choices)
        if choice is not None:
            choices.append(choice)
    return choices


def _entry(
    sections: Sections, kind: Kind, entry: Mapping[str, Any], path: KeyPath, others: Sequence[ComponentUse]
) -> ComponentUse | None:
    """Return one block; if it names no component, add an error and return None."""
    if "use" not in entry:
        misspelt = next((key for key in entry if nearest(key, ["use"])), None)
        verb = "lacks" if misspelt is None else f"has `{misspelt}`, and lacks"
        sections.error(
            path if misspelt is None else (*path, misspelt),
            f"{verb} `use`: the name of a {kind[:-1]} ({', '.join(builtin(kind))}), or the path of a file",
        )
        sections.incomplete.add(kind)
        return None
    component = sections.component(kind, entry["use"], (*path, "use"))
    if component is None:
        return None
    options = {**COMMON.get(kind, {}), **component.options}
    extra = ("use", "name", "train") if kind == "models" else ("use", "name")
    sections.check_keys(entry, [*extra, *options], path)
    stated = sections.take(entry, options, path)
    if kind == "tasks":
        _check_groups(sections, component, stated, path)
    for name, option in options.items():
        if option.default is MISSING and name not in entry:
            sections.error(path, f"{component.name} needs `{name}`: {option.help or option.type}")
    train = entry.get("train", {}) if kind == "models" else {}
    if not isinstance(train, dict):
        sections.error((*path, "train"), "must be a table: train = { epochs = 3 }")
        train = {}
    sections.check_keys(train, train_options(), (*path, "train"))
    name = _label(sections, entry, path, others)
    return ComponentUse(component, name, stated, sections.take(train, train_options(), (*path, "train")), key=path)


def _label(sections: Sections, entry: Mapping[str, Any], path: KeyPath, others: Sequence[ComponentUse]) -> str:
    """Return the label of a block, `?` if it cannot be one; it must differ from those of the others."""
    name = label(entry)
    key = (*path, "name" if "name" in entry else "use")
    if not is_label(name):
        sections.error(key, f"{show(name)} is no name: 1 to 100 printable characters, without space at either end")
        sections.incomplete.add(str(path[0]))
        return "?"
    if any(other.label == name for other in others):
        sections.error(key, f'two {path[0]} are called "{name}"; give one of them another `name`')
    return name


def _check_groups(sections: Sections, task: Component, stated: Mapping[str, Any], path: KeyPath) -> None:
    """Add an error for each sensitive attribute that the task does not have, or that is named twice."""
    known = task.words("GROUPS")
    groups = stated.get("groups") or ()
    if len(set(groups)) < len(groups):
        sections.error((*path, "groups"), "names an attribute twice")
    for group in groups:
        if "GROUPS" in task.facts and group not in known:
            has = ", ".join(known) or "none"
            sections.error(
                (*path, "groups"),
                f'{task.name} has no sensitive attribute "{group}"{nearest(group, known)} (it has: {has})',
            )


def _problems(sections: Sections, task: ComponentUse) -> Iterator[Component]:
    """Yield the problem of a task; several if only the data can decide."""
    for use in task.component.words("PROBLEM"):
        try:
            yield find("problems", use, task.component.path.parent if is_path(use) else sections.folder)
        except ComponentError as error:
            sections.error((*task.key, "use"), f"PROBLEM of {task.component.name}: {error}")


# ── probes, columns ─────────────────────────────────────────────────────────────────────────────


def _probes(sections: Sections, scope: Scope) -> Iterator[ComponentUse]:
    """Yield the probes of the section `[probes]`."""
    table = sections.section("probes")
    if table == {} and isinstance(sections.values.get("probes", {}), dict):
        sections.error(
            ("probes",) if "probes" in sections.values else (), "a suite needs at least one probe: [probes.quality]"
        )
    for name, entry in table.items():
        path: KeyPath = ("probes", name)
        if not isinstance(entry, dict):
            sections.error(path, f"must be a table: [probes.{name}]")
            continue
        if not is_label(name) or "/" in name or name == "predictions":
            sections.error(
                path,
                "is no name for a probe (printable, without a slash, not `predictions`): "
                "its metrics are called NAME/METRIC",
            )
            sections.incomplete.add("probes")
            continue
        use = entry.get("use", name)
        component = sections.component("probes", use, (*path, "use") if "use" in entry else path)
        if component is None:
            continue
        sections.check_keys(entry, ["use", "only", *component.options], path)
        stated = sections.take(entry, component.options, path)
        named: list[Component] = []
        for option, kind in component.facts.get("NAMES", {}).items():
            if kind in (MEASURED, CLASS, MODEL, COLUMN):
                continue
            uses = _without_duplicates(sections, stated.get(option, ()), (*path, option))
            parts = (sections.component(kind, use, (*path, option, index)) for index, use in uses.items())
            components = [part for part in parts if part is not None]
            named += components
            # The probe may run in any folder, so it is given the whole path of a file.
            stated[option] = tuple(str(part.path) if part.external else part.use for part in components)
        cells = read_only(sections, entry, path, scope)
        yield ComponentUse(component, name, stated, only=cells, named=tuple(named), key=path)


def _without_duplicates(sections: Sections, uses: Sequence[str], path: KeyPath) -> dict[int, str]:
    """Return the names in a list by their first position; add one error if names occur more than once."""
    first = {use: index for index, use in reversed([*enumerate(uses)])}
    repeated = [use for index, use in enumerate(uses) if first[use] != index]
    if repeated:
        distinct = len(set(repeated))
        sections.error(path, f"names {show(repeated[0])}{f' and {distinct - 1} more' if distinct > 1 else ''} twice")
    return {index: use for use, index in sorted(first.items(), key=lambda item: item[1])}


def _metrics(
    probes: Iterable[ComponentUse], problems: Mapping[str, tuple[Component, ...]]
) -> dict[str, Mapping[str, Any]]:
    """Return all metrics that the probes can emit, by `probe/metric`."""
    possible = [problem for of_task in problems.values() for problem in of_task]
    return {f"{probe.label}/{name}": facts for probe in probes for name, facts in metrics_of(probe, possible).items()}


def _check_measured(sections: Sections, probe: ComponentUse, metrics: Mapping[str, Any]) -> None:
    """Check the options of a probe that name metrics of other probes."""
    for option, kind in probe.component.facts.get("NAMES", {}).items():
        for index, name in enumerate(probe.stated.get(option, ()) if kind == MEASURED else ()):
            check_metric(sections, name, (*probe.key, option, index), metrics)


def _read_report(
    sections: Sections, metrics: Mapping[str, Any], models: Sequence[ComponentUse], probes: Sequence[ComponentUse]
) -> ReportOptions:
    """Return what the suite states about its leaderboard."""
    table = sections.table("report", REPORT)
    for position, column in enumerate(table.get("columns", ())):
        _check_column(sections, column, ("report", "columns", position), metrics)
    if "sort" in table:
        _check_column(sections, table["sort"], ("report", "sort"), metrics)
    labels = [model.label for model in models]
    if "select" in table:
        _check_select(sections, table["select"], metrics, probes)
    if "models" not in sections.incomplete and (reference := table.get("reference", BEST)) not in (BEST, *labels):
        known = f"{nearest(reference, (BEST, *labels))} (a model of the suite: {', '.join(labels)}; or {BEST})"
        sections.error(("report", "reference"), f"there is no model {show(reference)}{known}")
    return ReportOptions(**table)


def _check_select(sections: Sections, text: str, metrics: Mapping[str, Any], probes: Sequence[ComponentUse]) -> None:
    """Add an error if configurations would be chosen by something that is no metric of the validation split."""
    path = ("report", "select")
    on_validation = [probe.label for probe in probes if probe.component.facts.get("OF_VALIDATION")]
    label_of_metric = text.partition("/")[0]
    if not on_validation and "probes" not in sections.incomplete:
        sections.error(path, f"{show(text)}: no probe measures the validation split: add [probes.validation]")
    elif label_of_metric not in on_validation and label_of_metric in {probe.label for probe in probes}:
        known = [
            name
            for name, facts in metrics.items()
            if name.partition("/")[0] in on_validation and facts.get("better", "none") != "none"
        ]
        sections.error(
            path,
            f"{show(text)} is measured on test examples, which must not choose (of validation: {', '.join(known)})",
        )
    else:
        _check_column(sections, text, path, metrics)
        if text in metrics and metrics[text].get("better", "none") == "none":
            sections.error(path, f"{show(text)} has no better direction, so it cannot choose")


def _check_column(sections: Sections, text: str, path: KeyPath, metrics: Mapping[str, Any]) -> None:
    """Add an error if a column is no metric of the suite, or if its coordinates are not readable."""
    try:
        check_metric(sections, read_column_name(text).metric, path, metrics)
    except ValueError as error:
        sections.error(path, f"{show(text)}: {error}")


def _read_executor(sections: Sections) -> ComponentUse | None:
    """Return the executor that `[run]` states: `processes` if only `jobs` is stated; None if it states neither."""
    table = sections.section("run")
    use = table.get("executor", "processes" if "jobs" in table else None)
    if use is None:
        sections.check_keys(table, ("executor", "jobs", *RUN), ("run",))
        return None
    component = sections.component("executors", use, ("run", "executor" if "executor" in table else "jobs"))
    if component is None:
        return None
    sections.check_keys(table, ("executor", *RUN, *component.options), ("run",))
    return ComponentUse(component, component.name, sections.take(table, component.options, ("run",)), key=("run",))


# ── contradictions ──────────────────────────────────────────────────────────────────────────────


def _check_stated_twice(
    sections: Sections, scope: Scope, train: Mapping[str, Any], evaluate: Mapping[str, Any]
) -> None:
    """Add an error for each option that has a value in the file and is an axis too."""
    tasks, models = scope.tasks, scope.models
    stated: list[tuple[KeyPath, str]] = [(("train", option), f"train.{option}") for option in train]
    stated += [(("evaluate", option), f"evaluate.{option}") for option in evaluate]
    stated += [((*m.key, "train", option), f"train.{option}") for m in models for option in m.train]
    stated += [((*t.key, option), f"tasks.{t.label}.{option}") for t in tasks for option in t.stated]
    stated += [((*m.key, option), f"models.{m.label}.{option}") for m in models for option in m.stated]
    for path, axis in stated:
        if axis in scope.axes:
            sections.error(path, f"contradicts the axis {axis}: keep one of the two")
