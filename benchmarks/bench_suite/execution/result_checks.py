"""D009, D011 and D012: results that a trivial predictor reaches, that are chance, or that are far better on train."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench_suite.contracts import Finding, Predictions, Record
from bench_suite.data.checks.trivial import Baselines
from bench_suite.stats.folds import members_of, over_folds
from bench_suite.store.runs import Run
from bench_suite.suite.folds import AXIS as FOLD
from bench_suite.suite.identity import digest
from bench_suite.suite.spec import Suite

Z, ONE_SIDED = 1.959964, 1.644854
FAR = 0.1
"Accuracy on train may exceed that on test by so much."
MIN_EXAMPLES = 20
"Test examples without which nothing is told from chance."


Measure = Literal["accuracy", "balanced accuracy", "none"]
"""How a model is compared with trivial predictors: `accuracy` (the absolute error of a regression); `balanced accuracy`
if the suite asks for it, or weighs classes; `none` if a threshold serves another metric, which they do not aim at."""


@dataclass(frozen=True)
class JudgedModel:
    """A model with its options, engine and precision, as it was tested: its records, of all seeds and folds."""

    name: str
    "Its label; with the values of the axes if the label stands for several."
    records: tuple[Record, ...]
    predictions: tuple[Predictions, ...]
    "Of test, one for each record."
    measure: Measure = "accuracy"
    "What the suite asks for, by which it is compared with trivial predictors."


def result_findings(
    suite: Suite, run: Run, task: str, records: Sequence[Record], baselines: Mapping[str, Baselines | None]
) -> list[Finding]:
    """Return the findings on the results of one task.

    With several fractions of train, as of a learning curve, those of the largest fraction are judged.

    Args:
        suite: the suite of the run.
        run: it stores the predictions.
        task: label of the task.
        records: of the task; the cells that are not ok are left out.
        baselines: by record id, losses of trivial predictors on the record's test split; None if there are none.
    """
    usable = [record for record in records if record.status == "ok"]
    whole = max((_fraction(record) for record in usable), default=1.0)
    usable = [record for record in usable if _fraction(record) == whole]
    models = judged_models(run, usable)
    findings: list[Finding] = []
    by_data: dict[str, list[JudgedModel]] = {}
    for model in models:  # an axis may vary an option of the task
        by_data.setdefault(_without_fold(model.records[0]), []).append(model)
    for on_same_data in by_data.values():
        findings += matched_baselines(task, on_same_data, baselines)
    findings += chance_models(task, {model.name: model.predictions for model in models})
    return findings + list(overfitted_models(suite, task, usable))


def judged_models(run: Run, records: Sequence[Record]) -> list[JudgedModel]:
    """Return the models of one task: cells that differ in their seed or fold only are one model."""
    groups: dict[str, list[tuple[Record, Predictions]]] = {}
    for record in records:
        for row in record.artifacts:
            if row.name == "predictions/test":
                axes = {key: value for key, value in record.cell.items() if key not in (FOLD, "seed")}
                groups.setdefault(digest(axes), []).append((record, run.read_predictions(row)))
    labels = Counter(str(group[0][0].cell["model"]) for group in groups.values())
    cells = [group[0][0].cell for group in groups.values()]
    keys = dict.fromkeys(key for cell in cells for key in cell)
    varied = [key for key in keys if len({repr(cell.get(key)) for cell in cells}) > 1]
    models = []
    for group in groups.values():
        cell = group[0][0].cell
        values = [f"{key} {cell.get(key)}" for key in varied if key not in (FOLD, "seed", "model")]
        name = str(cell["model"]) + (f" ({', '.join(values)})" if labels[str(cell["model"])] > 1 else "")
        of_records, of_test = (tuple(column) for column in zip(*group))
        models.append(JudgedModel(name, of_records, of_test, measure_of(group[0][0])))
    return models


def measure_of(record: Record) -> Measure:
    """Return by what the model of a record is judged, from the options that its suite states."""
    train, evaluate = (record.options.get(part, {}) for part in ("train", "evaluate"))
    threshold = evaluate.get("threshold", "none")
    weighs = train.get("class_weights", "none") != "none" or train.get("sampler") == "balanced"
    if threshold == "balanced_accuracy" or (threshold == "none" and weighs):
        return "balanced accuracy"
    return "accuracy" if threshold == "none" else "none"


def matched_baselines(
    task: str, models: Sequence[JudgedModel], baselines: Mapping[str, Baselines | None]
) -> Iterator[Finding]:
    """Yield a finding if the best model is not better than a trivial predictor, on the same test examples.

    The difference of their losses has a 95 % interval over examples, with a model's losses averaged over seeds; or over
    folds, with the variance of Nadeau and Bengio (2003), since folds share training data.

    Args:
        task: label of the task.
        models: of the same data.
        baselines: by record id, losses of trivial predictors on the record's test split.
    """
    for measure in dict.fromkeys(model.measure for model in models):
        of_measure = [model for model in models if model.measure == measure] if measure != "none" else []
        gains = [gain for model in of_measure if (gain := _gain(model, baselines)) is not None]
        if gains and (best := min(gains, key=lambda gain: gain.loss)).low <= 0:
            yield _matched(task, best, gains, measure)


def _matched(task: str, best: _Gain, gains: Sequence[_Gain], measure: Measure) -> Finding:
    """Return the finding on the models that are judged by one measure, of which the best does not beat a predictor."""
    better = sum(gain.low > 0 for gain in gains)
    if best.is_class:
        what = f"percentage points of {measure}"
        amount, low, high = (f"{100 * one:+.1f}".replace("-", "−") for one in (best.mean, best.low, best.high))
    else:
        what = "in absolute error"
        amount, low, high = (f"{one:+.3g}".replace("-", "−") for one in (best.mean, best.low, best.high))
    folds = f", over {best.folds} folds" if best.folds else ""
    interval = f"95 % interval {low} to {high}{folds}"
    if better:  # a model that is worse, but whose interval is narrower
        summary = f"the best model, {best.model}, does not clearly beat a trivial predictor, {best.baseline}: "
        summary += f"{amount} {what} ({interval})"
    else:
        who = "no model clearly beats" if len(gains) > 1 else f"{best.model} does not clearly beat"
        whose = f" for {best.model}" if len(gains) > 1 else ""
        summary = f"{who} a trivial predictor, {best.baseline}: {amount} {what}{whose} ({interval})"
    return Finding(
        "D009", "warning", task, summary,
        "train longer ([train] epochs), give the model better inputs, or keep the trivial predictor", best.model,
        {
            "gain": best.mean, "low": best.low, "high": best.high, "folds": float(best.folds),
            "models": float(len(gains)), "better": float(better),
        },
    )  # fmt: skip


@dataclass(frozen=True)
class _Gain:
    """How much smaller the loss of a model is than that of the best trivial predictor."""

    model: str
    baseline: str
    loss: float
    "Of the model."
    mean: float
    low: float
    high: float
    folds: int
    "0 without folds."
    is_class: bool


def _gain(model: JudgedModel, baselines: Mapping[str, Baselines | None]) -> _Gain | None:
    """Return what a model gains; None if its examples are few, or are not those of the trivial predictors."""
    pairs: list[tuple[Baselines, np.ndarray]] = []
    for record, predictions in zip(model.records, model.predictions):
        trivial = baselines.get(record.id)
        losses = None if trivial is None else _losses(predictions, trivial.ids)
        if trivial is None or losses is None:
            return None
        if model.measure == "balanced accuracy":
            trivial, losses = _balanced(trivial, predictions), losses * _weights(trivial.ids, predictions)
        pairs.append((trivial, losses))
    members = members_of(model.records)
    predictors = set.intersection(*({*trivial.losses} for trivial, _ in pairs))
    examples = sum({member.fold: len(pairs[at][1]) for at, member in enumerate(members)}.values()) if members else 0
    if not predictors or (examples or len(pairs[0][1])) < MIN_EXAMPLES:
        return None
    best = min(sorted(predictors), key=lambda key: float(np.mean([trivial.losses[key].mean() for trivial, _ in pairs])))
    loss = float(np.mean([losses.mean() for _, losses in pairs]))
    if members is not None:
        values = [float((trivial.losses[best] - losses).mean()) for trivial, losses in pairs]
        mean, interval, _ = over_folds(values, members)
        low, high = (mean, mean) if interval is None else (interval.low, interval.high)
        folds = len({member.fold for member in members})
    else:
        gain = np.mean([trivial.losses[best] - losses for trivial, losses in pairs], axis=0)
        mean, half, folds = float(gain.mean()), Z * float(gain.std(ddof=1)) / math.sqrt(len(gain)), 0
        low, high = mean - half, mean + half
    name = pairs[0][0].names.get(best, best)
    return _Gain(model.name, name, loss, mean, low, high, folds, _is_class(model.predictions[0]))


def _balanced(trivial: Baselines, predictions: Predictions) -> Baselines:
    """Return losses of trivial predictors whose mean is 1 less their balanced accuracy."""
    weights = _weights(trivial.ids, predictions)
    return replace(trivial, losses={key: losses * weights for key, losses in trivial.losses.items()})


def _weights(ids: np.ndarray, predictions: Predictions) -> np.ndarray:
    """Return (n,) weights of the examples `ids`, such that each class that occurs among them weighs the same."""
    order = np.argsort(predictions.ids, kind="stable")
    rows = order[np.searchsorted(predictions.ids, ids, sorter=order)]
    _, number, counts = np.unique(np.asarray(predictions["targets"])[rows], return_inverse=True, return_counts=True)
    return np.asarray(len(ids) / len(counts) / counts[number], dtype=np.float64)


def chance_models(task: str, by_model: Mapping[str, Sequence[Predictions]]) -> Iterator[Finding]:
    """Yield a finding on the models whose predictions are not associated with the targets, at the level 0.05.

    Classes are tested by kappa (Cohen 1960) over its standard error under chance (Fleiss et al. 1969), numbers by
    Spearman's correlation; of several seeds or folds the middle one counts.
    """
    chance: dict[str, float] = {}
    for model, runs in by_model.items():
        scores = [score for one in runs if (score := association(one)) is not None]
        if scores and float(np.median(scores)) < ONE_SIDED:
            chance[model] = float(np.median(scores))
    if not chance:
        return
    one = len(chance) == 1
    names = next(iter(chance)) if one else _listed({model: f"z = {z:.2f}" for model, z in chance.items()})
    yield Finding(
        "D011", "warning", task,
        f"{names} {'scores' if one else 'score'} like chance: {'its' if one else 'their'} predictions agree with the "
        f"targets no more often than shuffled ones would{f' (z = {min(chance.values()):.2f})' if one else ''}",
        "raise [train] epochs or learning_rate; look at the labels, and at how the inputs are read",
        ", ".join(chance), {"z": min(chance.values())}, subjects=() if one else tuple(chance),
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
    """Yield a finding on the models whose accuracy on train exceeds that on test by far, as the probe measured it.

    The lower bounds of the intervals of all seeds exceed `FAR` on average.
    """
    labels = [probe.label for probe in suite.probes if probe.component.name == "generalization"]
    rows: dict[str, list[tuple[float, float]]] = {}
    for record in records:
        for row in record.metrics:
            if row.name in {f"{label}/accuracy_gap" for label in labels} and row.value is not None and row.interval:
                rows.setdefault(str(record.cell["model"]), []).append((row.value, row.interval.low))
    far = {
        model: (gap, low)
        for model, gaps in rows.items()
        for gap, low in [[float(np.mean(column)) for column in zip(*gaps)]]
        if low > FAR
    }
    if not far:
        return
    gap, low = max(far.values())
    texts = {model: f"{gap:.1%}, at least {low:.1%}" for model, (gap, low) in far.items()}
    summary = (
        f"the accuracy of {next(iter(far))} is {gap:.1%} higher on train than on test (at least {low:.1%})"
        if len(far) == 1
        else f"the accuracy of {len(far)} models is far higher on train than on test: {_listed(texts)}"
    )
    it = "it" if len(far) == 1 else "them"
    yield Finding(
        "D012", "warning", task, summary,
        f"regularise {it} ([train] weight_decay = 0.01, patience = 3, or fewer epochs), or give {it} more examples",
        ", ".join(far), {"gap": gap, "low": low}, subjects=tuple(far) if len(far) > 1 else (),
    )  # fmt: skip


def _listed(texts: Mapping[str, str]) -> str:
    return ", ".join(f"{model} ({text})" for model, text in texts.items())


def _losses(predictions: Predictions, ids: np.ndarray) -> np.ndarray | None:
    """Return the (n,) losses of the examples `ids`; None if one is not among the predictions."""
    order = np.argsort(predictions.ids, kind="stable")
    at = np.searchsorted(predictions.ids, ids, sorter=order)
    if (at >= len(order)).any() or (np.asarray(predictions.ids)[order[at]] != ids).any():
        return None
    targets, predicted = (np.asarray(predictions[name])[order[at]] for name in ("targets", "predictions"))
    losses = (targets != predicted).astype(np.float64) if _is_class(predictions) else np.abs(targets - predicted)
    return np.asarray(losses, dtype=np.float64)


def _fraction(record: Record) -> float:
    return float(record.cell.get("fraction") or 1.0)


def _without_fold(record: Record) -> str:
    """Return a key of a record's task with its options but the fold."""
    return digest({name: value for name, value in record.options.get("task", {}).items() if name != FOLD})


def _is_class(predictions: Predictions) -> bool:
    return np.asarray(predictions["predictions"]).dtype.kind in "iub"
