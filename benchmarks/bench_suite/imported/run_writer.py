"""Write imported cells as a run, so that every command works on them as on the program's own results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench_suite._version import __version__
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import VALUE_PREFIX, BenchError, ImportedCell, ProbeRow, Record
from bench_suite.data.fingerprint import hash_of
from bench_suite.imported.applied_probes import PROBES, apply_probes
from bench_suite.imported.example_scores import LABEL, score_metrics
from bench_suite.imported.items import data_facts
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run, Store
from bench_suite.suite.cell import name_of
from bench_suite.suite.identity import digest


@dataclass(frozen=True)
class ImportFacts:
    """What a run states about the import that made it."""

    suite: str
    format: str
    "Name of the importer."
    paths: Sequence[Path]
    "The files that were read."
    absent: Mapping[str, str]
    "What the files never contain, with the reason."
    command: Sequence[str] = ()
    gates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    "Rules by metric, as the section `[gate]` of a suite states them."


def write_run(store: Store, cells: Iterable[ImportedCell], facts: ImportFacts) -> Run:
    """Write a run with a record for each cell, and return it. If an importer raises, nothing is written.

    Args:
        store: where the run is created.
        cells: the cells, all of which are read before anything is written.
        facts: what the run states about the import.

    Raises:
        BenchError: there are no cells, or two of one name.
        StoreError: the run cannot be written.
    """
    listed = list(cells)
    if not listed:
        raise BenchError(f"{_names(facts)}: there are no results to import")
    known = {row.name for cell in listed for row in cell.metrics} | {
        f"{LABEL}/{column.removeprefix(VALUE_PREFIX)}"
        for cell in listed
        if cell.predictions is not None
        for column in cell.predictions.columns
        if column.startswith(VALUE_PREFIX)
    }
    for metric in facts.gates:
        if metric not in known and label_of(metric) not in PROBES:
            near = nearest(metric, known)
            raise BenchError(
                f"--gate {metric}: the files have no such metric{near}; they have {', '.join(sorted(known))}"
            )
    files = file_facts(facts.paths)
    ids = [cell_id(cell) for cell in listed]
    if len(set(ids)) < len(ids):
        twice = next(cell for number, cell in enumerate(listed) if ids[number] in ids[:number])
        raise BenchError(f"{name_of(labels(twice))} occurs twice: import the files one by one")
    commits = {cell.commit for cell in listed}
    started = min((cell.started for cell in listed if cell.started), default="")
    commit = commits.pop() if len(commits) == 1 else ""
    run = store.create(facts.suite, {
        "title": f"Imported from {_names(facts)}",
        "description": "", "text": "", "version": __version__, "command": " ".join(facts.command),
        "overrides": [], "only": [], "smoke": False, "trust": False, "cells": len(listed),
        "planned": {id: name_of(labels(cell)) for id, cell in zip(ids, listed)},
        "git": {"commit": commit, "branch": None, "dirty": False} if commit else None,
        "gate": {metric: dict(rules) for metric, rules in facts.gates.items()},
        "imported": {"format": facts.format, "files": files, "absent": dict(facts.absent), "started": started},
    })  # fmt: skip
    with run.lock(), run.writer() as writer:
        for id, cell in zip(ids, listed):
            writer.write(record_of(run, id, cell, facts, digest([facts.format, [file["hash"] for file in files]])))
    return run


def labels(cell: ImportedCell) -> dict[str, Any]:
    """Return the labels of a cell, as a record contains them; an engine, precision or seed that is not stated lacks."""
    return {"task": cell.task, "model": cell.model, **cell.axes}


def cell_id(cell: ImportedCell) -> str:
    """Return the id by which cells of different imports are paired: it depends on task, model and axes alone."""
    return digest(["imported", cell.task, cell.model, dict(cell.axes)])


def record_of(run: Run, id: str, cell: ImportedCell, facts: ImportFacts, content: str) -> Record:
    """Write the predictions and artifacts of a cell, and return its record.

    Args:
        run: the run.
        id: of the cell.
        cell: what was imported.
        facts: what the run states about the import.
        content: hash of the files.
    """
    key = digest(["imported"])  # equal in all imports: a difference would keep two runs from being compared
    record = Record(
        run=run.name, suite=facts.suite, id=id, weights_key=digest([id, content]), cell=labels(cell),
        options={family: dict(cell.options.get(family, {})) for family in ("task", "model", "train", "evaluate")}
        | {"placement": {}},
        status="ok", metrics=cell.metrics,
        probes={label: ProbeRow("ok", key) for label in dict.fromkeys(label_of(row.name) for row in cell.metrics)},
        environment=run.add_environment(cell.environment) if cell.environment else "", started=cell.started,
        notes=(f"imported from {_names(facts)}", *cell.notes),
    )  # fmt: skip
    if cell.predictions is None:
        empty = {"source": f"files:{facts.paths[0].name}", "name": cell.task, "fingerprint": hash_of(cell.task)}
        return replace(record, data=empty)
    scores = score_metrics(cell.predictions, cell.better)
    targets = [cell.predictions["targets"]] if "targets" in cell.predictions.columns else []
    record = replace(
        record,
        metrics=(*record.metrics, *scores),
        probes={**record.probes, **({LABEL: ProbeRow("ok", key)} if scores else {})},
        artifacts=(run.write_predictions(id, "test", cell.predictions),),
        data=data_facts(
            cell.task,
            f"files:{facts.paths[0].name}",
            cell.predictions.ids,
            *targets,
            problem=cell.problem,
            repetitions=cell.repetitions,
        ),
    )
    return apply_probes(run, record, cell) if cell.problem else record


def file_facts(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return name, size and hash of some files."""
    from bench_suite.data.fingerprint import file_hash

    return [{"name": path.name, "bytes": path.stat().st_size, "hash": file_hash(path)} for path in paths]


def _names(facts: ImportFacts) -> str:
    """Return the names of the files for a reader; of many, the first ones."""
    rest = len(facts.paths) - 5
    return ", ".join(path.name for path in facts.paths[:5]) + (f" and {rest} more" if rest > 0 else "")
