"""Runs in MLflow: a parent for the run and a nested run for each cell, with parameters, metrics, curves and artifacts.

They are written during a run (`follow`) or from a finished one (`export_to`), to a local store or to a server. A run
that is there already, by the tag `bench.run`, is updated.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench_suite.contracts import ArtifactRow, BenchError, Record, describe_error
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.atomic import safe_name
from bench_suite.store.records import dumps, to_json
from bench_suite.store.runs import Run
from bench_suite.tracking.artifacts import pictures, stored_files
from bench_suite.tracking.callback import TrackerCallback
from bench_suite.tracking.curves import began_at, without_points
from bench_suite.tracking.finished_run import write_run
from bench_suite.tracking.names import safe_key
from bench_suite.tracking.tracker import Point, TrackedCell, Tracker, Written
from bench_suite.tracking.values import (
    cell_tags,
    cells_text,
    final_metrics,
    hyper_parameters,
    record_digest,
    run_tags,
    shown_path,
)

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun
    from mlflow.tracking import MlflowClient

IMPORTS = ("mlflow",)
DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
"Names of the database and of the folder of artifacts in a local store."
MAX_VALUE = 5000
"Characters of a parameter or a tag; MLflow refuses more than 6,000."
_MAX_METRICS, _MAX_PARAMETERS = 500, 100
_SEPARATOR = " "
"""Stands between the name of a metric and its coordinates: a store of files has a file for each metric, so a metric
cannot lie below another one."""
_WRITTEN = "bench.record"
"The tag that contains the digest of the record that was written, once everything of it is there."
_STATUS = {"ok": "FINISHED", "interrupted": "KILLED"}


@dataclass(frozen=True)
class Options:
    experiment: str = ""
    "Name of the experiment; by default `MLFLOW_EXPERIMENT_NAME`, or the name of the suite."


def check(options: Options) -> None:
    """Raise BenchError if the server or the database that `MLFLOW_TRACKING_URI` names does not answer."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if "://" in uri:
        with _writing(uri):
            _client(uri, retries=1).search_experiments(max_results=1)


def follow(callback: RunCallback, run: Run) -> TrackerCallback:
    """Return a callback that writes to MLflow and passes each call on to `callback`."""
    return TrackerCallback(callback, MlflowRuns(run, _tracking_uri(run, None), Options()))


def export_to(run: Run, target: str | None, options: Options) -> str:
    """Write a finished run to MLflow, or update it there.

    Args:
        run: the run.
        target: the address of a server, or of a database (`sqlite:///mlflow.db`), or a folder, in which a database is
            created unless it is a store of files; None for `MLFLOW_TRACKING_URI`, or for the folder of the run's
            results if that is not set.
        options: the experiment.

    Returns:
        Where it is, and on a further line how to open it.

    Raises:
        BenchError: the store cannot be written.
    """
    return write_run(run, MlflowRuns(run, _tracking_uri(run, target), options))


class MlflowRuns(Tracker):
    """The runs in MLflow that belong to one run of the suite."""

    def __init__(self, run: Run, uri: str, options: Options) -> None:
        """Create the experiment and the parent, or find them.

        Raises:
            BenchError: the store cannot be written.
        """
        self._run = run
        self._uri = uri
        self._written = self._unchanged = 0
        with _writing(uri):
            self._client = _client(uri)
            self._experiment = self._experiment_id(options.experiment)
            self._parent = self._parent_id()
            self._cells = {one.data.tags["bench.cell"]: one for one in self._stored_cells()}
            "By id: the cells that are there already."
        self._open: set[str] = set()
        "Ids of the cells that have begun and have no record yet."
        self._last: dict[str, dict[str, int]] = {}
        "By id: the last step of each curve of a cell that was there before."

    def is_written(self, cell: TrackedCell, record: Record) -> bool:
        """Return whether MLflow has the cell with this record."""
        stored = self._cells.get(cell.id)
        same = stored is not None and stored.data.tags.get(_WRITTEN) == record_digest(record)
        self._unchanged += same
        return same

    def add_points(self, cell: TrackedCell, points: Sequence[Point]) -> None:
        """Add the points of curves; those at steps that a curve has already are left out."""
        from mlflow.entities import Metric

        with _writing(self._uri):
            id = self._cell_run(cell, points[0].at if points else time.time()).info.run_id
            new = without_points(points, self._last[cell.id])
            metrics = [Metric(safe_key(one.curve), one.value, int(one.at * 1000), one.step) for one in new]
            for start in range(0, len(metrics), _MAX_METRICS):
                self._client.log_batch(id, metrics[start : start + _MAX_METRICS])

    def finish(self, cell: TrackedCell, record: Record) -> None:
        """Write parameters, final metrics with the ends of their intervals, tags and artifacts, and end the run."""
        with _writing(self._uri):
            began = began_at(record)
            ended = began + record.seconds.get("total", 0.0) if began else time.time()
            stored = self._cell_run(cell, began or time.time())
            id = stored.info.run_id
            self._add_parameters(stored, hyper_parameters(record))
            self._add_metrics(stored, final_metrics(record.metrics, intervals=True, separator=_SEPARATOR))
            self._add_tags(id, cell_tags(record))
            self._add_artifacts(id, record.artifacts, {"record.json": dumps(to_json(record), indent=2)})
            self._client.set_terminated(id, _STATUS.get(record.status, "FAILED"), end_time=int(ended * 1000))
            self._client.set_tag(id, _WRITTEN, record_digest(record))
            self._cells[cell.id] = self._client.get_run(id)
            self._open.discard(cell.id)
            self._written += 1

    def close(self, *, complete: bool) -> Written:
        """Write the summaries of the run and the text of its suite; end the parent, and cells without a record."""
        metrics, artifacts = self._run.summaries()
        with _writing(self._uri):
            parent = self._client.get_run(self._parent)
            statuses = [one.status for one in self._run.planned_records()]
            counts = {"cells": float(len(statuses)), "cells_failed": float(len(statuses) - statuses.count("ok"))}
            self._add_metrics(parent, {**final_metrics(metrics, intervals=True, separator=_SEPARATOR), **counts})
            texts = {"suite.toml": str(self._run.info.get("text", ""))}
            self._add_artifacts(self._parent, artifacts, {name: text for name, text in texts.items() if text})
            for id in self._open:
                self._client.set_terminated(self._cells[id].info.run_id, "KILLED")
            self._client.set_terminated(self._parent, "FINISHED" if complete else "KILLED")
        return Written(
            f"{_shown(self._uri)} ({cells_text(self._written, self._unchanged)})",
            f"runs: {_command(self._uri, self._experiment)}",
        )

    # ── runs ────────────────────────────────────────────────────────────────────────────────────

    def _experiment_id(self, stated: str) -> str:
        name = stated or os.environ.get("MLFLOW_EXPERIMENT_NAME", "") or str(self._run.info["suite"])
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            folder = _database_folder(self._uri)
            location = None if folder is None else (folder / ARTIFACTS).as_uri()
            return str(self._client.create_experiment(name, artifact_location=location))
        if experiment.lifecycle_stage != "active":
            raise BenchError(f"the experiment {name} was deleted in MLflow: restore it, or state another one")
        return str(experiment.experiment_id)

    def _parent_id(self) -> str:
        """Return the id of the parent, which is created if there is none."""
        tags = {**run_tags(self._run), "bench.kind": "run"}
        words = (self._run.info.get("title"), self._run.info.get("description"))
        note = "\n\n".join(str(word) for word in words if word)
        tags |= {"mlflow.note.content": note} if note else {}
        parents = self._search({"bench.run": self._run.name, "bench.kind": "run"})
        parent = next(parents, None) or self._client.create_run(self._experiment, run_name=self._run.name)
        self._client.update_run(parent.info.run_id, status="RUNNING")
        self._add_tags(parent.info.run_id, tags)
        return str(parent.info.run_id)

    def _stored_cells(self) -> Iterator[MlflowRun]:
        return self._search({"mlflow.parentRunId": self._parent, "bench.kind": "cell"})

    def _search(self, tags: Mapping[str, str]) -> Iterator[MlflowRun]:
        """Yield the runs of the experiment that have these tags and are not deleted."""
        wanted = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        token = None
        while True:
            page = self._client.search_runs([self._experiment], wanted, max_results=1000, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _cell_run(self, cell: TrackedCell, began: float) -> MlflowRun:
        """Return the run of a cell, which is created if there is none; note what a stored one has already.

        Args:
            cell: the cell.
            began: when a new run begins, in seconds since 1970.
        """
        stored = self._cells.get(cell.id)
        if stored is None:
            tags = {
                "mlflow.parentRunId": self._parent, "bench.kind": "cell", "bench.cell": cell.id, **run_tags(self._run),
            }  # fmt: skip
            start = int(began * 1000)
            stored = self._client.create_run(self._experiment, start, tags, run_name=cell.name)
            self._cells[cell.id], self._last[cell.id] = stored, {}
        elif cell.id not in self._last:
            self._client.update_run(stored.info.run_id, status="RUNNING")
            curves = [key for key in stored.data.metrics if key.startswith(("train/", "epoch/"))]
            histories = {key: self._client.get_metric_history(stored.info.run_id, key) for key in curves}
            self._last[cell.id] = {key: max(one.step for one in points) for key, points in histories.items() if points}
        self._open.add(cell.id)
        return stored

    # ── their content ───────────────────────────────────────────────────────────────────────────

    def _add_parameters(self, stored: MlflowRun, parameters: Mapping[str, Any]) -> None:
        """Add the parameters that are not there yet: MLflow refuses to change one."""
        from mlflow.entities import Param

        known = stored.data.params
        texts = {safe_key(name.replace("/", ".")): str(value)[:MAX_VALUE] for name, value in parameters.items()}
        new = [Param(key, text) for key, text in texts.items() if key not in known]
        for start in range(0, len(new), _MAX_PARAMETERS):
            self._client.log_batch(stored.info.run_id, params=new[start : start + _MAX_PARAMETERS])

    def _add_metrics(self, stored: MlflowRun, metrics: Mapping[str, float]) -> None:
        """Add the metrics that are not there yet with the same value."""
        from mlflow.entities import Metric

        known, now = stored.data.metrics, int(time.time() * 1000)
        named = {safe_key(name): value for name, value in metrics.items()}
        new = [Metric(key, value, now, 0) for key, value in named.items() if known.get(key) != value]
        for start in range(0, len(new), _MAX_METRICS):
            self._client.log_batch(stored.info.run_id, new[start : start + _MAX_METRICS])

    def _add_tags(self, id: str, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(id, tags=[RunTag(name, value[:MAX_VALUE]) for name, value in tags.items()])

    def _add_artifacts(self, id: str, rows: Iterable[ArtifactRow], texts: Mapping[str, str]) -> None:
        """Upload pictures as PNG, all artifacts as they are stored, and texts by the name of their file."""
        rows = list(rows)
        with TemporaryDirectory(prefix="bench-mlflow-") as name:
            folder = Path(name)
            for picture in pictures(self._run, rows):
                _write(folder / "pictures" / f"{_file_name(picture.name)}.png", picture.png)
            for label, path in stored_files(self._run, rows):
                if path.suffix != ".png":  # those are among the pictures
                    _write(folder / "artifacts" / f"{_file_name(label)}{path.suffix}", path.read_bytes())
            for file, text in texts.items():
                _write(folder / file, text.encode(errors="backslashreplace"))
            self._client.log_artifacts(id, str(folder))


# ── the store ───────────────────────────────────────────────────────────────────────────────────


def _client(uri: str, retries: int = 3) -> MlflowClient:
    """Return a quiet client of a store, without telemetry and without minutes of waiting for a server that is gone."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(retries))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    if uri.startswith("file:"):  # the user names such a store, which MLflow refuses by default
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = _database_folder(uri)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):  # else each table of a new database is a line on the terminal
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri)


def _tracking_uri(run: Run, target: str | None) -> str:
    """Return the address of the store that `--output` and the environment state."""
    if target is None:
        target = os.environ.get("MLFLOW_TRACKING_URI") or str(run.path.parent)
    if "://" in target or target.startswith(("databricks", "file:")):
        return target
    path = Path(target).absolute()
    if any(path.glob("*/meta.yaml")):  # a store of files, as MLflow made them before version 3.7
        return path.as_uri()
    return f"sqlite:///{path if path.suffix in ('.db', '.sqlite') else path / DATABASE}"


def _database_folder(uri: str) -> Path | None:
    """Return the folder of a database on this machine; None if the store is no such file."""
    return Path(uri.removeprefix("sqlite:///")).absolute().parent if uri.startswith("sqlite:///") else None


def _shown(uri: str) -> str:
    """Return the address for the user: without a password, and with a path from the working folder."""
    if _database_folder(uri) is not None:
        return f"sqlite:///{shown_path(Path(uri.removeprefix('sqlite:///')))}"
    return re.sub(r"//[^/@]*@", "//***@", uri)


def _command(uri: str, experiment: str) -> str:
    """Return how to open the store: a command, or the address of the experiment on a server."""
    if uri.startswith("http"):
        return f"{_shown(uri).rstrip('/')}/#/experiments/{experiment}"
    return f"mlflow ui --backend-store-uri {_shown(uri)}"


@contextmanager
def _writing(uri: str) -> Iterator[None]:
    """Raise BenchError instead of the errors of MLflow and of what it writes to."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError, ImportError) as error:  # an old MLflow with a new SQLAlchemy does not load
        cause: BaseException = error
        while isinstance(before := cause.__cause__ or cause.__context__, Exception):
            cause = before
        lines = describe_error(cause).replace(uri, _shown(uri)).splitlines()
        advice = "start the server, or correct" if uri.startswith("http") else "check"
        advice += " the address that MLFLOW_TRACKING_URI or --output states"
        raise BenchError(f"MLflow cannot use {_shown(uri)}: {lines[0][:300]}\n  {advice}") from error


def _quoted(text: str) -> str:
    """Return a text as MLflow's search reads it, which knows no escapes: a text with both quotes is never found."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def _file_name(label: str) -> str:
    """Return `LABEL/ARTIFACT` as a path that is safe on every system."""
    return "/".join(safe_name(part) for part in label.split("/", 1))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
