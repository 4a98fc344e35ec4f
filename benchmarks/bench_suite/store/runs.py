"""The runs on disk, under `results/`.

A run is a folder: `run.json`, `environments/HASH.json`, `records/NUMBER.jsonl` (one file for each writer, one record a
line), `cells/ID/` with predictions and artifacts, `weights/UNIT.safetensors` (and `UNIT.checkpoint` during a training),
`summaries.json`. A file that a record names is written before the record. The modules `records`, `run_info`,
`environments`, `summaries` and `formats` define the content of the files, and `atomic` writes them.
"""

from __future__ import annotations

import difflib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bench_suite.contracts import Artifact, ArtifactRow, Finding, History, MetricRow, Predictions, Record
from bench_suite.store import formats
from bench_suite.store.atomic import (
    StoreError,
    Writer,
    check_path_length,
    exists,
    inside,
    replace_file,
    safe_name,
    seal,
    shortened,
    write_file,
    writing_error,
)
from bench_suite.store.commands import results_option
from bench_suite.store.derived import Derived, FileState, state_of
from bench_suite.store.environments import Environments
from bench_suite.store.findings import finding_from_json
from bench_suite.store.record_files import RecordFiles
from bench_suite.store.records import SCHEMA, dumps, read_lines
from bench_suite.store.run_info import RunInfo, message_of, read_info, run_json
from bench_suite.store.run_lock import DRIVER, run_lock
from bench_suite.store.summaries import read_summaries, write_summaries

_Content = TypeVar("_Content")
BESIDE_CELLS = ("gate", "data", "report", "run", "title", "description")
"Tables and keys of a suite that belong to no cell."


def cell_overrides(overrides: Sequence[str]) -> list[str]:
    """Return the `--set` overrides that may change a cell or its measurements, in alphabetical order."""
    return sorted(text for text in overrides if re.split(r"[.=]", text, maxsplit=1)[0].strip() not in BESIDE_CELLS)


class Store:
    """The runs under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # a component may change the working folder
        self.damages: list[str] = []
        "The runs that the last call of `runs` left out because their `run.json` is damaged: path, field and damage."

    def create(self, suite: str, run_json: Mapping[str, Any]) -> Run:
        """Create a new, empty run of `suite`.

        Its `run.json` contains `run_json`, `schema`, `run`, `suite` and `started`. If an error is raised, nothing
        remains on disk.

        Raises:
            StoreError: the folder cannot be written.
        """
        check_path_length(self.root)
        now = datetime.now(UTC)
        started = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        path = self.root / f"{now:%Y%m%dT%H%M%SZ}-{safe_name(suite, 40)}-{secrets.token_hex(2)}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            (path / "records").mkdir()
            info = {**run_json, "schema": SCHEMA, "run": path.name, "suite": suite, "started": started}
            replace_file(path / "run.json", dumps(info, indent=2).encode())
        except BaseException as error:
            exists = isinstance(error, FileExistsError) and path.exists()
            if not exists:
                shutil.rmtree(path, ignore_errors=True)
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()
            if exists:  # the same second and the same random number
                return self.create(suite, run_json)
            if isinstance(error, OSError):
                raise writing_error(error, self.root) from error
            raise
        return Run(path)

    def runs(self) -> list[RunInfo]:
        """Return all runs, newest first; only their `run.json` is read and their lines are counted.

        A run whose `run.json` is damaged is left out, and named in `damages`.
        """
        self.damages = []
        runs = []
        try:
            paths = list(self.root.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"{shortened(self.root)} cannot be read: {message_of(error)}") from error
        for path in paths:
            if not exists(path / "run.json"):
                continue  # a folder that is no run, or not yet
            try:
                runs.append(read_info(path))
            except StoreError as error:
                self.damages.append(str(error))
        return sorted(runs, key=lambda info: (info.started, info.run), reverse=True)

    def newest(self, suite: str, overrides: Sequence[str] = ()) -> Run | None:
        """Return the newest run of a suite under these `--set` overrides; None if there is none.

        Smoke runs and imported ones are ignored, because they cannot be resumed. Overrides of gates and of the report
        are ignored too, because they belong to no cell.
        """
        wanted = cell_overrides(overrides)
        candidates = (
            info for info in self.runs() if info.suite == suite and not info.smoke and not info.info.get("imported")
        )
        same = (info for info in candidates if cell_overrides(info.info.get("overrides", ())) == wanted)
        return next((Run(info.path) for info in same), None)

    def open(self, name: str | Path) -> Run:
        """Return a run.

        Args:
            name: the run's id, the beginning of its id, its path, or `latest`.

        Raises:
            StoreError: there is no such run, or several.
        """
        if exists(Path(name) / "run.json"):
            return Run(Path(name))
        known = self.runs()
        if not known:
            raise StoreError(
                f"no run {str(name)!r}: {self.root} contains no runs yet\n"
                f"  make one with: bench run quickstart{results_option(self.root)}"
            )
        if str(name) == "latest":
            return Run(known[0].path)
        matches = [info for info in known if info.run.startswith(str(name))] if str(name) else []
        if len(matches) == 1 or any(info.run == str(name) for info in matches):
            return Run(next((info for info in matches if info.run == str(name)), matches[0]).path)
        if matches:
            names = "".join(f"\n  {info.run}" for info in matches[:8])
            raise StoreError(f"{len(matches)} runs begin with {str(name)!r}; write more of the id:{names}")
        near = difflib.get_close_matches(str(name), [info.run for info in known], n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        listing = f"bench results{results_option(self.root)}"
        raise StoreError(f"no run {str(name)!r} in {self.root}{hint}\n  list them with: {listing}")


class Run:
    """One execution of a suite: its folder."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Read `run.json`.

        Args:
            path: the folder of the run.
            read_only: whether reading writes nothing there, neither an index nor derived results, which make the next
                reading faster.

        Raises:
            StoreError: the folder is no run, or its `run.json` is damaged.
        """
        self.path = Path(os.path.abspath(path))  # a component may change the working folder
        self.torn = 0
        "Number of lines that the last call of `records` could not read."
        self.info: Mapping[str, Any] = run_json(self.path)
        self._damages: dict[str, None] = {}
        self._record_files = RecordFiles(self.path, read_only=read_only)
        self.derived = Derived(self.path, read_only=read_only)
        "Results that were computed from the files of the run."
        self._environments = Environments(self.path, self._note)

    @property
    def damages(self) -> tuple[str, ...]:
        """What the calls so far could not read and left out: file, line, field, and what is wrong."""
        return tuple(self._damages)

    @property
    def name(self) -> str:
        """The run's id."""
        return str(self.info["run"])

    @property
    def findings(self) -> list[Finding]:
        """The findings on the data and results of the run."""
        return [finding_from_json(entry) for entry in self.info.get("findings", ())]

    @property
    def planned(self) -> Mapping[str, str]:
        """The names of the cells that the suite now asks for, by id; empty if an old run does not state them."""
        planned: Mapping[str, str] = self.info.get("planned", {})
        return planned

    def planned_records(self) -> list[Record]:
        """Return the records of the planned cells: a resume may have changed the suite since others were written."""
        return [record for record in self.records() if not self.planned or record.id in self.planned]

    # ── driving ─────────────────────────────────────────────────────────────────────────────────

    def lock(self) -> AbstractContextManager[None]:
        """Lock the run for the one process that drives it.

        Raises:
            StoreError: another process has locked it; the message names the process.
        """
        return run_lock(self.path, self.name)

    @property
    def names_driver(self) -> bool:
        """Whether a process that drives the run has noted itself: it runs still, or was killed."""
        return exists(self.path / DRIVER)

    def seal_records(self) -> None:
        """Let nothing count that processes write from now on which have a file of records already; see `seal`.

        Raises:
            StoreError: a file cannot be replaced.
        """
        for path in self._record_files.paths():
            seal(path)

    def writer(self) -> Writer:
        """Return a writer with a file of its own.

        Of two records of one (id, probe), that of the later writer counts.
        """
        return Writer(self.path)

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change entries of `run.json`, as a resume under a changed suite does."""
        info = {**self.info, **changes}
        self._write("run.json", dumps(info, indent=2).encode())
        self.info = info

    # ── records ─────────────────────────────────────────────────────────────────────────────────

    def records(self) -> list[Record]:
        """Return the cells' records, merged (see `records.merge`), in order of first appearance; sets `torn`.

        The files are read once, and again if one has changed. Records may share the values of their fields.
        """
        reading = self._record_files.read()
        self.torn = reading.torn
        for damage in reading.damages:
            self._note(damage)
        return list(reading.records)

    @property
    def record_sizes(self) -> dict[str, int]:
        """Number of bytes of each file of records, by name, that the last call of `records` has read at least."""
        return self._record_files.sizes

    def unmerged_records(self, wanted: Callable[[bytes], bool]) -> Iterator[Record]:
        """Yield records as they were written, unmerged, oldest first.

        Args:
            wanted: called with each line, which is parsed only if the result is True, so that few of many records are
                found quickly. A line begins with `schema`, `run`, `suite`, `id`, `weights_key` and `cell`.
        """
        for path in self._record_files.paths():
            try:
                with path.open("rb") as file:
                    for line in file:
                        if wanted(line):
                            yield from read_lines(line)[0]
            except OSError as error:
                self._note(f"{path.relative_to(self.path).as_posix()}: {message_of(error)}")

    def _note(self, damage: object) -> None:
        self._damages[f"{self.name}: {damage}"] = None

    def add_environment(self, environment: Mapping[str, Any]) -> str:
        """Write a description of the environment, once; return the hash by which records name it."""
        return self._environments.add(environment)

    def environment(self, name: str) -> Mapping[str, Any]:
        """Return the environment with that hash; empty, and named in `damages`, if its file is missing or damaged."""
        return self._environments.read(name)

    # ── files beside a record ───────────────────────────────────────────────────────────────────

    def write_predictions(self, id: str, split: str, predictions: Predictions) -> ArtifactRow:
        """Write the predictions of a cell on a split as Parquet (`formats.predictions_to_parquet`)."""
        file = f"cells/{safe_name(id)}/predictions-{safe_name(split)}.parquet"
        self._write(file, formats.predictions_to_parquet(predictions))
        return ArtifactRow(f"predictions/{split}", "predictions", file)

    def read_predictions(self, row: ArtifactRow) -> Predictions:
        """Return what `write_predictions` wrote.

        Raises:
            StoreError: the file is missing or damaged.
        """
        return self._read(row, formats.predictions_from_parquet)

    def state_of(self, row: ArtifactRow) -> FileState | None:
        """Return what changes whenever the file of an artifact is written or replaced; None if there is no file."""
        try:
            return state_of(self._inside(row.file))
        except StoreError:
            return None

    def predictions_of(self, record: Record, split: str) -> Predictions | None:
        """Return the stored predictions of a cell on a split; None if none were stored.

        Raises:
            StoreError: their file is missing or damaged.
        """
        rows = [row for row in record.artifacts if row.name == f"predictions/{split}"]
        return self.read_predictions(rows[0]) if rows else None

    def write_artifact(self, id: str | None, probe: str, artifact: Artifact) -> ArtifactRow:
        """Write an artifact of a cell, or of the run if `id` is None.

        Raises:
            ValueError: the artifact's data do not have the form of its kind.
        """
        folder = "summaries" if id is None else f"cells/{safe_name(id)}"
        file = f"{folder}/{safe_name(probe)}/{safe_name(artifact.name)}{formats.artifact_suffix(artifact)}"
        self._write(file, formats.artifact_to_bytes(artifact))
        return ArtifactRow(f"{probe}/{artifact.name}", artifact.kind, file, artifact.caption)

    def read_artifact(self, row: ArtifactRow) -> Artifact:
        """Return the artifact that a row names; its name does not contain the probe's label.

        Raises:
            StoreError: the file is missing or damaged.
        """
        name = row.name.partition("/")[2] or row.name
        return self._read(row, lambda content: formats.artifact_from_bytes(name, row.kind, row.caption, content))

    def write_text(self, relative: str, text: str) -> Path:
        """Write a text file at a path inside the run's folder.

        Raises:
            StoreError: the path leads out of the folder, or the file cannot be written.
        """
        return self._write(relative, text.encode("utf-8", errors="backslashreplace"))

    def read_traceback(self, id: str, name: str) -> str | None:
        """Return the traceback of a part of a cell; None if there is no readable one."""
        path = self.path / "cells" / safe_name(id) / f"traceback-{safe_name(name)}.txt"
        with suppress(OSError):
            return path.read_text("utf-8", "replace")
        return None

    def write_traceback(self, id: str, name: str, text: str) -> str:
        """Write the traceback of a part of a cell; return its path inside the run's folder."""
        file = f"cells/{safe_name(id)}/traceback-{safe_name(name)}.txt"
        self.write_text(file, text)
        return file

    def write_summaries(self, metrics: Sequence[MetricRow], artifacts: Sequence[ArtifactRow]) -> None:
        """Write the metrics and artifacts of the whole run; they replace earlier ones."""
        write_summaries(self.path, metrics, artifacts)

    def summaries(self) -> tuple[list[MetricRow], list[ArtifactRow]]:
        """Return what `write_summaries` wrote; empty if nothing was written.

        A row that is damaged is left out, and so are all if the file is; `damages` names them.
        """
        return read_summaries(self.path, self._note)

    def write_weights(self, unit: str, weights_key: str, state: Mapping[str, Any], history: History | None) -> None:
        """Write the weights of a unit and the history of its training, for a resume of this run."""
        self._write(f"weights/{safe_name(unit)}.safetensors", formats.weights_to_bytes(state, weights_key, history))

    def read_weights(self, unit: str, weights_key: str) -> tuple[dict[str, Any], History | None] | None:
        """Return the state dict and history of a unit; None if there is no readable file under this key."""
        path = self.path / "weights" / f"{safe_name(unit)}.safetensors"
        try:
            key, state, history = formats.weights_from_bytes(path.read_bytes())
        except (OSError, ValueError):
            return None
        return (state, history) if key == weights_key else None

    def checkpoint(self, unit: str, weights_key: str) -> Checkpoint:
        """Return the file in which a unit's unfinished training is saved."""
        return Checkpoint(self._inside(f"weights/{safe_name(unit)}.checkpoint"), weights_key)

    # ── files ───────────────────────────────────────────────────────────────────────────────────

    def _inside(self, relative: str) -> Path:
        return inside(self.path, relative)

    def _write(self, relative: str, content: bytes) -> Path:
        return write_file(self._inside(relative), content)

    def _read(self, row: ArtifactRow, read: Callable[[bytes], _Content]) -> _Content:
        try:
            return read(self._inside(row.file).read_bytes())
        except StoreError:
            raise
        except Exception as error:  # pyarrow and Pillow raise almost anything at a damaged file
            raise StoreError(
                f"{row.name} of run {self.name}: {row.file} cannot be read: {message_of(error)}"
            ) from error


@dataclass(frozen=True)
class Checkpoint:
    """`contracts.Checkpoints` in one file: the first line identifies the training, the rest is what was saved."""

    path: Path
    weights_key: str
    "Identity of the training that may be resumed from it."

    def save(self, content: bytes) -> None:
        """Replace what was saved before with `content`, completely or not at all."""
        write_file(self.path, self.weights_key.encode() + b"\n" + content)

    def load(self) -> bytes | None:
        """Return what was saved last; None if there is nothing, or if it belongs to another training."""
        try:
            first, _, content = self.path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return content if first.decode(errors="replace") == self.weights_key else None

    def exists(self) -> bool:
        """Return whether this training was saved; only the first line is read, since the rest may be gigabytes."""
        try:
            with self.path.open("rb") as file:
                return file.readline().rstrip(b"\n") == self.weights_key.encode()
        except OSError:
            return False

    def state(self) -> str:
        """Return a text that changes with each `save`; empty if there is no file."""
        try:
            return str(self.path.stat().st_mtime_ns)
        except OSError:
            return ""

    def remove(self) -> None:
        """Remove the file, when the training has ended."""
        with suppress(OSError):
            self.path.unlink()
