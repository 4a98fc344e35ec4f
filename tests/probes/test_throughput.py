"""Claims about `throughput`, on work of known minimal duration: only bounds that hold on every machine."""

import gc
import re
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
from bench_suite.training import devices
from bench_suite.training.device_health import Health

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


class Clock:
    """A simulated clock: a cell's predictions and encodings advance it, and nothing else does but its own readings."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(devices, "perf_counter", self.read)

    def read(self):
        self.now += 1e-6
        return self.now

    def cell(self, written, seconds, trained_for, encoding=0.001):
        """Return a cell whose every prediction takes `seconds`, and whose every encoding takes `encoding` seconds."""
        trained = written({"test": {"targets": np.zeros(128)}})
        trained.data.splits["test"] = MemorySplit(np.arange(128), {"table": np.arange(128.0)}, {})
        trained.history = History(samples=1, seconds=trained_for)

        def encode(raw):
            self._spend("encoding", encoding)
            return {"table": raw["table"] + 1}

        trained.network = Network(nn.Identity(), encode=encode, collate=stack)
        trained.inference = lambda split, rows: lambda: self._spend(len(rows), seconds)
        return trained

    def _spend(self, name, seconds):
        self.calls.append(name)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.mark.parametrize(("trained_for", "limit"), [(0.05, 0.5), (2.0, 0.5), (4.0, 0.8), (6.0, 1.2)])
def test_measurements_take_at_most_a_fifth_of_the_training_or_half_a_second(written, clock, trained_for, limit):
    metrics = measured(clock.cell(written, 0.001, trained_for), batch_sizes=(1, 64, 128))
    assert limit - 0.1 <= clock.now <= limit + throughput.WINDOW
    assert all(len(metric.samples) >= 2 for name, metric in metrics.items() if name[0] in ("inference", "encoding"))


def test_after_a_long_training_each_measurement_takes_its_300_ms_and_50_calls(written, clock):
    metrics = measured(clock.cell(written, 0.001, 600.0), batch_sizes=(1, 64, 128))
    assert clock.now == pytest.approx(5 * 0.3, abs=0.25)  # and their warm-ups
    assert metrics["latency_p50", None].reason is None
    clock.now, clock.calls = 0.0, []
    metrics = measured(clock.cell(written, 0.1, 600.0), batch_sizes=())
    assert metrics["latency_p99", None].n == 50, "there is time for calls of 100 ms"
    assert len(metrics["latency_p99", None].samples) == throughput.BLOCKS


def test_whoever_states_seconds_has_them_whatever_the_training_took(written, clock):
    metrics = measured(clock.cell(written, 0.001, 0.05), seconds=2.0, batch_sizes=(1, 64, 128))
    assert clock.now >= 5 * 2.0
    assert metrics["latency_p50", None].n >= 1500
    clock.now = 0.0
    metrics = measured(clock.cell(written, 0.1, 0.05), seconds=0.3, batch_sizes=())
    assert metrics["latency_p50", None].n == 50


def test_a_slow_model_is_called_twice_a_measurement_and_states_how_few_calls_its_percentiles_have(written, clock):
    metrics = measured(clock.cell(written, 1.0, 0.05, encoding=1.0), batch_sizes=(64,))
    assert clock.calls == ["encoding"] * 2 + [64] * 2 + [1] * 2
    assert metrics["inference", 64].value == pytest.approx(64, rel=1e-3)
    assert metrics["encoding", None].value == pytest.approx(throughput.FEW, rel=1e-3)
    latency = metrics["latency_p50", None]
    assert (latency.value, latency.n, len(latency.samples)) == (pytest.approx(1000, rel=1e-3), 1, 1)
    assert "1 call:" in latency.reason


def test_percentiles_of_few_calls_have_blocks_of_ten(written, clock):
    latency = measured(clock.cell(written, 0.01, 0.05), batch_sizes=())["latency_p95", None]
    assert 10 <= latency.n < 50
    assert len(latency.samples) == latency.n // 10
    assert f"{latency.n} calls" in latency.reason


def test_a_smoke_run_makes_one_call_for_each_measurement(written, clock):
    smoke = throughput.Options(**throughput.SMOKE)
    metrics = list(throughput.probe(clock.cell(written, 0.5, 60.0), smoke))
    assert clock.calls == ["encoding", 1, 8, 1]
    timed = [metric for metric in metrics if metric.samples]
    assert {metric.name for metric in timed} >= {"encoding", "inference", "latency_p50", "latency_p99"}
    assert all("without warm-up" in metric.reason for metric in timed)


def test_encoding_the_test_split_is_not_a_part_of_the_time_for_measurements(written, clock):
    trained = clock.cell(written, 0.001, 0.05)
    prepare, first = trained.inference, []

    def inference(split, rows):
        if not first:
            first.append(True)
            clock.now += 60.0
        return prepare(split, rows)

    trained.inference = inference
    metrics = measured(trained, batch_sizes=(1, 64))
    assert clock.now >= 60.4
    assert len(metrics["inference", 64].samples) >= 2


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


@pytest.mark.slow
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
        with throughput.during(PLACE, throughput.Options()) as training:
            block = np.ones(size, dtype=np.uint8)
            del block
        return training.memory.peak

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


def test_the_slowest_call_in_a_thousand_needs_a_thousand_calls(written, monkeypatch):
    clock = Clock(monkeypatch)
    few = measured(clock.cell(written, 0.001, 1.0), batch_sizes=(), seconds=0.9)["latency_p999", None]
    assert few.value is None
    assert few.reason.startswith("one call in a thousand is seen in 1,000 calls or more, and there were ")
    many = measured(clock.cell(written, 0.001, 1.0), batch_sizes=(), seconds=3.0)["latency_p999", None]
    assert many.value == pytest.approx(1.0, rel=0.01)
    assert many.n >= 2_500
    assert len(many.samples) == many.n // 1_000
    one = measured(clock.cell(written, 0.001, 1.0), batch_sizes=(), seconds=0.0)["latency_p999", None]
    assert (one.n, one.reason) == (1, throughput.ONE_CALL)


def readings(monkeypatch, *states):
    """Let the device be in these states at the ends of blocks, in their order; None for a device without readings."""
    remaining = list(states)
    monkeypatch.setattr(throughput.device_health, "read", lambda kind: remaining.pop(0))
    return remaining


FAST, CAPPED, HOT = Health(1980.0, 600.0), Health(1400.0, None, ("power cap",)), Health(900.0, 1.0, ("temperature",))


def test_both_ends_of_each_timed_block_are_read(written, monkeypatch):
    remaining = readings(monkeypatch, *[FAST, FAST], *[FAST, CAPPED], *[FAST, FAST])
    metrics = list(throughput.probe(sleeping(written, 0.001), throughput.Options((1, 8), seconds=0.0)))
    assert not remaining
    rows = {(m.name, m.at["block"], m.at.get("batch_size")): m for m in metrics if "block" in m.at}
    blocks = [("inference", 1), ("inference", 8), ("latency", None)]
    assert {key[1:] for key in rows} == set(blocks)
    throttled = [rows["throttled", *block] for block in blocks]
    assert [(row.value, row.reason) for row in throttled] == [
        (0.0, None),
        (0.5, "held down by: power cap"),
        (0.0, None),
    ]
    assert rows["sm_clock", "inference", 8].samples == (1980.0, 1400.0)
    assert rows["power", "inference", 8].samples == (600.0,)


def test_only_the_timings_of_throttled_blocks_are_marked(written, monkeypatch):
    readings(monkeypatch, *[FAST, HOT], *[FAST, FAST], *[FAST, CAPPED], *[HOT, CAPPED])
    with throughput.during(PLACE, throughput.Options()) as training:
        pass
    trained = sleeping(written, 0.001)
    trained.history = history_of([1000.0] * 12)
    trained.meter = training
    metrics = measured(trained, seconds=0.0, batch_sizes=(1, 8))
    marks = {key: dict(metric.marks) for key, metric in metrics.items() if metric.marks}
    by_heat, by_power, by_both = ({"throttled": reasons} for reasons in HELD)
    assert marks == {
        ("train", None): by_heat, ("stalled", None): by_heat, ("inference", 8): by_power,
        **{(f"latency_{percentile}", None): by_both for percentile in ("p50", "p95", "p99", "p999")},
    }  # fmt: skip


HELD = ("temperature", "power cap", "temperature, power cap")


def test_a_fresh_process_that_was_throttled_marks_the_timing_of_all(written, monkeypatch):
    trained = sleeping(written, 0.001)
    here = [Metric("train", 100.0, samples=(100.0,)), Metric("latency_p50", 1.0, samples=(1.0,))]
    there = [replace(here[0], marks={"throttled": "power cap"}), here[1]]
    monkeypatch.setattr(throughput, "_measure", lambda trained, options: here)
    again = {throughput._key(metric): metric for metric in there}
    monkeypatch.setattr(throughput, "call_in_fresh_process", lambda *arguments: again)
    monkeypatch.setattr(type(trained), "without_model", lambda self: self, raising=False)
    pooled = {m.name: m.marks for m in throughput.probe(trained, throughput.Options(processes=5))}
    assert pooled == {"train": {"throttled": "power cap"}, "latency_p50": {}}


def test_what_a_device_does_not_report_is_absent(written, monkeypatch):
    monkeypatch.setattr(throughput.device_health, "read", lambda kind: None)
    rows = measured(sleeping(written, 0.001), seconds=0.0)
    assert not any(metric.marks for metric in rows.values())
    assert not {"throttled", "sm_clock", "power"} & {name for name, _ in rows}, "what was not measured is absent"


# ── warm-up ─────────────────────────────────────────────────────────────────────────────────────


def history_of(rates):
    """Return the history of a training whose windows of 50 ms have these rates, a tenth of each spent on waiting."""
    windows = tuple(Window(10 * (i + 1), round(rate * 0.05), 0.05, 0.005, 0.1) for i, rate in enumerate(rates))
    return History(windows=windows, steps=len(windows), samples=sum(w.samples for w in windows), seconds=1.0)


def of_training(rates):
    return {metric.name: metric for metric in throughput._training(history_of(rates))}


def test_windows_of_the_warm_up_are_left_out_of_the_rate_and_named():
    metric = of_training([400.0] * 6 + [1000.0] * 6 + [1020.0] * 8)["train"]
    assert metric.value == pytest.approx(1020.0)
    assert len(metric.samples) == metric.n == 14
    assert metric.reason == "without the first 6 of 20 windows, which are warm-up"
    assert metric.marks == {}


def test_a_training_whose_rate_never_becomes_steady_is_marked_and_keeps_all_windows():
    rows = of_training([1000.0 * 0.99**i for i in range(60)])
    for metric in (rows["train"], rows["stalled"]):
        assert metric.marks == {"unsteady": "fell by 45 %"}
        assert metric.reason == "the rate never became steady: it fell by 45 %"
        assert metric.n == 60
    assert of_training([1000.0] * 30 + [1500.0] * 30)["train"].marks == {"unsteady": "rose by 50 %"}


def test_a_steady_training_has_neither_a_note_nor_a_mark():
    rates = 1000.0 * np.exp(np.random.default_rng(1).normal(0.0, 0.1, 60))
    metric = of_training(rates)["train"]
    assert (metric.reason, metric.marks, metric.n) == (None, {}, 60)


def changing(clock, written, size, before, after, seconds):
    """Return a cell whose predictions of `size` examples take `before`, and `after` from some seconds after the first.

    All others take 1 ms.
    """
    trained, since = clock.cell(written, 0.001, 600.0), []

    def inference(split, rows):
        def call():
            if len(rows) != size:
                return clock._spend(len(rows), 0.001)
            since[:] = since or [clock.now]
            return clock._spend(size, before if clock.now - since[0] < seconds else after)

        return call

    trained.inference = inference
    return trained


def test_windows_of_inference_are_left_out_while_they_are_slow(written, clock):
    trained = changing(clock, written, 8, 0.004, 0.001, 0.2)
    metric = measured(trained, batch_sizes=(8,), seconds=1.0)["inference", 8]
    assert metric.value == pytest.approx(8000, rel=0.01)
    assert min(metric.samples) > 7000
    assert re.fullmatch(r"without the first \d of \d\d windows, which are warm-up", metric.reason)


def test_calls_are_left_out_of_latencies_while_they_are_slow(written, clock):
    metrics = measured(changing(clock, written, 1, 0.004, 0.001, 0.7), batch_sizes=(), seconds=2.0)
    for percentile in ("p50", "p95", "p99"):
        metric = metrics[f"latency_{percentile}", None]
        assert metric.samples == pytest.approx((1.0,) * 5, rel=0.01)
        assert re.fullmatch(r"without the first \d of \d\d rounds of \d\d calls, which are warm-up", metric.reason)
    assert metrics["latency_p999", None].value == pytest.approx(1.0, rel=0.01)


def test_latencies_that_change_half_way_are_marked(written, clock):
    metrics = measured(changing(clock, written, 1, 0.001, 0.002, 1.2), batch_sizes=(), seconds=2.0)
    for percentile in ("p50", "p95", "p99", "p999"):
        assert metrics[f"latency_{percentile}", None].marks == {"unsteady": "fell by 50 %"}
