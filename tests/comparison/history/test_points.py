"""Runs as series: what is a point of which series, and what is left out with which reason."""

from __future__ import annotations

import math

import pytest

from bench_suite.comparison.history.points import series_of, usable_runs
from bench_suite.contracts import ProbeRow

RATE, ACCURACY = "throughput/inference", "quality/accuracy"


def reasons(left_out) -> list[str]:
    return [entry.reason for entry in left_out]


def test_each_run_is_a_point_with_its_commit_versions_and_interval(history_runs):
    runs = history_runs.accuracies([0.9, 0.91])
    (series,), left_out = series_of(ACCURACY, runs)
    assert left_out == []
    assert (series.name, series.values, series.unit, series.better) == (
        "digits, mlp",
        [0.9, 0.91],
        "fraction",
        "higher",
    )
    assert not series.timing
    point = series.points[1]
    assert (point.run, point.commit, point.branch) == (runs[1].name, history_runs.commit(2), "main")
    assert point.interval is not None
    assert point.facts["torch"] == "2.6"
    assert not point.incomplete


def test_seeds_are_one_series_of_their_mean_and_rates_of_their_geometric_mean(history_runs):
    both = [history_runs.rate(400.0), history_runs.accuracy(0.8)]
    run = history_runs.add(both, seeds=(0, 1))
    with run.writer() as writer:
        first = run.records()[0]
        rows = (history_runs.rate(900.0), history_runs.accuracy(0.9))
        writer.write(first.__class__(**{**vars(first), "metrics": rows}))
    (rate,), _ = series_of(RATE, [type(run)(run.path)])
    (accuracy,), _ = series_of(ACCURACY, [type(run)(run.path)])
    assert rate.values == [pytest.approx(math.sqrt(400 * 900))]
    assert accuracy.values == [pytest.approx(0.85)]
    assert (rate.points[0].cells, rate.timing) == (2, True)


def test_a_restart_that_changes_the_size_of_the_memory_makes_no_other_machine(history_runs):
    rate = [history_runs.rate(1.0)]
    runs = [history_runs.add(rate, hardware={"cpu": "a processor", "memory_bytes": size}) for size in (1000, 1001)]
    (series,), left_out = series_of(RATE, runs)
    assert (len(series.points), left_out) == (2, [])


def test_machines_placements_and_coordinates_are_never_mixed(history_runs):
    both = [history_runs.rate(1.0, at={"batch_size": 1}), history_runs.rate(2.0, at={"batch_size": 64})]
    runs = [
        history_runs.add(both),
        history_runs.add(both, hardware={"cpu": "another", "usable_cores": 8}),
        history_runs.add(both, placement={"device": "cpu", "threads": 4}),
    ]
    series, left_out = series_of(RATE, runs)
    assert left_out == []
    assert [(one.name, one.hardware["cpu"]) for one in series] == [
        ("digits, mlp, batch_size 1, threads 1", "a processor"),
        ("digits, mlp, batch_size 64, threads 1", "a processor"),
        ("digits, mlp, batch_size 1", "another"),
        ("digits, mlp, batch_size 64", "another"),
        ("digits, mlp, batch_size 1, threads 4", "a processor"),
        ("digits, mlp, batch_size 64, threads 4", "a processor"),
    ]


def test_other_options_are_a_series_of_their_own_if_there_are_enough_runs(history_runs):
    runs = [*history_runs.rates([1.0] * 3), *history_runs.rates([2.0] * 2, id="other")]
    series, left_out = series_of(RATE, runs, min_points=3)
    assert [(one.name, len(one.points)) for one in series] == [
        ("digits, mlp", 2),
        ("digits, mlp, with the options until 2026-10-03", 3),
    ]
    assert left_out == []
    series, left_out = series_of(RATE, runs, min_points=4)
    assert [len(one.points) for one in series] == [2]
    assert reasons(left_out) == ["other options"] * 3


def test_a_run_that_lacks_a_seed_is_left_out_and_a_part_of_a_suite_decides_nothing(history_runs):
    whole = [history_runs.add([history_runs.rate(1.0)], seeds=(0, 1)) for _ in range(2)]
    part = history_runs.add([history_runs.rate(1.0)], only=["seed=0"])
    (series,), left_out = series_of(RATE, [*whole, part])
    assert [point.run for point in series.points] == [run.name for run in whole]
    assert [(entry.run, entry.reason) for entry in left_out] == [(part.name, "other seeds")]


def test_failed_cells_and_absent_values_are_left_out_with_their_reason(history_runs):
    good = history_runs.rates([1.0])
    failed = history_runs.add([history_runs.rate(1.0)], record={"metrics": (), "status": "failed", "probes": {}})
    probe = history_runs.add(
        [history_runs.rate(1.0)], record={"metrics": (), "probes": {"throughput": ProbeRow("failed", "k", "why")}}
    )
    absent = history_runs.add([history_runs.rate(None, samples=(), reason="no clock")])
    negative = history_runs.add([history_runs.rate(-1.0)])
    (series,), left_out = series_of(RATE, [failed, probe, absent, negative, *good])
    assert len(series.points) == 1
    assert [(entry.run, entry.reason, entry.detail) for entry in left_out] == [
        (failed.name, "failed", ""),
        (probe.name, "failed", ""),
        (absent.name, "no value", "no clock"),
        (negative.name, "no value", ""),
    ]


def test_runs_on_unknown_or_several_machines_are_left_out(history_runs):
    unknown = history_runs.add([history_runs.rate(1.0)], hardware={})
    mixed = history_runs.add([history_runs.rate(1.0)], seeds=(0, 1))
    other = mixed.add_environment({"hardware": {"cpu": "another"}})
    with mixed.writer() as writer:
        writer.write(mixed.records()[0].__class__(**{**vars(mixed.records()[0]), "environment": other}))
    series, left_out = series_of(RATE, [unknown, type(mixed)(mixed.path)])
    assert series == []
    assert reasons(left_out) == ["unknown hardware", "several machines"]


def test_smoke_runs_dirty_ones_and_those_of_several_commits_are_no_points(history_runs):
    metrics = [history_runs.rate(1.0)]
    smoke, dirty = history_runs.add(metrics, smoke=True), history_runs.add(metrics, dirty=True)
    resumed = history_runs.add(metrics, resumed_git=[{"commit": "b" * 40, "dirty": False}])
    unknown, good = history_runs.add(metrics, git=None), history_runs.add(metrics)
    usable, left_out = usable_runs([smoke, dirty, resumed, unknown, good])
    assert usable == [unknown, good]
    assert [(entry.run, entry.reason) for entry in left_out] == [
        (smoke.name, "smoke"), (dirty.name, "dirty"), (resumed.name, "several commits"),
    ]  # fmt: skip
    assert dirty in usable_runs([dirty], dirty=True)[0]


def test_an_incomplete_run_is_marked_and_so_are_doubtful_values(history_runs):
    run = history_runs.add(
        [history_runs.rate(1.0, marks={"throttled": "power cap"})], cells=3, record={"machine_busy": True}
    )
    (series,), _ = series_of(RATE, [run])
    assert series.points[0].incomplete
    assert series.points[0].doubts == ("busy", "throttled")
