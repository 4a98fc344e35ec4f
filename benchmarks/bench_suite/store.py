"""The runs on disk: the only module that touches `results/`.

A run is a folder: `run.json`, `environments/HASH.json`, `records/NUMBER.jsonl` (one file a writer, one record a line),
`cells/ID/` with predictions and artifacts, `weights/UNIT.safetensors`, `summaries.json`. Whatever a record names is
written under a temporary name and renamed before the record is. What the files hold is told by `records` and `formats`.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from bench_suite import formats
from bench_suite.contracts import Artifact, ArtifactRow, BenchError, History, MetricRow, Predictions, Record
from bench_suite.records import (
    SCHEMA,
    artifact_from_json,
    artifact_to_json,
    dumps,
    from_json,
    line,
    merge,
    metric_from_json,
    metric_to_json,
    read_lines,
    to_json,
)

__all__ = [
    "Run",
    "RunInfo",
    "Store",
    "StoreError",
    "StoreFull",
    "Writer",
    "from_json",
    "safe_name",
    "to_json",
    "uninterrupted",
]

_Content = TypeVar("_Content")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoreError(BenchError):
    """Runs that cannot be written, read or found."""


class StoreFull(StoreError):
    """The disk, the quota or the largest file is full: nothing more can be kept, what was written before is whole."""


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


class Store:
    """The runs under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

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
            _replace(path / "run.json", dumps(info, indent=2).encode())
        except BaseException as fault:
            taken = isinstance(fault, FileExistsError) and path.exists()
            if not taken:
                shutil.rmtree(path, ignore_errors=True)
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()
            if taken:  # the same second and the same random number
                return self.create(suite, run_json)
            if isinstance(fault, OSError):
                raise _explained(fault, self.root) from fault
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

    def newest(self, suite: str) -> Run | None:
        """The newest run of a suite that can be resumed; smoke runs are left aside."""
        return next((Run(info.path) for info in self.runs() if info.suite == suite and not info.smoke), None)

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
        except OSError as fault:
            raise _explained(fault, self.path) from fault
        try:
            self._write("driver.json", dumps({"process": os.getpid(), "since": _now()}).encode())
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def writer(self) -> Writer:
        """A writer with a file of its own. Of two records of one (id, probe) the later writer's counts."""
        return Writer(self)

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

    def cell_folder(self, id: str) -> Path:
        """Where the files of a cell lie; made when its first file is written."""
        return self.path / "cells" / safe_name(id)

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
        except FileNotFoundError:
            return [], []
        except (OSError, ValueError) as fault:
            raise StoreError(f"{self.path / 'summaries.json'} cannot be read: {fault}") from fault
        return [metric_from_json(row) for row in entry["metrics"]], [
            artifact_from_json(row) for row in entry["artifacts"]
        ]

    def keep_weights(self, unit: str, reuse: str, state: Mapping[str, Any], history: History | None) -> None:
        """Keep a unit's weights and what happened in its training, for a resume of this run."""
        self._write(f"weights/{safe_name(unit)}.safetensors", formats.weights_to_bytes(state, reuse, history))

    def kept_weights(self, unit: str, reuse: str) -> tuple[dict[str, Any], History | None] | None:
        """State dict and history of a unit, or None where none were kept, they are damaged, or `reuse` differs."""
        path = self.path / "weights" / f"{safe_name(unit)}.safetensors"
        try:
            kept, state, history = formats.weights_from_bytes(path.read_bytes())
        except (OSError, ValueError):
            return None
        return (state, history) if kept == reuse else None

    # ── files ───────────────────────────────────────────────────────────────────────────────────

    def _inside(self, relative: str) -> Path:
        path = Path(os.path.normpath(self.path / relative))
        if "\0" in relative or not path.is_relative_to(os.path.normpath(self.path)):
            raise StoreError(f"{relative!r} is not inside the run's folder {self.path}")
        return path

    def _write(self, relative: str, content: bytes) -> Path:
        path = self._inside(relative)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, content)
        except OSError as fault:
            raise _explained(fault, path) from fault
        return path

    def _read(self, row: ArtifactRow, read: Callable[[bytes], _Content]) -> _Content:
        try:
            return read(self._inside(row.file).read_bytes())
        except (OSError, ValueError, KeyError) as fault:  # pyarrow's and Pillow's faults are among these
            raise StoreError(f"{row.name} of run {self.name}: {row.file} cannot be read: {fault}") from fault


class Writer:
    """Appends records to one file that nobody else writes; each is on disk when `write` returns."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._process = os.getpid()
        folder = run.path / "records"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        try:
            folder.mkdir(exist_ok=True)
            # Numbers grow, so that the order of the files is the order of their writers.
            number = 1 + max((int(path.stem) for path in folder.glob("*.jsonl") if path.stem.isdecimal()), default=0)
            while True:
                self.path = folder / f"{number:05d}.jsonl"
                try:
                    self._file = os.open(self.path, flags, 0o644)
                    break
                except FileExistsError:
                    number += 1
        except OSError as fault:
            raise _explained(fault, folder) from fault
        self._size = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; one that stayed empty is removed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            if not self._size:
                self.path.unlink(missing_ok=True)

    def write(self, record: Record) -> None:
        """Append one record and flush it to disk; whole or, where that fails, not at all.

        What does not fit a line goes to `cells/ID/samples.parquet` and `cells/ID/record.json` first. Raises StoreFull
        or StoreError.
        """
        if self._file < 0 or os.getpid() != self._process:
            raise StoreError(f"{self.path.name}: a writer belongs to the process that made it, until it is closed")
        folder = f"cells/{safe_name(record.id)}"
        content, samples_left_out, more_left_out = line(record, f"{folder}/record.json")
        with uninterrupted():
            if samples_left_out:
                path = self._run.path / folder / "samples.parquet"
                earlier = path.read_bytes() if path.exists() else None
                self._run._write(f"{folder}/samples.parquet", formats.samples_to_parquet(record.metrics, earlier))
            if more_left_out:
                self._run._write(f"{folder}/record.json", dumps(to_json(record)).encode())
            self._append(content)

    def _append(self, content: bytes) -> None:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as fault:
            with suppress(OSError):  # a torn line is left to the readers, who skip it
                os.ftruncate(self._file, self._size)
            raise _explained(fault, self.path) from fault
        self._size += len(content)


# ── names, files, signals ───────────────────────────────────────────────────────────────────────


def safe_name(label: str, most: int = 80) -> str:
    """A label as the name of a file: letters, digits, `_`, `-`, `=` and `+`, at most `most` of them.

    Without dots, so that no name leads anywhere or changes a suffix. Where something had to be replaced, a hash of
    the label keeps two labels apart.
    """
    name = re.sub(r"[^A-Za-z0-9_=+-]+", "-", label).strip("-")[:most]
    if name and name == label:
        return name
    digest = hashlib.sha256(label.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"{name[: most - 9]}-{digest}".lstrip("-")


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back a Ctrl-C until the block ends: then whoever handled it before does. Only in the main thread."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _info(path: Path) -> RunInfo:
    try:
        info = json.loads((path / "run.json").read_bytes())
        run, suite, started = str(info["run"]), str(info["suite"]), str(info["started"])
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise StoreError(f"{path} is no run: its run.json cannot be read ({fault})") from fault
    records = sum(file.read_bytes().count(b"\n") for file in (path / "records").glob("*.jsonl"))
    return RunInfo(run, suite, started, records, bool(info.get("smoke")), path, info)


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, whenever the process is killed: under a temporary name, then renamed.

    Not flushed to disk, unlike records: that costs 5 ms a file, half of what a cell may cost, and guards against
    nothing but a power cut, after which a damaged file is told as such when it is read.
    """
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _explained(fault: OSError, path: Path) -> StoreError:
    """The fault as a message for the person at the keyboard."""
    why = os.strerror(fault.errno) if fault.errno else str(fault)
    if fault.errno in _NO_ROOM:
        whole = "what was written before is whole"
        return StoreFull(f"no room to write {path} ({why}); {whole}\n  free some space, then: bench run … --resume")
    if fault.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreError(
            f"results cannot be kept under {path}: it is not a folder\n  choose another with: --results DIR"
        )
    return StoreError(f"results cannot be written to {path} ({why})\n  choose another folder with: --results DIR")
