"""Runs of Weights & Biases, written offline and read back from the files that `wandb sync` uploads."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import BenchError, MetricRow
from bench_suite.execution.callbacks import RunCallback
from bench_suite.store.histories import read_history

pytest.importorskip("wandb", reason="wandb is not installed; the extra `test` brings it")

from bench_suite.exporters.wandb import Options, export_to, follow

BLOCK = 32768
"Bytes of a block of a .wandb file, which has the format of LevelDB's log."


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """Hide the user's own settings of wandb."""
    for name in ("WANDB_DIR", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


def chunks(content: bytes) -> Iterator[bytes]:
    """Yield the records of a .wandb file: after a header of 7 bytes, each part has a checksum, a length and a type."""
    at, record = 7, b""
    while at + 7 <= len(content):
        if BLOCK - at % BLOCK < 7:
            at += BLOCK - at % BLOCK
        length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield record
            record = b""


def read(folder: Path) -> dict[str, Any]:
    """Return what a folder contains when its run has ended: wandb writes the last bytes in a process of its own."""
    until = time.monotonic() + 60
    while "exit" not in (content := read_now(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    return content


def read_now(folder: Path) -> dict[str, Any]:
    """Return what a folder of an offline run contains now: the run, its history, summary and configuration."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("*.wandb")
    content: dict[str, Any] = {"history": [], "summary": {}, "config": {}, "files": []}
    for chunk in chunks(path.read_bytes()):
        record = Record.FromString(chunk)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            content["run"] = record.run
            content["config"] |= values(record.run.config.update)
        elif kind == "config":
            content["config"] |= values(record.config.update)
        elif kind == "summary":
            content["summary"] |= values(record.summary.update)
        elif kind == "history":
            content["history"].append(values(record.history.item))
        elif kind == "files":
            content["files"] += [one.path for one in record.files.files]
        elif kind == "exit":
            content["exit"] = record.exit.exit_code
    return content


def values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def folder_of(target: Path, cell: str) -> Path:
    (folder,) = (target / "wandb").glob(f"offline-run-*-{cell[:8]}")
    return folder


def test_a_cell_is_read_back_with_its_options_curves_summary_and_picture(stored, tmp_path):
    text = export_to(stored, str(tmp_path), Options())
    assert "2 cells" in text
    assert "to upload: wandb sync" in text
    folder = folder_of(tmp_path, "1" * 16)
    content = read(folder)
    run = content["run"]
    assert (run.run_group, run.project, run.display_name) == (stored.name, "trial", "digits, mlp, seed 0")
    assert content["config"]["train/learning_rate"] == 0.1
    assert content["config"]["git.commit"] == "abc"
    losses = [(row["train/step"], row["train/loss"]) for row in content["history"] if "train/loss" in row]
    assert losses == [(2, 0.5), (4, 0.25)]
    rates = [(row["epoch/step"], row["epoch/learning_rate"]) for row in content["history"] if "epoch/loss" in row]
    assert rates == [(1, 0.1), (2, 0.05)]
    summary = content["summary"]
    assert (summary["quality/accuracy"], summary["quality/accuracy.low"]) == (0.9, 0.8)
    assert [*folder.glob("files/media/images/quality/confusion*.png")]
    assert json.loads((folder / "files" / "record.json").read_text())["id"] == "1" * 16
    assert content["exit"] == 0
    assert read(folder_of(tmp_path, "2" * 16))["exit"] == 1


def test_a_second_export_replaces_what_changed_unless_it_was_uploaded(stored, tmp_path):
    export_to(stored, str(tmp_path), Options("mine"))
    before = folder_of(tmp_path, "2" * 16)
    assert "0 cells; 2 more were there already" in export_to(stored, str(tmp_path), Options("mine"))
    record = stored.records()[0]
    for value in (3.0, 4.0):
        with stored.writer() as writer:
            writer.write(replace(record, metrics=(MetricRow("speed/time", value, "s", "lower"),)))
        text = export_to(stored, str(tmp_path), Options("mine"))
        folder = folder_of(tmp_path, "1" * 16)
        if value == 3.0:
            assert "1 cell; 1 more" in text
            (path,) = folder.glob("*.wandb")
            (folder / f"{path.name}.synced").touch()
    assert "1 changed after their upload and were left out" in text
    assert read(folder)["summary"]["speed/time"] == 3.0
    assert folder_of(tmp_path, "2" * 16) == before


def test_a_run_that_goes_on_is_written_as_it_goes(stored):
    record, history = stored.records()[0], read_history(stored.path, "1" * 16)
    cell: Any = SimpleNamespace(id=record.id, labels=record.cell)
    killed = follow(RunCallback(), stored)
    killed.window(cell, history.windows[0])
    killed.end(complete=False)
    assert read(folder_of(stored.path, record.id))["exit"] == 255
    resumed = follow(RunCallback(), stored)
    resumed.trained(cell, history)
    resumed.record(cell, record)
    resumed.end(complete=True)
    content = read(folder_of(stored.path, record.id))
    assert [row["train/step"] for row in content["history"] if "train/loss" in row] == [2, 4]
    assert content["exit"] == 0
    assert "wandb sync" in resumed.where


def test_a_folder_that_cannot_be_written_is_named(stored):
    with pytest.raises(BenchError, match=r"/proc/none cannot be written .* choose another folder"):
        export_to(stored, "/proc/none", Options())
