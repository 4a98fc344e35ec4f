"""Throughput: samples per second in encoding, training and inference, latency of one example, and peak memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy import special

from bench_suite.contracts import History, Interval, Metric, MetricKind, MetricMark, Placement, Trained
from bench_suite.environment import MEBIBYTE
from bench_suite.suite.spec import TIMING_PROCESSES
from bench_suite.training import device_health, devices
from bench_suite.training.device_health import Health
from bench_suite.training.fresh_process import call_in_fresh_process
from bench_suite.training.precision import computing
from bench_suite.training.process_memory import peak_memory, reset_peak
from bench_suite.training.steady_windows import Steady, steady_from, steady_windows

VERSION = 3
QUESTION = "cost"
METRICS = {
    "train": {
        "title": "training rate", "about": "training examples per second",
        "unit": "samples/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "stalled": {
        "about": "share of the training time that was spent waiting for data",
        "unit": "fraction", "better": "lower", "ideal": 0.0, "range": (0.0, 1.0), "timing": True,
    },
    "compile": {
        "about": "seconds that `torch.compile` took",
        "unit": "s", "better": "lower", "range": (0.0, None), "timing": True,
    },
    "encoding": {
        "title": "encoding rate", "about": "test examples per second that are turned into what the model reads",
        "unit": "samples/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "inference": {
        "title": "prediction rate", "about": "predictions per second, at the stated batch size",
        "unit": "samples/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "latency_p50": {
        "title": "median latency", "about": "time of one prediction that half of the predictions need at most",
        "unit": "ms", "better": "lower", "range": (0.0, None), "timing": True,
    },
    "latency_p95": {
        "title": "latency, 95 %", "about": "time of one prediction that 5 % of the predictions exceed",
        "unit": "ms", "better": "lower", "range": (0.0, None), "timing": True,
    },
    "latency_p99": {
        "title": "latency, 99 %", "about": "time of one prediction that 1 % of the predictions exceed",
        "unit": "ms", "better": "lower", "range": (0.0, None), "timing": True,
    },
    "latency_p999": {
        "title": "latency, 99.9 %", "about": "time of one prediction that one in 1,000 predictions exceeds",
        "unit": "ms", "better": "lower", "range": (0.0, None), "timing": True,
    },
    "peak_memory": {
        "about": "largest memory during the training",
        "unit": "MiB", "better": "lower", "range": (0.0, None),
    },
    "inference_memory": {
        "about": "largest memory during prediction",
        "unit": "MiB", "better": "lower", "range": (0.0, None),
    },
    "throttled": {
        "about": "share of the readings at which the device was held back, by heat or a power cap",
        "unit": "fraction", "better": "lower", "ideal": 0.0, "range": (0.0, 1.0), "timing": True,
    },
    "sm_clock": {
        "title": "clock of the GPU", "about": "clock of the processors of the GPU during the measurement",
        "unit": "MHz", "better": "none", "range": (0.0, None), "timing": True,
    },
    "power": {
        "about": "power of the GPU during the measurement",
        "unit": "W", "better": "none", "range": (0.0, None), "timing": True,
    },
}  # fmt: skip
BOUNDS = {"batch_sizes": (1, None), "seconds": (0.0, 60.0), "processes": (1, 100)}
SMOKE = {"seconds": 0.0, "batch_sizes": (1, 8), "processes": 1}
OF_ONE_PROCESS = ("peak_memory", "inference_memory", "throttled", "sm_clock", "power")
WINDOW = 0.02  # seconds; shorter windows would measure the clock
BLOCKS = 5  # blocks of consecutive calls, each with its own percentiles; `samples` contains these
ROUNDS = 40  # rounds of calls, about, in which latencies are examined for a warm-up
RARE_CALLS = 1_000  # calls from which the slowest in a thousand is known at all
MIN_CALLS = 10 * BLOCKS  # calls from which all blocks' percentiles have a meaning
FEW, MAX = 16, 1024  # least and most rows that are encoded at a time
DEFAULT_SECONDS = 0.3  # for each measurement, after its warm-up
SHARE, FLOOR = 0.2, 0.5  # by default all measurements take this share of the training's time, or these seconds
_Result = TypeVar("_Result")
ONE_CALL = "one call, without warm-up"


@dataclass(frozen=True)
class Options:
    batch_sizes: tuple[int, ...] = (1, 64, 256)
    "Batch sizes at which inference is measured."
    seconds: float | None = None
    """Seconds for each measurement (encoding, latency, and inference at each batch size), after warm-up. If not stated,
    0.3, or less: all measurements together then take at most a fifth of the training's time, or 0.5 s if that is
    longer. 0: one call for each measurement, without warm-up, as in a smoke run."""
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


@dataclass
class Block:
    """The state of the device at both ends of a block of work."""

    ends: tuple[Health, ...] = ()
    "Before and after the work; empty if the device is no NVIDIA GPU or cannot be asked."

    @property
    def marks(self) -> Mapping[MetricMark, str]:
        """What to mark the timings of the block with: `throttled`, with the reasons, if something held the clock."""
        reasons = device_health.reasons(self.ends)
        return {"throttled": ", ".join(reasons)} if reasons else {}


@dataclass
class Training:
    """What is measured around a training."""

    memory: Memory
    block: Block


@contextmanager
def during(placement: Placement, options: Options) -> Iterator[Training]:
    """Measure the peak memory during a training, and the state of the device at both of its ends."""
    activity = "trained" if placement.devices == 1 else f"trained as the first of {placement.devices}"
    with _measure_memory(placement, activity) as memory, _watch(placement.device) as block:
        yield Training(memory, block)


@contextmanager
def _watch(device: str) -> Iterator[Block]:
    """Read the state of the device at both ends of the context; the block has it after its end."""
    block = Block()
    before = device_health.read(device)
    yield block
    after = device_health.read(device)
    if before is not None and after is not None:
        block.ends = before, after


@contextmanager
def _measure_memory(placement: Placement, activity: str) -> Iterator[Memory]:
    """Measure the peak memory within the context: what PyTorch allocated on a GPU, else that of the process."""
    memory = Memory(reason=f"peak of the process while it {activity}, with interpreter and data")
    accelerator = devices.reset_peak_memory(placement.device)
    if accelerator:
        memory.reason = f"peak of PyTorch's allocations on the GPU while it {activity}"
    elif not reset_peak():
        memory.reason = "peak of the process since its start (this system cannot reset the peak)"
    yield memory
    memory.peak = devices.peak_memory(placement.device) / MEBIBYTE if accelerator else peak_memory()


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
            again = [metrics[_key(metric)] for metrics in rounds if _key(metric) in metrics]
            pooled = over_processes(metric, [one.value for one in again])
            for one in again:
                pooled = marked(pooled, one.marks)
            yield pooled


def _retrain_and_measure(untrained: Trained, options: Options) -> dict[tuple[str, float | str | None], Metric]:
    """Train the cell and measure it in this process, which is fresh."""
    with _watch(untrained.placement.device) as block:
        trained = untrained.retrain()
    trained.meter = Training(Memory(), block)
    return {_key(metric): metric for metric in _measure(trained, options)}


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
    half = float(special.stdtrit(len(logs) - 1, 0.975) * logs.std(ddof=1) / len(logs) ** 0.5)
    low, high = value * float(np.exp(-half)), value * float(np.exp(half))
    return replace(pooled, interval=Interval(low, high, 0.95, "processes"))


def _measure(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield metrics of training from the windows of its loop, and all others on the test split.

    `inference` and `latency` start from encoded columns on the device. The steps from raw values to columns, such as
    tokenising, scaling and a frozen encoder, are `encoding`: training needs it once, a deployed model for each example.
    """
    meter: Training | None = trained.meter
    block = Block() if meter is None else meter.block
    yield from (marked(metric, block.marks) for metric in _training(trained.history))
    yield from _compiling(trained)
    if meter is not None and meter.memory.peak is not None:
        yield Metric("peak_memory", meter.memory.peak, meter.memory.reason, kind="single")
    else:
        yield Metric("peak_memory", None, "nothing was trained here")
    yield from _device_health(block, {"block": "train"})
    test, device = len(trained.data.splits["test"]), trained.placement.device
    with computing(trained.placement):
        trained.inference("test", np.arange(1))  # encodes the split, if no probe did before: not a part of the budget
        measurements = sum(size <= test for size in options.batch_sizes) + 1 + (trained.network is not None)
        budget = Budget.of(options.seconds, trained.history, measurements)
        yield _encoding(trained, budget)
        with _measure_memory(trained.placement, "predicted") as memory:
            for size in options.batch_sizes:
                at: dict[str, str | float] = {"batch_size": size}
                if size > test:
                    yield Metric("inference", None, f"the test split has only {test} examples", at=at)
                    continue
                call = trained.inference("test", np.arange(size))
                with _watch(device) as block:
                    metric = _rate("inference", call, size, budget.next(), at, device)
                yield marked(metric, block.marks)
                yield from _device_health(block, {"block": "inference", **at})
        yield Metric("inference_memory", memory.peak, memory.reason, kind="single")
        with _watch(device) as block:
            latencies = list(_latency(trained, budget.next()))
        yield from (marked(metric, block.marks) for metric in latencies)
        yield from _device_health(block, {"block": "latency"})


def marked(metric: Metric, marks: Mapping[MetricMark, str]) -> Metric:
    """Return the metric with further marks; one without a value has none."""
    return metric if metric.value is None or not marks else replace(metric, marks={**metric.marks, **marks})


def _device_health(block: Block, at: Mapping[str, str | float]) -> Iterator[Metric]:
    """Yield how fast the device's clock was at both ends of a block, and whether something held it down."""
    ends = block.ends
    if not ends:
        return
    reasons = ", ".join(device_health.reasons(ends))
    note = f"held down by: {reasons}" if reasons else None
    yield Metric("throttled", device_health.throttled_share(ends), note, at=at, n=len(ends), kind="single")
    clocks = tuple(health.sm_clock for health in ends)
    yield Metric("sm_clock", float(np.mean(clocks)), at=at, samples=clocks, n=len(clocks), kind="single")
    powers = tuple(health.power for health in ends if health.power is not None)
    if powers:
        yield Metric("power", float(np.mean(powers)), at=at, samples=powers, n=len(powers), kind="single")


@dataclass(frozen=True)
class Allowance:
    """The time of one measurement."""

    seconds: float
    "Seconds after the warm-up; 0: one call without warm-up."
    latest: float
    """Time of the clock after which no window and no single call begins, even if the measurement has had less than
    `seconds` or only a few calls. At least one call warms up, and at least one is measured."""


@dataclass
class Budget:
    """The time that the remaining measurements of a cell may take."""

    seconds: float
    "Seconds of each measurement, after the warm-up."
    end: float
    "Time of the clock at which all should have ended; infinite if the user states the seconds."
    remaining: int
    "Number of measurements that are still to do."

    @staticmethod
    def of(seconds: float | None, history: History | None, measurements: int) -> Budget:
        """Return the budget of a cell, which begins now.

        Args:
            seconds: the seconds that the user states for each measurement; None if not stated.
            history: the cell's training; None if nothing was trained.
            measurements: the number of measurements.
        """
        if seconds is not None:
            return Budget(seconds, float("inf"), measurements)
        trained = 0.0 if history is None else history.seconds
        return Budget(DEFAULT_SECONDS, devices.perf_counter() + max(FLOOR, SHARE * trained), measurements)

    def next(self) -> Allowance:
        """Return the time of the next measurement: an equal part of the time that is left."""
        now = devices.perf_counter()
        latest = now + max(0.0, self.end - now) / max(1, self.remaining)
        self.remaining -= 1
        return Allowance(self.seconds, latest)


def _training(history: History | None) -> Iterator[Metric]:
    if history is None or not history.samples:
        yield Metric("train", None, "nothing was trained here")
        yield Metric("stalled", None, "nothing was trained here")
        return
    if not history.windows:
        whole = history.samples / history.seconds if history.seconds else None
        yield Metric("train", whole, "the whole training, which has no windows or is too short for them", kind="single")
        yield Metric("stalled", None, "the training has no windows")
        return
    windows, steady = steady_windows(history)
    rates = tuple(window.samples / window.seconds for window in windows)
    yield Metric("train", float(np.median(rates)), steady.note, samples=rates, n=len(rates), marks=steady.marks)
    stalls = tuple(window.stalled / window.seconds for window in windows)
    yield Metric("stalled", float(np.median(stalls)), steady.note, samples=stalls, n=len(stalls), marks=steady.marks)


def _compiling(trained: Trained) -> Iterator[Metric]:
    """Yield the seconds of `torch.compile`, which are in no window; nothing if the network was not compiled."""
    if not trained.placement.compiled or trained.network is None or trained.history is None:
        return
    seconds = trained.history.compile_seconds
    if seconds is None:
        yield Metric("compile", None, "the engine does not report it")
    else:
        yield Metric("compile", seconds, kind="single")


def _encoding(trained: Trained, budget: Budget) -> Metric:
    """Measure the test examples per second from raw values in memory to the columns of the network."""
    network = trained.network
    if network is None:
        return Metric("encoding", None, "an estimator encodes raw values within its fit and predict")
    allowance = budget.next()
    clock = devices.perf_counter
    test = trained.data.splits["test"]
    rows = min(FEW, len(test))
    sample = test.take(np.arange(rows))
    device = trained.placement.device
    seconds, columns = _timed(lambda: network.encode(sample), device)  # the first call builds tables, starts threads
    if all(columns[name] is sample.get(name) for name in columns):
        return Metric("encoding", None, "the columns are the raw values, so there is nothing to encode")
    if not allowance.seconds:
        return Metric("encoding", rows / seconds, ONE_CALL, samples=(rows / seconds,), n=1)
    seconds, _ = _timed(lambda: network.encode(sample), device)
    if clock() >= allowance.latest:  # a frozen network is slow
        return Metric("encoding", rows / seconds, samples=(rows / seconds,), n=1)
    # As many rows as take about a window: a frozen network is slow, and a tokenizer has a cost for each call.
    rows = int(min(len(test), MAX, max(FEW, FEW * WINDOW / seconds)))
    raw = test.take(np.arange(rows))
    return _rate("encoding", lambda: network.encode(raw), rows, allowance, device=device)


def _rate(
    name: str,
    call: Callable[[], object],
    rows: int,
    allowance: Allowance,
    at: Mapping[str, str | float] | None = None,
    device: str = devices.CPU,
) -> Metric:
    """Measure the rows per second of a function that computes some rows at each call: the median over windows."""
    rates = tuple(rows * calls / seconds for calls, seconds in _windows(call, allowance, device))
    steady = steady_from(rates)
    rates = rates[steady.start :]
    note = steady.note if allowance.seconds else ONE_CALL
    value = float(np.median(rates))
    return Metric(name, value, note, at=at or {}, samples=rates, n=len(rates), marks=steady.marks)


def _windows(call: Callable[[], object], allowance: Allowance, device: str) -> Iterator[tuple[int, float]]:
    """Yield calls and seconds of windows of at least `WINDOW`, without the first one, which warms up."""
    clock = devices.perf_counter
    if not allowance.seconds:
        yield 1, _timed(call, device)[0]
        return
    _window(call, device)
    end = min(clock() + allowance.seconds, allowance.latest)
    yield _window(call, device)
    while clock() < end:
        yield _window(call, device)


def _window(call: Callable[[], object], device: str) -> tuple[int, float]:
    """Return the calls and the seconds of one window, which ends when the device has done all of them."""
    clock = devices.perf_counter
    calls, began = 0, clock()
    while clock() - began < WINDOW:
        call()
        calls += 1
    devices.synchronize(device)
    return calls, clock() - began


def _timed(call: Callable[[], _Result], device: str) -> tuple[float, _Result]:
    """Return the seconds of one call, until the device has done it, and its result."""
    began = devices.perf_counter()
    result = call()
    devices.synchronize(device)
    return max(devices.perf_counter() - began, 1e-6), result


def _latency(trained: Trained, allowance: Allowance) -> Iterator[Metric]:
    """Yield the latency in ms of calls with one example, over several examples: medians of the blocks' percentiles."""
    test = len(trained.data.splits["test"])
    clock = devices.perf_counter
    device = trained.placement.device
    calls = _warmed([trained.inference("test", np.array([row])) for row in range(min(test, 16))], allowance, device)
    times: list[float] = []
    end = clock() + allowance.seconds
    while not times or (clock() < allowance.latest and (clock() < end or len(times) < MIN_CALLS)):
        call = calls[len(times) % len(calls)]
        times.append(1000 * _timed(call, device)[0])
        if not allowance.seconds:
            break
    steady, first = _steady_calls(times, len(calls))
    times = times[first:]
    blocks = np.array_split(np.array(times), min(BLOCKS, max(1, len(times) // (MIN_CALLS // BLOCKS))))
    note = "; ".join(note for note in (_few_calls(len(times), allowance), steady.note) if note) or None
    for percent in (50, 95, 99):
        samples = tuple(float(np.percentile(block, percent)) for block in blocks)
        yield Metric(
            f"latency_p{percent}", float(np.median(samples)), note, samples=samples, n=len(times), marks=steady.marks
        )
    yield marked(_rarest(np.array(times), allowance), steady.marks)


def _steady_calls(times: Sequence[float], examples: int) -> tuple[Steady, int]:
    """Return whether the times of calls are steady, and how many calls are warm-up.

    Single times have long tails, and examples differ. So the rule looks at the medians of rounds, each of which calls
    every example equally often.

    Args:
        times: of consecutive calls.
        examples: number of examples, which the calls use in turn.
    """
    size = examples * max(1, round(len(times) / ROUNDS / examples))
    rounds = [times[first : first + size] for first in range(0, len(times) - size + 1, size)]
    steady = steady_from([1.0 / float(np.median(part)) for part in rounds], f"rounds of {size} calls")
    return steady, steady.start * size


def _rarest(times: np.ndarray, allowance: Allowance) -> Metric:
    """Return the latency in ms that one call in a thousand exceeds: of all calls, or of blocks of a thousand each."""
    if not allowance.seconds:
        return Metric("latency_p999", float(times[0]), ONE_CALL, samples=(float(times[0]),), n=1)
    if len(times) < RARE_CALLS:
        reason = f"one call in a thousand is seen in {RARE_CALLS:,} calls or more, and there were {len(times):,}"
        return Metric("latency_p999", None, f"{reason}: to measure more of them, state seconds", n=len(times))
    blocks = np.array_split(times, min(BLOCKS, len(times) // RARE_CALLS))
    samples = tuple(float(np.percentile(block, 99.9)) for block in blocks)
    kind: MetricKind = "estimate" if len(blocks) > 1 else "single"
    return Metric("latency_p999", float(np.median(samples)), samples=samples, n=len(times), kind=kind)


def _warmed(calls: Sequence[Callable[[], object]], allowance: Allowance, device: str) -> Sequence[Callable[[], object]]:
    """Return the functions that were called once: all, or the first ones if they take half of the time."""
    if not allowance.seconds:
        return calls
    began = devices.perf_counter()
    half = (began + allowance.latest) / 2
    for number, call in enumerate(calls, start=1):
        _timed(call, device)
        if devices.perf_counter() >= half:
            return calls[:number]
    return calls


def _few_calls(calls: int, allowance: Allowance) -> str | None:
    """Return the remark on percentiles of few calls."""
    if not allowance.seconds:
        return ONE_CALL
    if calls >= MIN_CALLS:
        return None
    return f"percentiles of {calls} call{'s' if calls > 1 else ''}: to measure more of them, state seconds"
