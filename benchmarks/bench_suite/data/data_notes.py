"""Notes on what was done to data that a person brings, for the screen, the report and the record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench_suite.components.options import show
from bench_suite.data.column_types import NOT_NUMBERS
from bench_suite.data.file_sets import FileSet
from bench_suite.data.labels import Labels, is_text
from bench_suite.data.raw_tables import RawTables
from bench_suite.data.similar_names import note_on_similar_names

MAX_LISTED = 5
"Names that a note lists; the others are counted."


def listed(names: Any) -> Any:
    """Return a list of names as a note: how many, and the first of them. Anything else is returned as it is."""
    if not isinstance(names, list | tuple):
        return names
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{len(names)}: {', '.join(map(str, names[:MAX_LISTED]))}{more}"


def with_unread(raw: RawTables, files: FileSet) -> RawTables:
    """Return tables with notes on the files of the folder that were not read, and on settings that were not applied."""
    notes: dict[str, Any] = {}
    if unread := [name for name in files.unread if name not in raw.opened]:
        notes["files not read"] = unread
    if files.not_applied:
        stated = (f"{name} = {show(value)}" for name, value in files.not_applied.items())
        notes["settings of the README that are not applied"] = ", ".join(stated)
    return replace(raw, notes={**raw.notes, **notes})


def similar_classes(labels: Labels) -> dict[str, str]:
    """Return a note on classes whose names differ in case, space or Unicode form only."""
    note = note_on_similar_names(labels.classes or ())
    return {"classes of nearly one name": note} if note else {}


def names_of_nothing(tables: Mapping[str, pa.Table], columns: Collection[str]) -> dict[str, str]:
    """Return a note on classes and groups whose names usually stand for a missing value, such as `nan`."""
    notes = []
    for column in dict.fromkeys(columns):
        parts = [table[column] for table in tables.values() if is_text(table[column].type)]
        distinct = {name for part in parts for name in pc.unique(part).drop_null().to_pylist()} & {*NOT_NUMBERS} - {""}
        if distinct:
            marks = ", ".join(map(show, sorted(distinct)))
            notes.append(f"`{column}`: {marks}, unless the suite states missing_values = [{marks}]")
    return {"names that usually stand for a missing value": "; ".join(notes)} if notes else {}


def absent_classes(labels: Labels, targets: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Return notes on classes that a split lacks; `preparation` notes those of train."""
    notes = {}
    if labels.classes is not None:
        for role in ("validation", "test"):
            if role in targets:
                absent = sorted({*range(len(labels.classes))} - {*targets[role].tolist()})
                if absent:
                    notes[f"classes absent from {role}"] = str(listed([labels.classes[number] for number in absent]))
    return notes
