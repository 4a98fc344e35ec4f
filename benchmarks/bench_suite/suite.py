"""A suite file, validated: its tasks, models, probes, axes, gates and columns, or all its faults at once."""

from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_suite.components import PACKAGE, Component, builtin, find, is_path
from bench_suite.contracts import ComponentError, Kind
from bench_suite.document import Document, SuiteError, label, read_document
from bench_suite.options import MISSING, Option, Type, describe, read_options, show
from bench_suite.positions import Path as KeyPath
from bench_suite.spelling import nearest

SECTIONS = ("title", "description", "tasks", "models", "train", "evaluate", "matrix", "probes", "gate", "report")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("32-true", "bf16-mixed")
AXES: Mapping[str, Option] = {
    "seed": Option(
        "seed", Type("int"), 0, "Seed of initial weights and of the order of examples.", bounds=(0, 2**32 - 1)
    ),
    "precision": Option("precision", Type("Literal", PRECISIONS), "32-true", "Arithmetic of training and inference."),
    "device": Option(
        "device", Type("Literal", DEVICES), "auto", "`auto`: cuda where there is one, else mps, else cpu."
    ),
    "engine": Option("engine", Type("str"), "native", "The trainer that runs the loop: a name, or a file."),
    "threads": Option(
        "threads",
        Type("union", (Type("int"), Type("Literal", ("auto",)))),
        "auto",
        "CPU threads; `auto`: all cores.",
        bounds=(1, None),
    ),
}
"Axes with a name of their own; the others are dotted keys such as `train.learning_rate`."
EVALUATE: Mapping[str, Option] = {
    "batch_size": Option(
        "batch_size", Type("int"), 256, "Examples in one forward pass when predicting.", bounds=(1, None)
    ),
}
COMMON: Mapping[Kind, Mapping[str, Option]] = {
    "tasks": {
        "data": Option(
            "data",
            Type("Literal", ("full", "sample")),
            "full",
            "`sample`: the smaller, real data set that ships in a package.",
        ),
        "groups": Option(
            "groups",
            Type("union", (Type("tuple", (Type("str"),), open=True), Type("None"))),
            None,
            "Sensitive attributes to keep; default: all the task has.",
        ),
    },
}
"Options that every component of a kind accepts."
RULES: Mapping[str, Option] = {
    "min": Option(
        "min", Type("float"), MISSING, "Least value: fails when the interval of the mean over seeds lies wholly below."
    ),
    "max": Option("max", Type("float"), MISSING, "Greatest value: fails when the interval lies wholly above."),
    "tolerance": Option(
        "tolerance",
        Type("union", (Type("float"), Type("str"))),
        MISSING,
        'How much worse than the baseline is allowed: 0.01, or "5%".',
    ),
}
TIMING_PROCESSES = 5
"Fresh processes that an interval of a timing needs."


@dataclass(frozen=True)
class Choice:
    """A component as a suite uses it."""

    component: Component
    label: str
    stated: Mapping[str, Any]
    "Options that the suite states, converted."
    train: Mapping[str, Any] = field(default_factory=dict)
    "A model's own training options."
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    "A probe's cells: axis and the values it wants."
    named: tuple[Component, ...] = ()
    "Components that its options name, such as further metrics of `quality`."
    key: KeyPath = ()
    "Where in the file."


@dataclass(frozen=True)
class Gate:
    """What a metric must hold."""

    metric: str
    rules: Mapping[str, Any]
    key: KeyPath


@dataclass(frozen=True)
class Suite:
    """A valid suite."""

    name: str
    folder: Path
    document: Document
    overrides: tuple[str, ...]
    title: str
    description: str
    tasks: tuple[Choice, ...]
    models: tuple[Choice, ...]
    probes: tuple[Choice, ...]
    train: Mapping[str, Any]
    evaluate: Mapping[str, Any]
    axes: Mapping[str, tuple[Any, ...]]
    include: tuple[Mapping[str, Any], ...]
    exclude: tuple[Mapping[str, Any], ...]
    problems: Mapping[str, tuple[Component, ...]]
    "By task label: what it is, or may be."
    engines: Mapping[str, Component]
    metrics: Mapping[str, Mapping[str, Any]]
    "All metrics that its probes can emit, as `probe/metric`, with unit and direction."
    gates: tuple[Gate, ...]
    columns: tuple[str, ...]
    sort: str | None

    @property
    def foreign(self) -> tuple[Component, ...]:
        """Components that the suite names by file: running them needs `--trust`."""
        chosen = [
            part for choice in (*self.tasks, *self.models, *self.probes) for part in (choice.component, *choice.named)
        ]
        every = [*chosen, *(p for ps in self.problems.values() for p in ps), *self.engines.values()]
        return tuple({part.path: part for part in every if part.foreign}.values())


def shipped() -> list[str]:
    """Names of the suites that travel with the program."""
    return sorted(path.stem for path in (PACKAGE / "suites").glob("*.toml"))


def locate(name: str) -> Path:
    """The file of a suite: a path, or the name of one that ships with the program. Raises SuiteError."""
    path = Path(name)
    if name in shipped() and not path.is_file():  # a folder of that name, such as one of results, is not meant
        return PACKAGE / "suites" / f"{name}.toml"
    if len(name) > 255 or path.exists() or path.suffix == ".toml" or "/" in name:
        return path
    raise SuiteError(
        [f"there is no suite {show(name)}{nearest(name, shipped())} (a file, or one of: {', '.join(shipped())})"]
    )


def read_suite(name: str, overrides: Sequence[str] = ()) -> Suite:
    """Read and validate a suite file. Raises SuiteError with all faults; no component is imported."""
    path = locate(name)
    document = read_document(path, name if path == Path(name) else f"{path.stem}.toml", overrides)
    return _Reader(document, path.parent, path.stem, tuple(overrides)).suite()


@functools.cache
def train_options() -> Mapping[str, Option]:
    """The training options, read like a component's."""
    source = (PACKAGE / "training" / "options.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    bounds = next(
        ast.literal_eval(n.value)
        for n in tree.body
        if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "BOUNDS"
    )
    return read_options(tree, "TrainOptions", bounds)


def metrics_of(probe: Choice, problems: Iterable[Component]) -> dict[str, Mapping[str, Any]]:
    """Metrics that a probe can emit for these problems, without its label: unit, direction and other facts."""
    facts: dict[str, Mapping[str, Any]] = {}
    if probe.component.facts.get("METRICS_OF_PROBLEM"):
        for problem in problems:
            facts |= problem.facts["METRICS"]
    facts |= probe.component.facts["METRICS"]
    for part in probe.named:
        if part.kind == "metrics":
            facts[part.name] = {
                name.lower(): part.facts[name] for name in ("UNIT", "BETTER", "IDEAL") if name in part.facts
            }
    return facts


class _Reader:
    """Walks a document section by section and notes every fault in it."""

    def __init__(self, document: Document, folder: Path, name: str, overrides: tuple[str, ...]) -> None:
        self.document = document
        self.values = document.values
        self.folder = folder
        self.name = name
        self.overrides = overrides
        self.incomplete: set[str] = set()
        "Kinds with an entry that could not be read: what refers to them is not judged, so that one fault is said once."

    def suite(self) -> Suite:
        self.known(self.values, SECTIONS, ())
        title, description = (self.string(key) for key in ("title", "description"))
        tasks = self.entries("tasks")
        models = self.entries("models")
        problems = {task.label: tuple(self.problems(task)) for task in tasks}
        train = self.table("train", train_options())
        evaluations = {k: o for ps in problems.values() for p in ps for k, o in p.options.items()} | dict(EVALUATE)
        evaluate = self.take(self.section("evaluate"), evaluations, ("evaluate",))
        if "tasks" not in self.incomplete:
            self.known(self.section("evaluate"), evaluations, ("evaluate",))
        axes = self.axes(tasks, models, evaluations)
        engines = self.engines(axes)
        probes = self.probes(axes, tasks, models)
        metrics = self.metrics(probes, problems)
        gates = tuple(self.gates(metrics, probes))
        columns, sort = self.report(metrics)
        include, exclude = (
            tuple(self.selectors(key, axes, tasks, models, evaluations)) for key in ("include", "exclude")
        )
        self.twice(train, evaluate, tasks, models, axes)
        self.contradictions(train, models, axes, include)
        self.document.raise_faults()
        return Suite(
            self.name, self.folder, self.document, self.overrides, title or self.name, description, tuple(tasks), tuple(models),
            tuple(probes), train, evaluate, axes, include, exclude, problems, engines, metrics, gates, columns, sort,
        )  # fmt: skip

    # ── pieces ──────────────────────────────────────────────────────────────────────────────────

    def fault(self, path: KeyPath, message: str) -> None:
        self.document.fault(path, message)

    def known(self, table: Mapping[str, Any], allowed: Iterable[str], path: KeyPath) -> None:
        allowed = list(allowed)
        for key in table:
            if key not in allowed:
                self.fault((*path, key), f"unknown key{nearest(key, allowed)} (allowed: {', '.join(allowed)})")

    def string(self, key: str) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str):
            self.fault((key,), f"{show(value)} is not a string")
            return ""
        if not all(c.isprintable() or (c in "\n\t" and key == "description") for c in value):
            self.fault((key,), f"{show(value)} holds a control character")
        return value

    def section(self, key: str) -> Mapping[str, Any]:
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.fault((key,), f"must be a table: [{key}]")
            return {}
        return value

    def accept(self, option: Option, value: Any, path: KeyPath) -> Any:
        """The converted value, or MISSING after noting why it does not fit."""
        try:
            return option.accept(value)
        except ValueError as error:
            near = nearest(value, _choices(option)) if isinstance(value, str) else ""
            self.fault(path, f"{error}{near}")
            return MISSING

    def take(self, table: Mapping[str, Any], options: Mapping[str, Option], path: KeyPath) -> dict[str, Any]:
        """The stated options that are known and fit; unknown keys are for `known` to note."""
        pairs = (
            (key, self.accept(options[key], value, (*path, key))) for key, value in table.items() if key in options
        )
        return {key: value for key, value in pairs if value is not MISSING}

    def table(self, key: str, options: Mapping[str, Option]) -> dict[str, Any]:
        table = self.section(key)
        self.known(table, options, (key,))
        return self.take(table, options, (key,))

    def component(self, kind: Kind, use: Any, path: KeyPath) -> Component | None:
        if not isinstance(use, str) or not use:
            self.fault(
                path, f"{show(use)} is no {kind[:-1]}: a name ({', '.join(builtin(kind))}), or the path of a file"
            )
        else:
            try:
                return find(kind, use, self.folder)
            except ComponentError as error:
                self.fault(path, str(error))
        self.incomplete.add(kind)
        return None

    def entries(self, kind: Kind) -> list[Choice]:
        entries = self.values.get(kind)
        if entries is None or entries == []:
            self.fault(
                (kind,) if kind in self.values else (),
                f'a suite needs at least one {kind[:-1]}: [[{kind}]] with use = "NAME"',
            )
            self.incomplete.add(kind)
            return []
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.fault((kind,), f"must be written [[{kind}]], one block an entry")
            self.incomplete.add(kind)
            return []
        choices: list[Choice] = []
        for index, entry in enumerate(entries):
            path: KeyPath = (kind, index)
            if "use" not in entry:
                wrong = next((key for key in entry if nearest(key, ["use"])), None)
                said = "lacks" if wrong is None else f"has `{wrong}`, and lacks"
                self.fault(
                    path if wrong is None else (*path, wrong),
                    f"{said} `use`: the name of a {kind[:-1]} ({', '.join(builtin(kind))}), or the path of a file",
                )
                self.incomplete.add(kind)
                continue
            component = self.component(kind, entry["use"], (*path, "use"))
            if component is None:
                continue
            options = {**COMMON.get(kind, {}), **component.options}
            extra = ("use", "name", "train") if kind == "models" else ("use", "name")
            self.known(entry, [*extra, *options], path)
            stated = self.take(entry, options, path)
            if kind == "tasks":
                self.groups(component, stated, path)
            for name, option in options.items():
                if option.default is MISSING and name not in entry:
                    self.fault(path, f"{component.name} needs `{name}`: {option.help or option.type}")
            train = entry.get("train", {}) if kind == "models" else {}
            if not isinstance(train, dict):
                self.fault((*path, "train"), "must be a table: train = { epochs = 3 }")
                train = {}
            self.known(train, train_options(), (*path, "train"))
            name = self.label(entry, path, choices)
            choices.append(
                Choice(component, name, stated, self.take(train, train_options(), (*path, "train")), key=path)
            )
        return choices

    def label(self, entry: Mapping[str, Any], path: KeyPath, others: Sequence[Choice]) -> str:
        name = label(entry)
        key = (*path, "name" if "name" in entry else "use")
        if not is_label(name):
            self.fault(key, f"{show(name)} is no name: 1 to 100 printable characters, without space at either end")
            self.incomplete.add(str(path[0]))
            return "?"
        if any(other.label == name for other in others):
            self.fault(key, f'two {path[0]} are called "{name}"; give one of them another `name`')
        return name

    def groups(self, task: Component, stated: Mapping[str, Any], path: KeyPath) -> None:
        known = task.words("GROUPS")
        if len(set(stated.get("groups") or ())) < len(stated.get("groups") or ()):
            self.fault((*path, "groups"), "names an attribute twice")
        for group in stated.get("groups") or ():
            if "GROUPS" in task.facts and group not in known:
                has = ", ".join(known) or "none"
                self.fault(
                    (*path, "groups"),
                    f'{task.name} has no sensitive attribute "{group}"{nearest(group, known)} (it has: {has})',
                )

    def problems(self, task: Choice) -> Iterator[Component]:
        for use in task.component.words("PROBLEM"):
            try:
                yield find("problems", use, task.component.path.parent if is_path(use) else self.folder)
            except ComponentError as error:
                self.fault((*task.key, "use"), f"PROBLEM of {task.component.name}: {error}")

    def probes(self, axes: Mapping[str, Any], tasks: Sequence[Choice], models: Sequence[Choice]) -> list[Choice]:
        table = self.section("probes")
        if table == {} and isinstance(self.values.get("probes", {}), dict):
            self.fault(
                ("probes",) if "probes" in self.values else (), "a suite needs at least one probe: [probes.quality]"
            )
        choices = []
        for name, entry in table.items():
            path: KeyPath = ("probes", name)
            if not isinstance(entry, dict):
                self.fault(path, f"must be a table: [probes.{name}]")
                continue
            if not is_label(name) or "/" in name or name == "predictions":
                self.fault(
                    path,
                    "is no name for a probe (printable, without a slash, not `predictions`): its metrics are called NAME/METRIC",
                )
                self.incomplete.add("probes")
                continue
            component = self.component("probes", entry.get("use", name), (*path, "use") if "use" in entry else path)
            if component is None:
                continue
            self.known(entry, ["use", "only", *component.options], path)
            stated = self.take(entry, component.options, path)
            named: list[Component] = []
            for option, kind in component.facts.get("NAMES", {}).items():
                found = [self.component(kind, use, (*path, option, i)) for i, use in enumerate(stated.get(option, ()))]
                named += [part for part in found if part is not None]
                # The probe finds a file by its whole path, wherever it runs.
                stated[option] = tuple(
                    str(part.path) if part.foreign else part.use for part in found if part is not None
                )
            only = {}
            chosen = entry.get("only", {})
            if not isinstance(chosen, dict):
                self.fault((*path, "only"), "must be a table of axes and the values it wants: only = { seed = 0 }")
                chosen = {}
            for axis, value in chosen.items():
                only[axis] = self.selector(axis, value, (*path, "only", axis), axes, tasks, models, {})
            choices.append(Choice(component, name, stated, only=only, named=tuple(named), key=path))
        return choices

    def metrics(
        self, probes: Sequence[Choice], problems: Mapping[str, tuple[Component, ...]]
    ) -> dict[str, Mapping[str, Any]]:
        every = [p for ps in problems.values() for p in ps]
        known: dict[str, Mapping[str, Any]] = {}
        for probe in probes:
            known |= {f"{probe.label}/{name}": facts for name, facts in metrics_of(probe, every).items()}
        return known

    def gates(self, metrics: Mapping[str, Mapping[str, Any]], probes: Sequence[Choice]) -> Iterator[Gate]:
        for metric, rules in self.section("gate").items():
            path: KeyPath = ("gate", metric)
            if isinstance(rules, dict) and f"{metric}/{next(iter(rules), None)}" in metrics:
                wanted = f"{metric}/{next(iter(rules))}"
                self.fault(path, f'a metric\'s name is one key with a slash, in quotes: "{wanted}" = {{ min = … }}')
                continue
            self.metric(metric, path, metrics)
            if not isinstance(rules, dict) or not rules:
                self.fault(path, "must be a table with min, max or tolerance: { min = 0.85 }")
                continue
            self.known(rules, RULES, path)
            accepted = self.take(rules, RULES, path)
            tolerance = accepted.get("tolerance")
            if isinstance(tolerance, str) and not re.fullmatch(r"\d+(\.\d+)? ?%", tolerance):
                self.fault((*path, "tolerance"), f'{show(tolerance)} is neither a number nor a share such as "5%"')
            elif isinstance(tolerance, float) and not 0 <= tolerance < math.inf:
                self.fault((*path, "tolerance"), "must be 0 or more, in the metric's own direction")
            if accepted.get("min", -math.inf) > accepted.get("max", math.inf):
                self.fault(path, f"contradicts itself: min {accepted['min']} is above max {accepted['max']}")
            probe = next((p for p in probes if p.label == metric.partition("/")[0]), None)
            timing = metrics.get(metric, {}).get("timing")
            if timing and probe is not None and probe.stated.get("processes", 1) < TIMING_PROCESSES:
                self.fault(
                    path,
                    f"a timing has an interval only over {TIMING_PROCESSES} or more fresh processes, and is measured in one here: leave it out of [gate]",
                )
            yield Gate(metric, accepted, path)

    def metric(self, name: Any, path: KeyPath, metrics: Mapping[str, Any]) -> None:
        if name not in metrics and not self.incomplete & {"tasks", "probes", "metrics"}:
            self.fault(
                path,
                f"no probe of this suite emits {show(name)}{nearest(str(name), metrics)} (there are: {', '.join(metrics)})",
            )

    def report(self, metrics: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
        options = {
            "columns": Option(
                "columns", Type("tuple", (Type("str"),), open=True), (), "Metrics of the leaderboard, in this order."
            ),
            "sort": Option("sort", Type("str"), None, "The metric that ranks."),
        }
        table = self.table("report", options)
        for position, column in enumerate(table.get("columns", ())):
            self.metric(column, ("report", "columns", position), metrics)
        if "sort" in table:
            self.metric(table["sort"], ("report", "sort"), metrics)
        return table.get("columns", ()), table.get("sort")

    # ── axes ────────────────────────────────────────────────────────────────────────────────────

    def axes(
        self, tasks: Sequence[Choice], models: Sequence[Choice], evaluations: Mapping[str, Option]
    ) -> dict[str, tuple[Any, ...]]:
        axes: dict[str, tuple[Any, ...]] = {}
        for axis, values in self.section("matrix").items():
            if axis in ("include", "exclude"):
                continue
            path: KeyPath = ("matrix", axis)
            if isinstance(values, dict) and axis in ("train", "evaluate", "tasks", "models"):
                below = f"{axis}.{next(iter(values), 'NAME')}" + (".OPTION" if axis in ("tasks", "models") else "")
                self.fault(path, f'a dotted axis is one key, in quotes: "{below}" = […]')
                continue
            option = self.axis(axis, path, tasks, models, evaluations)
            if option is None:
                continue
            # A list is several values; for an option that is itself a list, a list of lists.
            listed = values if isinstance(values, list) else [values]
            if not listed:
                self.fault(
                    path,
                    "is an axis without values, so there is no cell at all; give one value or more, or leave it out",
                )
                continue
            if option.type.name == "tuple" and not all(isinstance(value, list) for value in listed):
                self.fault(
                    path,
                    f"{show(listed[0])} is not {describe(option.type)}; an axis of lists is a list of lists: [{show(listed if isinstance(values, list) else [values])}]",
                )
                continue
            accepted = [
                self.accept(option, value, (*path, i) if isinstance(values, list) else path)
                for i, value in enumerate(listed)
            ]
            if any(accepted[i] in accepted[:i] for i in range(len(accepted)) if accepted[i] is not MISSING):
                self.fault(path, "names a value twice")
            axes[axis] = tuple(accepted)
        return axes

    def axis(
        self,
        axis: str,
        path: KeyPath,
        tasks: Sequence[Choice],
        models: Sequence[Choice],
        evaluations: Mapping[str, Option],
    ) -> Option | None:
        """The option that an axis varies; None after noting that there is none."""
        if axis in AXES:
            return AXES[axis]
        family, _, rest = axis.partition(".")
        options: Mapping[str, Option] = {}
        if family == "train":
            options = train_options()
        elif family == "evaluate":
            options = evaluations
        elif family in ("tasks", "models"):
            choices = {c.label: c for c in (tasks if family == "tasks" else models)}
            name = next((n for n in sorted(choices, key=len, reverse=True) if rest.startswith(f"{n}.")), None)
            if name is None:
                if family not in self.incomplete:
                    near = nearest(
                        axis,
                        [f"{family}.{c.label}.{option}" for c in choices.values() for option in c.component.options],
                    )
                    labels = ", ".join(choices)
                    self.fault(
                        path,
                        f"names no {family[:-1]} of this suite{near} (there are: {labels}); an axis of one is {family}.NAME.OPTION",
                    )
                return None
            rest = rest[len(name) + 1 :]
            options = {**COMMON.get(family, {}), **choices[name].component.options}  # type: ignore[call-overload]  # family is one of two kinds
        else:
            known = [
                *AXES,
                *(f"train.{o}" for o in train_options()),
                *(f"evaluate.{o}" for o in evaluations),
                "include",
                "exclude",
            ]
            self.fault(
                path,
                f"is no axis{nearest(axis, known)} (axes: {', '.join(AXES)}, or a dotted key such as train.learning_rate)",
            )
            return None
        if rest not in options:
            if family == "evaluate" and "tasks" in self.incomplete:
                return None
            self.fault(
                path, f"`{rest}` is no option there{nearest(rest, options)} (there are: {', '.join(options) or 'none'})"
            )
            return None
        return options[rest]

    def engines(self, axes: Mapping[str, tuple[Any, ...]]) -> dict[str, Component]:
        uses = [u for u in axes.get("engine", (AXES["engine"].default,)) if u is not MISSING]
        found = {use: self.component("engines", use, ("matrix", "engine")) for use in uses}
        return {use: component for use, component in found.items() if component is not None}

    def selectors(
        self,
        key: str,
        axes: Mapping[str, Any],
        tasks: Sequence[Choice],
        models: Sequence[Choice],
        evaluations: Mapping[str, Option],
    ) -> Iterator[Mapping[str, Any]]:
        entries = self.section("matrix").get(key, [])
        if not isinstance(entries, list) or not all(isinstance(e, dict) and e for e in entries):
            self.fault(("matrix", key), f"must be a list of tables: {key} = [{{ model = …, seed = … }}]")
            return
        for index, entry in enumerate(entries):
            path: KeyPath = ("matrix", key, index)
            yield {a: self.selector(a, v, (*path, a), axes, tasks, models, evaluations) for a, v in entry.items()}

    def selector(
        self,
        axis: str,
        value: Any,
        path: KeyPath,
        axes: Mapping[str, Any],
        tasks: Sequence[Choice],
        models: Sequence[Choice],
        evaluations: Mapping[str, Option],
    ) -> tuple[Any, ...]:
        """The values that a selector of cells names for one axis, as a tuple."""
        listed = value if isinstance(value, list) else [value]
        if axis in ("task", "model"):
            labels = [c.label for c in (tasks if axis == "task" else models)]
            for name in listed:
                if name not in labels and f"{axis}s" not in self.incomplete:
                    self.fault(
                        path,
                        f"no {axis} is called {show(name)}{nearest(str(name), labels)} (there are: {', '.join(labels)})",
                    )
            return tuple(listed)
        if not axes.get(axis) and path[:2] != ("matrix", "include") and axis not in AXES:
            known = list(dict.fromkeys(["task", "model", *AXES, *axes]))
            self.fault(path, f"is no axis of this matrix{nearest(axis, known)} (there are: {', '.join(known)})")
            return ()
        option = self.axis(axis, path, tasks, models, evaluations)
        return () if option is None else tuple(self.accept(option, v, path) for v in listed)

    def twice(
        self,
        train: Mapping[str, Any],
        evaluate: Mapping[str, Any],
        tasks: Sequence[Choice],
        models: Sequence[Choice],
        axes: Mapping[str, Any],
    ) -> None:
        """An option that stands in the file and is an axis too."""
        stated: list[tuple[KeyPath, str]] = [(("train", option), f"train.{option}") for option in train]
        stated += [(("evaluate", option), f"evaluate.{option}") for option in evaluate]
        stated += [((*m.key, "train", option), f"train.{option}") for m in models for option in m.train]
        stated += [((*t.key, option), f"tasks.{t.label}.{option}") for t in tasks for option in t.stated]
        stated += [((*m.key, option), f"models.{m.label}.{option}") for m in models for option in m.stated]
        for path, axis in stated:
            if axis in axes:
                self.fault(path, f"contradicts the axis {axis}: one of the two")

    def contradictions(
        self,
        train: Mapping[str, Any],
        models: Sequence[Choice],
        axes: Mapping[str, tuple[Any, ...]],
        include: Sequence[Mapping[str, Any]],
    ) -> None:
        """Training options of which no cell could mean both. What depends on the cell, `plan` looks at."""
        default = train_options()["optimizer"].default
        varied = {value for values in (axes, *include) for value in values.get("train.optimizer", ())}
        sgd = [m for m in models if "sgd" in varied | {m.train.get("optimizer", train.get("optimizer", default))}]
        for option in ("momentum", "nesterov"):
            message = f'{option} is an option of optimizer = "sgd"'
            for model in models:
                if model.train.get(option) and model not in sgd:
                    self.fault((*model.key, "train", option), message)
            if models and not sgd:
                if train.get(option):
                    self.fault(("train", option), message)
                if any(axes.get(f"train.{option}", ())):
                    self.fault(("matrix", f"train.{option}"), message)


def is_label(name: Any) -> bool:
    """Whether this can be what reports call a task, a model or a probe."""
    return isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable() and name == name.strip()


def _choices(option: Option) -> tuple[str, ...]:
    from bench_suite.options import choices

    return choices(option.type)
