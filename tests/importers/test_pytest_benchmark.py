"""Files of pytest-benchmark: five processes are compared, one cannot tell."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest

from bench_suite.comparison.compare import compare
from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.detection import detected
from bench_suite.store.runs import Run

Read = Callable[..., list[ImportedCell]]


def test_one_file_is_one_process_whose_median_has_no_interval(read: Read, data: Path) -> None:
    path = data / "pytest_benchmark" / "process1.json"
    cells = {cell.task: cell for cell in read("pytest_benchmark", path)}
    entries = {entry["fullname"]: entry["stats"] for entry in json.loads(path.read_text())["benchmarks"]}
    assert set(cells) == set(entries)
    for name, cell in cells.items():
        (row,) = cell.metrics
        assert (row.unit, row.better, row.timing, row.interval) == ("s", "lower", True, None)
        assert row.value == pytest.approx(median(entries[name]["data"]))
        assert "one process" in str(row.reason)
        assert cell.environment["hardware"]["cpu"]


def test_five_files_have_an_interval_and_are_compared(run_of: Callable[..., Run], data: Path, tmp_path: Path) -> None:
    slower = tmp_path / "slower"
    slower.mkdir()
    for path in (data / "pytest_benchmark").glob("*.json"):
        document = json.loads(path.read_text())
        for entry in document["benchmarks"]:
            entry["stats"]["data"] = [value * 10 for value in entry["stats"]["data"]]
        (slower / path.name).write_text(json.dumps(document))
    base, head = run_of(data / "pytest_benchmark"), run_of(slower)
    rows = compare(base, head).rows
    assert {row.method for row in rows} == {"processes"}
    assert all(row.difference == pytest.approx(9.0) and row.verdict == "worse" for row in rows)


def test_one_process_on_each_side_cannot_tell(run_of: Callable[..., Run], data: Path) -> None:
    files = sorted((data / "pytest_benchmark").glob("*.json"))
    rows = compare(run_of(files[0]), run_of(files[1])).rows
    assert all(row.difference is None and "single process" in row.note for row in rows)


def test_impossible_times_are_refused(read: Read, data: Path, tmp_path: Path) -> None:
    document = json.loads((data / "pytest_benchmark" / "process1.json").read_text())
    document["benchmarks"][0]["stats"]["data"] = [0.0]
    path = tmp_path / "b.json"
    path.write_text(json.dumps(document))
    with pytest.raises(BenchError, match="no positive number"):
        read("pytest_benchmark", path)
    path.write_text(json.dumps({**document, "benchmarks": []}))
    with pytest.raises(BenchError, match="no benchmarks"):
        read("pytest_benchmark", path)
    document["benchmarks"] = [document["benchmarks"][1]] * 2
    path.write_text(json.dumps(document))
    with pytest.raises(BenchError, match="the name of another one"):
        read("pytest_benchmark", path)


@pytest.mark.parametrize(
    ("rounds", "message"),
    [([1.0, None], r"stats.data\[1\] is no number"), ([float("nan")], r"stats.data\[0\] is no number"),
     (3, "stats.data must be a list"), ("abc", "stats.data must be a list"), ([0.0], "no positive number")],
)  # fmt: skip
def test_rounds_that_are_no_times_are_refused(
    read: Read, data: Path, tmp_path: Path, rounds: object, message: str
) -> None:
    document = json.loads((data / "pytest_benchmark" / "process1.json").read_text())
    document["benchmarks"][0]["stats"]["data"] = rounds
    path = tmp_path / "b.json"
    path.write_text(json.dumps(document))
    with pytest.raises(BenchError, match=message):
        read("pytest_benchmark", path)


def test_a_compressed_file_and_one_in_utf_16_are_the_same(read: Read, data: Path, tmp_path: Path) -> None:
    content = (data / "pytest_benchmark" / "process1.json").read_bytes()
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(content))
    (tmp_path / "b.json").write_bytes(content.decode().encode("utf-16"))
    expected = [cell.metrics for cell in read("pytest_benchmark", data / "pytest_benchmark" / "process1.json")]
    for path in (tmp_path / "b.json", tmp_path / "b.json.gz"):
        assert [cell.metrics for cell in read("pytest_benchmark", path)] == expected
        assert detected([path])[0].name == "pytest_benchmark"
