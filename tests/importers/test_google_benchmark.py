"""Files of Google Benchmark: units, repetitions, aggregates and failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError, ImportedCell

Read = Callable[..., list[ImportedCell]]


def test_times_are_converted_and_aggregates_and_failures_left_out(read: Read, data: Path) -> None:
    path = data / "google_benchmark" / "g1.json"
    cells = {cell.task: cell for cell in read("google_benchmark", path, cpu="AMD EPYC")}
    assert set(cells) == {"BM_Sort/64", "BM_Sort/512", "BM_Copy/real_time"}
    runs = [entry for entry in json.loads(path.read_text())["benchmarks"] if entry["run_type"] == "iteration"]
    expected = [entry["cpu_time"] * 1e-6 for entry in runs if entry["run_name"] == "BM_Copy/real_time"]
    rows = {row.name: row for row in cells["BM_Copy/real_time"].metrics}
    assert runs[6]["time_unit"] == "us"
    assert rows["timing/cpu_seconds"].samples == pytest.approx(expected)
    assert len(rows["timing/seconds"].samples) == 3
    assert any("BM_Bad: no device" in note for note in cells["BM_Sort/64"].notes)
    assert cells["BM_Sort/64"].environment["hardware"]["cpu"] == "AMD EPYC"


def test_the_processor_is_absent_unless_stated(read: Read, data: Path) -> None:
    (cell, *_) = read("google_benchmark", data / "google_benchmark" / "g1.json")
    assert cell.environment == {}


def test_units_and_aggregates_that_are_not_known_are_refused(read: Read, data: Path, tmp_path: Path) -> None:
    document = json.loads((data / "google_benchmark" / "g1.json").read_text())
    path = tmp_path / "g.json"
    document["benchmarks"][0]["time_unit"] = "fortnights"
    path.write_text(json.dumps(document))
    with pytest.raises(BenchError, match="'fortnights' is no unit of time"):
        read("google_benchmark", path)
    document["benchmarks"] = [entry for entry in document["benchmarks"] if entry["run_type"] == "aggregate"]
    path.write_text(json.dumps(document))
    with pytest.raises(BenchError, match="aggregates only"):
        read("google_benchmark", path)


def test_a_file_with_failures_only_names_the_first_one(read: Read, data: Path, tmp_path: Path) -> None:
    document = json.loads((data / "google_benchmark" / "g1.json").read_text())
    for entry in document["benchmarks"]:
        entry.update(error_occurred=True, error_message="no device")
    path = tmp_path / "g.json"
    path.write_text(json.dumps(document))
    with pytest.raises(BenchError, match="no repetition of a benchmark ended well: BM_Sort/64: no device"):
        read("google_benchmark", path)
