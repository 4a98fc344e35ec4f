"""Requirements of a plan: the data sets and weights that its cells need, where they would come from, and fetching them.

`downloads` looks at names, links and permissions only: it imports no component and reads no file, so `bench plan` can
call it. `fetch` loads everything as a run would, so that the run needs no network afterwards.
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
from bench_suite.components.suggestions import closest
from bench_suite.contracts import BenchError, Data, DataInvalid, DataUnavailable
from bench_suite.data.file_names import FORMATS, ending, is_picture
from bench_suite.data.hub import cached, hub_command, own_files, path_error
from bench_suite.data.places import data_folder
from bench_suite.data.sources import PACKAGE_COMMAND, Location, Sources
from bench_suite.data.stated_files import check_path
from bench_suite.suite.folds import AXIS as FOLD
from bench_suite.suite.plan import Cell, Plan, digest
from bench_suite.suite.spec import ComponentUse

What = Literal["data", "weights"]


@dataclass(frozen=True)
class Need:
    """A data set, files or weights that a suite needs."""

    what: What
    name: str
    "A hub id, the name of a distribution, or the path of files as stated."
    used_by: tuple[str, ...]
    "Labels of the tasks or models."
    location: Location | None
    "Where a run would take it from; None if it cannot be had."
    command: str
    "The command that downloads or installs it; empty for files that the suite names."
    hint: str = ""
    "Another data set that the user may have meant, or how to use files of their own; may be empty."
    error: str = ""
    "The message with which the cells would fail, for files that the suite names; empty if they can be read."
    of_probes: bool = False
    "Whether only options of probes name it: without it a run lacks metrics of these probes, and no cell."

    @cached_property
    def size(self) -> int | None:
        """Bytes in `$BENCH_DATA` or the hub's caches, else None. Each file is looked at, so it is counted on demand."""
        if self.location is None or self.location.name != self.name:  # a folder that the suite names by its path
            return None
        return size_of(self.name, self.what) if self.location.source in ("folder", "cache") else None

    @property
    def is_download(self) -> bool:
        """Whether a run would download it."""
        return self.location is not None and self.location.source == "download"

    @property
    def is_missing(self) -> bool:
        """Whether a run cannot get it."""
        return self.location is None

    def to_json(self) -> dict[str, Any]:
        """Return the need as `bench plan --json` shows it."""
        return {
            "what": self.what,
            "name": self.name,
            "used_by": self.used_by,
            "location": None if self.location is None else str(self.location),
            "command": self.command,
            "hint": self.hint,
            "error": self.error,
            "download": self.is_download,
            "missing": self.is_missing,
            "of_probes": self.of_probes,
        }


def downloads(plan: Plan, sources: Sources | None = None) -> list[Need]:
    """Return all data and weights that the cells of a plan need, by kind and name, without importing or loading any.

    Generated data and models trained from scratch need nothing. The tasks that options of probes name, such as
    `against` of `ood`, are listed too. Data that a task's file does not state (`HUB`, `PACKAGE`, `FILES`, or an option
    `id`) are not listed.

    Raises:
        SuiteError: An option `id` holds a path.
    """
    sources = sources or Sources()
    needs: dict[tuple[What, str], Need] = {}

    def add(use: ComponentUse, parts: Iterable[Need]) -> None:
        for need in parts:
            earlier = needs.get((need.what, need.name), need)
            labels = tuple(dict.fromkeys((*earlier.used_by, use.label)))
            of_probes = need.of_probes and earlier.of_probes
            needs[need.what, need.name] = replace(need, used_by=labels, of_probes=of_probes)

    for use, options in _distinct(plan.cells, _task):
        _check_id(plan, use, options)
        add(use, _needs_of_task(use.component, options, sources))
    for use, options in _named_by_probes(plan):
        add(use, (replace(need, of_probes=True) for need in _needs_of_task(use.component, options, sources)))
    for use, options in _distinct(plan.cells, _model):
        add(use, _needs_of_model(use.component, options, sources))
    plan.suite.document.raise_errors()
    return sorted(needs.values(), key=lambda need: (need.what, need.name))


def _check_id(plan: Plan, task: ComponentUse, options: Mapping[str, Any]) -> None:
    for hub_id in hub_ids(task.component, options):
        if (error := path_error(hub_id)) is not None:
            plan.suite.document.error((*task.key, "id"), error)


def _task(cell: Cell) -> tuple[ComponentUse, Mapping[str, Any]]:
    return cell.task, cell.options["task"]


def _model(cell: Cell) -> tuple[ComponentUse, Mapping[str, Any]]:
    return cell.model, cell.options["model"]


def _distinct(
    cells: Iterable[Cell], of: Callable[[Cell], tuple[ComponentUse, Mapping[str, Any]]]
) -> list[tuple[ComponentUse, Mapping[str, Any]]]:
    """Return the tasks or models, each with every set of options that an axis gives it; folds read the same data."""
    distinct: dict[tuple[str, str], tuple[ComponentUse, Mapping[str, Any]]] = {}
    for use, options in map(of, cells):
        key = (use.label, digest({name: value for name, value in options.items() if name != FOLD}))
        distinct.setdefault(key, (use, options))
    return list(distinct.values())


def _named_by_probes(plan: Plan) -> list[tuple[ComponentUse, Mapping[str, Any]]]:
    """Return the tasks that options of probes name, with each value of `data` of the cells that are compared with them.

    A label contains the probe, since the suite has no task of that name: `mnist (probe ood)`.
    """
    distinct: dict[tuple[str, str, Any], tuple[ComponentUse, Mapping[str, Any]]] = {}
    for cell in plan.cells:
        for probe in plan.suite.probes:
            for component in probe.named if cell.probes.get(probe.label, "") is None else ():
                if component.kind == "tasks":
                    data = cell.options["task"].get("data")
                    options = {} if data is None or "data" not in component.options else {"data": data}
                    use = ComponentUse(component, f"{component.name} (probe {probe.label})", options, key=probe.key)
                    distinct.setdefault((probe.label, component.use, data), (use, options))
    return list(distinct.values())


def hub_ids(task: Component, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the hub ids of the data sets that a task reads; for the task `hub` the one that its options name."""
    named = options.get("id")
    return (named,) if isinstance(named, str) and not task.words("HUB") else task.words("HUB")


def _needs_of_task(task: Component, options: Mapping[str, Any], sources: Sources) -> Iterator[Need]:
    ids, package = hub_ids(task, options), task.words("PACKAGE")
    if package and (options.get("data") == "sample" or not ids):
        yield Need("data", package[0], (), sources.locate_package(*package), PACKAGE_COMMAND)
        return
    for hub_id in ids:
        command, location = hub_command(hub_id, revision=options.get("revision")), locate_hub(task, hub_id, sources)
        yield Need("data", hub_id, (), location, command, "" if task.words("HUB") else _hint(hub_id, location))
    for option in task.words("FILES"):
        if isinstance(options.get(option), str | Mapping):
            yield _need_of_files(options[option], discovery.resolve_paths(task, options)[option])


def _need_of_files(stated: str | Mapping[str, Any], resolved: str | Mapping[str, Any]) -> Need:
    """Return the need of files that a suite names, with the message of the run if they cannot be read."""
    entries = [stated] if isinstance(stated, str) else stated.values()
    name = ", ".join(path for entry in entries for path in ([entry] if isinstance(entry, str) else entry))
    try:
        check_path(resolved, Path())
    except DataInvalid as error:
        return Need("data", name, (), None, "", error=str(error))
    return Need("data", name, (), Location("files", name), "")


def _hint(hub_id: str, location: Location | None) -> str:
    """Return what the user may have meant by an id that neither `$BENCH_DATA` nor the hub's caches hold."""
    if location is not None and location.source != "download":
        return ""
    if (name := closest(hub_id, folders())) is not None:
        return f'$BENCH_DATA holds no {hub_id}: did you mean "{name}"?'
    return own_files() if location is None else ""


def folders() -> list[str]:
    """Return the ids of the data sets in `$BENCH_DATA`: `owner/name`, or `name` if that folder holds the files."""
    root = os.environ.get("BENCH_DATA")
    ids = []
    for folder in _subfolders(Path(root).expanduser()) if root else ():
        names = [subfolder.name for subfolder in _subfolders(folder)]
        files = any(
            (ending(file.name) in FORMATS or is_picture(file.name)) and file.is_file() for file in folder.iterdir()
        )
        ids += [folder.name] if files else [f"{folder.name}/{name}" for name in names]
    return ids


def _subfolders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted; none if it cannot be read."""
    try:
        return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def locate_hub(task: Component, hub_id: str, sources: Sources) -> Location | None:
    """Return where a run would take a task's data set from; None if it cannot be had."""
    return sources.locate_hub(hub_id, downloads=bool(task.facts.get("DOWNLOADS", True)))


def _needs_of_model(model: Component, options: Mapping[str, Any], sources: Sources) -> Iterator[Need]:
    """Yield the weights that a model's option `pretrained` names: in a folder, on the hub, or in a package."""
    name = options.get("pretrained")
    if not isinstance(name, str):
        return
    if name.startswith((".", "/", "~")):
        folder = discovery.resolve_paths(model, options)["pretrained"]
        location = Location("folder", Path(folder).name) if os.path.isdir(folder) else None
        yield Need("weights", name, (), location, "the suite names a folder of your own")
        return
    yield Need("weights", name, (), _locate_weights(model, name, sources), hub_command(name, "model"))


def _locate_weights(model: Component, name: str, sources: Sources) -> Location | None:
    if data_folder(name) is not None:
        return Location("folder", name)
    if cached(name, "model"):
        return Location("cache", name)
    package = model.words("PACKAGE") if name in model.words("HUB") else ()
    if package and (installed := sources.locate_package(*package)) is not None:
        return installed
    return None if sources.is_offline else Location("download", name)


def size_of(hub_id: str, what: What) -> int | None:
    """Return the bytes of a repository in its folder or in the hub's caches; None if they hold nothing of it."""
    folder = data_folder(hub_id)
    folders = [folder] if folder is not None else cached(hub_id, "dataset" if what == "data" else "model")
    # A snapshot's files are links to `blobs`, which is counted already.
    files = [file for root in folders for file in root.rglob("*") if file.is_file() and not file.is_symlink()]
    return sum(file.stat().st_size for file in files) if files else None


# ── fetching ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class FetchResult:
    """The result of fetching one data set or the weights of one model."""

    what: What
    label: str
    "Label of the task or model."
    origin: str | None
    "Where it came from; None if it could not be fetched."
    detail: str = ""
    "The number of examples in each split; after a failure the reason, and how to get the data or weights."


def fetch(plan: Plan, sources: Sources, on_progress: Callable[[str], None]) -> Iterator[FetchResult]:
    """Fetch everything that the cells of a plan need, one by one; a failure does not stop the others.

    Each task is loaded as a run would load it, so that the hub's cache and `sources.cache` hold what the run needs.
    Each model with a function `fetch(options, sources)` fetches its weights.

    Args:
        plan: The plan.
        sources: Where data and weights are read from.
        on_progress: Called with a description of each item before it is fetched.
    """
    for use, options in _distinct(plan.cells, _task):
        on_progress(f"{use.label}: data")
        yield _fetch("data", use, options, sources, _load_data)
    for use, options in _named_by_probes(plan):
        on_progress(f"{use.label}: data")
        yield _fetch("data", use, options, sources, _load_splits, discovery.default_options)
    for use, options in _distinct(plan.cells, _model):
        if "fetch" in use.component.functions:
            on_progress(f"{use.label}: weights")
            yield _fetch("weights", use, options, sources, _fetch_weights)


def _fetch(
    what: What,
    use: ComponentUse,
    options: Mapping[str, Any],
    sources: Sources,
    get: Callable[[Any, Any, Sources], tuple[str, str]],
    make_options: Callable[[Component, Mapping[str, Any]], Any] = discovery.make_options,
) -> FetchResult:
    try:
        module = discovery.load(use.component)
        return FetchResult(what, use.label, *get(module, make_options(use.component, options), sources))
    except BenchError as error:
        return FetchResult(what, use.label, None, str(error))
    except OSError as error:  # a full disk or an unreadable file does not prevent fetching the rest
        return FetchResult(what, use.label, None, f"{type(error).__name__}: {error.strerror or error}")


def _load_data(module: Any, options: Any, sources: Sources) -> tuple[str, str]:
    """Return the origin and the sizes of the splits. Raise DataUnavailable if a shift in `SHIFTS` is absent."""
    data = module.load(options, sources)
    for shift in getattr(module, "SHIFTS", ()):
        split = f"shift:{shift}"
        if split not in data.splits:
            raise DataUnavailable(f"{split} is {data.source.notes.get(split, 'missing')}")
    return _origin_and_sizes(data)


def _load_splits(module: Any, options: Any, sources: Sources) -> tuple[str, str]:
    """Return the same for a task that a probe names: the probe needs none of its shifts."""
    return _origin_and_sizes(module.load(options, sources))


def _origin_and_sizes(data: Data) -> tuple[str, str]:
    return data.source.origin, ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())


def _fetch_weights(module: Any, options: Any, sources: Sources) -> tuple[str, str]:
    return module.fetch(options, sources) or "trained from scratch", ""
