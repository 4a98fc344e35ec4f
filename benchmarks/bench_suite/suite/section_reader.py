"""A cursor over a document's sections: takes values out of them, and notes each fault where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, builtin, find
from bench_suite.components.options import MISSING, Option, choices, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ComponentError, Kind
from bench_suite.suite.document import Document
from bench_suite.suite.toml_positions import Path as KeyPath


class Sections:
    """The sections of one document. What is wrong is noted, never raised, so that all faults are found at once."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document = document
        self.values = document.values
        self.folder = folder
        "Where components that are named by file are looked for."
        self.incomplete: set[str] = set()
        "Kinds with an entry that could not be read: what refers to them is not judged, so that one fault is said once."

    def error(self, path: KeyPath, message: str) -> None:
        """Note what is wrong with the value at `path`."""
        self.document.error(path, message)

    def known(self, table: Mapping[str, Any], allowed: Iterable[str], path: KeyPath) -> None:
        """Note each key of the table at `path` that is not allowed there."""
        allowed = list(allowed)
        for key in table:
            if key not in allowed:
                self.error((*path, key), f"unknown key{nearest(key, allowed)} (allowed: {', '.join(allowed)})")

    def string(self, key: str) -> str:
        """The text under a key of the document; empty where there is none."""
        value = self.values.get(key, "")
        if not isinstance(value, str):
            self.error((key,), f"{show(value)} is not a string")
            return ""
        if not all(c.isprintable() or (c in "\n\t" and key == "description") for c in value):
            self.error((key,), f"{show(value)} holds a control character")
        return value

    def section(self, key: str) -> Mapping[str, Any]:
        """The table of that name; empty where there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.error((key,), f"must be a table: [{key}]")
            return {}
        return value

    def accept(self, option: Option, value: Any, path: KeyPath) -> Any:
        """The converted value, or MISSING after noting why it does not fit."""
        try:
            return option.accept(value)
        except ValueError as error:
            self.error(path, f"{error}{_listed(option, value) or _near(option, value)}")
            return MISSING

    def take(self, table: Mapping[str, Any], options: Mapping[str, Option], path: KeyPath) -> dict[str, Any]:
        """The stated options that are known and fit, converted; unknown keys are for `known` to note."""
        pairs = (
            (key, self.accept(options[key], value, (*path, key))) for key, value in table.items() if key in options
        )
        return {key: value for key, value in pairs if value is not MISSING}

    def table(self, key: str, options: Mapping[str, Option]) -> dict[str, Any]:
        """The section of that name, which holds these options and nothing else."""
        table = self.section(key)
        self.known(table, options, (key,))
        return self.take(table, options, (key,))

    def component(self, kind: Kind, use: Any, path: KeyPath) -> Component | None:
        """The component that `use` names; None after noting why there is none, and then its kind is incomplete."""
        if not isinstance(use, str) or not use:
            self.error(
                path, f"{show(use)} is no {kind[:-1]}: a name ({', '.join(builtin(kind))}), or the path of a file"
            )
        else:
            try:
                return find(kind, use, self.folder)
            except ComponentError as error:
                self.error(path, str(error))
        self.incomplete.add(kind)
        return None


def _near(option: Option, value: Any) -> str:
    """The nearest right spelling of a word that is none of the option's, or of the first such in a list."""
    known = choices(option.type)
    strange = (word for word in (value if isinstance(value, list) else [value]) if word not in known)
    word = next(strange, None)
    return nearest(word, known) if isinstance(word, str) else ""


def _listed(option: Option, value: Any) -> str:
    """How a single value is written for an option that is a list; nothing where that would not fit either."""
    try:
        option.accept([value])
    except ValueError:
        return ""
    return f"; a list is wanted: {show([value])}"
