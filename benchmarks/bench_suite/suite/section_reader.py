"""Sections: takes the values out of a document's sections, and adds an error for each that does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench_suite.components.discovery import Component, builtin, find
from bench_suite.components.options import MISSING, Option, choices, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import ComponentError, Kind
from bench_suite.suite.document import Document
from bench_suite.suite.misplaced_keys import hint
from bench_suite.suite.toml_positions import Path as KeyPath


class Sections:
    """The sections of one document. Errors are added to the document, never raised, so that all appear at once."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document = document
        self.values = document.values
        self.folder = folder
        "The folder from which the paths of component files start."
        self.incomplete: set[str] = set()
        "Kinds with an unreadable entry: references to them are not checked, so that one error gives one message."

    def error(self, path: KeyPath, message: str) -> None:
        """Add an error about the value at `path`."""
        self.document.error(path, message)

    def check_keys(self, table: Mapping[str, Any], allowed: Iterable[str], path: KeyPath) -> None:
        """Add an error for each key of the table at `path` that is not allowed there."""
        allowed = list(allowed)
        for key in table:
            if key not in allowed:
                self.error((*path, key), f"unknown key{hint(key, allowed, path)} (allowed: {', '.join(allowed)})")

    def string(self, key: str) -> str:
        """Return the text under a key of the document; empty if there is none."""
        value = self.values.get(key, "")
        if not isinstance(value, str):
            self.error((key,), f"{show(value)} is not a string")
            return ""
        if not all(c.isprintable() or (c in "\n\t" and key == "description") for c in value):
            self.error((key,), f"{show(value)} holds a control character")
        return value

    def section(self, key: str) -> Mapping[str, Any]:
        """Return the table of that name; empty if there is none."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.error((key,), f"must be a table: [{key}]")
            return {}
        return value

    def accept(self, option: Option, value: Any, path: KeyPath) -> Any:
        """Return the converted value, or MISSING after adding an error that says why it does not fit."""
        try:
            return option.accept(value)
        except ValueError as error:
            self.error(path, f"{error}{_list_hint(option, value) or _spelling_hint(option, value)}")
            return MISSING

    def take(self, table: Mapping[str, Any], options: Mapping[str, Option], path: KeyPath) -> dict[str, Any]:
        """Return the stated options that are known and fit, converted; `check_keys` reports unknown keys."""
        pairs = (
            (key, self.accept(options[key], value, (*path, key))) for key, value in table.items() if key in options
        )
        return {key: value for key, value in pairs if value is not MISSING}

    def table(self, key: str, options: Mapping[str, Option]) -> dict[str, Any]:
        """Return the section of that name, which may hold these options and nothing else."""
        table = self.section(key)
        self.check_keys(table, options, (key,))
        return self.take(table, options, (key,))

    def component(self, kind: Kind, use: Any, path: KeyPath) -> Component | None:
        """Return the component that `use` names; if there is none, add an error and mark its kind as incomplete."""
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


def _spelling_hint(option: Option, value: Any) -> str:
    """Return the nearest right spelling of the first word that is not a choice of the option; empty if none is near."""
    known = choices(option.type)
    unknown = (word for word in (value if isinstance(value, list) else [value]) if word not in known)
    word = next(unknown, None)
    return nearest(word, known) if isinstance(word, str) else ""


def _list_hint(option: Option, value: Any) -> str:
    """Return how to write a single value for an option that is a list; empty if that would not fit either."""
    try:
        option.accept([value])
    except ValueError:
        return ""
    return f"; a list is wanted: {show([value])}"
