"""Claims about `throughput`, on work whose least duration is known: only bounds that no machine can break."""

import time

import numpy as np
import pytest

from bench_suite.contracts import History, Placement, Window
from bench_suite.probes import throughput

PLACE = Placement("cpu", 1, "32-true")


def sleeping(written, seconds):
    """A cell whose every prediction takes at least so long."""
    trained = written({"test": {"targets": np.zeros(128)}})
    trained.inference = lambda split, rows: lambda: time.sleep(seconds)
    return trained


def measured(trained, **options):
    found = throughput.probe(trained, throughput.Options(**options))
    return {(m.name, m.at.get("batch_size")): m for m in found}


def test_a_call_that_sleeps_20_ms_is_never_measured_as_quicker(written):
    found = measured(sleeping(written, 0.02), seconds=0.1, batch_sizes=(1, 64))
    for percent in (50, 95, 99):
        assert found[f"latency_p{percent}", None].value >= 20
    assert found["latency_p50", None].value <= found["latency_p95", None].value <= found["latency_p99", None].value
    assert found["inference", 1].value <= 1 / 0.02
    assert found["inference", 64].value <= 64 / 0.02


def test_a_latency_is_the_median_of_the_samples_that_stand_behind_it(written):
    found = measured(sleeping(written, 0.0001), seconds=0.05, batch_sizes=(1,))
    for percent in (50, 95, 99):
        metric = found[f"latency_p{percent}", None]
        assert len(metric.samples) == throughput.BLOCKS
        assert metric.value == np.median(metric.samples)
    assert found["latency_p50", None].value <= found["latency_p95", None].value <= found["latency_p99", None].value


def test_twice_the_work_is_measured_as_about_half_the_throughput(written):
    """A ratio of two measurements in one run; sleeps are long against the scheduler's noise."""
    one, two = (
        measured(sleeping(written, s), seconds=0.3, batch_sizes=(64,))["inference", 64].value for s in (0.02, 0.04)
    )
    assert one / two == pytest.approx(2, rel=0.25)


def test_a_batch_larger_than_the_test_split_has_a_reason(written):
    found = measured(sleeping(written, 0.001), seconds=0.02, batch_sizes=(256,))
    assert found["inference", 256].value is None
    assert "128 examples" in found["inference", 256].reason


def test_training_is_the_median_of_the_windows_which_are_all_kept(written):
    trained = sleeping(written, 0.001)
    windows = tuple(Window(step, 100, seconds, seconds / 10, 0.5) for step, seconds in enumerate((0.1, 0.2, 0.4), 1))
    trained.history = History(windows=windows, samples=300, seconds=0.7)
    found = measured(trained, seconds=0.02, batch_sizes=(1,))
    assert found["train", None].value == pytest.approx(500)
    assert found["train", None].samples == pytest.approx((1000, 500, 250))
    assert found["train", None].interval is None, "one process has a spread and no interval"
    assert found["stalled", None].value == pytest.approx(0.1)


def test_a_training_without_windows_is_one_observation(written):
    trained = sleeping(written, 0.001)
    trained.history = History(samples=300, seconds=0.5)
    found = measured(trained, seconds=0.02, batch_sizes=(1,))
    assert found["train", None].value == pytest.approx(600)
    assert "one observation" in found["train", None].reason


def test_peak_memory_sees_an_allocation_that_was_freed_before_the_end():
    def peak(size):
        with throughput.during(PLACE, throughput.Options()) as memory:
            block = np.ones(size, dtype=np.uint8)
            del block
        return memory.peak

    little = peak(1)
    assert peak(300 * 2**20) - little >= 290


def test_nothing_trained_has_no_training_throughput(written):
    trained = sleeping(written, 0.001)
    trained.history = None
    found = measured(trained, seconds=0.02, batch_sizes=(1,))
    assert found["train", None].value is None
    assert found["peak_memory", None].value is None
