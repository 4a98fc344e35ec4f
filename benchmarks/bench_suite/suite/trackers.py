"""Trackers: the exporters that `[run] log` names, to which a run is logged while it goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench_suite.components.discovery import Component, builtin, find, installed, is_path
from bench_suite.components.options import MISSING, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ComponentError
from bench_suite.suite.section_reader import Sections
from bench_suite.suite.spec import LOG, RUN, Suite
from bench_suite.suite.toml_positions import Path as KeyPath

FOLLOW = "follow"
"The function that makes an exporter a tracker."


def trackers() -> list[str]:
    """Return the names of the exporters of this program that follow a run."""
    return [name for name in builtin("exporters") if FOLLOW in find("exporters", name, Path()).functions]


def read_trackers(sections: Sections) -> tuple[Component, ...]:
    """Return the exporters that `[run] log` names; an error is added for each that cannot follow a run."""
    path: KeyPath = ("run", LOG)
    stated = sections.section("run").get(LOG, [])
    names = sections.accept(RUN[LOG], stated, path)
    if names is MISSING:
        return ()
    exporters: dict[Path, Component] = {}
    for index, name in enumerate(names):
        exporter = tracker_named(sections, name, (*path, index))
        if exporter is None:
            continue
        if exporter.path in exporters:
            sections.error((*path, index), f"names {show(name)} twice")
        exporters[exporter.path] = exporter
    return tuple(exporters.values())


def with_tracker(suite: Suite, name: str) -> Suite:
    """Return the suite with a further tracker, which is part of this program."""
    exporter = find("exporters", name, Path())
    return suite if exporter.path in {one.path for one in suite.log} else replace(suite, log=(*suite.log, exporter))


def tracker_named(sections: Sections, name: str, path: KeyPath) -> Component | None:
    """Return the exporter of that name; None after adding an error if there is none that follows a run."""
    use = name if is_path(name) else name.replace("-", "_")
    known = trackers()
    try:
        exporter = find("exporters", use, sections.folder)
    except ComponentError as error:
        if is_path(use):
            sections.error(path, str(error))
            return None
        names = sorted({*known, *installed("exporters")})
        sections.error(path, f"there is no tracker {show(name)}{nearest(name, names)} (there are: {', '.join(names)})")
        return None
    if FOLLOW in exporter.functions:
        return exporter
    reason = f"{show(name)} writes finished results only: it has no function {FOLLOW}"
    sections.error(path, f"{reason}{nearest(name, known)} (trackers: {', '.join(known)})")
    return None
