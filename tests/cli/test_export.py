"""`bench export`: the formats of a run, the file, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

from bench_suite.cli.export import run_exporters
from bench_suite.contracts import MetricRow

TIMING = MetricRow("throughput/train", 50.0, "samples/s", "higher", samples=(50.0, 100.0), timing=True)
ACCURACY = MetricRow("quality/accuracy", 0.9, "fraction", "higher")


def test_only_exporters_of_a_run_are_offered(bench) -> None:
    assert [exporter.name for exporter in run_exporters()] == ["pytest_benchmark"]
    listed = bench("export", "--format")
    assert listed.status == 0
    assert listed.out.startswith("pytest-benchmark  ")
    assert "junit" not in listed.out


def test_the_newest_run_is_written_to_a_file_or_to_the_output(bench, history_runs, tmp_path: Path) -> None:
    history_runs.add([TIMING], model="cnn")
    run = history_runs.add([TIMING], smoke=False)
    ended = bench("export", "--format", "pytest_benchmark", "--output", "out/t.json")
    assert (ended.status, ended.out) == (0, f"{run.name} written to out/t.json\n"), ended.err
    document = json.loads((tmp_path / "out" / "t.json").read_text())
    assert document == json.loads(bench("export", run.name, "--format", "pytest-benchmark").out)
    (entry,) = document["benchmarks"]
    assert (entry["fullname"], entry["stats"]["data"]) == ("ci::digits-mlp-seed0[throughput/train]", [0.02, 0.01])
    assert document["commit_info"]["id"] == history_runs.commit(2)
    assert document["machine_info"]["cpu"] == {"brand_raw": "a processor"}
    assert document["datetime"] == run.info["started"]


def test_a_run_without_timings_and_a_smoke_run_are_refused(bench, history_runs, tmp_path: Path) -> None:
    untimed = history_runs.add([ACCURACY])
    ended = bench("export", untimed.name, "--format", "pytest-benchmark")
    assert (ended.status, "has no timings" in ended.err, ended.out) == (2, True, "")
    assert "add [probes.throughput]" in ended.err
    smoke = history_runs.add([TIMING], smoke=True)
    ended = bench("export", smoke.name, "--format", "pytest-benchmark", "--output", "x.json")
    assert (ended.status, "is a smoke run" in ended.err) == (2, True)
    assert not (tmp_path / "x.json").exists()


def test_an_unknown_format_names_the_known_ones(bench, history_runs) -> None:
    run = history_runs.add([TIMING])
    for words in (("--format", "pytest-benchmrk"), ("--format", "junit"), ()):
        ended = bench("export", run.name, *words)
        assert (ended.status, "pytest-benchmark" in ended.err) == (2, True)
    assert "did you mean" in bench("export", run.name, "--format", "pytest-benchmrk").err
