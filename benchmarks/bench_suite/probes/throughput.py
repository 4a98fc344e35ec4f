"""Throughput: samples per second in encoding, training and inference, latency of one example, and peak memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from bench_suite.contracts import History, Interval, Metric, Placement, Trained
from bench_suite.environment import MEBIBYTE
from bench_suite.suite.spec import TIMING_PROCESSES
from bench_suite.training.fresh_process import call_in_fresh_process
from bench_suite.training.precision import computing

VERSION = 2
METRICS = {
    "train": {"unit": "samples/s", "better": "higher", "timing": True},
    "stalled": {"unit": "fraction", "better": "lower", "ideal": 0.0, "timing": True},
    "compile": {"unit": "s", "better": "lower", "timing": True},
    "encoding": {"unit": "samples/s", "better": "higher", "timing": True},
    "inference": {"unit": "samples/s", "better": "higher", "timing": True},
    "latency_p50": {"unit": "ms", "better": "lower", "timing": True},
    "latency_p95": {"unit": "ms", "better": "lower", "timing": True},
    "latency_p99": {"unit": "ms", "better": "lower", "timing": True},
    "peak_memory": {"unit": "MiB", "better": "lower"},
    "inference_memory": {"unit": "MiB", "better": "lower"},
}
BOUNDS = {"batch_sizes": (1, None), "seconds": (0.01, 60.0), "processes": (1, 100)}
SMOKE = {"seconds": 0.02, "batch_sizes": (1, 64), "processes": 1}
OF_ONE_PROCESS = ("peak_memory", "inference_memory")
WINDOW = 0.02  # seconds; shorter windows would measure the clock
BLOCKS = 5  # blocks of consecutive calls, each with its own percentiles; `samples` contains these
FEW, MAX = 16, 1024  # least and most rows that are encoded at a time


@dataclass(frozen=True)
class Options:
    batch_sizes: tuple[int, ...] = (1, 64, 256)
    "Batch sizes at which inference is measured."
    seconds: float = 0.3
    "Seconds for each measurement of inference, after warm-up."
    processes: int = 1
    """Fresh processes, one after another, each of which trains and measures the cell again. With 5 or more, each timing
    has an interval, which a gate and a comparison need. It takes as many further trainings."""


@dataclass
class Memory:
    """The peak memory during some work."""

    peak: float | None = None
    "MiB; of a GPU if the work runs there, else of the process."
    reason: str = ""
    "A note that states which memory it is."


@contextmanager
def during(placement: Placement, options: Options) -> Iterator[Memory]:
    """Measure the peak memory during a training."""
    with _measure_memory(placement, "trained") as memory:
        yield memory


@contextmanager
def _measure_memory(placement: Placement, activity: str) -> Iterator[Memory]:
    """Measure the peak memory within the context: what PyTorch allocated on a GPU, else that of the process."""
    memory = Memory(reason=f"peak of the process while it {activity}, with interpreter and data")
    cuda = placement.device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        memory.reason = f"peak of PyTorch's allocations on the GPU while it {activity}"
    elif not _reset_peak():
        memory.reason = "peak of the process since its start (this system cannot reset the peak)"
    yield memory
    memory.peak = torch.cuda.max_memory_allocated() / MEBIBYTE if cuda else _peak()


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield timings of this process, or of several fresh processes with an interval; memory is always of this one."""
    here = list(_measure(trained, options))
    if options.processes == 1:
        yield from here
        return
    untrained, single = trained.without_model(), replace(options, processes=1)
    rounds = [call_in_fresh_process(_retrain_and_measure, untrained, single) for _ in range(options.processes)]
    for metric in here:
        if metric.name in OF_ONE_PROCESS or metric.value is None:
            yield metric
        else:
            yield over_processes(metric, [values[_key(metric)] for values in rounds if _key(metric) in values])


def _retrain_and_measure(untrained: Trained, options: Options) -> dict[tuple[str, float | str | None], float | None]:
    """Train the cell and measure it in this process, which is fresh."""
    return {_key(metric): metric.value for metric in _measure(untrained.retrain(), options)}


def _key(metric: Metric) -> tuple[str, float | str | None]:
    return metric.name, metric.at.get("batch_size")


def over_processes(metric: Metric, values: Sequence[float | None]) -> Metric:
    """Return the metric from its values in separate processes: the geometric mean, with an interval for five or more.

    The interval is exp(m ± t(n − 1) · s / √n) with mean m and standard deviation s of the logarithms, since a restart
    changes a timing by a factor. If a value is not positive, the result is the arithmetic mean without an interval.

    Args:
        metric: the metric, as measured in this process.
        values: its value in each process; None if it could not be measured.
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return replace(metric, value=None, samples=(), reason="not measured in every process", n=len(known))
    if min(known) <= 0:
        return replace(metric, value=float(np.mean(known)), samples=tuple(known), n=len(known), reason=None)
    logs = np.log(known)
    value = float(np.exp(logs.mean()))
    pooled = replace(metric, value=value, samples=tuple(known), n=len(known), reason=None, kind="estimate")
    if len(known) < TIMING_PROCESSES:
        return pooled
    half = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5)
    low, high = value * float(np.exp(-half)), value * float(np.exp(half))
    return replace(pooled, interval=Interval(low, high, 0.95, "processes"))


def _measure(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield metrics of training from the windows of its loop, and all others on the test split.

    `inference` and `latency` start from encoded columns on the device. The steps from raw values to columns, such as
    tokenising, scaling and a frozen encoder, are `encoding`: training needs it once, a deployed model for each example.
    """
    yield from _training(trained.history)
    yield from _compiling(trained)
    if trained.meter is not None and trained.meter.peak is not None:
        yield Metric("peak_memory", trained.meter.peak, trained.meter.reason, kind="single")
    else:
        yield Metric("peak_memory", None, "nothing was trained here")
    test = len(trained.data.splits["test"])
    with computing(trained.placement):
        yield _encoding(trained, options)
        with _measure_memory(trained.placement, "predicted") as memory:
            for size in options.batch_sizes:
                at: dict[str, str | float] = {"batch_size": size}
                if size > test:
                    yield Metric("inference", None, f"the test split has only {test} examples", at=at)
                    continue
                call = trained.inference("test", np.arange(size))
                rates = [size * calls / seconds for calls, seconds in _windows(call, options.seconds)]
                yield Metric("inference", float(np.median(rates)), at=at, samples=tuple(rates), n=len(rates))
        yield Metric("inference_memory", memory.peak, memory.reason, kind="single")
        yield from _latency(trained, options)


def _training(history: History | None) -> Iterator[Metric]:
    if history is None or not history.samples:
        yield Metric("train", None, "nothing was trained here")
        yield Metric("stalled", None, "nothing was trained here")
        return
    rates = tuple(window.samples / window.seconds for window in history.windows)
    if not rates:
        whole = history.samples / history.seconds if history.seconds else None
        yield Metric("train", whole, "the whole training, which has no windows or is too short for them", kind="single")
        yield Metric("stalled", None, "the training has no windows")
        return
    yield Metric("train", float(np.median(rates)), samples=rates, n=len(rates))
    stalls = tuple(window.stalled / window.seconds for window in history.windows)
    yield Metric("stalled", float(np.median(stalls)), samples=stalls, n=len(stalls))


def _compiling(trained: Trained) -> Iterator[Metric]:
    """Yield the seconds of `torch.compile`, which are in no window; nothing if the network was not compiled."""
    if not trained.placement.compiled or trained.network is None or trained.history is None:
        return
    seconds = trained.history.compile_seconds
    if seconds is None:
        yield Metric("compile", None, "the engine does not report it")
    else:
        yield Metric("compile", seconds, kind="single")


def _encoding(trained: Trained, options: Options) -> Metric:
    """Measure the test examples per second from raw values in memory to the columns of the network."""
    network = trained.network
    if network is None:
        return Metric("encoding", None, "an estimator encodes raw values within its fit and predict")
    test = trained.data.splits["test"]
    sample = test.take(np.arange(min(FEW, len(test))))
    columns = network.encode(sample)  # the first call builds tables and starts threads
    if all(columns[name] is sample.get(name) for name in columns):
        return Metric("encoding", None, "the columns are the raw values, so there is nothing to encode")
    began = time.perf_counter()
    network.encode(sample)
    seconds = max(time.perf_counter() - began, 1e-6)
    # As many rows as take about a window: a frozen network is slow, and a tokenizer has a cost for each call.
    rows = int(min(len(test), MAX, max(FEW, FEW * WINDOW / seconds)))
    raw = test.take(np.arange(rows))
    rates = [rows * calls / spent for calls, spent in _windows(lambda: network.encode(raw), options.seconds)]
    return Metric("encoding", float(np.median(rates)), samples=tuple(rates), n=len(rates))


def _windows(call: Callable[[], object], seconds: float) -> Iterator[tuple[int, float]]:
    """Yield calls and seconds of windows of at least `WINDOW`, without the first one, which warms up."""
    clock = time.perf_counter
    warm = False
    end = clock() + seconds
    while not warm or clock() < end:
        calls, began = 0, clock()
        while clock() - began < WINDOW:
            call()
            calls += 1
        if warm:
            yield calls, clock() - began
        else:
            warm, end = True, clock() + seconds


def _latency(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield the latency in ms of calls with one example, over several examples: medians of the blocks' percentiles."""
    test = len(trained.data.splits["test"])
    calls = [trained.inference("test", np.array([row])) for row in range(min(test, 16))]
    clock = time.perf_counter
    times: list[float] = []
    for call in calls:
        call()
    end = clock() + options.seconds
    while clock() < end or len(times) < 10 * BLOCKS:
        call = calls[len(times) % len(calls)]
        began = clock()
        call()
        times.append((clock() - began) * 1000)
    blocks = np.array_split(np.array(times), BLOCKS)
    for percent in (50, 95, 99):
        samples = tuple(float(np.percentile(block, percent)) for block in blocks)
        yield Metric(f"latency_p{percent}", float(np.median(samples)), samples=samples, n=len(times))


def _reset_peak() -> bool:
    """Reset the peak memory of the process; return False if the system does not allow it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def _peak() -> float:
    """Return the peak memory of the process in MiB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 if sys.platform != "darwin" else kilobytes / MEBIBYTE
