"""The words of a suite: its sections and usual axes, and what a valid one holds. `reading` makes one from a file."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import PACKAGE, Component
from bench_suite.components.options import MISSING, Option, Type, read_options, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import TRAIN_BOUNDS, Kind
from bench_suite.suite.document import Document, SuiteError
from bench_suite.suite.toml_positions import Path as KeyPath

SECTIONS = ("title", "description", "tasks", "models", "train", "evaluate", "matrix", "probes", "gate", "report")
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("32-true", "bf16-mixed", "auto")
AXES: Mapping[str, Option] = {
    "seed": Option(
        "seed", Type("int"), 0, "Seed of initial weights and of the order of examples.", bounds=(0, 2**32 - 1)
    ),
    "precision": Option(
        "precision",
        Type("Literal", PRECISIONS),
        "32-true",
        "Arithmetic of training and inference; `auto`: the faster here.",
    ),
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
    "fraction": Option(
        "fraction",
        Type("float"),
        1.0,
        "Share of the training split that is trained on; smaller shares are parts of larger ones.",
        bounds=(1e-6, 1.0),
    ),
    "compile": Option("compile", Type("bool"), False, "Whether `torch.compile` translates the network first."),
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
MEASURED, CLASS = "probe/metric", "class"
"Kinds in `NAMES` of what is no component: a metric that other probes of the suite measure, a class of the task."
NAMED_CLASSES = 12
"Classes of a task that an error names."
TIMING_PROCESSES = 5
"Fresh processes that an interval of a timing needs."


@dataclass(frozen=True)
class ComponentUse:
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
    tasks: tuple[ComponentUse, ...]
    models: tuple[ComponentUse, ...]
    probes: tuple[ComponentUse, ...]
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
    def external(self) -> tuple[Component, ...]:
        """Components that the suite names by file: running them needs `--trust`."""
        chosen = [
            part for choice in (*self.tasks, *self.models, *self.probes) for part in (choice.component, *choice.named)
        ]
        every = [*chosen, *(p for ps in self.problems.values() for p in ps), *self.engines.values()]
        return tuple({part.path: part for part in every if part.external}.values())


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


@functools.cache
def train_options() -> Mapping[str, Option]:
    """The training options, read like a component's."""
    tree = ast.parse((PACKAGE / "contracts.py").read_text(encoding="utf-8"))
    return read_options(tree, "TrainOptions", TRAIN_BOUNDS)


def metrics_of(probe: ComponentUse, problems: Iterable[Component]) -> dict[str, Mapping[str, Any]]:
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
    if probe.component.facts.get("OF_PREDICTIONS"):
        facts = {name: {"of_predictions": True, **each} for name, each in facts.items()}
    return facts


def unknown_classes(probe: ComponentUse, task: str, classes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options of a probe that name a class which a task has not: the option, and what is wrong in words.

    Arguments: `task`, its label; `classes`, all it has.
    """
    for option, kind in probe.component.facts.get("NAMES", {}).items():
        stated = probe.stated.get(option) or ()
        for named in (stated,) if isinstance(stated, str) else stated:
            if kind == CLASS and named not in classes:
                more = f" and {len(classes) - NAMED_CLASSES} more" if len(classes) > NAMED_CLASSES else ""
                has = ", ".join(classes[:NAMED_CLASSES]) + more
                yield option, f"{show(named)} is no class of {task}{nearest(named, classes)} (it has: {has})"


def is_label(name: Any) -> bool:
    """Whether this can be what reports call a task, a model or a probe."""
    return isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable() and name == name.strip()
