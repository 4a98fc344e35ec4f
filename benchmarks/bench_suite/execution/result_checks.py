"""D009, D011 and D012: results that a trivial predictor reaches, that are chance, or that are far better on train."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bench_suite.contracts import Finding, Predictions, Record
from bench_suite.data.checks.trivial import Baselines
from bench_suite.store.runs import Run
from bench_suite.suite.spec import Suite

Z, ONE_SIDED = 1.959964, 1.644854
FAR = 0.1
"Accuracy on train may exceed that on test by so much."
MIN_EXAMPLES = 20
"Test examples without which nothing is told from chance."


def result_findings(
    suite: Suite, run: Run, task: str, records: Sequence[Record], baselines: Baselines | None
) -> list[Finding]:
    """Return the findings on the results of one task.

    Args:
        suite: the suite of the run.
        run: it stores the predictions.
        task: label of the task.
        records: of the task.
        baselines: losses of trivial predictors on the test split; None if there are none.
    """
    by_model: dict[str, list[Predictions]] = {}
    for record in records:
        for row in record.artifacts:
            if row.name == "predictions/test" and record.status == "ok":
                by_model.setdefault(str(record.cell["model"]), []).append(run.read_predictions(row))
    findings = list(matched_baselines(task, by_model, baselines)) if baselines is not None and by_model else []
    findings += chance_models(task, by_model)
    return findings + list(overfitted_models(suite, task, records))


def matched_baselines(task: str, by_model: dict[str, list[Predictions]], baselines: Baselines) -> Iterator[Finding]:
    """Yield a finding if the best model is not better than a trivial predictor, on the same test examples.

    The difference of their losses has a 95 % interval over examples, with a model's losses averaged over seeds.
    """
    losses = {model: loss for model, runs in by_model.items() if (loss := _losses(runs, baselines.ids)) is not None}
    if not losses:
        return
    best = min(losses, key=lambda model: float(losses[model].mean()))
    name = min(baselines.losses, key=lambda one: float(baselines.losses[one].mean()))
    gain = baselines.losses[name] - losses[best]
    n = len(gain)
    if n < MIN_EXAMPLES:
        return
    mean, half = float(gain.mean()), Z * float(gain.std(ddof=1)) / math.sqrt(n)
    if mean - half > 0:
        return
    is_class = _is_class(by_model[best][0])
    what = "of the examples" if is_class else "in absolute error"
    amount, low, high = (f"{one:+.1%}" if is_class else f"{one:+.3g}" for one in (mean, mean - half, mean + half))
    yield Finding(
        "D009", "warning", task,
        f"the best model, {best}, does not beat a trivial predictor, {name}: {amount} {what} ({low} to {high})",
        "train longer ([train] epochs), give the model better inputs, or keep the trivial predictor",
        best, {"gain": mean, "low": mean - half, "high": mean + half},
    )  # fmt: skip


def chance_models(task: str, by_model: dict[str, list[Predictions]]) -> Iterator[Finding]:
    """Yield a finding for each model whose predictions are not associated with the targets, at the level 0.05.

    Classes are tested by kappa (Cohen 1960) over its standard error under chance (Fleiss et al. 1969), numbers by
    Spearman's correlation; of several seeds the middle one counts.
    """
    for model, runs in by_model.items():
        scores = [score for one in runs if (score := association(one)) is not None]
        if not scores or float(np.median(scores)) >= ONE_SIDED:
            continue
        yield Finding(
            "D011", "warning", task,
            f"{model} scores like chance: its predictions agree with the targets no more often than shuffled ones "
            f"would (z = {float(np.median(scores)):.2f})",
            "raise [train] epochs or learning_rate; look at the labels, and at how the inputs are read",
            model, {"z": float(np.median(scores))},
        )  # fmt: skip


def association(predictions: Predictions) -> float | None:
    """Return how far agreement with the targets is above chance, in standard errors; None for few examples."""
    targets, predicted = np.asarray(predictions["targets"]), np.asarray(predictions["predictions"])
    n = len(targets)
    if n < MIN_EXAMPLES or targets.ndim != 1 or predicted.shape != targets.shape:
        return None
    if not _is_class(predictions):
        if targets.std() == 0 or predicted.std() == 0:
            return 0.0
        ranks = np.stack([np.argsort(np.argsort(values, kind="stable")) for values in (targets, predicted)])
        return float(np.asarray(np.corrcoef(ranks))[0, 1] * math.sqrt(n - 1))
    size = int(max(targets.max(), predicted.max())) + 1
    p, q = (np.bincount(values, minlength=size) / n for values in (targets, predicted))
    chance = float(p @ q)
    variance = (chance + chance**2 - float((p * q * (p + q)).sum())) / n
    return float(((targets == predicted).mean() - chance) / math.sqrt(variance)) if variance > 1e-12 else 0.0


def overfitted_models(suite: Suite, task: str, records: Sequence[Record]) -> Iterator[Finding]:
    """Yield a finding for each model whose accuracy on train exceeds that on test by far, as the probe measured it.

    The lower bounds of the intervals of all seeds exceed `FAR` on average.
    """
    labels = [probe.label for probe in suite.probes if probe.component.name == "generalization"]
    rows: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        for row in record.metrics:
            if row.name in {f"{label}/accuracy_gap" for label in labels} and row.value is not None and row.interval:
                rows.setdefault(str(record.cell["model"]), []).append((row.value, row.interval.low))
    for model, gaps in rows.items():
        gap, low = (float(np.mean(column)) for column in zip(*gaps))
        if low > FAR:
            yield Finding(
                "D012", "warning", task,
                f"the accuracy of {model} is {gap:.1%} higher on train than on test (at least {low:.1%})",
                "regularise it ([train] weight_decay = 0.01, patience = 3, or fewer epochs), or give it more examples",
                model, {"gap": gap, "low": low},
            )  # fmt: skip


def _losses(runs: Sequence[Predictions], ids: np.ndarray) -> np.ndarray | None:
    """Return the (n,) losses of the examples `ids`, averaged over seeds; None if a run lacks an example."""
    losses = []
    for one in runs:
        order = np.argsort(one.ids, kind="stable")
        at = np.searchsorted(one.ids, ids, sorter=order)
        if (at >= len(order)).any() or (np.asarray(one.ids)[order[at]] != ids).any():
            return None
        targets, predicted = (np.asarray(one[name])[order[at]] for name in ("targets", "predictions"))
        losses.append((targets != predicted).astype(np.float64) if _is_class(one) else np.abs(targets - predicted))
    return np.asarray(np.mean(losses, axis=0))


def _is_class(predictions: Predictions) -> bool:
    return np.asarray(predictions["predictions"]).dtype.kind in "iub"
