"""Timings as JSON of pytest-benchmark: its own statistics, seconds of times and rates, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_benchmark.stats import Stats

from bench_suite.contracts import MetricRow, Record
from bench_suite.exporters.pytest_benchmark import benchmarks, seconds_of, stats_of


def row(name: str = "throughput/train", unit: str = "samples/s", **facts) -> MetricRow:
    return MetricRow(name, facts.pop("value", 50.0), unit, "higher", timing=facts.pop("timing", True), **facts)


@given(st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=64))
def test_statistics_are_those_of_pytest_benchmark(data: list[float]) -> None:
    stats = Stats()
    for value in data:
        stats.update(value)
    assert stats_of(data) == stats.as_dict()


@pytest.mark.parametrize(
    ("metric", "seconds"),
    [
        (row(samples=(50.0, 100.0)), (0.02, 0.01)),
        (row(samples=()), (0.02,)),
        (row(unit="ms", value=2.0, samples=(2.0, 4.0)), (0.002, 0.004)),
        (row(unit="s", value=2.0), (2.0,)),
        (row(unit="MiB"), ()),
        (row(unit="MHz"), ()),
        (row(unit="fraction", value=0.1), ()),
        (row(value=None), ()),
        (row(value=0.0), ()),
        (row(samples=(50.0, 0.0)), ()),
        (row(value=float("inf")), ()),
        (row(unit="s", timing=False), ()),
    ],
)
def test_times_and_rates_become_seconds(metric: MetricRow, seconds: tuple[float, ...]) -> None:
    assert seconds_of(metric) == pytest.approx(seconds)


def test_each_coordinate_is_a_benchmark_of_its_own() -> None:
    rows = tuple(row("throughput/inference", at={"batch_size": size}) for size in (1, 64))
    cell = {"task": "imdb", "model": "mlp", "seed": 0, "train.learning_rate": 1e-3}
    record = Record("RUN", "speed", "id", "key", cell, {}, "ok", metrics=rows)
    first, second = benchmarks(record, "imdb-mlp-seed0")
    assert first.fullname == "speed::imdb-mlp-seed0[throughput/inference batch_size=1]"
    assert second.group == "throughput/inference batch_size=64"
    assert first.params == cell
