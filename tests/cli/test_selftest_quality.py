"""The self-test finds and names what is broken on purpose: metrics, intervals, gaps, counts of costs, and clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bench_suite.contracts import Interval
from bench_suite.metrics import accuracy, mae, roc_auc
from bench_suite.probes import batch_size, generalization, quality, throughput
from bench_suite.probes.attribution.adapters import Subject
from bench_suite.training import flops, seeding


def off_by(function: Callable[..., float], error: float) -> Callable[..., float]:
    """Return the same metric with this offset; it needs the same columns."""

    def wrong(targets: Any, predictions: Any) -> float:
        return function(targets, predictions) + error

    return wrong


def narrow(*arguments: Any, **options: Any) -> Any:
    return Interval(0.795, 0.805), None


def shifted(*arguments: Any, **options: Any) -> Any:
    interval, reason = bootstrapped(*arguments, **options)
    return interval and Interval(interval.low + 0.02, interval.high + 0.02), reason


def too_sure(*arguments: Any, **options: Any) -> Any:
    """Return gaps with intervals of a quarter of the width."""
    metric = gap(*arguments, **options)
    if metric.interval is None:
        return metric
    bounds = [metric.value + (bound - metric.value) / 4 for bound in (metric.interval.low, metric.interval.high)]
    return replace(metric, interval=Interval(*bounds))


def failing(*arguments: Any) -> Any:
    raise RuntimeError("no such kernel")
    yield


def confused(targets: Any, predictions: Any, classes: int | None = None) -> Any:
    return confusion(predictions, targets, classes)


def without_formula(*arguments: Any, **options: Any) -> int:
    return 0


confusion = quality.confusion_matrix
bootstrapped = quality.bootstrap_interval
scrambled = Subject.scrambled
without = Subject.without
gap = generalization._gap
windows = throughput._windows
block = batch_size._block
backward = flops.training
aten_convolution = flops.aten.convolution

GROUPS = "-k planted_groups and not calibration_p"
"The test of calibration needs more simulations than these runs have."

BREAKS = {
    "a metric by one in a thousand": ("-k planted_line", mae, "mae", off_by(mae.mae, 0.001), {"quality/mae"}),
    "a metric by one example of 800": (
        GROUPS, accuracy, "accuracy", off_by(accuracy.accuracy, 1 / 800), {"quality/accuracy"},
    ),
    "intervals that are too narrow": (
        GROUPS, quality, "bootstrap_interval", narrow, {"accuracy, interval width"},
    ),
    "intervals that are shifted": (
        GROUPS, quality, "bootstrap_interval", shifted, {"accuracy, interval middle"},
    ),
    "intervals of gaps that are too narrow": (
        "-k planted_memory and not compare", generalization, "_gap", too_sure,
        {"accuracy_gap, interval width", "loss_gap, interval width"},
    ),
    "parameters that are not counted": (
        "-k matmul", flops, "trainable_parameters", lambda module: 1, {"compute/trainable_parameters"},
    ),
    "attention that is not counted": (
        "-k transformer", flops, "FORMULAS",
        {op: without_formula if "attention" in str(op) else formula for op, formula in flops.FORMULAS.items()},
        {"compute/flops", "compute/training_flops"},
    ),
    "a matrix that is turned": (
        GROUPS, quality, "confusion_matrix", confused, {"quality/confusion"},
    ),
    "a gap with the wrong sign": (
        "-k generalization/accuracy", generalization, "_gap",
        lambda name, first, second, at=None: gap(name, second, first, at), {"generalization/accuracy_gap"},
    ),
    "a probe that fails": (
        "-k generalization/accuracy", generalization, "probe", failing, {"generalization/accuracy_gap"},
    ),
}  # fmt: skip

SLOW = {
    "ties that are counted wrongly": (
        GROUPS, roc_auc, "roc_auc", lambda targets, scores: 0.82, {"quality/roc_auc"},
    ),
    "convolutions that are not counted": (
        "-k cnn and compute", flops, "FORMULAS",
        {aten_convolution: without_formula, **{op: f for op, f in flops.FORMULAS.items() if op != aten_convolution}},
        {"compute/flops", "compute/training_flops"},
    ),
    "a seed that is not set": (
        "-k 'same seed'", seeding, "seed_everything", lambda seed: None, {"same seed, other scores"},
    ),
    "a clock that is a tenth too fast": (
        "-k throughput", throughput, "_windows",
        lambda call, seconds: ((calls, 0.9 * spent) for calls, spent in windows(call, seconds)),
        {"throughput/inference"},
    ),
    "batches that are timed a third too fast": (
        "-k batch_size and sleep", batch_size, "_block", lambda *arguments: 0.7 * block(*arguments),
        {"batch_size/inference", "batch_size/train", "batch_size/inference at 32", "batch_size/train at 32"},
    ),
    "a search that ends too early": (
        "-k largest or _end", batch_size._Memory, "leaves_room", lambda memory, share: False,
        {f"batch_size/{phase}_{name}" for phase in ("inference", "train") for name in ("largest", "end")},
    ),
    "a backward pass that is counted twice": (
        "-k matmul and training_flops", flops, "training",
        lambda *arguments: flops.Count(2 * backward(*arguments).flops), {"compute/training_flops"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])


@pytest.mark.slow
@pytest.mark.parametrize("broken", SLOW)
def test_a_broken_instrument_that_is_trained_for_or_timed_is_found_and_named(found_and_named, broken):
    found_and_named(*SLOW[broken])
