"""Merge runs of parts of one suite into one run: records, predictions, artifacts and environments are copied.

The parts must be of the same suite, overrides, version and commit, so that one `bench run` could have made all of it.
Weights are not copied, and neither are metrics of a whole part: they summarise that part alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_suite.contracts import Record
from bench_suite.store.atomic import StoreError, safe_name
from bench_suite.store.runs import Run, Store

SHARED: Mapping[str, str] = {
    "suite": "the suites", "text": "the texts of the suite", "overrides": "the overrides (--set)",
    "version": "the versions of the program",
}  # fmt: skip
"Keys of `run.json` in which parts must agree, and what a message calls them."


def merge_runs(
    store: Store, parts: Sequence[Run], planned: Mapping[str, str], *, partial: bool = False, command: str = ""
) -> Run:
    """Return a new run with the cells of some parts.

    Args:
        store: where the run is created.
        parts: at least two runs of one suite.
        planned: names of all cells of the suite, by id.
        partial: whether cells may be missing: the run then lacks them, and comparisons say so.
        command: the command line, to be stored.

    Raises:
        StoreError: parts do not belong together, two of them have the same cell, or cells are missing.
    """
    _check_parts(parts)
    chosen = _chosen(parts, planned)
    missing = [name for id, name in planned.items() if id not in chosen]
    if missing and not partial:
        raise StoreError(
            f"{len(missing)} of {len(planned)} cells are in none of the runs:\n{_listed(missing)}\n"
            "  name the runs that have them, or merge without them: --partial"
        )
    first = parts[0].info
    left_out = [pair for part in parts for pair in part.info.get("left_out", ())]
    findings = [finding for part in parts for finding in part.info.get("findings", ())]
    run = store.create(str(first["suite"]), {
        **{key: value for key, value in first.items() if key not in ("run", "suite", "started", "schema", "resumed")},
        "only": [], "passed": [], "cells": len(planned), "planned": dict(planned), "command": command,
        "trust": any(part.info.get("trust") for part in parts),
        "left_out": _distinct(left_out), "findings": _distinct(findings),
        "merged": [part.name for part in parts],
    })  # fmt: skip
    try:
        with run.lock(), run.writer() as writer:
            for id in (*(id for id in planned if id in chosen), *(id for id in chosen if id not in planned)):
                part, record = chosen[id]
                _copy_files(part, run, record)
                environment = part.environment(record.environment) if record.environment else {}
                own = run.add_environment(environment) if environment else ""
                writer.write(replace(record, run=run.name, environment=own))
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)
        raise
    return run


def _check_parts(parts: Sequence[Run]) -> None:
    """Raise StoreError unless the runs are different ones, and parts of one whole."""
    if len({part.path.resolve() for part in parts}) < 2 or len({part.name for part in parts}) < len(parts):
        raise StoreError("name two different runs or more to merge")
    first = parts[0]
    for part in parts:
        if part.info.get("smoke"):
            raise StoreError(f"{part.name} is a smoke run: its numbers mean nothing")
        if part.info.get("imported"):
            raise StoreError(f"{part.name} was imported: import its files together instead")
        for key, words in SHARED.items():
            if part.info.get(key) != first.info.get(key):
                raise StoreError(f"{words} of {first.name} and {part.name} differ: they are no parts of one run")
        mine, theirs = (_commit(run) for run in (first, part))
        if mine != theirs:
            raise StoreError(
                f"the code of {first.name} and {part.name} differs ({_code(mine)}, {_code(theirs)}): they are no parts "
                "of one run"
            )


def _commit(run: Run) -> tuple[Any, Any]:
    """Return the commit of a run and a hash of its uncommitted changes."""
    git = run.info.get("git") or {}
    return git.get("commit"), git.get("changes") if git.get("dirty") else None


def _code(commit: tuple[Any, Any]) -> str:
    name = str(commit[0] or "no commit")[:7]
    return f"{name} with changes" if commit[1] else name


def _chosen(parts: Sequence[Run], planned: Mapping[str, str]) -> dict[str, tuple[Run, Record]]:
    """Return the record of each cell, with the run that has it; one that ended well counts before one that did not.

    Raises:
        StoreError: a cell ended well in two runs, or is none of the suite.
    """
    chosen: dict[str, tuple[Run, Record]] = {}
    for part in parts:
        for record in part.planned_records():
            if record.id not in planned:
                raise StoreError(
                    f"{part.name} has a cell that the suite does not have: {', '.join(map(str, record.cell.values()))}"
                )
            known = chosen.get(record.id)
            if known is not None and known[1].status == record.status == "ok":
                raise StoreError(
                    f"{planned[record.id]} is in {known[0].name} and in {part.name}: a merge would have to choose one"
                )
            if known is None or record.status == "ok":
                chosen[record.id] = (part, record)
    return chosen


def _copy_files(part: Run, run: Run, record: Record) -> None:
    """Copy the folder of a cell; links are left out, since they may lead out of the run.

    Raises:
        StoreError: a file cannot be copied.
    """
    source, target = (one.path / "cells" / safe_name(record.id) for one in (part, run))
    if not source.is_dir() or source.is_symlink():
        return
    try:
        shutil.copytree(source, target, ignore=_links, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise StoreError(f"the files of {part.name} cannot be copied: {error}") from error


def _links(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(folder, name).is_symlink()]


def _listed(names: Sequence[str], most: int = 10) -> str:
    rest = len(names) - most
    lines = [f"  {name}" for name in names[:most]] + ([f"  and {rest} more"] if rest > 0 else [])
    return "\n".join(lines)


def _distinct(values: Sequence[Any]) -> list[Any]:
    """Return values without those that are equal to an earlier one."""
    return list(_first_of_equal(values))


def _first_of_equal(values: Sequence[Any]) -> Iterator[Any]:
    for position, value in enumerate(values):
        if value not in values[:position]:
            yield value
