"""Answers: what is known of each cell of the suite `planted`, from the options of its task and model alone.

One function for each pair of a task and a model; a pair is added by adding its function to `ANSWERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from bench_suite import components
from bench_suite.plan import Cell
from bench_suite.selftest.checks import CHANCE, ROUNDING, Check, Measured, NotMeasured, around, between, exactly, metric

SIGMAS = NormalDist().inv_cdf(1 - CHANCE / 2)
"Standard deviations that are left as seldom as `CHANCE` says: 4.9."
SLOWER = 0.7
"Share of the known rate that a busy machine leaves: besides sleeping, a step computes, and is woken late."
EXPLAINED = 100
"Examples that are explained."
LATE = 0.004
"Seconds by which a single call may be late in the median: a slice of the scheduler of a busy machine."


def checks_of(cells: Sequence[Cell]) -> list[Check]:
    """All that is known of these cells, in their order."""
    return [check for cell in cells for check in ANSWERS.get((_task(cell), _model(cell)), _nothing)(cell, cells)]


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


def _groups_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a rule that never learns: all metrics of classes, from the counts that were planted."""
    options = _options(cell, "task")
    (tn, fp), (fn, tp) = counts = components.load(cell.task.component).confusions(options).sum(axis=0).tolist()
    n, confidence = tn + fp + fn + tp, _options(cell, "model").confidence
    accuracy, recalls = (tn + tp) / n, (tn / (tn + fp), tp / (fn + tp))
    yield exactly("quality/accuracy", cell, accuracy)
    yield exactly("quality/balanced_accuracy", cell, sum(recalls) / 2)
    yield exactly("quality/macro_f1", cell, tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn))
    # Scores take two values only: the curve has one corner, and the area is the mean of the recalls.
    yield exactly("quality/roc_auc", cell, sum(recalls) / 2)
    loss = -accuracy * math.log(confidence) - (1 - accuracy) * math.log(1 - confidence)
    yield exactly("quality/log_loss", cell, loss)
    yield exactly("quality/confusion", cell, 0, lambda measured: _misplaced(measured, cell, counts))
    yield _interval(cell, accuracy, n)
    if "fairness" in cell.probes:
        yield from _fairness(cell)


def _misplaced(measured: Measured, cell: Cell, counts: Sequence[Sequence[int]]) -> float:
    """Examples that stand elsewhere in the stored confusion matrix than they should, counted at both places."""
    return float(np.abs(np.array(measured.artifact(cell, "quality/confusion")["values"]) - np.array(counts)).sum())


def _interval(cell: Cell, accuracy: float, n: int) -> Check:
    """Width of the bootstrap's 95 % interval of an accuracy, against 2 · 1.96 · √(a (1 − a) / n).

    Its bounds are quantiles of B resamples, each with a standard error of √(q (1 − q) / B) / density; besides, an
    accuracy goes in steps of 1 / n.
    """
    from scipy import stats

    resamples = int(components.find("probes", "quality", Path()).options["resamples"].default)
    error, tail = math.sqrt(accuracy * (1 - accuracy) / n), 0.025
    of_bound = error * math.sqrt(tail * (1 - tail) / resamples) / float(stats.norm.pdf(stats.norm.ppf(tail)))
    reach = SIGMAS * math.sqrt(2) * of_bound + 2 / n
    known = 2 * float(stats.norm.isf(tail)) * error

    def width(measured: Measured) -> float:
        row = measured.row(cell, "quality/accuracy", {})
        if row.interval is None:
            raise NotMeasured(row.reason or "no interval")
        return row.interval.high - row.interval.low

    basis = f"two quantiles of {resamples} resamples, at 1 − {CHANCE:.0e}"
    return around("accuracy, interval width", cell, known, reach, basis, read=width)


def _fairness(cell: Cell) -> Iterator[Check]:
    """Between the groups of `planted` what was planted, and between those of `balanced` nothing."""
    task, options = components.load(cell.task.component), _options(cell, "task")
    counts = task.confusions(options)
    of_class = counts.sum(axis=2)
    rates = {
        "selection_rate": counts[:, :, 1].sum(axis=1) / of_class.sum(axis=1),
        "true_positive_rate": counts[:, 1, 1] / of_class[:, 1],
        "false_positive_rate": counts[:, 0, 1] / of_class[:, 0],
        "accuracy": (counts[:, 0, 0] + counts[:, 1, 1]) / of_class.sum(axis=1),
    }
    gap = {name: float(np.ptp(values)) for name, values in rates.items()}
    selected = rates["selection_rate"]
    known = {
        "demographic_parity_difference": gap["selection_rate"],
        "demographic_parity_ratio": float(selected.min() / selected.max()),
        "equalized_odds_difference": max(gap["true_positive_rate"], gap["false_positive_rate"]),
        "equal_opportunity_difference": gap["true_positive_rate"],
        "worst_group_accuracy": float(rates["accuracy"].min()),
    }
    for name, value in known.items():
        name = f"fairness/{name}"
        yield exactly(name, cell, value, metric(name, cell, attribute="planted"))
    name = "fairness/equalized_odds_difference"
    yield exactly(f"{name}, balanced", cell, 0, metric(name, cell, attribute="balanced"))

    def farthest(measured: Measured) -> float:
        """The largest error of a rate of a group."""
        return max(
            abs(metric(f"fairness/{rate}", cell, attribute="planted", group=group)(measured) - value)
            for rate, values in rates.items()
            for group, value in zip(task.members(options), values.tolist())
        )

    yield around("fairness, rates of groups", cell, 0, ROUNDING, "exact", read=farthest)


def _line_rule(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a regression: the residuals that were planted."""
    options = _options(cell, "task")
    yield exactly("quality/mae", cell, 1.5 * options.deviation)
    yield exactly("quality/rmse", cell, math.sqrt(2.5) * options.deviation)
    variance = components.load(cell.task.component).variance(options)
    yield exactly("quality/r2", cell, 1 - 2.5 * options.deviation**2 / variance)


# ── learning ────────────────────────────────────────────────────────────────────────────────────


def _noise_memory(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a model that learns by heart: right on all of train, on test as often as labels are right."""
    options, confidence = _options(cell, "task"), _options(cell, "model").confidence
    if cell.fraction == 1.0:
        mistake, moved = math.log(confidence / (1 - confidence)), options.shifted - options.flipped
        yield exactly("generalization/accuracy_gap", cell, options.flipped)
        yield exactly("generalization/loss_gap", cell, options.flipped * mistake)
        for name, known in (("shift_accuracy_gap", moved), ("shift_loss_gap", moved * mistake)):
            name = f"generalization/{name}"
            yield exactly(name, cell, known, metric(name, cell, shift="noisier"))
    same = tuple(other.id for other in cells if (_task(other), _model(other)) == (_task(cell), _model(cell)))
    curve = f"learning_curve/{cell.task.label}-quality-accuracy"
    examples = round(cell.fraction * _trained_on(cell))

    def at(measured: Measured) -> float:
        points = {point[0]: point[1] for point in measured.summary(curve)["series"].get(cell.model.label, ())}
        if examples not in points:
            raise NotMeasured(f"the curve has no point at {examples} examples (it has: {sorted(points)})")
        return float(points[examples])

    yield exactly(f"learning_curve at {examples}", cell, 1 - options.flipped, at, others=same)


def _noise_mlp(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network that is really trained: as good as the best can be, and the same when it is trained again."""
    options = _options(cell, "task")
    yield _by_chance(cell, 1 - options.flipped, options.test)
    yield exactly("same seed, other scores", cell, 0, lambda measured: _other_scores(measured, cell), repeated=True)


def _by_chance(cell: Cell, accuracy: float, examples: int) -> Check:
    """An accuracy that may differ as that of as many drawn examples does."""
    reach = SIGMAS * math.sqrt(accuracy * (1 - accuracy) / examples)
    return around("quality/accuracy", cell, accuracy, reach, f"binomial of {examples} examples, at 1 − {CHANCE:.0e}")


def _other_scores(measured: Measured, cell: Cell) -> float:
    """Test examples of which a second training from the same seed says anything else, to the last bit."""
    assert measured.again is not None
    first, second = measured.predictions(cell), measured.again.predictions(cell)
    if not np.array_equal(first.ids, second.ids):
        raise NotMeasured("the two runs were tested on different examples")
    return float((np.asarray(first["scores"]) != np.asarray(second["scores"])).any(axis=1).sum())


# ── what it looks at ────────────────────────────────────────────────────────────────────────────


def _columns_linear(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a linear network on columns of which four tell the class: Φ(√4) is the best accuracy, as each is ±1 ± 1.

    Its gradients are its weights, so that saliency ranks signals before noise in every example, and what integrated
    gradients and input times gradient give is the same and sums to the change of the logit.
    """
    task, options = components.load(cell.task.component), _options(cell, "task")
    yield _by_chance(cell, NormalDist().cdf(math.sqrt(task.SIGNALS)), max(4, options.size // 5))
    if "attribution" not in cell.probes:
        return
    names = ("saliency", "integrated_gradients", "input_x_gradient", "random")
    saliency, integrated, product, drawn = (
        metric("attribution/localisation_auroc", cell, method=method) for method in names
    )
    yield exactly("localisation of saliency", cell, 1, saliency)
    yield around(
        "integrated_gradients less input_x_gradient", cell, 0, 1e-3, "but for ties",
        read=lambda measured: integrated(measured) - product(measured),
    )  # fmt: skip
    complete = metric("attribution/completeness_error", cell, method="integrated_gradients")
    yield around("attribution/completeness_error", cell, 0, 1e-4, "rounding of 32 bits, summed", read=complete)
    signals, noise = task.SIGNALS, options.noise
    # Mann-Whitney's U of parts that know nothing, as a share of the pairs; the mean over examples.
    error = math.sqrt((signals + noise + 1) / (12 * signals * noise) / EXPLAINED)
    basis = f"chance over {EXPLAINED} examples, at 1 − {CHANCE:.0e}"
    yield around("localisation of random", cell, 0.5, SIGMAS * error, basis, read=drawn)


# ── time and work ───────────────────────────────────────────────────────────────────────────────


def _noise_sleep(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network that sleeps: no rate above that of the sleep, and on a busy machine little below."""
    seconds = _options(cell, "model").milliseconds / 1000
    rate, basis = 1 / seconds, "never quicker than it sleeps"
    yield between("throughput/train", cell, rate, SLOWER * rate, rate, basis)
    batch = metric("throughput/inference", cell, batch_size=64)
    yield between("throughput/inference", cell, rate, SLOWER * rate, rate, basis, read=batch)
    yield between("throughput/latency_p50", cell, 1e3 * seconds, 1e3 * seconds, 1e3 * (seconds + LATE), basis)
    examples = _trained_on(cell)
    yield exactly("target/epochs", cell, 1)
    yield exactly("target/samples", cell, examples)
    yield between("target/seconds", cell, examples / rate, examples / rate, examples / (SLOWER * rate), basis)
    flops = components.load(cell.model.component).training_flops(len(components.load(cell.task.component).COLUMNS), 2)
    yield exactly("compute/training_flops", cell, flops)
    yield between("compute/flops_per_second", cell, rate * flops, SLOWER * rate * flops, rate * flops, basis)


def _noise_products(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    """Of a network of matrix products: sizes and operations by formula, and no more than the machine can do."""
    costs = components.load(cell.model.component).costs(_options(cell, "model"), 2)
    yield exactly("compute/parameters", cell, costs.parameters)
    yield exactly("compute/flops", cell, costs.flops)
    yield exactly("compute/training_flops", cell, costs.training_flops)
    yield exactly("compute/model_size", cell, 4 * costs.parameters / 2**20)
    yield between("compute/utilisation", cell, 1, 1e-4, 1, "at most what this machine was measured to do")


# ── what they are made from ─────────────────────────────────────────────────────────────────────


def _task(cell: Cell) -> str:
    return cell.task.component.name


def _model(cell: Cell) -> str:
    return cell.model.component.name


def _options(cell: Cell, family: str) -> Any:
    component = cell.task.component if family == "task" else cell.model.component
    return components.make_options(component, cell.options[family])


def _trained_on(cell: Cell) -> int:
    """Training examples that are left when a validation split is held out."""
    whole: int = _options(cell, "task").train
    return whole - round(whole * cell.options["train"]["validation"])


def _nothing(cell: Cell, cells: Sequence[Cell]) -> Iterator[Check]:
    yield from ()


ANSWERS: Mapping[tuple[str, str], Callable[[Cell, Sequence[Cell]], Iterator[Check]]] = {
    ("planted_groups", "planted_rule"): _groups_rule,
    ("planted_line", "planted_rule"): _line_rule,
    ("planted_noise", "planted_memory"): _noise_memory,
    ("planted_noise", "planted_sleep"): _noise_sleep,
    ("planted_noise", "planted_matmul"): _noise_products,
    ("planted_noise", "mlp"): _noise_mlp,
    ("planted_columns", "mlp"): _columns_linear,
}
"By the names of task and model. Every instrument that is added gets its checks here."
