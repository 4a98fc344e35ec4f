"""Batch size: rate, memory and utilisation of training and inference at doubling batch sizes, until the memory ends."""

from __future__ import annotations

import copy
import gc
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from bench_suite.contracts import Artifact, Metric, Network, Placement, Trained, TrainOptions, describe_error
from bench_suite.environment import MEBIBYTE
from bench_suite.training import devices, peaks
from bench_suite.training.augmentation import changes_of
from bench_suite.training.batching import needs_several_rows
from bench_suite.training.compiling import begin_step, compile_module, record_compilations
from bench_suite.training.example_costs import costs_of, uncounted_note
from bench_suite.training.flops import state_bytes
from bench_suite.training.lightning_modules import has_own_step
from bench_suite.training.losses import training_loss
from bench_suite.training.optimisers import make_optimizer
from bench_suite.training.precision import autocast, computing, move_to_placement
from bench_suite.training.process_memory import available_memory, current_memory, peak_memory, reset_peak

VERSION = 1
QUESTION = "cost"
NEEDS = ("gradients",)
METRICS = {
    "train": {
        "title": "training rate",
        "about": "training examples per second at the fastest batch size, or at the stated one",
        "unit": "samples/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "inference": {
        "title": "prediction rate", "about": "predictions per second at the fastest batch size, or at the stated one",
        "unit": "samples/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "train_tokens": {
        "title": "training rate", "about": "tokens per second in training",
        "unit": "tokens/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "inference_tokens": {
        "title": "prediction rate", "about": "tokens per second in prediction",
        "unit": "tokens/s", "better": "higher", "range": (0.0, None), "timing": True,
    },
    "train_utilisation": {
        "about": "share of the computing rate of this machine (a matrix product) that training reaches",
        "unit": "fraction", "better": "higher", "ideal": 1.0, "range": (0.0, None), "timing": True,
    },
    "inference_utilisation": {
        "about": "share of the computing rate of this machine (a matrix product) that prediction reaches",
        "unit": "fraction", "better": "higher", "ideal": 1.0, "range": (0.0, None), "timing": True,
    },
    "train_memory": {
        "about": "peak memory of a training step at this batch size",
        "unit": "MiB", "better": "lower", "range": (0.0, None),
    },
    "inference_memory": {
        "about": "peak memory of a prediction at this batch size",
        "unit": "MiB", "better": "lower", "range": (0.0, None),
    },
    "train_fastest": {
        "about": "batch size at which training is fastest",
        "unit": "examples", "better": "none", "range": (1.0, None), "timing": True,
    },
    "inference_fastest": {
        "about": "batch size at which prediction is fastest",
        "unit": "examples", "better": "none", "range": (1.0, None), "timing": True,
    },
    "train_largest": {
        "about": "largest batch size of training that was measured",
        "unit": "examples", "better": "higher", "range": (1.0, None),
    },
    "inference_largest": {
        "about": "largest batch size of prediction that was measured",
        "unit": "examples", "better": "higher", "range": (1.0, None),
    },
    "train_end": {
        "about": "first batch size of training that was not measured; the coordinate says why",
        "unit": "examples", "better": "none", "range": (1.0, None),
    },
    "inference_end": {
        "about": "first batch size of prediction that was not measured; the coordinate says why",
        "unit": "examples", "better": "none", "range": (1.0, None),
    },
}  # fmt: skip
BOUNDS = {
    "start": (1, None), "maximum": (1, None), "seconds": (0.0, 60.0), "budget": (0.0, 86_400.0), "memory": (0.01, 1.0),
}  # fmt: skip
SMOKE = {"start": 1, "maximum": 2, "seconds": 0.0}
Phase = Literal["inference", "train"]
End = Literal["memory", "maximum", "budget", "error"]
"""Why a larger batch was not measured: it does not fit, it exceeds `maximum`, there is no time left for it, or PyTorch
raised another error."""
WINDOW = 0.05  # seconds of a block at least; the host waits for the device at its end
BLOCKS = 3  # blocks at least, as long as there is time
POOL = 256  # different examples in a batch at most; a larger batch repeats them
COUNTED = 8  # test examples whose operations are counted
ONE_CALL = "one call, without warm-up"
ESTIMATOR = "an estimator has no batches"
OWN_STEP = "the model has a training_step of its own, which only the engine lightning calls"
PRIVATE = "a private training clips the gradient of each example, so its steps are not those that are measured here"


@dataclass(frozen=True)
class Options:
    phases: tuple[Literal["inference", "train"], ...] = ("inference", "train")
    "What to measure: predictions, steps of training, or both."
    start: int = 1
    "Smallest batch size; each further one is twice as large."
    maximum: int = 4096
    "Largest batch size."
    seconds: float = 0.3
    "Seconds for each batch size, after its warm-up; 0: one call without warm-up, as in a smoke run."
    budget: float = 20.0
    """Seconds for all batch sizes of a phase, without compilation. A size that would exceed them is not measured; the
    first one always is."""
    memory: float = 0.5
    """Share of the memory that is available to the process which a batch on the processor may take. An accelerator has
    no such limit: there the sizes grow until it reports that its memory is full."""


@dataclass(frozen=True)
class Measured:
    """The measurement of one batch size."""

    size: int
    rates: tuple[float, ...]
    "Samples per second of each block."
    memory: float
    "Peak in MiB."
    tokens: int | None
    "Tokens of the batch without padding; None if its inputs are no tokens."

    @property
    def rate(self) -> float:
        """Return the median rate of the blocks."""
        return float(np.median(self.rates))


@dataclass(frozen=True)
class Search:
    """The measurements of one phase, the smallest batch first."""

    sizes: tuple[Measured, ...]
    end: End
    refused: int
    "The first batch size that was not measured."
    note: str | None = None
    "The error that ended the search, for the reader."


@dataclass
class Budget:
    """The time by which the measurements of a phase should have ended."""

    end: float

    def exclude(self, seconds: float) -> None:
        """Prolong it by `seconds` that have just passed, such as a compilation."""
        self.end += seconds


@dataclass(frozen=True)
class Batch:
    """Work on one batch."""

    call: Callable[[], object]
    "Does the work once; on an accelerator it may only queue it."
    tokens: int | None


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield the curves over the batch size, and for each phase the highest rate, its size, and the largest size.

    A batch is made once and stays on the device, so encoding, loading and copying are not measured. `inference` is a
    prediction as `throughput` measures it. `train` is a step: forward pass, loss, backward pass, clipping, optimiser,
    in the cell's precision, with a learning rate of 0, so that weights and gradients keep their size however often the
    same batch is repeated. It runs on a copy of the network; on an accelerator, the memory of a step is that without
    the network itself, which stays beside the copy.

        utilisation = FLOP of an example · samples/s / FLOP/s of a matrix product on this machine, same precision

    Rate and memory at the coordinate `batch_size` are those of one size; without coordinates, they and `utilisation`
    are those of the fastest size. `*_end` is the first size that was not measured; its coordinate `end` is the reason.
    """
    network, placement = trained.network, trained.placement
    if network is None:
        for name in METRICS:
            yield Metric(name, None, ESTIMATOR)
        return
    costs = costs_of(trained, network, COUNTED)
    flops = {
        "inference": float(np.mean([cost.forward for cost in costs])),
        "train": float(np.mean([cost.training for cost in costs])),
    }
    note = uncounted_note(costs).removeprefix("; ") or None
    curves: dict[str, list[list[float]]] = {}
    for phase in options.phases:
        if phase == "train" and has_own_step(network):
            yield Metric(phase, None, OWN_STEP)
            continue
        if phase == "train" and trained.options["train"].get("privacy") is not None:
            yield Metric(phase, None, PRIVATE)
            continue
        with computing(placement), devices.fork_generators():
            search = (_inference if phase == "inference" else _training)(trained, network, options)
        yield from _metrics(phase, search, flops[phase], placement, options, note)
        if search.sizes:
            curves[phase] = [[measured.size, measured.rate] for measured in search.sizes]
    if curves:
        data = {"x": "batch size", "y": "samples/s", "series": curves, "logarithmic": ["x"]}
        yield Artifact("rates", "lines", data, "Samples per second against the batch size.")


def _metrics(
    phase: Phase, search: Search, flops: float, placement: Placement, options: Options, uncounted: str | None
) -> Iterator[Metric]:
    """Yield the metrics of one phase."""
    end: dict[str, str | float] = {"end": search.end}
    if not search.sizes:
        yield Metric(phase, None, f"not even a batch of {search.refused} fits into the memory")
        yield Metric(f"{phase}_end", search.refused, search.note, at=end, kind="single")
        return
    fastest = max(search.sizes, key=lambda measured: measured.rate)
    note = None if options.seconds else ONE_CALL
    yield from _of_size(phase, fastest, {}, note, placement)
    peak = peaks.peak_above(flops * fastest.rate, placement)
    shares = [flops * rate / peak.rate for rate in fastest.rates]
    reasons = [note, uncounted, peaks.ABOVE_ONE if float(np.median(shares)) > 1 else None]
    yield _sampled(f"{phase}_utilisation", shares, {}, "; ".join(filter(None, reasons)) or None)
    yield Metric(f"{phase}_fastest", fastest.size, kind="single")
    yield Metric(f"{phase}_largest", search.sizes[-1].size, kind="single")
    yield Metric(f"{phase}_end", search.refused, search.note, at=end, kind="single")
    for measured in search.sizes:
        yield from _of_size(phase, measured, {"batch_size": measured.size}, note, placement)


def _of_size(
    phase: Phase, measured: Measured, at: Mapping[str, str | float], note: str | None, placement: Placement
) -> Iterator[Metric]:
    """Yield rate and memory of one batch size."""
    yield _sampled(phase, measured.rates, at, note)
    if measured.tokens is not None:
        factor = measured.tokens / measured.size
        yield _sampled(f"{phase}_tokens", [factor * rate for rate in measured.rates], at, note)
    yield Metric(f"{phase}_memory", measured.memory, _memory_note(placement), at=at, kind="single")


def _sampled(name: str, samples: Sequence[float], at: Mapping[str, str | float], note: str | None) -> Metric:
    return Metric(name, float(np.median(samples)), note, at=at, samples=tuple(samples), n=len(samples))


def _memory_note(placement: Placement) -> str:
    if placement.device == devices.CPU:
        return "peak of the process, with interpreter and data"
    return "peak of PyTorch's allocations on the device"


# ── the two phases ──────────────────────────────────────────────────────────────────────────────


def _inference(trained: Trained, network: Network, options: Options) -> Search:
    """Measure predictions."""
    budget = Budget(devices.perf_counter() + options.budget)

    def prepare(size: int) -> Batch:
        rows = _rows(trained, "test", size)
        padded = network.padded is not None  # else the rows need not be read twice
        columns = trained.encoded("test").take(_on_device(trained, "test", rows)) if padded else {}
        return Batch(trained.inference("test", rows), _tokens(network, columns))

    with record_compilations(trained.placement, budget.exclude):
        return _search(prepare, options.start, options, trained.placement, budget)


def _training(trained: Trained, network: Network, options: Options) -> Search:
    """Measure steps of the training."""
    placement = trained.placement
    train = TrainOptions(**{**trained.options["train"], "learning_rate": 0.0})
    with _working_copy(network, placement) as module:
        optimizer = make_optimizer(module, train, placement)
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        loss_of = training_loss(network, trained.data, trained.problem, train, placement)
        generator = devices.new_generator(placement.device).manual_seed(0)
        change = changes_of(network.augment, train.augment, generator)
        budget = Budget(devices.perf_counter() + options.budget)

        def prepare(size: int) -> Batch:
            columns = trained.encoded("train").take(_on_device(trained, "train", _rows(trained, "train", size)))
            whole = network.collate(columns).to(placement.device)

            def step() -> None:
                begin_step(placement)
                batch = whole if change is None else change(whole)
                with autocast(placement):
                    loss = loss_of(module(**batch.inputs), batch)
                loss.backward()
                if train.gradient_clip is not None:
                    torch.nn.utils.clip_grad_norm_(weights, train.gradient_clip)
                optimizer.step()
                for weight in weights:
                    weight.grad = None

            return Batch(step, _tokens(network, columns))

        # Batch normalisation has no variance over one row.
        first = max(options.start, 2 if needs_several_rows(module) else 1)
        with record_compilations(placement, budget.exclude):
            beside = state_bytes(network.module) / MEBIBYTE
            return _search(prepare, first, options, placement, budget, beside)


@contextmanager
def _working_copy(network: Network, placement: Placement) -> Iterator[torch.nn.Module]:
    """Yield a copy of the network's module in training mode; its memory is released at the end."""
    gc.collect()  # graphs of earlier passes that wait in reference cycles
    module = move_to_placement(copy.deepcopy(network.module), placement).train()
    if placement.compiled:
        compile_module(module, placement.compiled)
    try:
        yield module
    finally:
        del module
        devices.release_memory(placement.device)


def _rows(trained: Trained, split: str, size: int) -> np.ndarray:
    """Return the positions of a batch: the first `POOL` examples of a split, again and again."""
    return np.arange(size) % min(POOL, len(trained.data.splits[split]))


def _on_device(trained: Trained, split: str, rows: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(rows, device=trained.encoded(split).device)


def _tokens(network: Network, columns: Any) -> int | None:
    """Return the tokens of a batch, from the column that is padded; None if there is none."""
    return None if network.padded is None else int(columns[network.padded].lengths.sum())


# ── the search ──────────────────────────────────────────────────────────────────────────────────


def _search(
    prepare: Callable[[int], Batch],
    first: int,
    options: Options,
    placement: Placement,
    budget: Budget,
    beside: float = 0.0,
) -> Search:
    """Measure doubling batch sizes until one does not fit or there is no time for it.

    Args:
        prepare: returns the work on a batch of so many examples.
        first: smallest batch size.
        options: of the probe.
        placement: of the cell.
        budget: time of the phase.
        beside: MiB of an accelerator that belong to no batch.

    Raises:
        RuntimeError: PyTorch's, if already the first batch raises one that is not for want of memory.
    """
    sizes: list[Measured] = []
    memory, device = _Memory(placement.device, beside), placement.device
    size, note = first, None
    end: End = "memory"
    while True:
        try:
            measured, seconds = _measure(prepare, size, options, device, memory, budget)
        except devices.OUT_OF_MEMORY:
            break
        except RuntimeError as error:  # such as that of a kernel which cannot index so many elements
            if not sizes:
                raise
            end, note = "error", describe_error(error).splitlines()[0]
            break
        sizes.append(measured)
        size *= 2
        if size > options.maximum:
            return Search(tuple(sizes), "maximum", size)
        if not memory.leaves_room(options.memory):
            return Search(tuple(sizes), "memory", size)
        if devices.perf_counter() + max(options.seconds, BLOCKS * 2 * seconds) + 4 * seconds > budget.end:
            return Search(tuple(sizes), "budget", size)
    devices.release_memory(device)
    return Search(tuple(sizes), end, size, note)


def _measure(
    prepare: Callable[[int], Batch], size: int, options: Options, device: str, memory: _Memory, budget: Budget
) -> tuple[Measured, float]:
    """Measure one batch size; return also the seconds of a call."""
    memory.begin()
    batch = prepare(size)
    if not options.seconds:
        seconds = _block(batch.call, 1, device)
        return Measured(size, (size / seconds,), memory.end(), batch.tokens), seconds
    seconds = _block(batch.call, 1, device)  # allocates memory and chooses kernels
    if devices.perf_counter() + seconds < budget.end:
        seconds = _block(batch.call, 1, device)
    calls = max(1, math.ceil(WINDOW / seconds))
    rates: list[float] = []
    end = devices.perf_counter() + options.seconds
    while not rates or (
        (len(rates) < BLOCKS or devices.perf_counter() < end) and devices.perf_counter() + calls * seconds < budget.end
    ):
        seconds = _block(batch.call, calls, device) / calls
        rates.append(size / seconds)
    return Measured(size, tuple(rates), memory.end(), batch.tokens), seconds


def _block(call: Callable[[], object], calls: int, device: str) -> float:
    """Return the seconds of some calls, until the device has done them."""
    began = devices.perf_counter()
    for _ in range(calls):
        call()
    devices.synchronize(device)
    return max(devices.perf_counter() - began, 1e-9)


class _Memory:
    """The peak memory of each batch size, of the device if it counts its own, else of the process."""

    def __init__(self, device: str, beside: float) -> None:
        self._device, self._beside = device, beside
        self._of_device = False
        self._peaks = [current_memory()]

    def begin(self) -> None:
        """Begin the measurement of a size."""
        self._of_device = devices.reset_peak_memory(self._device)
        if not self._of_device:
            reset_peak()

    def end(self) -> float:
        """Return the peak in MiB since `begin`."""
        of_device = self._of_device
        peak = devices.peak_memory(self._device) / MEBIBYTE - self._beside if of_device else peak_memory()
        self._peaks.append(peak)
        return peak

    def leaves_room(self, share: float) -> bool:
        """Return whether twice the last size needs no more than a share of the memory that is available now.

        The memory is a + b · size. So from the last size to the next it grows by twice as much as to the last one, or
        after the first size by as much as that. An accelerator decides by itself, and the result is True.
        """
        available = None if self._of_device else available_memory()
        if available is None:
            return True
        *earlier, before, last = self._peaks
        growth = max(0.0, last - before) * (2 if earlier else 1)
        return last + growth - current_memory() <= share * available
