"""Times of several processes, and of one."""

import math

import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.timings import Benchmark, add_process, hardware, seconds, shared_environment, timing_cells


def test_five_processes_have_an_interval_over_the_medians() -> None:
    row = Benchmark("seconds", "s", processes=[[1.0, 9.0, 1.0], [2.0], [4.0], [8.0], [16.0]]).row()
    assert row.value == pytest.approx(4.0)
    assert row.samples == (1.0, 2.0, 4.0, 8.0, 16.0)
    assert row.interval is not None
    half = 2.7764 * math.log(2) * math.sqrt(2.5) / math.sqrt(5)
    assert math.log(row.interval.high / 4.0) == pytest.approx(half, rel=1e-4)
    assert (row.interval.over, row.timing, row.better) == ("processes", True, "lower")


def test_fewer_processes_have_none_and_say_why() -> None:
    assert "one process" in str(Benchmark("seconds", "s", processes=[[1.0, 2.0]]).row().reason)
    assert "2 processes are too few" in str(Benchmark("seconds", "s", processes=[[1.0], [2.0]]).row().reason)


def test_units_are_converted_and_mixed_ones_refused() -> None:
    assert seconds(3.0, "us", "x") == pytest.approx(3e-6)
    benchmarks: dict[tuple[str, str], Benchmark] = {}
    add_process(benchmarks, "b", Benchmark("value", "items", timing=False, processes=[[1.0]]), "f")
    with pytest.raises(BenchError, match="measured in bytes, and in items"):
        add_process(benchmarks, "b", Benchmark("value", "bytes", timing=False, processes=[[1.0]]), "g")
    with pytest.raises(BenchError, match="no positive number"):
        add_process(benchmarks, "c", Benchmark("seconds", "s", processes=[[-1.0]]), "f")


def test_an_environment_counts_only_if_all_files_agree() -> None:
    one = hardware("EPYC", "2", "1024")
    assert one == {"hardware": {"cpu": "EPYC", "cores": 2, "usable_cores": 2, "memory_bytes": 1024}}
    assert shared_environment([one, one]) == one
    assert shared_environment([one, hardware("Xeon", 2)]) == {}
    assert hardware("", 2) == {}
    (cell,) = timing_cells({("b", "seconds"): Benchmark("seconds", "s", processes=[[1.0]])}, "m", one, "", "abc")
    assert (cell.task, cell.model, cell.commit) == ("b", "m", "abc")
