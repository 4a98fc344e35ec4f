"""Expected values: the checks of each cell of the suite `planted`, from the options of its task and model alone.

There is one function for each pair of a task and a model. To add a pair, add its function to `EXPECTED`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.components import discovery
from bench_suite.selftest import (
    analytic_flops,
    attribution_checks,
    calibration_checks,
    comparison_checks,
    fairness_checks,
    importance_checks,
    ood_checks,
    privacy_checks,
    robustness_checks,
    stability_checks,
)
from bench_suite.selftest.checks import (
    Check,
    Measured,
    NotMeasured,
    around,
    between,
    exactly,
    options_of,
    read_interval,
    read_metric,
)
from bench_suite.selftest.tolerances import OFTEN, Z, accuracy_of, bootstrap_middle, bootstrap_width
from bench_suite.suite.plan import Cell

SLOWER = 0.7
"Least share of the known rate on a busy machine: besides sleeping, a step computes, and it wakes late."
LARGEST_BATCH = 32
"The option `maximum` of the probe `batch_size` in the suite `planted`."
LATE = 0.004
"Greatest median delay of a single call in seconds: a time slice of the scheduler on a busy machine."


def checks_of(cells: Sequence[Cell]) -> list[Check]:
    """Return the checks of these cells, in their order."""
    return [check for cell in cells for check in EXPECTED.get((_task(cell), _model(cell)), _nothing)(cell, cells)]


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


def _groups_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of all metrics of classes for a rule that never learns, from the planted counts."""
    options = options_of(cell, "task")
    (tn, fp), (fn, tp) = counts = discovery.load(cell.task.component).confusions(options).sum(axis=0).tolist()
    n, confidence = tn + fp + fn + tp, options_of(cell, "model").confidence
    accuracy, recalls = (tn + tp) / n, (tn / (tn + fp), tp / (fn + tp))
    yield exactly("quality/accuracy", cell, accuracy)
    yield exactly("quality/balanced_accuracy", cell, sum(recalls) / 2)
    yield exactly("quality/macro_f1", cell, tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn))
    # Scores have two values only, so the curve has one corner, and the area is the mean of the recalls.
    yield exactly("quality/roc_auc", cell, sum(recalls) / 2)
    loss = -accuracy * math.log(confidence) - (1 - accuracy) * math.log(1 - confidence)
    yield exactly("quality/log_loss", cell, loss)
    yield exactly("quality/confusion", cell, 0, lambda measured: _misplaced(measured, cell, counts))
    yield from _interval(cell, accuracy, n)
    if "fairness" in cell.probes:
        yield from fairness_checks.group_checks(cell)
    if "robustness" in cell.probes:
        yield from robustness_checks.table_checks(cell)
    if "calibration" in cell.probes:
        yield from calibration_checks.sure_rule(cell, counts)
        yield from calibration_checks.group_errors(cell)


def _misplaced(measured: Measured, cell: Cell, counts: Sequence[Sequence[int]]) -> float:
    """Return the number of misplaced examples in the stored confusion matrix, each counted in both entries."""
    return float(np.abs(np.array(measured.artifact(cell, "quality/confusion")["values"]) - np.array(counts)).sum())


def _interval(cell: Cell, accuracy: float, n: int) -> Iterator[Check]:
    """Yield checks of width and middle of the bootstrap interval of an accuracy."""
    resamples = int(discovery.find("probes", "quality", Path()).options["resamples"].default)
    known, tolerance = bootstrap_width(accuracy, n, resamples)
    width = read_interval("quality/accuracy", cell, lambda interval: interval.high - interval.low)
    basis = f"two quantiles of {resamples} resamples, {OFTEN}"
    yield around("accuracy, interval width", cell, known, tolerance, basis, read=width)
    middle = read_interval("quality/accuracy", cell, lambda interval: (interval.low + interval.high) / 2)
    yield around(
        "accuracy, interval middle", cell, accuracy, bootstrap_middle(accuracy, n, resamples), basis, read=middle
    )  # fmt: skip


def _terms_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a rule that predicts some of the texts by the group they name, half of them correctly."""
    task, options = discovery.load(cell.task.component), options_of(cell, "task")
    wrong = sum(task.undecided(options)) / 2
    yield exactly("quality/accuracy", cell, 1 - wrong / (len(task.KINDS) * options.size))
    if "fairness" in cell.probes:
        yield from fairness_checks.term_checks(cell)
    if "robustness" in cell.probes:
        yield from robustness_checks.text_checks(cell, cells)


def _line_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a regression, from the planted residuals."""
    options = options_of(cell, "task")
    yield exactly("quality/mae", cell, 1.5 * options.deviation)
    yield exactly("quality/rmse", cell, math.sqrt(2.5) * options.deviation)
    variance = discovery.load(cell.task.component).variance(options)
    yield exactly("quality/r2", cell, 1 - 2.5 * options.deviation**2 / variance)
    if "calibration" in cell.probes:
        yield from calibration_checks.covered_line(cell)


# ── learning ────────────────────────────────────────────────────────────────────────────────────


def _noise_memory(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a model that memorises: right on all of train, and on test as often as labels are."""
    options, confidence = options_of(cell, "task"), options_of(cell, "model").confidence
    if cell.fraction == 1.0:
        loss_step, moved = math.log(confidence / (1 - confidence)), options.shifted - options.flipped
        yield exactly("generalization/accuracy_gap", cell, options.flipped)
        yield exactly("generalization/loss_gap", cell, options.flipped * loss_step)
        for name, known in (("shift_accuracy_gap", moved), ("shift_loss_gap", moved * loss_step)):
            name = f"generalization/{name}"
            yield exactly(name, cell, known, read_metric(name, cell, shift="noisier"))
        yield from _gap_intervals(cell, options, loss_step)
        yield from privacy_checks.memory_checks(cell, _trained_on(cell))
    same = tuple(other.id for other in cells if (_task(other), _model(other)) == (_task(cell), _model(cell)))
    curve = f"learning_curve/{cell.task.label}-quality-accuracy"
    examples = round(cell.fraction * _trained_on(cell))

    def point(measured: Measured) -> float:
        points = {x: y for x, y, *_ in measured.summary(curve)["series"].get(cell.model.label, ())}
        if examples not in points:
            raise NotMeasured(f"the curve has no point at {examples} examples (it has: {sorted(points)})")
        return float(points[examples])

    yield exactly(f"learning_curve at {examples}", cell, 1 - options.flipped, point, others=same)
    if cell.fraction == 1.0:
        yield from comparison_checks.of_verdicts(cell)
        if "calibration" in cell.probes:
            yield from calibration_checks.calibrated(cell)


def _gap_intervals(cell: Cell, options: Any, loss_step: float) -> Iterator[Check]:
    """Yield checks of intervals of a gap between train, where all predictions are right, and test.

    The interval is ± 1.96 · √(f (1 − f) / (n − 1)) for a share f of wrong labels. A loss has two values that differ by
    `loss_step`, so its interval is wider by this factor.
    """
    width = 2 * Z * math.sqrt(options.flipped * (1 - options.flipped) / (options.test - 1))
    for name, known in (("accuracy_gap", width), ("loss_gap", loss_step * width)):
        read = read_interval(f"generalization/{name}", cell, lambda interval: interval.high - interval.low)
        yield exactly(f"{name}, interval width", cell, known, read)
    middle = read_interval("generalization/accuracy_gap", cell, lambda interval: (interval.low + interval.high) / 2)
    yield exactly("accuracy_gap, interval middle", cell, options.flipped, middle)


def _noise_mlp(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a trained network: its accuracy is the best possible, and a second training has equal scores."""
    options = options_of(cell, "task")
    yield accuracy_of(cell, 1 - options.flipped, options.test)
    yield exactly("same seed, other scores", cell, 0, lambda measured: _other_scores(measured, cell), repeated=True)
    yield from ood_checks.nothing_to_tell(cell)
    yield from stability_checks.stable(cell)


def _other_scores(measured: Measured, cell: Cell) -> float:
    """Return the number of test examples whose scores differ in any bit after a second training with the same seed."""
    assert measured.again is not None
    first, second = measured.predictions(cell), measured.again.predictions(cell)
    if not np.array_equal(first.ids, second.ids):
        raise NotMeasured("the two runs have different test examples")
    return float((np.asarray(first["scores"]) != np.asarray(second["scores"])).any(axis=1).sum())


# ── time and work ───────────────────────────────────────────────────────────────────────────────


def _noise_sleep(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a network that sleeps: its rate is at most that of the sleep, and little less if it is busy."""
    seconds = options_of(cell, "model").milliseconds / 1000
    rate, basis = 1 / seconds, "never faster than it sleeps"
    yield between("throughput/train", cell, rate, SLOWER * rate, rate, basis)
    batch = read_metric("throughput/inference", cell, batch_size=64)
    yield between("throughput/inference", cell, rate, SLOWER * rate, rate, basis, read=batch)
    for phase in ("train", "inference"):
        yield between(f"batch_size/{phase}", cell, rate, SLOWER * rate, rate, basis)
        largest = read_metric(f"batch_size/{phase}", cell, batch_size=LARGEST_BATCH)
        yield between(f"batch_size/{phase} at {LARGEST_BATCH}", cell, rate, SLOWER * rate, rate, basis, read=largest)
        yield exactly(f"batch_size/{phase}_largest", cell, LARGEST_BATCH)
        end = read_metric(f"batch_size/{phase}_end", cell, end="maximum")
        yield exactly(f"batch_size/{phase}_end", cell, 2 * LARGEST_BATCH, end)
    yield between("throughput/latency_p50", cell, 1e3 * seconds, 1e3 * seconds, 1e3 * (seconds + LATE), basis)
    examples = _trained_on(cell)
    yield exactly("target/epochs", cell, 1)
    yield exactly("target/samples", cell, examples)
    yield between("target/seconds", cell, examples / rate, examples / rate, examples / (SLOWER * rate), basis)
    flops = discovery.load(cell.model.component).training_flops(len(discovery.load(cell.task.component).COLUMNS), 2)
    yield exactly("compute/training_flops", cell, flops)
    yield between("compute/flops_per_second", cell, rate * flops, SLOWER * rate * flops, rate * flops, basis)


def _noise_products(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a network of matrix products: sizes and operations by formula, and utilisation of at most 1."""
    costs = discovery.load(cell.model.component).costs(options_of(cell, "model"), 2)
    yield exactly("compute/parameters", cell, costs.parameters)
    yield exactly("compute/trainable_parameters", cell, costs.parameters)
    yield exactly("compute/flops", cell, costs.flops)
    yield exactly("compute/training_flops", cell, costs.training_flops)
    yield exactly("compute/model_size", cell, 4 * costs.parameters / 2**20)
    for name in ("compute/utilisation", "batch_size/train_utilisation", "batch_size/inference_utilisation"):
        yield between(name, cell, 1, 1e-4, 1, "at most the measured peak of this machine")


def _columns_linear(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a linear network on known columns: attributions, important columns and attacks."""
    yield from attribution_checks.linear(cell)
    if options_of(cell, "task").decoy is None:
        yield from importance_checks.linear(cell)
    if "attacks" in cell.probes:
        yield from robustness_checks.attack_checks(cell)


def _columns_first(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of a network that reads one column: attributions, and that no other column matters."""
    yield from attribution_checks.first_column(cell)
    yield from importance_checks.first_column(cell)


def _pixels_cnn(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Yield checks of corrupted images, and of a network of convolutions: operations by formula, and attributions."""
    yield from robustness_checks.image_checks(cell)
    yield from analytic_flops.convolutions(cell)
    yield from attribution_checks.convolutional(cell)


# ── cells ─────────────────────────────────────────────────────────────────────


def _task(cell: Cell) -> str:
    return cell.task.component.name


def _model(cell: Cell) -> str:
    return cell.model.component.name


def _trained_on(cell: Cell) -> int:
    """Return the number of training examples without the validation split."""
    whole: int = options_of(cell, "task").train
    return whole - round(whole * cell.options["train"]["validation"])


def _without_others(function: Callable[[Cell], Iterator[Check]]) -> Callable[[Cell, Sequence[Cell]], Iterator[Check]]:
    """Return the function with a second parameter, the other cells, which it ignores."""
    return lambda cell, cells: function(cell)


def _nothing(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    yield from ()


EXPECTED: Mapping[tuple[str, str], Callable[[Cell, Sequence[Cell]], Iterator[Check]]] = {
    ("planted_groups", "planted_rule"): _groups_rule,
    ("planted_terms", "planted_words"): _terms_rule,
    ("planted_terms", "transformer"): _without_others(analytic_flops.attention),
    ("planted_line", "planted_rule"): _line_rule,
    ("planted_noise", "planted_memory"): _noise_memory,
    ("planted_noise", "planted_sleep"): _noise_sleep,
    ("planted_noise", "planted_matmul"): _noise_products,
    ("planted_noise", "mlp"): _noise_mlp,
    ("planted_columns", "mlp"): _columns_linear,
    ("planted_columns", "planted_matmul"): _columns_first,
    ("planted_noise", "planted_unstable"): _without_others(stability_checks.unstable),
    ("planted_gaussians", "planted_matmul"): _without_others(ood_checks.gaussians),
    ("planted_pixels", "cnn"): _pixels_cnn,
    ("planted_pixels", "resnet"): _without_others(attribution_checks.residual),
}
"Functions by the names of task and model. Every new instrument needs checks here."
