"""Packages that the components of a plan import and that are not installed: named before anything is trained."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench_suite.components.discovery import Component
from bench_suite.contracts import BenchError, Kind
from bench_suite.suite.cell import matches
from bench_suite.suite.plan import Plan

EXTRAS: Mapping[str, str] = {
    "accelerate": "trainer",
    "captum": "attribution",
    "evaluate": "evaluate",
    "fairlearn": "fairness",
    "lightning": "lightning",
    "mlflow": "mlflow",
    "opacus": "privacy",
    "peft": "lora",
    "ray": "ray",
    "submitit": "slurm",
    "tensorboard": "tensorboard",
    "transformers": "pretrained",
    "wandb": "wandb",
}
"By the name under which a package is imported: the extra of this distribution that brings it."
_AXES: Mapping[Kind, str] = {"tasks": "task", "models": "model", "engines": "engine"}
"The axis by which `--only` leaves out the cells of a component."


@dataclass(frozen=True)
class MissingPackage:
    """A package that a run of a plan needs, and that is not installed."""

    package: str
    "The name under which it is imported."
    users: tuple[tuple[Kind, str], ...]
    "Kind and label of each component that imports it."

    @property
    def used_by(self) -> tuple[str, ...]:
        """Its users in words: `probe fairness`, `model mine`."""
        return tuple(f"{kind[:-1]} {label}" for kind, label in self.users)

    @property
    def command(self) -> str:
        """The command that installs it."""
        extra = EXTRAS.get(self.package)
        return f"pip install 'bench-suite[{extra}]'" if extra else f"pip install {self.package}"


class PackagesMissing(BenchError):
    """Packages of a plan are not installed; nothing has been trained."""

    def __init__(self, missing: Sequence[MissingPackage], advice: Sequence[str]) -> None:
        self.missing = tuple(missing)
        lines = [line for package in missing for line in describe(package)]
        super().__init__("\n".join(["packages that this suite needs are not installed:", *lines, *advice]))


def check_packages(plan: Plan) -> None:
    """Raise PackagesMissing if a component of the plan imports a package that is not installed."""
    if missing := missing_packages(plan):
        raise PackagesMissing(missing, advice(plan, missing))


def missing_packages(plan: Plan) -> list[MissingPackage]:
    """Return the packages that the plan's components state and that are not installed; nothing is imported.

    A component states them as `IMPORTS`, or as `IMPORTS_BY` for an option that is set or has a certain value. Of
    `a|b`, one is enough, and `a` is named if both are missing. Every probe of the suite counts, even if no cell of the
    plan has it, since a run imports all of them.
    """
    users: dict[str, dict[tuple[Kind, str], None]] = {}
    for label, component, options in _parts(plan):
        modules = [*component.words("IMPORTS")]
        for option, names in component.facts.get("IMPORTS_BY", {}).items():
            value = options.get(option)
            chosen = names.get(value, ()) if isinstance(names, Mapping) else names
            modules += chosen if value not in (None, False) else ()
        for names in modules:
            packages = [module.partition(".")[0] for module in names.split("|")]
            if not any(map(is_installed, packages)):
                users.setdefault(packages[0], {})[component.kind, label] = None
    return [MissingPackage(package, tuple(of)) for package, of in users.items()]


def _parts(plan: Plan) -> Iterator[tuple[str, Component, Mapping[str, Any]]]:
    """Yield label, component and options of all that a run of the plan imports."""
    for cell in plan.cells:
        yield cell.task.label, cell.task.component, cell.options["task"]
        yield cell.model.label, cell.model.component, cell.options["model"]
        if cell.engine is not None:
            yield cell.labels["engine"], cell.engine, cell.options["train"]
    for probe in plan.suite.probes:
        yield probe.label, probe.component, probe.stated
        yield from ((part.name, part, {}) for part in probe.named)
    yield from ((tracker.name, tracker, {}) for tracker in plan.suite.log)
    if plan.suite.executor is not None:
        yield plan.suite.executor.label, plan.suite.executor.component, plan.suite.executor.stated


def is_installed(package: str) -> bool:
    """Return whether a package could be imported; it is not."""
    if package in sys.modules:  # `find_spec` raises ValueError for a module that was put there without a spec
        return sys.modules[package] is not None
    return importlib.util.find_spec(package) is not None


def describe(missing: MissingPackage) -> list[str]:
    """Return the lines for a person: the package, the components that need it, and the command."""
    return [f"  {missing.package}, needed by {', '.join(missing.used_by)}", f"      to get it: {missing.command}"]


def advice(plan: Plan, missing: Sequence[MissingPackage]) -> list[str]:
    """Return how to run the rest of a plan without these packages; empty if there is no rest.

    `--only` leaves out tasks, models and engines. A probe is imported whatever the cells, so it has to leave the file.
    Another executor can be chosen on the command line.
    """
    users = dict.fromkeys(user for package in missing for user in package.users)
    lines = [
        f"to do without the {kind[:-1]} {label}: take [probes.{label}] out of the suite"
        for kind, label in users
        if kind == "probes"
    ]
    lines += [
        f"to do without the executor {label}: choose another one with --executor, such as processes"
        for kind, label in users
        if kind == "executors"
    ]
    lines += [
        f"to do without the exporter {label}: leave it out of log in [run], or out of the command"
        for kind, label in users
        if kind == "exporters"
    ]
    selector: dict[str, tuple[Any, ...]] = {}
    for kind, axis in _AXES.items():
        without = {label for of, label in users if of == kind}
        values = dict.fromkeys(cell.labels[axis] for cell in plan.cells if cell.labels[axis] is not None)
        if without:
            selector[axis] = tuple(value for value in values if value not in without)
    if selector and any(matches(cell.labels, selector) for cell in plan.cells):
        flags = " ".join(f"--only {axis}={','.join(map(str, values))}" for axis, values in selector.items())
        lines.append(f"to run only the cells that need none of them: {flags}")
    return lines
