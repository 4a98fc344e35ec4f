"""A run as one JSON document: what it contains, and that it reads back as the same run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from bench_suite.contracts import ArtifactRow, Interval, MetricRow
from bench_suite.exporters.json import SCHEMA, export
from bench_suite.store.records import from_json
from bench_suite.store.runs import Run

LOSS = MetricRow(
    "quality/loss", 0.1 + 0.2, "nats", "lower", interval=Interval(0.1, 1 / 3), samples=(1e-300, 5e-324), n=9
)


def document_of(run: Run) -> dict[str, Any]:
    def refuse(token: str) -> NoReturn:
        raise AssertionError(f"{token} is no JSON")

    return json.loads(b"".join(export(run)), parse_constant=refuse)


def test_every_metric_is_that_of_the_records(real_run, stored_metrics) -> None:
    document = document_of(real_run)
    assert (document["format"], document["schema"]) == ("bench-suite run", SCHEMA)
    assert document["run"] == json.loads((real_run.path / "run.json").read_text())
    metrics = [(record["id"], metric) for record in document["records"] for metric in record["metrics"]]
    assert len(metrics) == len(stored_metrics)
    for (id, metric), (record, stored) in zip(metrics, stored_metrics):
        assert id == record["id"]
        for key in ("name", "value", "unit", "better", "at"):
            assert metric[key] == stored[key]
        for key in ("interval", "samples", "n", "ideal"):
            assert metric.get(key) == stored.get(key)


def test_it_reads_back_as_the_same_records(real_run, hostile_run) -> None:
    for run in (real_run, hostile_run):
        assert [from_json(entry) for entry in document_of(run)["records"]] == run.records()


def test_environments_summaries_and_files_are_in_it(history_runs) -> None:
    artifact = ArtifactRow("quality/confusion", "matrix", "cells/mlp-0/quality/confusion.json", "Confusion")
    run = history_runs.add([LOSS], record={"artifacts": (artifact,)})
    run.write_summaries([LOSS], [artifact])
    document = document_of(Run(run.path))
    (record,) = document["records"]
    assert document["environments"][record["environment"]]["hardware"]["cpu"] == "a processor"
    entry = {"name": artifact.name, "kind": "matrix", "file": artifact.file, "caption": "Confusion"}
    assert record["artifacts"] == document["summaries"]["artifacts"] == [entry]
    assert document["summaries"]["metrics"][0]["samples"] == [1e-300, 5e-324]


def test_numbers_that_are_not_finite_are_no_tokens_of_their_own(history_runs) -> None:
    run = history_runs.add([LOSS], record={"options": {"model": {"penalty": float("inf"), "scale": float("nan")}}})
    (record,) = document_of(run)["records"]
    assert record["options"]["model"] == {"penalty": "inf", "scale": "nan"}


def test_damaged_lines_are_named(history_runs) -> None:
    run = history_runs.add([LOSS])
    with (run.path / "records" / "00001.jsonl").open("ab") as file:
        file.write(b'{"schema": 2, "id"\n')
    (damage,) = document_of(Run(run.path))["damages"]
    assert "records/00001.jsonl" in damage


def test_it_is_written_one_cell_after_another(history_runs) -> None:
    run = history_runs.add([LOSS], seeds=range(50))
    parts = export(run)
    assert isinstance(parts, Iterator)
    assert max(map(len, parts)) < 3000
