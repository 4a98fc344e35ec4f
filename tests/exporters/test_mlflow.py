"""A run in MLflow: read back through its client, from a local store and from a real server on this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import BenchError, Interval, MetricRow
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.histories import read_history

pytest.importorskip("mlflow", reason="mlflow is not installed; the extra `test` brings it")

from mlflow.tracking import MlflowClient

from bench_suite.exporters.mlflow import Options, check, export_to, follow


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """Hide the user's own server and experiment; the exporter's settings of MLflow end with the test."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("DISABLE_TELEMETRY", "true"),
        ("HTTP_REQUEST_MAX_RETRIES", "1"),
        ("HTTP_REQUEST_TIMEOUT", "60"),
    ):
        monkeypatch.setenv(f"MLFLOW_{name}", value)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory) -> Path:
    """Return a database of MLflow without runs: to make one takes seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(empty_database, tmp_path) -> Path:
    """Return a database of MLflow without runs, in the folder of the results of the test."""
    path = tmp_path / "results" / "mlflow.db"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(empty_database, path)
    return path


def runs_of(uri: str, experiment: str = "trial") -> dict[str, Any]:
    """Return all runs of an experiment by their name."""
    client = MlflowClient(tracking_uri=uri)
    wanted = client.get_experiment_by_name(experiment)
    runs = client.search_runs([wanted.experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert len(by_name) == len(runs), "no run appears twice"
    return by_name


def files_of(client: MlflowClient, id: str, folder: str | None = None) -> set[str]:
    paths = set()
    for entry in client.list_artifacts(id, folder):
        paths |= files_of(client, id, entry.path) if entry.is_dir else {entry.path}
    return paths


def test_a_run_is_read_back_with_its_cells_parameters_metrics_curves_and_artifacts(stored, database, tmp_path):
    uri = f"sqlite:///{database}"
    text = export_to(stored, str(database.parent), Options())
    assert "2 cells" in text
    assert f"mlflow ui --backend-store-uri {uri}" in text
    client, runs = MlflowClient(tracking_uri=uri), runs_of(uri)
    parent, first, second = runs[stored.name], runs["digits, mlp, seed 0"], runs["digits, mlp, seed 1"]
    assert {one.data.tags["mlflow.parentRunId"] for one in (first, second)} == {parent.info.run_id}
    assert parent.data.tags["mlflow.note.content"] == "A trial"
    assert parent.data.tags["git.commit"] == first.data.tags["git.commit"] == "abc"
    assert (parent.data.metrics["cells"], parent.data.metrics["cells_failed"]) == (2.0, 1.0)
    assert (parent.info.status, first.info.status, second.info.status) == ("FINISHED", "FINISHED", "FAILED")
    assert second.data.tags["bench.reason"] == "no <b>luck</b>"
    assert first.data.params["train.learning_rate"] == "0.1"
    assert first.data.params["train.patience"] == "none"
    metrics = first.data.metrics
    assert (metrics["quality/accuracy"], metrics["quality/accuracy.low"], metrics["quality/accuracy.high"]) == (
        0.9, 0.8, 0.95,
    )  # fmt: skip
    assert metrics["throughput/inference batch_size-64"] == 50.0
    assert "quality/f1" not in metrics
    curves = {
        name: [(point.step, point.value) for point in client.get_metric_history(first.info.run_id, name)]
        for name in ("train/loss", "train/learning_rate", "epoch/loss", "epoch/learning_rate")
    }
    assert curves == {
        "train/loss": [(2, 0.5), (4, 0.25)], "train/learning_rate": [(2, 0.05), (4, 0.025)],
        "epoch/loss": [(1, 2.0), (2, 1.0)], "epoch/learning_rate": [(1, 0.1), (2, 0.05)],
    }  # fmt: skip
    assert files_of(client, first.info.run_id) == {
        "artifacts/quality/confusion.json", "artifacts/quality/words.json", "pictures/quality/confusion.png",
        "record.json",
    }  # fmt: skip
    record = json.loads(Path(client.download_artifacts(first.info.run_id, "record.json", str(tmp_path))).read_text())
    assert record["id"] == "1" * 16
    assert files_of(client, parent.info.run_id) == {"suite.toml"}


def test_a_second_export_adds_what_is_new_and_nothing_twice(stored, database):
    uri = f"sqlite:///{database}"
    export_to(stored, uri, Options("mine"))
    before = runs_of(uri, "mine")
    assert "0 cells; 2 more were there already" in export_to(stored, uri, Options("mine"))
    record = stored.records()[0]
    added = MetricRow("speed/time", 3.0, "s", "lower", interval=Interval(2.0, 4.0, 0.95, "processes"))
    with stored.writer() as writer:
        writer.write(replace(record, metrics=(*record.metrics, added)))
    assert "1 cell; 1 more were there already" in export_to(stored, uri, Options("mine"))
    after = runs_of(uri, "mine")
    assert {name: run.info.run_id for name, run in after.items()} == {
        name: run.info.run_id for name, run in before.items()
    }
    id = after["digits, mlp, seed 0"].info.run_id
    client = MlflowClient(tracking_uri=uri)
    assert after["digits, mlp, seed 0"].data.metrics["speed/time.high"] == 4.0
    assert [point.step for point in client.get_metric_history(id, "train/loss")] == [2, 4]
    assert len(client.get_metric_history(id, "quality/accuracy")) == 1


def test_a_killed_run_is_incomplete_and_its_resume_continues_it(stored, database):
    uri = f"sqlite:///{database}"
    record, history = stored.records()[0], read_history(stored.path, "1" * 16)
    cell: Any = SimpleNamespace(id=record.id, labels=record.cell)
    killed = follow(RunCallback(), stored)
    killed.window(cell, history.windows[0])
    killed.end(complete=False)
    runs = runs_of(uri)
    assert {run.info.status for run in runs.values()} == {"KILLED"}
    resumed = follow(RunCallback(), stored)
    for window in history.windows:
        resumed.window(cell, window)
    resumed.trained(cell, history)
    resumed.record(cell, record)
    resumed.end(complete=True)
    assert "mlflow ui --backend-store-uri" in resumed.where
    runs = runs_of(uri)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    id = runs["digits, mlp, seed 0"].info.run_id
    points = MlflowClient(tracking_uri=uri).get_metric_history(id, "train/loss")
    assert [(point.step, point.value) for point in points] == [(2, 0.5), (4, 0.25)]


def test_a_store_of_files_is_used_if_there_is_one(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "mlruns"
    export_to(stored, folder.as_uri(), Options())
    assert "0 cells; 2 more" in export_to(stored, str(folder), Options())
    assert not (folder / "mlflow.db").exists()


def test_what_cannot_be_written_is_named_without_passwords(stored, monkeypatch):
    with pytest.raises(BenchError, match=r"MLflow cannot use sqlite:////proc/none/mlflow\.db"):
        export_to(stored, "/proc/none", Options())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{free.getsockname()[1]}")
    with pytest.raises(
        BenchError, match=r"(?s)MLflow cannot use http://\*\*\*@127.*refused.*start the server"
    ) as caught:
        check(Options())
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/none/mlflow.db")
    with pytest.raises(BenchError, match="MLflow cannot use sqlite"):
        check(Options())


@pytest.mark.slow
def test_a_server_gets_a_run_once(stored, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--artifacts-destination", str(tmp_path / "art"),
    ]  # fmt: skip
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path, start_new_session=True
    )
    try:
        wait_for(f"{uri}/health", server)
        text = export_to(stored, uri, Options())
        assert f"runs: {uri}/#/experiments/" in text
        assert "2 more were there already" in export_to(stored, uri, Options())
        first = runs_of(uri)["digits, mlp, seed 0"]
        assert first.data.metrics["quality/accuracy"] == 0.9
        client = MlflowClient(tracking_uri=uri)
        assert "pictures/quality/confusion.png" in files_of(client, first.info.run_id)
    finally:
        os.killpg(server.pid, 15)
        server.wait()


def wait_for(address: str, server: subprocess.Popen) -> None:
    """Wait until a server answers; fail if it ends instead."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("the server did not answer")
