"""Claims about `throughput`, on work of known minimal duration: only bounds that hold on every machine."""

import gc
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from torch import nn

import bench_suite
from bench_suite.contracts import History, Metric, Network, Placement, Window
from bench_suite.data.encoded import stack
from bench_suite.data.splits import MemorySplit
from bench_suite.probes import throughput

PLACE = Placement("cpu", 1, "32-true")


def sleeping(written, seconds):
    """Return a cell whose every prediction takes at least this long."""
    trained = written({"test": {"targets": np.zeros(128)}})
    trained.inference = lambda split, rows: lambda: time.sleep(seconds)
    trained.network = None
    return trained


def encoding(written, encode, rows=128):
    """Return a cell whose test split contains the numbers from 0, and whose network encodes them with this function."""
    trained = sleeping(written, 0.001)
    trained.data.splits["test"] = MemorySplit(np.arange(rows), {"table": np.arange(float(rows))}, {})
    trained.network = Network(nn.Identity(), encode=encode, collate=stack)
    return measured(trained, seconds=0.1, batch_sizes=(1,))["encoding", None]


def measured(trained, **options):
    metrics = throughput.probe(trained, throughput.Options(**options))
    return {(m.name, m.at.get("batch_size")): m for m in metrics}


def test_a_call_that_sleeps_20_ms_is_never_measured_as_quicker(written):
    metrics = measured(sleeping(written, 0.02), seconds=0.1, batch_sizes=(1, 64))
    for percent in (50, 95, 99):
        assert metrics[f"latency_p{percent}", None].value >= 20
    assert (
        metrics["latency_p50", None].value <= metrics["latency_p95", None].value <= metrics["latency_p99", None].value
    )
    assert metrics["inference", 1].value <= 1 / 0.02
    assert metrics["inference", 64].value <= 64 / 0.02


def test_a_latency_is_the_median_of_the_samples_that_stand_behind_it(written):
    metrics = measured(sleeping(written, 0.0001), seconds=0.05, batch_sizes=(1,))
    for percent in (50, 95, 99):
        metric = metrics[f"latency_p{percent}", None]
        assert len(metric.samples) == throughput.BLOCKS
        assert metric.value == np.median(metric.samples)
    assert (
        metrics["latency_p50", None].value <= metrics["latency_p95", None].value <= metrics["latency_p99", None].value
    )


def test_an_interval_over_processes_is_that_of_their_logarithms_and_takes_five():
    values = [100.0, 120.0, 90.0, 110.0, 105.0]
    one = Metric("train", 100.0, samples=(99.0, 101.0), n=2)
    five = throughput.over_processes(one, values)
    oracle = stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    assert five.value == pytest.approx(stats.gmean(values))
    assert (five.interval.low, five.interval.high) == pytest.approx((np.exp(oracle.low), np.exp(oracle.high)))
    assert (five.interval.over, five.samples, five.n) == ("processes", tuple(values), 5)
    assert throughput.over_processes(one, values[:4]).interval is None
    assert throughput.over_processes(one, [*values[:4], None]).reason == "not measured in every process"
    assert throughput.over_processes(one, [0.0, 0.1]).value == pytest.approx(0.05)


def test_each_process_trains_the_cell_anew(tmp_path):
    (tmp_path / "suite.toml").write_text(
        '[[tasks]]\nuse = "digits"\n[[models]]\nuse = "mlp"\n[train]\nepochs = 12\n[matrix]\nthreads = 1\n'
        "[probes.throughput]\nprocesses = 2\nseconds = 0.05\nbatch_sizes = [16]\n"
    )
    (record,) = bench_suite.run(tmp_path / "suite.toml", results=tmp_path / "results").records
    assert record.probes["throughput"].status == "ok", record.probes
    rows = {row.name: row for row in record.metrics}
    assert len(rows["throughput/train"].samples) == len(rows["throughput/latency_p50"].samples) == 2
    assert rows["throughput/train"].value == pytest.approx(stats.gmean(rows["throughput/train"].samples))
    assert rows["throughput/peak_memory"].kind == "single"


def test_twice_the_work_is_measured_as_about_half_the_throughput(written):
    """The test compares two measurements of one run; sleeps are long relative to the scheduler's noise."""
    one, two = (
        measured(sleeping(written, s), seconds=0.3, batch_sizes=(64,))["inference", 64].value for s in (0.02, 0.04)
    )
    assert one / two == pytest.approx(2, rel=0.25)


def test_a_batch_larger_than_the_test_split_has_a_reason(written):
    metrics = measured(sleeping(written, 0.001), seconds=0.02, batch_sizes=(256,))
    assert metrics["inference", 256].value is None
    assert "128 examples" in metrics["inference", 256].reason


def test_training_is_the_median_of_the_windows_which_are_all_kept(written):
    trained = sleeping(written, 0.001)
    windows = tuple(Window(step, 100, seconds, seconds / 10, 0.5) for step, seconds in enumerate((0.1, 0.2, 0.4), 1))
    trained.history = History(windows=windows, samples=300, seconds=0.7)
    metrics = measured(trained, seconds=0.02, batch_sizes=(1,))
    assert metrics["train", None].value == pytest.approx(500)
    assert metrics["train", None].samples == pytest.approx((1000, 500, 250))
    assert metrics["train", None].interval is None, "one process has a spread and no interval"
    assert metrics["stalled", None].value == pytest.approx(0.1)


def test_a_training_without_windows_is_one_observation(written):
    trained = sleeping(written, 0.001)
    trained.history = History(samples=300, seconds=0.5)
    metrics = measured(trained, seconds=0.02, batch_sizes=(1,))
    assert metrics["train", None].value == pytest.approx(600)
    assert metrics["train", None].kind == "single"


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
    metrics = measured(trained, seconds=0.02, batch_sizes=(1,))
    assert metrics["train", None].value is None
    assert metrics["peak_memory", None].value is None


def test_encoding_counts_the_examples_that_are_encoded(written):
    def slowly(raw):
        time.sleep(0.001 * len(raw["table"]))
        return {"table": raw["table"] + 1}

    metric = encoding(written, slowly)
    assert 100 <= metric.value <= 1000, "a millisecond an example, and a sleep may last longer"
    assert metric.value == np.median(metric.samples)


def test_a_quick_encoder_is_given_many_rows_at_a_time(written):
    given = []

    def quickly(raw):
        given.append(len(raw["table"]))
        return {"table": raw["table"] + 1}

    encoding(written, quickly, rows=4000)
    assert given[:2] == [throughput.FEW] * 2
    assert throughput.FEW < given[-1] <= throughput.MAX


def test_nothing_done_to_the_raw_values_is_no_rate(written):
    metric = encoding(written, lambda raw: {"table": raw["table"]})
    assert metric.value is None
    assert "nothing to encode" in metric.reason


def test_an_estimator_has_no_encoding_of_its_own(written):
    metrics = measured(sleeping(written, 0.001), seconds=0.02, batch_sizes=(1,))
    assert metrics["encoding", None].value is None
    assert "estimator" in metrics["encoding", None].reason


def test_compile_time_stands_apart_and_only_where_something_was_compiled(written):
    trained = sleeping(written, 0.001)
    trained.network = Network(nn.Identity(), encode=dict, collate=stack)
    trained.data.splits["test"] = MemorySplit(np.arange(4), {"table": np.arange(4.0)}, {})
    trained.history = History(samples=1, seconds=1.0, compile_seconds=12.5)
    assert ("compile", None) not in measured(trained, seconds=0.02, batch_sizes=(1,))
    trained.placement = replace(PLACE, compiled=True)
    assert measured(trained, seconds=0.02, batch_sizes=(1,))["compile", None].value == 12.5
    trained.history = replace(trained.history, compile_seconds=None)
    metric = measured(trained, seconds=0.02, batch_sizes=(1,))["compile", None]
    assert metric.value is None
    assert "does not report" in metric.reason


@pytest.mark.slow
def test_the_memory_of_inference_is_the_most_while_it_predicted(written):
    def predicting(size):
        trained = sleeping(written, 0.001)
        trained.inference = lambda split, rows: lambda: np.ones(size, dtype=np.uint8).sum()
        return measured(trained, seconds=0.02, batch_sizes=(1,))["inference_memory", None]

    # Objects that an earlier test left in a reference cycle would affect the first value and not the second.
    gc.collect()
    little, much = predicting(1), predicting(300 * 2**20)
    assert much.value - little.value >= 100
    assert "predicted" in much.reason
