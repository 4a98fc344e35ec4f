"""Result files of asv: parameters, samples, memory, tracked values and failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.store.runs import Run

Read = Callable[..., list[ImportedCell]]
FILE = Path("asv", "results", "vm", "b58f1830-existing-py.json")


def test_each_combination_of_parameters_is_a_cell_and_failures_are_left_out(read: Read, data: Path) -> None:
    cells = {cell.task: cell for cell in read("asv", data / FILE)}
    assert len(cells) == 10
    assert not any("time_fails" in task for task in cells)
    results = json.loads((data / FILE).read_text())["results"]["b.Sorting.time_sort"]
    (row,) = cells["b.Sorting.time_sort(1000, 'str')"].metrics
    assert (row.unit, row.better, row.timing) == ("s", "lower", True)
    assert row.samples == pytest.approx(results[11][3])
    (size,) = cells["b.Sorting.peakmem_sort(100, 'int')"].metrics
    assert (size.unit, size.better, size.timing, size.kind) == ("bytes", "lower", False, "single")
    (tracked,) = cells["b.track_size"].metrics
    assert (tracked.value, tracked.unit, tracked.better) == (42.0, "items", "none")


def test_a_folder_of_results_is_read_without_the_files_beside_them(run_of: Callable[..., Run], data: Path) -> None:
    run = run_of(data / "asv")
    assert [file["name"] for file in run.info["imported"]["files"]] == [FILE.name]
    assert run.info["imported"]["started"] == "2026-11-30T16:06:24Z"
    assert run.info["git"]["commit"] == "b58f1830ba86304b97d31bf37a647a961d15f8a0"
    assert run.environment(run.records()[0].environment)["hardware"]["cpu"] == "AMD EPYC"


def test_another_version_of_the_format_is_refused(read: Read, data: Path, tmp_path: Path) -> None:
    document = json.loads((data / FILE).read_text())
    path = tmp_path / "r.json"
    path.write_text(json.dumps({**document, "version": 1}))
    with pytest.raises(BenchError, match="has the version 1 of asv's format, and 2 is read"):
        read("asv", path)
    path.write_text(json.dumps({**document, "results": {}}))
    with pytest.raises(BenchError, match="no benchmark has a result"):
        read("asv", path)


def written(tmp_path: Path, data: Path, **entries: list[object]) -> Path:
    document = json.loads((data / FILE).read_text())
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**document, "results": {f"m.{name}": entry for name, entry in entries.items()}}))
    return path


def test_failed_combinations_of_parameters_are_named(read: Read, data: Path, tmp_path: Path) -> None:
    nan = float("nan")
    path = written(tmp_path, data, time_x=[[1.0, None, nan], [["1", "2", "3"]], "v"], time_y=[None, [], "v"])
    (cell,) = read("asv", path)
    assert cell.task == "m.time_x(1)"
    assert cell.notes == tuple(f"failed and left out: m.time_{name}" for name in ("x(2)", "x(3)", "y"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([[1.0, 2.0], [["1"]], "v"], "2 results for 1 combinations"),
        ([[1.0], [1], "v"], "params must be a list"),
        ([[1.0], "abc", "v"], "params must be a list"),
        ([{"a": 1}, [], "v"], "result must be a list"),
        ([[1.0], [], "v", *[None] * 8, "abc"], "samples must be a list"),
        ([[-1.0], [], "v"], "no positive number"),
    ],
)
def test_an_entry_of_another_form_is_refused(
    read: Read, data: Path, tmp_path: Path, entry: list[object], message: str
) -> None:
    with pytest.raises(BenchError, match=message):
        read("asv", written(tmp_path, data, time_x=entry))
