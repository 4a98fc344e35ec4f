"""Needs: the data sets and weights that a plan's cells are made of, where each would come from, and getting them.

`downloads` looks at names only: no component is imported and nothing is read, so `bench plan` may ask it. `fetch` gets
them, as the run itself would, so that afterwards the run needs no network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from bench_suite.components import discovery
from bench_suite.components.discovery import Component
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError, DataUnavailable
from bench_suite.data.hub import cached, hub_command, own_files, path_fault
from bench_suite.data.layout import FORMATS, data_folder
from bench_suite.data.sources import PACKAGE_COMMAND, Sources
from bench_suite.suite.plan import Cell, Plan, digest
from bench_suite.suite.spec import ComponentUse

What = Literal["data", "weights"]


@dataclass(frozen=True)
class Need:
    """A data set or weights that a suite needs."""

    what: What
    name: str
    "A hub id, or the name of a distribution."
    used_by: tuple[str, ...]
    "Labels of the tasks or models."
    location: str | None
    "`folder:ID`, `hub:ID (cached)`, `hub:ID (download)` or `package:NAME VERSION`; None where it cannot be had."
    command: str
    "What to paste to get it."
    hint: str = ""
    "What else may be meant; empty where nothing is."

    @cached_property
    def size(self) -> int | None:
        """Bytes in `$BENCH_DATA` or the hub's caches, else None; counted when asked for: each file is looked at."""
        counted = (f"folder:{self.name}", f"hub:{self.name} (cached)")
        return size_of(self.name, self.what) if self.location in counted else None

    @property
    def is_download(self) -> bool:
        """Whether a run would fetch it."""
        return self.location is not None and self.location.endswith("(download)")

    @property
    def is_missing(self) -> bool:
        """Whether a run would end without it."""
        return self.location is None


def downloads(plan: Plan, sources: Sources | None = None) -> list[Need]:
    """All that the cells of a plan need of data and weights, by kind and name; nothing is imported or loaded.

    What is generated, or trained from scratch, is not among them; nor what a task's file does not state (`HUB`,
    `PACKAGE`, or an option `id`).

    Raises SuiteError where such an `id` is a path.
    """
    sources = sources or Sources()
    found: dict[tuple[What, str], Need] = {}
    for choice, options in (*_distinct(plan.cells, _task), *_distinct(plan.cells, _model)):
        if choice.component.kind == "tasks":
            _check_id(plan, choice, options)
            parts = _of_task(choice.component, options, sources)
        else:
            parts = _of_model(choice.component, options, sources)
        for need in parts:
            earlier = found.get((need.what, need.name), need)
            labels = tuple(dict.fromkeys((*earlier.used_by, choice.label)))
            found[need.what, need.name] = replace(need, used_by=labels)
    plan.suite.document.raise_errors()
    return sorted(found.values(), key=lambda need: (need.what, need.name))


def _check_id(plan: Plan, task: ComponentUse, options: Mapping[str, Any]) -> None:
    for hub_id in hub_ids(task.component, options):
        if (error := path_fault(hub_id)) is not None:
            plan.suite.document.error((*task.key, "id"), error)


def _task(cell: Cell) -> tuple[ComponentUse, Mapping[str, Any]]:
    return cell.task, cell.options["task"]


def _model(cell: Cell) -> tuple[ComponentUse, Mapping[str, Any]]:
    return cell.model, cell.options["model"]


def _distinct(
    cells: Iterable[Cell], of: Callable[[Cell], tuple[ComponentUse, Mapping[str, Any]]]
) -> list[tuple[ComponentUse, Mapping[str, Any]]]:
    """Tasks or models with each of the options that an axis gives them."""
    pairs = map(of, cells)
    return list({(choice.label, digest(dict(options))): (choice, options) for choice, options in pairs}.values())


def hub_ids(task: Component, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The hub's data sets that a task is made of; of the task `hub` the one that its options name."""
    named = options.get("id")
    return (named,) if isinstance(named, str) and not task.words("HUB") else task.words("HUB")


def _of_task(task: Component, options: Mapping[str, Any], sources: Sources) -> Iterator[Need]:
    ids, package = hub_ids(task, options), task.words("PACKAGE")
    if package and (options.get("data") == "sample" or not ids):
        yield Need("data", package[0], (), sources.locate_package(*package), PACKAGE_COMMAND)
        return
    for hub_id in ids:
        command, location = hub_command(hub_id, revision=options.get("revision")), locate_hub(task, hub_id, sources)
        yield Need("data", hub_id, (), location, command, "" if task.words("HUB") else _meant(hub_id, location))


def _meant(hub_id: str, location: str | None) -> str:
    """What a person may have meant by an id that is neither a folder of their own nor in the hub's caches."""
    if location is not None and not location.endswith("(download)"):
        return ""
    near = nearest(hub_id, folders()).removeprefix("; ")
    return f"$BENCH_DATA holds no {hub_id}: {near}" if near else (own_files() if location is None else "")


def folders() -> list[str]:
    """Ids of the data sets that `$BENCH_DATA` holds: `owner/name`, or `name` where its files lie there at once."""
    root = os.environ.get("BENCH_DATA")
    found = []
    for folder in _below(Path(root).expanduser()) if root else ():
        inner = [location.name for location in _below(folder)]
        files = any(file.name.lower().endswith(FORMATS) and file.is_file() for file in folder.iterdir())
        found += [folder.name] if files else [f"{folder.name}/{name}" for name in inner]
    return found


def _below(folder: Path) -> list[Path]:
    """Folders in a folder, by name; none where it cannot be read."""
    try:
        return sorted(
            location for location in folder.iterdir() if location.is_dir() and not location.name.startswith(".")
        )
    except OSError:
        return []


def locate_hub(task: Component, hub_id: str, sources: Sources) -> str | None:
    """Where a run would take a data set of a task's from, in the words of `Need.place`."""
    return sources.locate_hub(hub_id, downloads=bool(task.facts.get("DOWNLOADS", True)))


def _of_model(model: Component, options: Mapping[str, Any], sources: Sources) -> Iterator[Need]:
    """Of a model with an option `pretrained`, what that names: a folder, a hub id, or one that a package holds."""
    name = options.get("pretrained")
    if not isinstance(name, str):
        return
    if name.startswith((".", "/", "~")):
        folder = discovery.resolve_paths(model, options)["pretrained"]
        location = f"folder:{Path(folder).name}" if os.path.isdir(folder) else None
        yield Need("weights", name, (), location, "the suite names a folder of your own")
        return
    package = model.words("PACKAGE") if name in model.words("HUB") else ()
    location = f"folder:{name}" if data_folder(name) is not None else None
    location = location or (f"hub:{name} (cached)" if cached(name, "model") else None)
    location = location or (sources.locate_package(*package) if package else None)
    location = location or (None if sources.is_offline else f"hub:{name} (download)")
    yield Need("weights", name, (), location, hub_command(name, "model"))


def size_of(hub_id: str, what: What) -> int | None:
    """Bytes that a folder, or the hub's caches, hold of a repository; None where they hold nothing."""
    folder = data_folder(hub_id)
    folders = [folder] if folder is not None else cached(hub_id, "dataset" if what == "data" else "model")
    # A snapshot's files are links to `blobs`, which is counted already.
    files = [file for location in folders for file in location.rglob("*") if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_size for file in files) if files else None


# ── getting them ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Got:
    """What came of getting one thing."""

    what: What
    label: str
    "Of the task or model."
    origin: str | None
    "Where it came from; None where it could not be had."
    detail: str = ""
    "How many examples a data set has; of what could not be had, why, and how to get it."


def fetch(plan: Plan, sources: Sources, tell: Callable[[str], None]) -> Iterator[Got]:
    """Get all that the cells of a plan need, one after another; what one lacks does not keep another.

    Each task is loaded as a run would load it, so that what it leaves in the hub's cache and in `sources.cache` is what
    the run looks for; each model with a function `fetch(options, sources)` gets its weights.

    Args:
        tell: called with the name of what is being fetched, before it is.
    """
    for choice, options in _distinct(plan.cells, _task):
        tell(f"{choice.label}: data")
        yield _got("data", choice, options, sources, _load)
    for choice, options in _distinct(plan.cells, _model):
        if "fetch" in choice.component.functions:
            tell(f"{choice.label}: weights")
            yield _got("weights", choice, options, sources, _weights)


def _got(
    what: What,
    choice: ComponentUse,
    options: Mapping[str, Any],
    sources: Sources,
    get: Callable[[Any, Any, Sources], tuple[str, str]],
) -> Got:
    try:
        module = discovery.load(choice.component)
        made = discovery.make_options(choice.component, options)
        return Got(what, choice.label, *get(module, made, sources))
    except BenchError as error:
        return Got(what, choice.label, None, str(error))
    except OSError as error:  # a full disk, a file that may not be read: the other things can be had all the same
        return Got(what, choice.label, None, f"{type(error).__name__}: {error.strerror or error}")


def _load(module: Any, options: Any, sources: Sources) -> tuple[str, str]:
    data = module.load(options, sources)
    for part, note in data.source.notes.items():
        if part.startswith("shift:") and str(note).startswith("left out"):  # as a task may do; the run would lack it
            raise DataUnavailable(f"{part} is {note}")
    sizes = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
    return data.source.origin, sizes


def _weights(module: Any, options: Any, sources: Sources) -> tuple[str, str]:
    return module.fetch(options, sources) or "trained from scratch", ""
