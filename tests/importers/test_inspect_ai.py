"""Logs of Inspect, as it wrote them: archives that zstd compressed, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.archives import open_archive, read_entry
from bench_suite.store.runs import Run

Read = Callable[..., list[ImportedCell]]


def contents(path: Path) -> dict[str, Any]:
    """Return a log as the JSON format has it: the header with the samples."""
    with open_archive(path) as archive:
        entries = {entry.filename: json.loads(read_entry(archive, entry, path.name)) for entry in archive.infolist()}
    samples = [value for name, value in entries.items() if name.startswith("samples/")]
    return {**entries["header.json"], "samples": samples}


@pytest.fixture
def sums(data: Path) -> Path:
    return next((data / "inspect_ai").glob("*_sums_*"))


def test_means_and_standard_errors_are_those_of_the_log(run_of: Callable[..., Run], data: Path, sums: Path) -> None:
    """Inspect's standard error is that of the means of 15 samples; its interval here has 14 degrees of freedom."""
    metrics = contents(sums)["results"]["scores"][0]["metrics"]
    records = {record.cell["task"]: record for record in run_of(data / "inspect_ai").records()}
    row = next(row for row in records["sums"].metrics if row.name == "scores/match")
    assert row.value == pytest.approx(metrics["accuracy"]["value"])
    assert row.interval is not None
    assert (row.interval.over, row.n) == ("clusters", 30)
    assert (row.interval.high - row.interval.low) / 2 == pytest.approx(metrics["stderr"]["value"] * 2.1448, rel=1e-4)
    assert records["sums"].data["repetitions"] == 2
    assert records["sums"].cell["model"] == "mockllm/model"
    assert [row.name for row in records["colours"].metrics] == ["scores/choice"]


def test_json_and_archive_are_the_same(read: Read, sums: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(contents(sums)))
    (mine,), (theirs,) = read("inspect_ai", sums), read("inspect_ai", path)
    assert mine.predictions is not None
    assert theirs.predictions is not None
    assert mine.predictions.ids.tolist() == theirs.predictions.ids.tolist()
    assert mine.predictions["value/match"].tolist() == theirs.predictions["value/match"].tolist()


def test_logs_that_did_not_end_well_are_refused(read: Read, sums: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    document = contents(sums)
    path.write_text(json.dumps({**document, "status": "error", "error": {"message": "no network"}}))
    with pytest.raises(BenchError, match=r"status error \(no network\)"):
        read("inspect_ai", path)
    path.write_text(json.dumps({**document, "samples": []}))
    with pytest.raises(BenchError, match="no sample has a score"):
        read("inspect_ai", path)
    cut = tmp_path / "cut.eval"
    cut.write_bytes(sums.read_bytes()[:20_000])
    with pytest.raises(BenchError, match="is no archive"):
        read("inspect_ai", cut)


def test_samples_with_an_error_are_left_out_and_counted(read: Read, sums: Path, tmp_path: Path) -> None:
    document = contents(sums)
    document["samples"][0]["error"] = {"message": "timeout"}
    path = tmp_path / "log.json"
    path.write_text(json.dumps(document))
    (cell,) = read("inspect_ai", path)
    assert len(cell.predictions or ()) == 29
    assert any(note == "samples with an error or without a score, left out: 1" for note in cell.notes)


@pytest.mark.parametrize("value", ["maybe", None, [1, 2], "NaN", float("inf")])
def test_a_scorer_without_numbers_is_absent_with_its_value(
    read: Read, sums: Path, tmp_path: Path, value: object
) -> None:
    document = contents(sums)
    for sample in document["samples"]:
        sample["scores"]["match"]["value"] = value
    path = tmp_path / "log.json"
    path.write_text(json.dumps(document))
    (cell,) = read("inspect_ai", path)
    (row,) = cell.metrics
    shown = json.dumps(value)
    assert (row.name, row.value) == ("scores/match", None)
    assert row.reason == f"30 of 30 items have no such score: {shown} is no number"
    assert cell.predictions is not None
    assert "value/includes" in cell.predictions.columns
