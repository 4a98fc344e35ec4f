"""Overhead: what an engine costs beside a loop by hand: rate of training, time to the first step, memory."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from bench_suite.contracts import Metric, Network, Trained, TrainOptions
from bench_suite.training import devices
from bench_suite.training.augmentation import changes_of
from bench_suite.training.batching import needs_several_rows, shuffled
from bench_suite.training.clock import MIN_WINDOW_SECONDS
from bench_suite.training.fresh_process import call_in_fresh_process
from bench_suite.training.inputs import spread_rows
from bench_suite.training.lightning_modules import has_own_step
from bench_suite.training.losses import training_loss
from bench_suite.training.optimisers import make_optimizer
from bench_suite.training.precision import autocast, computing, move_to_placement
from bench_suite.training.process_memory import peak_memory
from bench_suite.training.steady_windows import steady_from, steady_windows

VERSION = 2
QUESTION = "cost"
METRICS = {
    "relative_rate": {
        "title": "rate, relative to a plain loop",
        "about": (
            "training rate of the engine divided by that of a loop by hand with the same network; 1 is no overhead"
        ),
        "unit": "ratio",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, None),
        "timing": True,
    },
    "step_overhead": {
        "about": "time that the engine adds to a training step of a loop by hand",
        "unit": "ms",
        "better": "lower",
        "ideal": 0.0,
        "range": (None, None),
        "timing": True,
    },
    "first_step": {
        "title": "time to the first step",
        "about": "seconds from the import of the engine to the end of the first training step, in a fresh process",
        "unit": "s",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
    "process_memory": {
        "about": "peak memory of a fresh process that trains on a few examples",
        "unit": "MiB",
        "better": "lower",
        "range": (0.0, None),
    },
}
BOUNDS = {"seconds": (0.0, 60.0)}
SMOKE = {"seconds": 0.0, "fresh": False}
ESTIMATOR = "an estimator has no engine"
FEW = 1000
"Examples that a fresh process trains on: the time to encode more would be lost."
NOT_TRAINED = "nothing was trained here"


@dataclass(frozen=True)
class Options:
    seconds: float = 1.0
    "Seconds of training by the loop by hand, after a warm-up; 0: one step."
    fresh: bool = True
    """Train on a few examples in a fresh process too, which shows the time to the first step with the import of the
    engine's libraries, and the memory that the process needs with them."""


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield the cost of the cell's engine.

        relative_rate = samples/s of each window of the training / samples/s of a loop by hand
        step_overhead = batch size · (1 / samples/s of each window − 1 / samples/s of a loop by hand)

    The loop by hand has the same network, batches, loss, optimiser and clipping, and nothing else: no report, no
    validation, no checkpoint, a constant learning rate. It runs right after the training, on a copy of the network.
    """
    network, history = trained.network, trained.history
    if network is None or history is None or not history.steps:
        for name in METRICS:
            yield Metric(name, None, ESTIMATOR if network is None else NOT_TRAINED)
        return
    yield from _relative(trained, network, options)
    if options.fresh:
        seconds, peak = call_in_fresh_process(_train_on_few, trained.without_model())
        yield Metric("first_step", seconds, None if seconds else "the engine does not report it", kind="single")
        yield Metric("process_memory", peak, f"peak of a fresh process that trained on {FEW:,} examples", kind="single")
    else:
        for name in ("first_step", "process_memory"):
            yield Metric(name, None, "no fresh process was asked for")


# ── the loop by hand ────────────────────────────────────────────────────────────────────────────


def _relative(trained: Trained, network: Network, options: Options) -> Iterator[Metric]:
    """Yield rate and time of a step relative to the loop by hand."""
    train = trained.options["train"]
    reason = _not_comparable(trained, network)
    if reason is None:
        by_hand = rates_by_hand(trained, network, train, options.seconds)
        assert trained.history is not None
        by_hand = by_hand[steady_from(by_hand).start :]
        windows, steady = steady_windows(trained.history)
        rates = [window.samples / window.seconds for window in windows]
        if not rates:
            reason = "the training has no windows"
    if reason is not None:
        yield Metric("relative_rate", None, reason)
        yield Metric("step_overhead", None, reason)
        return
    hand, size = float(np.median(by_hand)), train["batch_size"]
    ratios = tuple(rate / hand for rate in rates)
    costs = tuple(1000.0 * size * (1.0 / rate - 1.0 / hand) for rate in rates)
    note = steady.note if options.seconds else "one step by hand, without warm-up"
    for name, values in (("relative_rate", ratios), ("step_overhead", costs)):
        yield Metric(name, float(np.median(values)), note, samples=values, n=len(values), marks=steady.marks)


def _not_comparable(trained: Trained, network: Network) -> str | None:
    """Return why a loop by hand would do other work than the training; None if it does the same."""
    if trained.placement.compiled:
        return "a copy of a compiled network is not compiled"
    if has_own_step(network):
        return "the model has a training_step of its own"
    if trained.options["train"].get("privacy") is not None:
        return "a private training clips the gradient of each example"
    return None


def rates_by_hand(trained: Trained, network: Network, train: Mapping[str, object], seconds: float) -> tuple[float, ...]:
    """Return the samples/s of windows of 50 ms or longer of a loop by hand, without the first window.

    Args:
        trained: the cell.
        network: whose module is copied, so that its weights stay.
        train: the training options of the cell.
        seconds: how long to train after the first window; 0: one step.
    """
    options, placement, examples = TrainOptions(**train), trained.placement, trained.encoded("train")  # type: ignore[arg-type]  # values of any option
    with computing(placement):
        module = move_to_placement(copy.deepcopy(network.module), placement).train()
        optimizer = make_optimizer(module, options, placement)
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        loss_of = training_loss(network, trained.data, trained.problem, options, placement)
        changes = devices.new_generator(placement.device).manual_seed(0)
        change = changes_of(network.augment, options.augment, changes)
        order, join_last = torch.Generator().manual_seed(0), needs_several_rows(module)
        rates: list[float] = []
        samples, began, end = 0, devices.perf_counter(), None
        while True:
            for rows in shuffled(examples, options.batch_size, order, network.padded, join_last=join_last):
                batch = network.collate(examples.take(rows)).to(placement.device)
                if change is not None:
                    batch = change(batch)
                with autocast(placement):
                    loss = loss_of(module(**batch.inputs), batch)
                loss.backward()
                if options.gradient_clip is not None:
                    torch.nn.utils.clip_grad_norm_(weights, options.gradient_clip)
                optimizer.step()
                for weight in weights:
                    weight.grad = None
                samples += len(rows)
                if devices.perf_counter() - began < MIN_WINDOW_SECONDS and seconds:
                    continue
                loss.item()  # waits for the device
                now = devices.perf_counter()
                if end is not None or not seconds:
                    rates.append(samples / (now - began))
                end = now + seconds if end is None else end
                if now >= end and rates:
                    return tuple(rates)
                samples, began = 0, devices.perf_counter()


# ── a fresh process ─────────────────────────────────────────────────────────────────────────────


def _train_on_few(untrained: Trained) -> tuple[float | None, float]:
    """Train one epoch on `FEW` examples, and return the seconds to the first step and the peak memory in MiB."""
    rows = spread_rows(untrained.data.splits["train"], FEW)
    trained = untrained.retrain(rows=rows, train={"epochs": 1, "target": None, "patience": None, "checkpoint": None})
    assert trained.history is not None
    return trained.history.first_step_seconds, peak_memory()
