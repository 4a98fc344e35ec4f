"""The runs on disk: `results/`, which this module reads, and writes by way of `writing`.

A run is a folder: `run.json`, `environments/HASH.json`, `records/NUMBER.jsonl` (one file a writer, one record a line),
`cells/ID/` with predictions and artifacts, `weights/UNIT.safetensors` (and, while it trains, `UNIT.checkpoint`),
`summaries.json`. Whatever a record names is
written before the record is. What the files hold is told by `records` and `formats`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bench_suite.contracts import Artifact, ArtifactRow, History, MetricRow, Predictions, Record
from bench_suite.store import formats
from bench_suite.store.atomic import StoreError, Writer, explained, replace, safe_name, write_file
from bench_suite.store.records import (
    SCHEMA,
    artifact_from_json,
    artifact_to_json,
    dumps,
    merge,
    metric_from_json,
    metric_to_json,
    read_lines,
)

_Content = TypeVar("_Content")
BESIDE_CELLS = ("gate", "report", "title", "description")
"What of a suite is no part of any cell."


@dataclass(frozen=True)
class RunInfo:
    """A run as a list of runs shows it."""

    run: str
    suite: str
    started: str
    "ISO 8601, UTC, to the millisecond."
    records: int
    "Lines written; a cell that was resumed counts once for each record."
    smoke: bool
    path: Path
    info: Mapping[str, Any]
    "All of `run.json`."


def _said(error: Exception) -> str:
    """A fault in words, without the path of this machine that an OSError has."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def of_cells(overrides: Sequence[str]) -> list[str]:
    """Those `--set` overrides, in order of the alphabet, that may change a cell or what is measured of it."""
    return sorted(each for each in overrides if re.split(r"[.=]", each, maxsplit=1)[0].strip() not in BESIDE_CELLS)


class Store:
    """The runs under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # a component may change the working folder

    def create(self, suite: str, run_json: Mapping[str, Any]) -> Run:
        """A new, empty run of `suite`, whose `run.json` holds `run_json`, `schema`, `run`, `suite` and `started`.

        Raises StoreError where the folder cannot be used; nothing half-written stays.
        """
        now = datetime.now(UTC)
        started = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        missing = [folder for folder in (self.root, *self.root.parents) if not folder.exists()]
        path = self.root / f"{now:%Y%m%dT%H%M%SZ}-{safe_name(suite, 40)}-{secrets.token_hex(2)}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            (path / "records").mkdir()
            info = {**run_json, "schema": SCHEMA, "run": path.name, "suite": suite, "started": started}
            replace(path / "run.json", dumps(info, indent=2).encode())
        except BaseException as error:
            taken = isinstance(error, FileExistsError) and path.exists()
            if not taken:
                shutil.rmtree(path, ignore_errors=True)
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()
            if taken:  # the same second and the same random number
                return self.create(suite, run_json)
            if isinstance(error, OSError):
                raise explained(error, self.root) from error
            raise
        return Run(path)

    def runs(self) -> list[RunInfo]:
        """All runs, newest first. Reads each one's `run.json` and counts lines, nothing else."""
        if not self.root.is_dir():
            return []
        found = []
        for path in self.root.iterdir():
            with suppress(StoreError):  # a folder that is no run, or not yet
                found.append(_info(path))
        return sorted(found, key=lambda info: (info.started, info.run), reverse=True)

    def newest(self, suite: str, overrides: Sequence[str] = ()) -> Run | None:
        """The newest run of a suite under these `--set` overrides that can be resumed; smoke runs are left aside.

        What they say of gates and of the report is left aside too: it is no part of any cell.
        """
        wanted = of_cells(overrides)
        fitting = (r for r in self.runs() if r.suite == suite and not r.smoke)
        return next((Run(r.path) for r in fitting if of_cells(r.info.get("overrides", ())) == wanted), None)

    def open(self, name: str | Path) -> Run:
        """The run of that id, of an id that begins so, at that path, or the `latest`.

        Raises StoreError where there is none, or several.
        """
        if (Path(name) / "run.json").is_file():
            return Run(Path(name))
        known = self.runs()
        if not known:
            raise StoreError(
                f"no run {str(name)!r}: {self.root} holds no runs yet\n  make one with: bench run quickstart"
            )
        if str(name) == "latest":
            return Run(known[0].path)
        fitting = [info for info in known if info.run.startswith(str(name))] if str(name) else []
        if len(fitting) == 1 or any(info.run == str(name) for info in fitting):
            return Run(next((info for info in fitting if info.run == str(name)), fitting[0]).path)
        if fitting:
            names = "".join(f"\n  {info.run}" for info in fitting[:8])
            raise StoreError(f"{len(fitting)} runs begin with {str(name)!r}; write more of the id:{names}")
        near = difflib.get_close_matches(str(name), [info.run for info in known], n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise StoreError(f"no run {str(name)!r} in {self.root}{hint}\n  list them with: bench results")


class Run:
    """One execution of a suite: its folder."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.torn = 0
        "Lines that the last call of `records` could not read."
        self.info: Mapping[str, Any] = _info(self.path).info

    @property
    def name(self) -> str:
        """The run's id."""
        return str(self.info["run"])

    @property
    def planned(self) -> Mapping[str, str]:
        """By id, in words, the cells that the suite as it is now asks for; empty in runs that do not tell."""
        planned: Mapping[str, str] = self.info.get("planned", {})
        return planned

    def wanted(self) -> list[Record]:
        """The records of cells that the suite asks for: a resume may have changed it since others were made."""
        return [record for record in self.records() if not self.planned or record.id in self.planned]

    # ── driving ─────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by the one process that drives the run. Raises StoreError that says who holds it."""
        import filelock

        # Beside the lock: a second driver's attempt to take the lock empties the lock's own file.
        holder = self.path / "driver.json"
        lock = filelock.FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            who: Mapping[str, Any] = {}
            with suppress(OSError, ValueError):
                who = json.loads(holder.read_bytes())
            by = (
                f"process {who['process']}, since {who['since']}" if {"process", "since"} <= who.keys() else "a process"
            )
            raise StoreError(
                f"run {self.name} is being driven by {by}\n  wait until it ends, or stop it; then: bench run … --resume"
            ) from None
        except OSError as error:
            raise explained(error, self.path) from error
        try:
            self._write("driver.json", dumps({"process": os.getpid(), "since": _now()}).encode())
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def writer(self) -> Writer:
        """A writer with a file of its own. Of two records of one (id, probe) the later writer's counts."""
        return Writer(self.path)

    def update(self, changes: Mapping[str, Any]) -> None:
        """Change what `run.json` says of the suite, as a resume under a changed suite does."""
        info = {**self.info, **changes}
        self._write("run.json", dumps(info, indent=2).encode())
        self.info = info

    # ── records ─────────────────────────────────────────────────────────────────────────────────

    def records(self) -> list[Record]:
        """The cells' records, the latest of each (id, probe) merged, in order of first appearance; sets `torn`."""
        found: list[Record] = []
        self.torn = 0
        for path in sorted((self.path / "records").glob("*.jsonl")):
            records, torn = read_lines(path.read_bytes())
            found += records
            self.torn += torn
        return merge(found)

    def written(self, wanted: Callable[[bytes], bool]) -> Iterator[Record]:
        """The records as they were written, unmerged, oldest first, of the lines that `wanted` takes.

        For who needs few of many: a line is parsed only if its bytes are wanted. Each begins with `schema`, `run`,
        `suite`, `id`, `weights_key` and `cell`.
        """
        for path in sorted((self.path / "records").glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                if wanted(line):
                    yield from read_lines(line)[0]

    def add_environment(self, environment: Mapping[str, Any]) -> str:
        """Keep a description of where cells ran, once; returns the hash by which records name it."""
        text = json.dumps(json.loads(dumps(environment)), indent=2, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        if not (self.path / "environments" / f"{name}.json").exists():
            self._write(f"environments/{name}.json", text.encode())
        return name

    def environment(self, name: str) -> Mapping[str, Any]:
        """The environment of that hash; empty where it was lost."""
        with suppress(OSError, ValueError):
            found: Mapping[str, Any] = json.loads(self._inside(f"environments/{name}.json").read_bytes())
            return found
        return {}

    # ── what lies beside a record ───────────────────────────────────────────────────────────────

    def write_predictions(self, id: str, split: str, predictions: Predictions) -> ArtifactRow:
        """Predictions on a split as Parquet (`formats.predictions_to_parquet`)."""
        file = f"cells/{safe_name(id)}/predictions-{safe_name(split)}.parquet"
        self._write(file, formats.predictions_to_parquet(predictions))
        return ArtifactRow(f"predictions/{split}", "predictions", file)

    def read_predictions(self, row: ArtifactRow) -> Predictions:
        """What `write_predictions` wrote. Raises StoreError where the file is missing or damaged."""
        return self._read(row, formats.predictions_from_parquet)

    def write_artifact(self, id: str | None, probe: str, artifact: Artifact) -> ArtifactRow:
        """An artifact of a cell, or of the run where `id` is None. Raises ValueError where its form is wrong."""
        folder = "summaries" if id is None else f"cells/{safe_name(id)}"
        file = f"{folder}/{safe_name(probe)}/{safe_name(artifact.name)}{formats.artifact_suffix(artifact)}"
        self._write(file, formats.artifact_to_bytes(artifact))
        return ArtifactRow(f"{probe}/{artifact.name}", artifact.kind, file, artifact.caption)

    def read_artifact(self, row: ArtifactRow) -> Artifact:
        """The artifact that a row names; its name is without the probe's label. Raises StoreError as above."""
        name = row.name.partition("/")[2] or row.name
        return self._read(row, lambda content: formats.artifact_from_bytes(name, row.kind, row.caption, content))

    def write_text(self, relative: str, text: str) -> Path:
        """A text file at a path inside the run's folder. Raises StoreError where the path leads out of it."""
        return self._write(relative, text.encode("utf-8", errors="backslashreplace"))

    def write_traceback(self, id: str, name: str, text: str) -> str:
        """The traceback of a cell's part; returns its path inside the run's folder."""
        file = f"cells/{safe_name(id)}/traceback-{safe_name(name)}.txt"
        self.write_text(file, text)
        return file

    def write_summaries(self, metrics: Sequence[MetricRow], artifacts: Sequence[ArtifactRow]) -> None:
        """What probes say of the run as a whole; replaces what was there."""
        entry = {
            "schema": SCHEMA,
            "metrics": [metric_to_json(row) for row in metrics],
            "artifacts": [artifact_to_json(row) for row in artifacts],
        }
        self._write("summaries.json", dumps(entry, indent=2).encode())

    def summaries(self) -> tuple[list[MetricRow], list[ArtifactRow]]:
        """What `write_summaries` wrote; empty where nothing was."""
        try:
            entry = json.loads((self.path / "summaries.json").read_bytes())
            metrics = [metric_from_json(row, entry.get("schema", 1)) for row in entry["metrics"]]
            return metrics, [artifact_from_json(row) for row in entry["artifacts"]]
        except FileNotFoundError:
            return [], []
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{self.path / 'summaries.json'} cannot be read: {error}") from error

    def keep_weights(self, unit: str, weights_key: str, state: Mapping[str, Any], history: History | None) -> None:
        """Keep a unit's weights and what happened in its training, for a resume of this run."""
        self._write(f"weights/{safe_name(unit)}.safetensors", formats.weights_to_bytes(state, weights_key, history))

    def kept_weights(self, unit: str, weights_key: str) -> tuple[dict[str, Any], History | None] | None:
        """Return state dict and history of a unit; None if none are kept, or they are damaged or of another key."""
        path = self.path / "weights" / f"{safe_name(unit)}.safetensors"
        try:
            kept, state, history = formats.weights_from_bytes(path.read_bytes())
        except (OSError, ValueError):
            return None
        return (state, history) if kept == weights_key else None

    def checkpoint(self, unit: str, weights_key: str) -> Checkpoint:
        """Where a unit's training is saved in the middle."""
        return Checkpoint(self._inside(f"weights/{safe_name(unit)}.checkpoint"), weights_key)

    # ── files ───────────────────────────────────────────────────────────────────────────────────

    def _inside(self, relative: str) -> Path:
        path = Path(os.path.normpath(self.path / relative))
        if "\0" in relative or not path.is_relative_to(os.path.normpath(self.path)):
            raise StoreError(f"{relative!r} is not inside the run's folder {self.path}")
        return path

    def _write(self, relative: str, content: bytes) -> Path:
        return write_file(self._inside(relative), content)

    def _read(self, row: ArtifactRow, read: Callable[[bytes], _Content]) -> _Content:
        try:
            return read(self._inside(row.file).read_bytes())
        except (OSError, ValueError, KeyError) as error:  # pyarrow's and Pillow's faults are among these
            raise StoreError(f"{row.name} of run {self.name}: {row.file} cannot be read: {_said(error)}") from error


@dataclass(frozen=True)
class Checkpoint:
    """`contracts.Checkpoints` in one file: a first line that says of which training it is, then what was saved."""

    path: Path
    weights_key: str
    "Identity of the training that may go on from it."

    def save(self, content: bytes) -> None:
        """Keep this in the place of what was kept before: wholly, or not at all."""
        write_file(self.path, self.weights_key.encode() + b"\n" + content)

    def load(self) -> bytes | None:
        """What was kept last; None where there is nothing, or it is of another training."""
        try:
            first, _, content = self.path.read_bytes().partition(b"\n")
        except OSError:
            return None
        return content if first.decode(errors="replace") == self.weights_key else None

    def is_there(self) -> bool:
        """Whether something of this training is kept, by its first line alone: the rest may be gigabytes."""
        try:
            with self.path.open("rb") as file:
                return file.readline().rstrip(b"\n") == self.weights_key.encode()
        except OSError:
            return False

    def remove(self) -> None:
        """Remove it, when the training has ended."""
        with suppress(OSError):
            self.path.unlink()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _info(path: Path) -> RunInfo:
    try:
        info = json.loads((path / "run.json").read_bytes())
        run, suite, started = str(info["run"]), str(info["suite"]), str(info["started"])
        for name in ("gate", "report", "planned"):
            if not isinstance(info.get(name, {}), dict):
                raise ValueError(f"{name} is {str(info[name])[:40]}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{path} is no run: its run.json cannot be read ({error})") from error
    records = sum(file.read_bytes().count(b"\n") for file in (path / "records").glob("*.jsonl"))
    return RunInfo(run, suite, started, records, bool(info.get("smoke")), path, info)
