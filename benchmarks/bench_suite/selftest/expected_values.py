"""Answers: what is known of each cell of the suite `planted`, from the options of its task and model alone.

One function for each pair of a task and a model; a pair is added by adding its function to `ANSWERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.selftest import analytic_flops, attribution_checks, comparison_checks, fairness_checks
from bench_suite.selftest.checks import (
    Check,
    Measured,
    NotMeasured,
    around,
    between,
    bound,
    exactly,
    metric,
    options_of,
)
from bench_suite.selftest.tolerances import OFTEN, Z, accuracy_of, bootstrap_middle, bootstrap_width
from bench_suite.suite.plan import Cell

SLOWER = 0.7
"Share of the known rate that a busy machine leaves: besides sleeping, a step computes, and is woken late."
LATE = 0.004
"Seconds by which a single call may be late in the median: a slice of the scheduler of a busy machine."


def checks_of(cells: Sequence[Cell]) -> list[Check]:
    """All that is known of these cells, in their order."""
    return [check for cell in cells for check in ANSWERS.get((_task(cell), _model(cell)), _nothing)(cell, cells)]


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


def _groups_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a rule that never learns: all metrics of classes, from the counts that were planted."""
    options = options_of(cell, "task")
    (tn, fp), (fn, tp) = counts = discovery.load(cell.task.component).confusions(options).sum(axis=0).tolist()
    n, confidence = tn + fp + fn + tp, options_of(cell, "model").confidence
    accuracy, recalls = (tn + tp) / n, (tn / (tn + fp), tp / (fn + tp))
    yield exactly("quality/accuracy", cell, accuracy)
    yield exactly("quality/balanced_accuracy", cell, sum(recalls) / 2)
    yield exactly("quality/macro_f1", cell, tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn))
    # Scores take two values only: the curve has one corner, and the area is the mean of the recalls.
    yield exactly("quality/roc_auc", cell, sum(recalls) / 2)
    loss = -accuracy * math.log(confidence) - (1 - accuracy) * math.log(1 - confidence)
    yield exactly("quality/log_loss", cell, loss)
    yield exactly("quality/confusion", cell, 0, lambda measured: _misplaced(measured, cell, counts))
    yield from _interval(cell, accuracy, n)
    if "fairness" in cell.probes:
        yield from fairness_checks.of_groups(cell)


def _misplaced(measured: Measured, cell: Cell, counts: Sequence[Sequence[int]]) -> float:
    """Examples that stand elsewhere in the stored confusion matrix than they should, counted at both places."""
    return float(np.abs(np.array(measured.artifact(cell, "quality/confusion")["values"]) - np.array(counts)).sum())


def _interval(cell: Cell, accuracy: float, n: int) -> Iterator[Check]:
    """Width and middle of the bootstrap's interval of an accuracy."""
    resamples = int(discovery.find("probes", "quality", Path()).options["resamples"].default)
    known, reach = bootstrap_width(accuracy, n, resamples)
    width = bound("quality/accuracy", cell, lambda interval: interval.high - interval.low)
    basis = f"two quantiles of {resamples} resamples, {OFTEN}"
    yield around("accuracy, interval width", cell, known, reach, basis, read=width)
    middle = bound("quality/accuracy", cell, lambda interval: (interval.low + interval.high) / 2)
    yield around(
        "accuracy, interval middle", cell, accuracy, bootstrap_middle(accuracy, n, resamples), basis, read=middle
    )  # fmt: skip


def _terms_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a rule that judges a part of the texts by whom they name, half of them rightly."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    wrong = sum(task.undecided(options)) / 2
    yield exactly("quality/accuracy", cell, 1 - wrong / (len(task.KINDS) * options.size))
    if "fairness" in cell.probes:
        yield from fairness_checks.of_terms(cell)


def _line_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a regression: the residuals that were planted."""
    options = options_of(cell, "task")
    yield exactly("quality/mae", cell, 1.5 * options.deviation)
    yield exactly("quality/rmse", cell, math.sqrt(2.5) * options.deviation)
    variance = discovery.load(cell.task.component).variance(options)
    yield exactly("quality/r2", cell, 1 - 2.5 * options.deviation**2 / variance)


# ── learning ────────────────────────────────────────────────────────────────────────────────────


def _noise_memory(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a model that learns by heart: right on all of train, on test as often as labels are right."""
    options, confidence = options_of(cell, "task"), options_of(cell, "model").confidence
    if cell.fraction == 1.0:
        mistake, moved = math.log(confidence / (1 - confidence)), options.shifted - options.flipped
        yield exactly("generalization/accuracy_gap", cell, options.flipped)
        yield exactly("generalization/loss_gap", cell, options.flipped * mistake)
        for name, known in (("shift_accuracy_gap", moved), ("shift_loss_gap", moved * mistake)):
            name = f"generalization/{name}"
            yield exactly(name, cell, known, metric(name, cell, shift="noisier"))
        yield from _gap_intervals(cell, options, mistake)
    same = tuple(other.id for other in cells if (_task(other), _model(other)) == (_task(cell), _model(cell)))
    curve = f"learning_curve/{cell.task.label}-quality-accuracy"
    examples = round(cell.fraction * _trained_on(cell))

    def at(measured: Measured) -> float:
        points = {point[0]: point[1] for point in measured.summary(curve)["series"].get(cell.model.label, ())}
        if examples not in points:
            raise NotMeasured(f"the curve has no point at {examples} examples (it has: {sorted(points)})")
        return float(points[examples])

    yield exactly(f"learning_curve at {examples}", cell, 1 - options.flipped, at, others=same)
    if cell.fraction == 1.0:
        yield from comparison_checks.of_verdicts(cell)


def _gap_intervals(cell: Cell, options: Any, mistake: float) -> Iterator[Check]:
    """Of a gap between train, where all are right, and test: ± 1.96 · √(f (1 − f) / (n − 1)) for wrong labels f.

    A loss takes two values, which are `mistake` apart: its interval is as many times as wide.
    """
    width = 2 * Z * math.sqrt(options.flipped * (1 - options.flipped) / (options.test - 1))
    for name, known in (("accuracy_gap", width), ("loss_gap", mistake * width)):
        read = bound(f"generalization/{name}", cell, lambda interval: interval.high - interval.low)
        yield exactly(f"{name}, interval width", cell, known, read)
    middle = bound("generalization/accuracy_gap", cell, lambda interval: (interval.low + interval.high) / 2)
    yield exactly("accuracy_gap, interval middle", cell, options.flipped, middle)


def _noise_mlp(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network that is really trained: as good as the best can be, and the same when it is trained again."""
    options = options_of(cell, "task")
    yield accuracy_of(cell, 1 - options.flipped, options.test)
    yield exactly("same seed, other scores", cell, 0, lambda measured: _other_scores(measured, cell), repeated=True)


def _other_scores(measured: Measured, cell: Cell) -> float:
    """Test examples of which a second training from the same seed says anything else, to the last bit."""
    assert measured.again is not None
    first, second = measured.predictions(cell), measured.again.predictions(cell)
    if not np.array_equal(first.ids, second.ids):
        raise NotMeasured("the two runs were tested on different examples")
    return float((np.asarray(first["scores"]) != np.asarray(second["scores"])).any(axis=1).sum())


# ── time and work ───────────────────────────────────────────────────────────────────────────────


def _noise_sleep(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network that sleeps: no rate above that of the sleep, and on a busy machine little below."""
    seconds = options_of(cell, "model").milliseconds / 1000
    rate, basis = 1 / seconds, "never quicker than it sleeps"
    yield between("throughput/train", cell, rate, SLOWER * rate, rate, basis)
    batch = metric("throughput/inference", cell, batch_size=64)
    yield between("throughput/inference", cell, rate, SLOWER * rate, rate, basis, read=batch)
    yield between("throughput/latency_p50", cell, 1e3 * seconds, 1e3 * seconds, 1e3 * (seconds + LATE), basis)
    examples = _trained_on(cell)
    yield exactly("target/epochs", cell, 1)
    yield exactly("target/samples", cell, examples)
    yield between("target/seconds", cell, examples / rate, examples / rate, examples / (SLOWER * rate), basis)
    flops = discovery.load(cell.model.component).training_flops(len(discovery.load(cell.task.component).COLUMNS), 2)
    yield exactly("compute/training_flops", cell, flops)
    yield between("compute/flops_per_second", cell, rate * flops, SLOWER * rate * flops, rate * flops, basis)


def _noise_products(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network of matrix products: sizes and operations by formula, and no more than the machine can do."""
    costs = discovery.load(cell.model.component).costs(options_of(cell, "model"), 2)
    yield exactly("compute/parameters", cell, costs.parameters)
    yield exactly("compute/trainable_parameters", cell, costs.parameters)
    yield exactly("compute/flops", cell, costs.flops)
    yield exactly("compute/training_flops", cell, costs.training_flops)
    yield exactly("compute/model_size", cell, 4 * costs.parameters / 2**20)
    yield between("compute/utilisation", cell, 1, 1e-4, 1, "at most what this machine was measured to do")


def _pixels_cnn(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network of convolutions: its operations by formula, and what explains it."""
    yield from analytic_flops.convolutions(cell)
    yield from attribution_checks.convolved(cell)


# ── what they are made from ─────────────────────────────────────────────────────────────────────


def _task(cell: Cell) -> str:
    return cell.task.component.name


def _model(cell: Cell) -> str:
    return cell.model.component.name


def _trained_on(cell: Cell) -> int:
    """Training examples that are left when a validation split is held out."""
    whole: int = options_of(cell, "task").train
    return whole - round(whole * cell.options["train"]["validation"])


def _alone(of: Callable[[Cell], Iterator[Check]]) -> Callable[[Cell, Sequence[Cell]], Iterator[Check]]:
    """Answers that no other cell is asked for."""
    return lambda cell, cells: of(cell)


def _nothing(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    yield from ()


ANSWERS: Mapping[tuple[str, str], Callable[[Cell, Sequence[Cell]], Iterator[Check]]] = {
    ("planted_groups", "planted_rule"): _groups_rule,
    ("planted_terms", "planted_words"): _terms_rule,
    ("planted_terms", "transformer"): _alone(analytic_flops.attention),
    ("planted_line", "planted_rule"): _line_rule,
    ("planted_noise", "planted_memory"): _noise_memory,
    ("planted_noise", "planted_sleep"): _noise_sleep,
    ("planted_noise", "planted_matmul"): _noise_products,
    ("planted_noise", "mlp"): _noise_mlp,
    ("planted_columns", "mlp"): _alone(attribution_checks.linear),
    ("planted_columns", "planted_matmul"): _alone(attribution_checks.first_column),
    ("planted_pixels", "cnn"): _pixels_cnn,
    ("planted_pixels", "resnet"): _alone(attribution_checks.residual),
}
"By the names of task and model. Every instrument that is added gets its checks here."
