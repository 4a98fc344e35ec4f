"""The specification of a suite: its sections, axes and options, and the fields of a valid suite (`parser` makes it)."""

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
from bench_suite.contracts import COMPILE_MODES, FINDING_CODES, TRAIN_BOUNDS, Kind
from bench_suite.suite.document import Document, SuiteError
from bench_suite.suite.toml_positions import Path as KeyPath

SECTIONS = (
    "title",
    "description",
    "tasks",
    "models",
    "train",
    "evaluate",
    "matrix",
    "probes",
    "gate",
    "data",
    "report",
    "run",
)
PRECISIONS = ("32-true", "bf16-mixed", "auto")
STRATEGIES = ("ddp", "fsdp")
"How several devices may share a training."
AXES: Mapping[str, Option] = {
    "seed": Option(
        "seed", Type("int"), 0, "Seed of initial weights and of the order of examples.", bounds=(0, 2**32 - 1)
    ),
    "precision": Option(
        "precision",
        Type("Literal", PRECISIONS),
        "32-true",
        "Arithmetic of training and inference; `auto`: the faster one on this machine that the engine states.",
    ),
    "device": Option(
        "device",
        Type("word", ("auto", "cpu", "cuda", "mps")),
        "auto",
        "Kind of device, as PyTorch names it. `auto`: the first of cuda, mps, another accelerator that PyTorch knows, "
        "and cpu that this machine has and the engine states.",
    ),
    "engine": Option("engine", Type("str"), "native", "The engine that trains networks: a name, or a file."),
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
        "Share of the training split that is used; a smaller share is a subset of a larger one.",
        bounds=(1e-6, 1.0),
    ),
    "compile": Option(
        "compile",
        Type("union", (Type("bool"), Type("Literal", COMPILE_MODES))),
        False,
        "Whether `torch.compile` compiles the network; true: in its default mode. `cudagraphs` compiles nothing and "
        "records CUDA graphs.",
    ),
    "devices": Option(
        "devices",
        Type("int"),
        1,
        "Devices that train one network together, each with a process of its own; on a CPU, a device is a process with "
        "its `threads`.",
        bounds=(1, None),
    ),
    "strategy": Option(
        "strategy",
        Type("Literal", STRATEGIES),
        "ddp",
        "How several devices share a training. `ddp`: each has the whole network, and a part of each batch; "
        "`fsdp`: each has a part of the weights, the gradients and the optimiser's state, too.",
    ),
    "fold": Option(
        "fold",
        Type("int"),
        None,
        "The fold that is tested on, from 0; default: all folds of a task whose `split` states `folds`.",
        bounds=(0, None),
    ),
}
"Axes with a name of their own; all others are dotted keys such as `train.learning_rate`."
EVALUATE: Mapping[str, Option] = {
    "batch_size": Option(
        "batch_size", Type("int"), 256, "Examples in one forward pass of prediction.", bounds=(1, None)
    ),
}
BEST = "best"
"The reference that stands for the model with the best value of the metric that ranks."
REPORT: Mapping[str, Option] = {
    "columns": Option(
        "columns",
        Type("tuple", (Type("str"),), open=True),
        (),
        "Metrics of the leaderboard, in this order; `privacy/auc?attack=loss` is a metric at a coordinate.",
    ),
    "sort": Option("sort", Type("str"), None, "The metric that ranks."),
    "reference": Option(
        "reference",
        Type("str"),
        None,
        f"The model that the others are compared with, paired by seed and test example; `{BEST}`: the one that ranks "
        "first on a task.",
    ),
    "select": Option(
        "select",
        Type("str"),
        None,
        "A metric on the validation split, such as `validation/log_loss`: of the configurations of a model that differ "
        "in options of training or of the model, only the one with the best value is shown.",
    ),
}
"The section `[report]`."
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
            "Sensitive attributes to keep; default: all that the task has.",
        ),
        "positive": Option(
            "positive",
            Type("union", (Type("str"), Type("None"))),
            None,
            "Name of the positive class, of two: metrics such as `binary_f1` are about it. Default: the second class.",
        ),
    },
}
"Options that every component of a kind accepts."
RULES: Mapping[str, Option] = {
    "min": Option(
        "min",
        Type("float"),
        MISSING,
        "Least value of the mean over seeds. If the mean lies below it, the gate fails; if only part of the interval "
        "does, the gate cannot tell.",
    ),
    "max": Option("max", Type("float"), MISSING, "Greatest value of the mean over seeds, likewise."),
    "tolerance": Option(
        "tolerance",
        Type("union", (Type("float"), Type("str"))),
        MISSING,
        'Allowed loss against the baseline, in units of the metric or as a share: 0.01, or "5%".',
    ),
}
GATE_ONLY = Option(
    "only",
    Type("Mapping", (Type("str"), Type("union", (Type("str"), Type("float"), Type("bool"))))),
    MISSING,
    'The cells that the rules are for: by axis, `task` or `model` a value, or a list of them: `{ model = "mlp" }`. '
    "Default: all cells.",
)
REFERENCE = "reference"
"The value of `ratio_to` that stands for the model that `[report] reference` names."
GATE_RATIO = Option(
    "ratio_to",
    Type("str"),
    MISSING,
    "A model. The gate judges each other model by the ratio of its value to the value of this one, in the cell that "
    f"differs in the model only. `{REFERENCE}`: the model that `[report] reference` names. Default: no ratio.",
)
"What a gate may state beside its rules."
GATE_OPTIONS: Mapping[str, Option] = {
    "undecided": Option(
        "undecided",
        Type("Literal", ("exit 4", "fail", "warn")),
        "exit 4",
        "Exit status if a gate cannot tell: 4; or `fail`: 1; or `warn`: 0, with the message only.",
    ),
    "new": Option(
        "new",
        Type("Literal", ("pass", "fail")),
        "pass",
        "A comparison of a cell that the earlier run lacks: `pass` with a note; or `fail`: exit status 1.",
    ),
}
"Options of the section `[gate]` as a whole."
GATE_SEEDS = "seeds"
"The key of `[gate]` that states how many seeds a run begins with, and up to how many a comparison adds."


@dataclass(frozen=True)
class SeedRange:
    """Numbers of seeds: a run begins with `first`, and a comparison adds up to `most` until each gate is decided."""

    first: int
    most: int

    def to_json(self) -> dict[str, int]:
        """Return the range as the suite and `run.json` state it."""
        return {"from": self.first, "to": self.most}


DATA: Mapping[str, Option] = {
    "fail_on": Option(
        "fail_on",
        Type("tuple", (Type("Literal", tuple(FINDING_CODES)),), open=True),
        (),
        "Codes of findings that end a run with exit status 1: before training, or after it for D009, D011 and D012.",
    ),
}
"Options of the section `[data]`. They are part of no cell's identity."
LOG = "log"
RUN: Mapping[str, Option] = {
    LOG: Option(
        LOG,
        Type("tuple", (Type("str"),), open=True),
        (),
        "Experiment trackers that the run is logged to while it goes on: names of exporters, or files.",
    ),
}
"Options of the section `[run]` beside the executor and the executor's own. They are part of no cell's identity."
MEASURED, CLASS, MODEL, COLUMN = "probe/metric", "class", "model", "column"
"""Kinds in `NAMES` that are no components: a metric that another probe of the suite emits, a class of the task, the
label of a model of the suite, a column of the task's table."""
MAX_NAMED_CLASSES = 12
"Classes of a task that an error lists."
TIMING_PROCESSES = 5
"Fresh processes without which a timing has no interval."


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
    "The cells that a probe chooses: the values by axis."
    named: tuple[Component, ...] = ()
    "Components that its options name, such as further metrics of `quality`."
    key: KeyPath = ()
    "Where the file states it."

    def to_json(self) -> dict[str, Any]:
        """Return the component and its stated options, as `run.json` states an executor."""
        return {"name": self.label, **self.stated}


@dataclass(frozen=True)
class Gate:
    """The rules that a metric must satisfy, in all cells or in those that `only` chooses."""

    metric: str
    "`probe/metric`."
    rules: Mapping[str, Any]
    "`min`, `max`, `tolerance`."
    key: KeyPath = ()
    "Where the file states it."
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    "The cells that it is for: the values by axis; empty for all cells."
    ratio_to: str = ""
    "The model by whose value that of each other model is divided; empty if the value itself is judged."

    @property
    def name(self) -> str:
        """What it judges, in words: `throughput/train`, or `throughput/train, ratio to logistic_regression`."""
        return judged_name(self.metric, self.ratio_to)

    def to_json(self) -> dict[str, Any]:
        """Return the rules as `run.json` states them, with `ratio_to` and `only` if there are any."""
        only = {axis: list(values) for axis, values in self.only.items()}
        ratio = {"ratio_to": self.ratio_to} if self.ratio_to else {}
        return {**ratio, **self.rules, **({"only": only} if only else {})}


def judged_name(metric: str, ratio_to: str) -> str:
    """Return the name of a metric, or of its ratio to a model if there is one."""
    return f"{metric}, ratio to {ratio_to}" if ratio_to else metric


def gates_to_json(gates: Iterable[Gate]) -> dict[str, Any]:
    """Return gates as `run.json` states them: by metric one table of rules, or a list of several."""
    by_metric: dict[str, list[dict[str, Any]]] = {}
    for gate in gates:
        by_metric.setdefault(gate.metric, []).append(gate.to_json())
    return {metric: rules[0] if len(rules) == 1 else rules for metric, rules in by_metric.items()}


@dataclass(frozen=True)
class ReportOptions:
    """The section `[report]`."""

    columns: tuple[str, ...] = ()
    sort: str | None = None
    reference: str | None = None
    select: str | None = None


@dataclass(frozen=True)
class Suite:
    """A valid suite."""

    name: str
    folder: Path
    document: Document
    overrides: tuple[str, ...]
    "`KEY=VALUE`, as `--set` got them, with credentials masked."
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
    "By task label: its problem; several if only the data can decide."
    engines: Mapping[str, Component]
    metrics: Mapping[str, Mapping[str, Any]]
    "All metrics that the probes can emit, as `probe/metric`, with unit and direction."
    gates: tuple[Gate, ...]
    "In the order of the file; several for a metric with a list of rules."
    gate_options: Mapping[str, Any]
    "`undecided` and `new`."
    report: ReportOptions
    gate_seeds: SeedRange | None = None
    "Seeds until the gates are decided; None: a comparison adds none."
    fail_on: tuple[str, ...] = ()
    "Codes of findings that end a run with exit status 1."
    executor: ComponentUse | None = None
    "Where the units run; None: `inline`."
    log: tuple[Component, ...] = ()
    "The exporters that follow the run."

    @property
    def external(self) -> tuple[Component, ...]:
        """The components that the suite names by file; running them needs `--trust`."""
        uses = (*self.tasks, *self.models, *self.probes)
        components = [component for use in uses for component in (use.component, *use.named)]
        components += [problem for problems in self.problems.values() for problem in problems]
        components += self.engines.values()
        components += [self.executor.component] if self.executor is not None else []
        components += self.log
        return tuple({component.path: component for component in components if component.external}.values())


def shipped_suites() -> list[str]:
    """Return the names of the suites that are part of the program."""
    return sorted(path.stem for path in (PACKAGE / "suites").glob("*.toml"))


def locate(name: str) -> Path:
    """Return the file of a suite: a path, or the name of one that is part of the program. Raises SuiteError."""
    path = Path(name)
    if name in shipped_suites() and not path.is_file():  # a folder of that name, such as one of results, is no suite
        return PACKAGE / "suites" / f"{name}.toml"
    if len(name) > 255 or path.exists() or path.suffix == ".toml" or "/" in name:
        return path
    names = shipped_suites()
    raise SuiteError([f"there is no suite {show(name)}{nearest(name, names)} (a file, or one of: {', '.join(names)})"])


@functools.cache
def train_options() -> Mapping[str, Option]:
    """Return the training options; they are read without importing, as a component's are."""
    tree = ast.parse((PACKAGE / "contracts.py").read_text(encoding="utf-8"))
    return read_options(tree, "TrainOptions", TRAIN_BOUNDS)


def metrics_of(probe: ComponentUse, problems: Iterable[Component]) -> dict[str, Mapping[str, Any]]:
    """Return the metrics that a probe can emit for these problems: by name, without its label, unit and direction."""
    facts: dict[str, Mapping[str, Any]] = {}
    if probe.component.facts.get("METRICS_OF_PROBLEM"):
        for problem in problems:
            facts |= problem.facts["METRICS"]
    facts |= probe.component.facts["METRICS"]
    for part in probe.named:
        if part.kind == "metrics":
            facts[part.name] = {
                name.lower(): part.facts[name] for name in ("UNIT", "BETTER", "IDEAL", "RANGE") if name in part.facts
            }
    if probe.component.facts.get("OF_PREDICTIONS"):
        facts = {name: {"of_predictions": True, **stated} for name, stated in facts.items()}
    return facts


def unknown_classes(probe: ComponentUse, task: str, classes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each option of a probe that names a class which a task does not have, with the error message.

    Args:
        probe: may have options in `NAMES` whose values are classes.
        task: the label of the task.
        classes: all classes of the task.
    """
    for option, kind in probe.component.facts.get("NAMES", {}).items():
        stated = probe.stated.get(option) or ()
        for named in (stated,) if isinstance(stated, str) else stated:
            if kind == CLASS and named not in classes:
                has = list_classes(classes)
                yield option, f"{show(named)} is no class of {task}{nearest(named, classes)} (it has: {has})"


def list_classes(classes: Sequence[str]) -> str:
    """Return the names of classes for a message: the first `MAX_NAMED_CLASSES`, and how many more there are."""
    more = f" and {len(classes) - MAX_NAMED_CLASSES} more" if len(classes) > MAX_NAMED_CLASSES else ""
    return ", ".join(classes[:MAX_NAMED_CLASSES]) + more


def is_label(name: Any) -> bool:
    """Return whether a value can be the label of a task, a model or a probe."""
    return isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable() and name == name.strip()
