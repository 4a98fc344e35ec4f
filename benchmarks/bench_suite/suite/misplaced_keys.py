"""Hints on unknown keys: a key that another section has, another word for a key, or the nearest spelling."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from bench_suite.components.discovery import builtin, find
from bench_suite.components.suggestions import closest, meant
from bench_suite.suite.spec import AXES, COMMON, DATA, EVALUATE, GATE_OPTIONS, REPORT, RUN, SECTIONS, train_options
from bench_suite.suite.toml_positions import Path as KeyPath

OWN_DATA = ("files", "hub")
"The tasks whose options are known as those of `[[tasks]]`."
MIN_LIKENESS = 0.8
"How alike a misspelt key must be to one of another section."
TOP = "at the top of the file"


def hint(key: str, allowed: Collection[str], path: KeyPath) -> str:
    """Return what an unknown key may be, as the end of a message; empty if nothing is known.

    Args:
        key: the key.
        allowed: the keys of its table.
        path: the table; empty for the top of the file.
    """
    if path == ("run",) and (names := executors_with(key)):
        state = f'state executor = "{names[0]}"' if len(names) == 1 else "state one of them as executor"
        subject = f"executors {', '.join(names)} have" if len(names) > 1 else f"executor {names[0]} has"
        return f"; the {subject} it: {state}"
    if (word := meant(key, allowed)) is not None:
        return f'; did you mean "{word}"?'
    elsewhere = {name: places for name, places in sections_of_keys().items() if name not in allowed}
    if places := [section for section in elsewhere.get(key, ()) if section != _section(path)]:
        return f"; it belongs {' or '.join(places)}"
    if (word := closest(key, allowed)) is not None:
        return f'; did you mean "{word}"?'
    word = meant(key, elsewhere) or closest(key, elsewhere, MIN_LIKENESS)
    places = [] if word is None else [section for section in elsewhere[word] if section != _section(path)]
    return f'; did you mean "{word}", which belongs {" or ".join(places)}?' if places else ""


def _section(path: KeyPath) -> str:
    if not path:
        return TOP
    return f"in [[{path[0]}]]" if path[0] in ("tasks", "models") else f"in [{path[0]}]"


@functools.cache
def executors_with(key: str) -> tuple[str, ...]:
    """Return the names of the executors that have an option."""
    return tuple(use for use in builtin("executors") if key in find("executors", use, Path()).options)


@functools.cache
def sections_of_keys() -> Mapping[str, tuple[str, ...]]:
    """Return the sections that have a key, by key. Components are read, not imported."""
    folder = Path()
    evaluate = [*EVALUATE, *(name for use in builtin("problems") for name in find("problems", use, folder).options)]
    run = ["executor", *RUN, *(name for use in builtin("executors") for name in find("executors", use, folder).options)]
    tasks = [*COMMON["tasks"], *(name for use in OWN_DATA for name in find("tasks", use, folder).options)]
    by_section: dict[str, Iterable[str]] = {
        "in [train]": train_options(), "in [evaluate]": evaluate, "in [matrix]": AXES, "in [[tasks]]": tasks,
        "in [data]": DATA, "in [gate]": GATE_OPTIONS, "in [report]": REPORT, "in [run]": run,
        TOP: SECTIONS,
    }  # fmt: skip
    places: dict[str, list[str]] = {}
    for section, keys in by_section.items():
        for key in dict.fromkeys(keys):
            places.setdefault(key, []).append(section)
    return {key: tuple(sections) for key, sections in places.items()}
