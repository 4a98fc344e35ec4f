"""Compute: size of a model, operations of an example, and the share of this machine's peak that training reaches."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench_suite.contracts import Batch, Metric, Network, Placement, Trained
from bench_suite.data.encoded import Encoded, LazyEncoded
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.training import flops, peaks
from bench_suite.training.inputs import spread_rows
from bench_suite.training.precision import computing, move_to_placement

VERSION = 1
METRICS = {
    "parameters": {"unit": "count", "better": "lower"},
    "flops": {"unit": "FLOP/sample", "better": "lower"},
    "training_flops": {"unit": "FLOP/sample", "better": "lower"},
    "flops_per_second": {"unit": "FLOP/s", "better": "higher", "timing": True},
    "utilisation": {"unit": "fraction", "better": "higher", "ideal": 1.0, "timing": True},
    "model_size": {"unit": "MiB", "better": "lower"},
    "trainable_parameters": {"unit": "count", "better": "lower"},
}
BOUNDS = {"examples": (1, 10_000)}
SMOKE = {"examples": 4}
MEBIBYTE = 2**20
ESTIMATOR = "an estimator: it has no network whose operations could be counted"
ABOVE_ONE = (
    "above 1: this network computes faster than a square matrix product in the same precision did here; the peak was "
    "measured while the machine was busy, or has quicker kernels for other work (`bench doctor` measures it anew)"
)


@dataclass(frozen=True)
class Options:
    examples: int = 32
    "Test examples whose operations are counted, spread evenly over the split; where lengths differ, costs do."


@dataclass(frozen=True)
class _Cost:
    """Operations of one example."""

    forward: int
    training: int
    frozen: int
    "Of the part that runs within `encode`."
    uncounted: tuple[str, ...]


def probe(trained: Trained, options: Options) -> Iterator[Metric]:
    """Size, operations, achieved operations a second, and utilisation.

    Operations are those of matrix products, convolutions, recurrent layers and attention, two a multiply-add; sums,
    normalisation, activations and embeddings count nothing, so a bag of embeddings costs next to none. Each example is
    counted by itself, so without padding (unless the model pads to a fixed length), and what a kernel computes twice to
    save memory counts once: this is the work of the model (Chowdhery et al. 2022, arXiv 2204.02311, appendix B).
    `flops` is the forward pass, a frozen encoder included; `training_flops` forward and backward pass, without the
    frozen encoder, which runs once, and without the optimiser's step.

        flops_per_second = training_flops · samples/s of each window of the training
        utilisation      = flops_per_second / FLOP/s of a matrix product on this machine, same precision and threads
    """
    network, placement = trained.network, trained.placement
    if network is None:
        for name in METRICS:
            yield Metric(name, None, ESTIMATOR)
        return
    yield Metric("parameters", flops.parameters(network.module, network.frozen), kind="exact")
    costs = _costs(trained, network, options)
    note = _note(costs)
    yield _mean("flops", [cost.frozen + cost.forward for cost in costs], note)
    training = _mean("training_flops", [cost.training for cost in costs], note)
    yield training
    yield from _achieved(trained, training, placement)
    yield Metric("model_size", flops.state_bytes(network.module, network.frozen) / MEBIBYTE, kind="exact")
    yield Metric("trainable_parameters", flops.trainable_parameters(network.module), kind="exact")


def _costs(trained: Trained, network: Network, options: Options) -> list[_Cost]:
    """What each of a sample of test examples costs; those of one shape are counted once."""
    split = trained.data.splits["test"]
    placement = trained.placement
    seen: dict[Hashable, _Cost] = {}
    costs = []
    with computing(placement):
        move_to_placement(network.module, placement)
        for row in spread_rows(split, options.examples).tolist():
            with torch.no_grad(), flops.count_flops() as frozen:
                columns = LazyEncoded(network, split).take(torch.tensor([row]))
            alone = Encoded(columns)
            one = alone.batch(network, torch.tensor([0], device=alone.device)).to(placement.device)
            key = (frozen.flops, _shape(one))
            if key not in seen:
                forward = flops.forward(network.module, one, placement)
                # Two copies, since batch normalisation refuses a single example, and copies need no padding.
                two = alone.batch(network, torch.tensor([0, 0], device=alone.device)).to(placement.device)
                training = flops.training(
                    network.module,
                    two,
                    lambda outputs, targets: trained.problem.loss(outputs, targets, trained.data.spec),
                    placement,
                )
                uncounted = tuple(dict.fromkeys(frozen.uncounted + forward.uncounted + training.uncounted))
                seen[key] = _Cost(forward.flops, training.flops // 2, frozen.flops, uncounted)
            costs.append(seen[key])
    return costs


def _shape(batch: Batch) -> Hashable:
    """What the work depends on: shapes, and where lengths or masks are inputs, those."""

    def part(value: torch.Tensor) -> Hashable:
        lengths = value.dtype in (torch.int32, torch.int64, torch.bool)
        few = lengths and value.numel() and (value.ndim == 1 or int(value.max()) <= 1)
        return tuple(value.shape), int(value.sum()) if few else None

    return tuple((name, part(value)) for name, value in batch.inputs.items())


def _note(costs: Sequence[_Cost]) -> str:
    """What a reader of the counts must know; empty where there is nothing."""
    uncounted = dict.fromkeys(name for cost in costs for name in cost.uncounted)
    return f"; not counted, since their size is unknown: {', '.join(uncounted)}" if uncounted else ""


def _mean(name: str, counts: Sequence[int], note: str) -> Metric:
    """The mean over the examples, with its interval where they differ."""
    values = np.array(counts, dtype=np.float64)
    mean, n = float(values.mean()), len(values)
    if values.min() == values.max():
        return Metric(name, mean, f"the same for each of {n} test examples{note}", n=n, kind="exact")
    interval, reason = bootstrap_interval(_average, {"values": values})
    return Metric(name, mean, (reason or "") + note or None, interval=interval, n=n)


def _average(values: np.ndarray) -> float:
    return float(values.mean())


def _achieved(trained: Trained, training: Metric, placement: Placement) -> Iterator[Metric]:
    """FLOP/s of each window of the training, and over the peak."""
    history = trained.history
    if history is None or not history.windows:
        reason = "nothing was trained here" if history is None or not history.samples else "the training has no windows"
        yield Metric("flops_per_second", None, reason)
        yield Metric("utilisation", None, reason)
        return
    assert training.value is not None
    rates = tuple(training.value * window.samples / window.seconds for window in history.windows)
    yield Metric("flops_per_second", float(np.median(rates)), samples=rates, n=len(rates))
    best = peaks.peak(placement.device, placement.precision, placement.threads)
    if np.median(rates) > best.rate:  # kept from a time when the machine was busy, perhaps
        best = peaks.peak(placement.device, placement.precision, placement.threads, anew=True)
    shares = tuple(rate / best.rate for rate in rates)
    share = float(np.median(shares))
    yield Metric("utilisation", share, ABOVE_ONE if share > 1 else None, samples=shares, n=len(shares))
