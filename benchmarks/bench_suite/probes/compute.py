"""Compute: size of a model, operations for an example, and the share of this machine's peak that training reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Metric, Placement, Trained
from bench_suite.environment import MEBIBYTE
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.training import flops, peaks
from bench_suite.training.example_costs import costs_of, uncounted_note
from bench_suite.training.steady_windows import steady_windows

VERSION = 2
QUESTION = "cost"
METRICS = {
    "parameters": {
        "about": "numbers that the model consists of",
        "unit": "count",
        "better": "lower",
        "range": (0.0, None),
    },
    "flops": {
        "title": "operations per prediction",
        "about": "floating-point operations of the prediction of one example",
        "unit": "FLOP/sample",
        "better": "lower",
        "range": (0.0, None),
    },
    "training_flops": {
        "title": "operations per training example",
        "about": "floating-point operations of training on one example: forward and backward pass",
        "unit": "FLOP/sample",
        "better": "lower",
        "range": (0.0, None),
    },
    "flops_per_second": {
        "title": "operations per second",
        "about": "floating-point operations per second that training reaches",
        "unit": "FLOP/s",
        "better": "higher",
        "range": (0.0, None),
        "timing": True,
    },
    "utilisation": {
        "about": "share of the computing rate of this machine (a matrix product) that training reaches",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, None),
        "timing": True,
    },
    "model_size": {
        "about": "bytes of the model's parameters and buffers",
        "unit": "MiB",
        "better": "lower",
        "range": (0.0, None),
    },
    "trainable_parameters": {
        "about": "numbers that training changes",
        "unit": "count",
        "better": "lower",
        "range": (0.0, None),
    },
}
BOUNDS = {"examples": (1, 10_000)}
SMOKE = {"examples": 2}
ESTIMATOR = "an estimator has no network whose operations could be counted"


@dataclass(frozen=True)
class Options:
    examples: int = 32
    "Test examples whose operations are counted, spread evenly over the split; examples of different length differ."


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Yield size, operations, achieved operations per second, and utilisation.

    Matrix products, convolutions, recurrent layers and attention count, with two operations for each multiply-add.
    Sums, normalisation, activations and embeddings do not count, so a bag of embeddings costs almost nothing. Each
    example is counted alone, without padding unless the model pads to a fixed length. An intermediate result that a
    kernel computes twice to save memory counts once, since it is the work of the model (Chowdhery et al. 2022, arXiv
    2204.02311, appendix B). `flops` is the forward pass with a frozen encoder. `training_flops` is forward and backward
    pass, without the frozen encoder, which runs once, and without the optimiser's step.

        flops_per_second = training_flops · samples/s of each window of the training
        utilisation      = flops_per_second / FLOP/s of a matrix product on this machine, same precision and threads,
                           times the number of devices
    """
    network, placement = trained.network, trained.placement
    if network is None:
        for name in METRICS:
            yield Metric(name, None, ESTIMATOR)
        return
    yield Metric("parameters", flops.parameters(network.module, network.frozen), kind="exact")
    costs = costs_of(trained, network, options.examples)
    note = uncounted_note(costs)
    yield _mean("flops", [cost.frozen + cost.forward for cost in costs], note)
    training = _mean("training_flops", [cost.training for cost in costs], note)
    yield training
    yield from _achieved(trained, training, placement)
    yield Metric("model_size", flops.state_bytes(network.module, network.frozen) / MEBIBYTE, kind="exact")
    yield Metric("trainable_parameters", flops.trainable_parameters(network.module), kind="exact")


def _mean(name: str, counts: Sequence[int], note: str) -> Metric:
    """Return the mean over the examples, with its interval if they differ."""
    values = np.array(counts, dtype=np.float64)
    mean, n = float(values.mean()), len(values)
    if values.min() == values.max():
        return Metric(name, mean, f"the same for each of {n} test examples{note}", n=n, kind="exact")
    interval, reason = bootstrap_interval(_average, {"values": values})
    return Metric(name, mean, (reason or "") + note or None, interval=interval, n=n)


def _average(values: np.ndarray) -> float:
    return float(values.mean())


def _achieved(trained: Trained, training: Metric, placement: Placement) -> Iterator[Metric]:
    """Yield the FLOP/s of each window of the training, and their ratio to the peak."""
    history = trained.history
    if history is None or not history.windows:
        trained_here = history is not None and history.samples
        reason = "the training has no windows" if trained_here else "nothing was trained here"
        yield Metric("flops_per_second", None, reason)
        yield Metric("utilisation", None, reason)
        return
    assert training.value is not None
    windows, steady = steady_windows(history)
    rates = tuple(training.value * window.samples / window.seconds for window in windows)
    yield Metric(
        "flops_per_second", float(np.median(rates)), steady.note, samples=rates, n=len(rates), marks=steady.marks
    )
    peak = peaks.peak_above(float(np.median(rates)) / placement.devices, placement)
    shares = tuple(rate / (peak.rate * placement.devices) for rate in rates)
    share = float(np.median(shares))
    notes = [note for note in (peaks.ABOVE_ONE if share > 1 else None, steady.note) if note]
    note = "; ".join(notes) or None
    yield Metric("utilisation", share, note, samples=shares, n=len(shares), marks=steady.marks)
