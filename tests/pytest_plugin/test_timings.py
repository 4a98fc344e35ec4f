"""Timings as benchmarks of pytest-benchmark: the same as the exporter's, and its own commands read them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench_suite.cli import bench
from bench_suite.contracts import ImportedCell
from bench_suite.importers import pytest_benchmark as importer
from bench_suite.store.runs import Store


def exported(folder: Path) -> dict:
    first = Store(folder / "results").runs()[-1]
    result = CliRunner().invoke(bench, ["export", str(first.path), "--format", "pytest-benchmark"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_json_of_pytest_is_that_of_the_export(whole, folder: Path) -> None:
    document = exported(folder)
    assert whole.benchmarks["benchmarks"] == document["benchmarks"]
    assert set(whole.benchmarks) == set(document)
    assert set(whole.benchmarks["machine_info"]) == set(document["machine_info"])
    assert set(whole.benchmarks["commit_info"]) == set(document["commit_info"])
    names = {entry["fullname"] for entry in document["benchmarks"]}
    assert "small::digits-logistic_regression-seed0-threads1[throughput/inference batch_size=8]" in names
    assert not any("peak_memory" in name or "stalled" in name for name in names)


@pytest.mark.usefixtures("whole")
def test_pytest_benchmark_compares_two_exports(folder: Path, tmp_path: Path) -> None:
    document = exported(folder)
    (tmp_path / "before.json").write_text(json.dumps(document))
    shutil.copy(tmp_path / "before.json", tmp_path / "after.json")
    command = [sys.executable, "-m", "pytest_benchmark", "compare", "before.json", "after.json", "--group-by=fullname"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for entry in document["benchmarks"]:
        assert f"benchmark '{entry['fullname']}': 2 tests" in ended.stdout


@pytest.mark.usefixtures("whole")
def test_the_importer_reads_back_what_was_exported(folder: Path, tmp_path: Path) -> None:
    document = exported(folder)
    path = tmp_path / "timings.json"
    path.write_text(json.dumps(document))
    assert importer.matches(path, path.read_bytes())
    cells: dict[str, ImportedCell] = {cell.task: cell for cell in importer.cells([path], importer.Options())}
    assert list(cells) == [entry["fullname"] for entry in document["benchmarks"]]
    for entry in document["benchmarks"]:
        (row,) = cells[entry["fullname"]].metrics
        assert row.value == pytest.approx(entry["stats"]["median"])
        assert row.unit == "s"
    assert all(cell.environment["hardware"]["cpu"] for cell in cells.values())


def test_benchmark_options_choose_and_compare(whole, folder: Path, run_pytest) -> None:
    (folder / "first.json").write_text(json.dumps(whole.benchmarks))
    words = ("small.toml", "--bench-trust", "--bench-results", "timed", "-k", "not broken and not mnist")
    ended = run_pytest(folder, *words, "--benchmark-only", "--benchmark-compare=first.json")
    outcomes = {name: outcome for name, (outcome, _) in ended.outcomes.items()}
    assert outcomes["digits-logistic_regression-seed0-threads1"] == "passed", ended.output
    assert outcomes["gate-quality/accuracy-digits-logistic_regression-threads1"] == "skipped", ended.output
    assert "digits-logistic_regression-seed0-threads1[throughput/train] (NOW)" in ended.output
    assert "digits-logistic_regression-seed0-threads1[throughput/train] (first)" in ended.output


def test_without_pytest_benchmark_nothing_breaks(folder: Path, run_pytest) -> None:
    words = ("small.toml", "--bench-trust", "--bench-results", "untimed", "-k", "logistic_regression and digits")
    ended = run_pytest(folder, *words, "-p", "no:benchmark")
    assert ended.outcomes["digits-logistic_regression-seed0-threads1"] == ("passed", ""), ended.output
    assert ended.benchmarks == {}
