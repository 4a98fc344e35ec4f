"""Throughput: samples per second in encoding, training and inference, latency of one example, peak memory."""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from bench_suite.contracts import History, Interval, Metric, Placement, Trained
from bench_suite.suite.spec import TIMING_PROCESSES
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
WINDOW = 0.02  # seconds; shorter ones would measure the clock
BLOCKS = 5  # of consecutive calls, each with its own percentiles: their spread is what `samples` shows
FEW, MAX = 16, 1024  # rows that are encoded at a time
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Options:
    batch_sizes: tuple[int, ...] = (1, 64, 256)
    "Batch sizes at which inference is measured."
    seconds: float = 0.3
    "Seconds for each measurement of inference, after warm-up."
    processes: int = 1
    """Fresh processes, one after another, in each of which the cell is trained and measured anew: 5 or more give each
    timing an interval, which a gate and a comparison need. It takes as many further trainings."""


@dataclass
class Memory:
    """Peak memory of some work."""

    peak: float | None = None
    "MiB; of the device where that is a GPU, else of the process."
    reason: str = ""
    "Which of the two it is."


@contextmanager
def during(placement: Placement, options: Options) -> Iterator[Memory]:
    """Watch the memory around a training."""
    with _watched(placement, "trained") as memory:
        yield memory


@contextmanager
def _watched(placement: Placement, did: str) -> Iterator[Memory]:
    """The most memory held within it: on a GPU what PyTorch had allocated there, else what the process had."""
    memory = Memory(reason=f"the most that the process held while it {did}, with interpreter and data")
    cuda = placement.device == "cuda"
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        memory.reason = f"the most that PyTorch had allocated on the GPU while it {did}"
    elif not _forget_peak():
        memory.reason = "the most that the process held since it began (this system cannot start anew)"
    yield memory
    memory.peak = torch.cuda.max_memory_allocated() / MEBIBYTE if cuda else _peak()


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Timings of this process, or of several fresh ones with their interval; memory is of this one in any case."""
    here = list(_measured(trained, options))
    if options.processes == 1:
        yield from here
        return
    bare, once = trained.without_model(), replace(options, processes=1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as fresh:
        rounds = [fresh.submit(_anew, bare, once).result() for _ in range(options.processes)]
    for metric in here:
        if metric.name in OF_ONE_PROCESS or metric.value is None:
            yield metric
        else:
            yield over_processes(metric, [each[_key(metric)] for each in rounds if _key(metric) in each])


def _anew(bare: Trained, options: Options) -> dict[tuple[str, float | str | None], float | None]:
    """Train the cell and measure it in this process, which has done nothing yet."""
    return {_key(metric): metric.value for metric in _measured(bare.retrain(), options)}


def _key(metric: Metric) -> tuple[str, float | str | None]:
    return metric.name, metric.at.get("batch_size")


def over_processes(metric: Metric, values: Sequence[float | None]) -> Metric:
    """The metric from its values in separate processes: their geometric mean, and, of five or more, its interval.

    exp(m ± t(n − 1) · s / √n), m and s mean and standard deviation of the logarithms: ratios are what restarts change.
    Values that are not all positive have their mean and no interval.
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return replace(metric, value=None, samples=(), reason="not measured in every process", n=len(known))
    if min(known) <= 0:
        return replace(metric, value=float(np.mean(known)), samples=tuple(known), n=len(known), reason=None)
    logs = np.log(known)
    value = float(np.exp(logs.mean()))
    found = replace(metric, value=value, samples=tuple(known), n=len(known), reason=None, kind="estimate")
    if len(known) < TIMING_PROCESSES:
        return found
    reach = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / len(logs) ** 0.5)
    low, high = value * float(np.exp(-reach)), value * float(np.exp(reach))
    return replace(found, interval=Interval(low, high, 0.95, "processes"))


def _measured(trained: Trained, options: Options) -> Iterator[Metric]:
    """Training from the windows of the loop that trained; the rest on the test split.

    `inference` and `latency` start from encoded columns on the device. What comes before, from the raw values to the
    columns (tokenising, scaling, a frozen encoder), is `encoding`: training pays it once, a deployed model each time.
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
        with _watched(trained.placement, "predicted") as memory:
            for size in options.batch_sizes:
                at: dict[str, str | float] = {"batch_size": size}
                if size > test:
                    yield Metric("inference", None, f"the test split has {test} examples", at=at)
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
        yield Metric("train", whole, "the whole training, which was too short for windows or has none", kind="single")
        yield Metric("stalled", None, "the training has no windows")
        return
    yield Metric("train", float(np.median(rates)), samples=rates, n=len(rates))
    stalls = tuple(window.stalled / window.seconds for window in history.windows)
    yield Metric("stalled", float(np.median(stalls)), samples=stalls, n=len(stalls))


def _compiling(trained: Trained) -> Iterator[Metric]:
    """Seconds that `torch.compile` took, which are in no window; nothing where the network was not compiled."""
    if not trained.placement.compiled or trained.network is None or trained.history is None:
        return
    seconds = trained.history.compile_seconds
    if seconds is None:
        yield Metric("compile", None, "the engine does not tell it")
    else:
        yield Metric("compile", seconds, kind="single")


def _encoding(trained: Trained, options: Options) -> Metric:
    """Test examples a second from raw values, already read, to the columns that a network is given."""
    network = trained.network
    if network is None:
        return Metric("encoding", None, "an estimator prepares raw values within its own fit and predict")
    test = trained.data.splits["test"]
    few = test.take(np.arange(min(FEW, len(test))))
    columns = network.encode(few)  # the first call builds tables and wakes threads
    if all(columns[name] is few.get(name) for name in columns):
        return Metric("encoding", None, "the columns are the raw values themselves: nothing is done to them")
    began = time.perf_counter()
    network.encode(few)
    seconds = max(time.perf_counter() - began, 1e-6)
    # As many as take about a window: a frozen network is slow, and a tokenizer has a price a call.
    rows = int(min(len(test), MAX, max(FEW, FEW * WINDOW / seconds)))
    raw = test.take(np.arange(rows))
    rates = [rows * calls / spent for calls, spent in _windows(lambda: network.encode(raw), options.seconds)]
    return Metric("encoding", float(np.median(rates)), samples=tuple(rates), n=len(rates))


def _windows(call: Callable[[], object], seconds: float) -> Iterator[tuple[int, float]]:
    """Calls and seconds of windows of `WINDOW` or longer; the first, a warm-up, is left out."""
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
    """Milliseconds of single calls at batch 1, over different examples: medians of the blocks' percentiles."""
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


def _forget_peak() -> bool:
    """Let the process's peak start anew; False where the system does not allow it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        return True
    return False


def _peak() -> float:
    """The process's peak memory in MiB."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / 1024 if sys.platform != "darwin" else kilobytes / MEBIBYTE
