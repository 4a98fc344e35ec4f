"""Encoded tables of a person's own files, stored in the cache under what the files hold.

The key is a hash of the files' bytes, of what the suite states, and of the code that decides; no time stamp counts, so
a file that was rewritten within the same second is read anew. An entry is read only if the hash of all its values is
right; else it is removed, and the files are read again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite._version import __version__
from bench_suite.contracts import Data, Source
from bench_suite.data.cache import Cache
from bench_suite.data.column_types import Column
from bench_suite.data.data_notes import with_unread
from bench_suite.data.file_names import METADATA
from bench_suite.data.file_sets import FileSet
from bench_suite.data.fingerprint import file_hash, hash_of
from bench_suite.data.origin import Origin
from bench_suite.data.own_data import Assembled, assemble
from bench_suite.data.own_data_options import OwnDataOptions, text_options
from bench_suite.data.raw_tables import read_tables
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit

VERSION = 3
"Version of what an entry holds."
MIN_BYTES = 4 << 20
"Files of fewer bytes are read in less than a second, and are not cached."
FACTS, HASH = "facts", "hash"
"Names of an entry's arrays that hold everything but the splits, as JSON, and the hash of all others."
LOCATIONS = ("path", "id")
"Options that only say where the files are."


def assemble_files(options: OwnDataOptions, files: FileSet, origin: Origin, sources: Sources) -> Assembled:
    """Return the splits of files (see `own_data.assemble`), from the cache if it holds a table of the same content.

    Raises:
        DataInvalid: A file cannot be read, or nothing can be learnt from it.
    """
    key = _key(options, files, origin) if sources.cache is not None and _is_worth_it(options, files) else None
    if key is not None and sources.cache is not None:
        stored = _stored(sources.cache, key)
        if stored is not None:
            return stored
    raw = with_unread(read_tables(files, text_options(options), options.max_bytes), files)
    assembled = assemble(options, raw, origin, sources, files)
    if key is not None and sources.cache is not None and assembled.modality == "table":
        entry = _entry(assembled)
        # A file that is rewritten while it is read must not be stored as what it was before.
        if entry is not None and _key(options, files, origin) == key:
            sources.cache.keep(key, entry)
    return assembled


def _is_worth_it(options: OwnDataOptions, files: FileSet) -> bool:
    """Return whether files are large, of text, and may hold a table."""
    every = [file for paths in files.splits.values() for file in paths]
    if files.format not in ("csv", "json") or options.modality not in (None, "table"):
        return False
    if any(file.name in METADATA for file in every):
        return False
    try:
        return sum(file.stat().st_size for file in every) >= MIN_BYTES
    except OSError:
        return False


def _key(options: OwnDataOptions, files: FileSet, origin: Origin) -> str | None:
    """Return the hash of everything that decides the splits and their notes; None if a file cannot be read."""
    try:
        contents = [
            [split, [[files.name(file), file_hash(file)] for file in paths]] for split, paths in files.splits.items()
        ]
    except OSError:
        return None
    stated = {name: value for name, value in asdict(options).items() if name not in LOCATIONS}
    described = [
        files.subject,
        files.format,
        files.stated,
        files.unread,
        dict(files.classes),
        dict(files.types),
        files.licence,
    ]
    described.append({name: str(value) for name, value in files.not_applied.items()})
    source = [origin.origin, origin.name, origin.revision, origin.licence]
    return hash_of("table", VERSION, _code(), type(options).__module__, stated, described, source, contents)


@cache
def _code() -> str:
    """Return the hash of the code that decides, so that nobody has to raise a number when it changes."""
    import pyarrow as pa

    room = sorted(Path(__file__).parent.glob("*.py"))
    return hash_of(__version__, pa.__version__, np.__version__, [[file.name, file.read_bytes()] for file in room])


# ── entries ─────────────────────────────────────────────────────────────────────────────────────


def _entry(assembled: Assembled) -> dict[str, np.ndarray] | None:
    """Return the arrays of an entry; None if the notes hold what JSON does not."""
    data = assembled.data
    arrays: dict[str, np.ndarray] = {}
    for role, split in data.splits.items():
        if not isinstance(split, MemorySplit):
            return None
        arrays[f"{role} ids"] = split.ids
        arrays |= {f"{role} column {name}": values for name, values in split.columns.items()}
        arrays |= {f"{role} group {name}": values for name, values in split.groups.items()}
        arrays |= {f"{role} identifier {name}": values for name, values in split.identifiers.items()}
        if split.clusters is not None:
            arrays[f"{role} clusters"] = split.clusters
    facts = {
        "problem": data.problem, "spec": data.spec, "duplicates": data.duplicates, "source": asdict(data.source),
        "columns": {name: asdict(column) for name, column in assembled.columns.items()}, "inputs": assembled.inputs,
        "label": assembled.label, "modality": assembled.modality, "missing": assembled.missing,
        "files": assembled.files, "unused": assembled.unused,
        "splits": {
            role: [list(split.columns), list(split.groups), list(split.identifiers)]
            for role, split in _memory_splits(data).items()
        },
    }  # fmt: skip
    try:
        text = json.dumps(facts)
    except TypeError:
        return None
    arrays[FACTS] = np.frombuffer(text.encode(), dtype=np.uint8)
    entry = {**arrays, HASH: np.frombuffer(hash_of(arrays).encode(), dtype=np.uint8)}
    return entry if _same_facts(_assembled(entry), assembled) else None


def _memory_splits(data: Data) -> dict[str, MemorySplit]:
    return {role: split for role, split in data.splits.items() if isinstance(split, MemorySplit)}


def _stored(cache: Cache, key: str) -> Assembled | None:
    """Return what is stored under a key; None if there is nothing, or if it is damaged, which removes it."""
    entry = cache.find(key)
    if entry is None:
        return None
    arrays = {name: array for name, array in entry.items() if name != HASH}
    if HASH not in entry or entry[HASH].tobytes() != hash_of(arrays).encode():
        cache.remove(key)
        return None
    return _assembled(entry)


def _assembled(entry: Mapping[str, np.ndarray]) -> Assembled:
    facts = json.loads(entry[FACTS].tobytes())
    splits = {
        role: MemorySplit(
            entry[f"{role} ids"],
            {name: entry[f"{role} column {name}"] for name in columns},
            {name: entry[f"{role} group {name}"] for name in groups},
            clusters=entry.get(f"{role} clusters"),
            identifiers={name: entry[f"{role} identifier {name}"] for name in identifiers},
        )
        for role, (columns, groups, identifiers) in facts["splits"].items()
    }
    source = Source(**_with_tuples(facts["source"]))
    columns = {name: Column(**_with_tuples(column)) for name, column in facts["columns"].items()}
    files = {split: tuple(names) for split, names in facts["files"].items()}
    data = Data(facts["problem"], _with_tuples(facts["spec"]), splits, source, facts["duplicates"])
    inputs = tuple(facts["inputs"])
    return Assembled(data, columns, inputs, facts["label"], facts["modality"], facts["missing"], files, facts["unused"])


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a mapping with tuples for the lists that JSON made of them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _same_facts(one: Assembled, other: Assembled) -> bool:
    """Return whether all but the splits is equal, so that nothing is lost in JSON."""
    first, second = (replace(part, data=replace(part.data, splits={})) for part in (one, other))
    return first == second
