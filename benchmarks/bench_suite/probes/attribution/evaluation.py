"""Measuring: each method's attributions of some test examples, worked through in portions, and what they come to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import BenchError, Metric, Network, Trained
from bench_suite.data.ragged import Ragged
from bench_suite.probes.attribution import faithfulness
from bench_suite.probes.attribution.adapters import Inputs, Layers, Subject, inputs_of, subject_of
from bench_suite.probes.attribution.baselines import Reference
from bench_suite.probes.attribution.methods import (
    FAULTS,
    Settings,
    attribute,
    failed,
    method_of,
    parts_of,
    underdetermined,
)
from bench_suite.stats.intervals import bootstrap_interval

PORTION_BYTES = 64 << 20
"What the inputs of examples that are worked on together may take."
TIMED_SECONDS = 0.3
"A method that takes less than this for a portion is timed three times."
SCRAMBLED: tuple[Layers, ...] = ("last layer", "all layers")
"What is shuffled for `randomised_similarity`, its coordinate `shuffled`."

NOT_FINITE = "the network's logits are not finite numbers, so there is nothing to explain"
NO_ATTRIBUTION = "the attribution is not of finite numbers"
NO_LAYER = "no layer with weights of its own was seen to run in the network, so there is no last one to shuffle"
UNKNOWN = "where the evidence lies is known in planted tasks only"
TOO_FEW = "underdetermined: fewer coalitions than parts and two more"
UNDEFINED = {
    "randomised_similarity": "the attribution, or that of the shuffled network, is the same everywhere",
    "localisation_auroc": "none of the parts is relevant, or all are",
    "decoy_share": "there is nothing on relevant parts and decoys",
}
"Why an example has no value, by metric."


@dataclass(frozen=True)
class ExplainedModel:
    """A trained network and the test examples on which it is explained."""

    trained: Trained
    network: Network
    subject: Subject
    known: bool
    "Whether test examples come with `relevant`, the parts that alone tell the class."
    said: np.ndarray | None = None
    """(n,) classes of the stored predictions, which are explained. None where these cannot be used, such as those of a
    network that makes no finite numbers: then it is what the network says when it is asked."""

    @staticmethod
    def of(trained: Trained, reference: Reference) -> ExplainedModel:
        """Raises BenchError where there is no way from the output to the input, or it is not one to be explained."""
        assert trained.network is not None
        subject = subject_of(trained.network, trained.data, reference, trained.placement.device)
        known = "relevant" in trained.data.splits["test"].take(np.arange(1))
        return ExplainedModel(trained, trained.network, subject, known, _said(trained))

    def inputs(self, rows: np.ndarray) -> tuple[Subject, Inputs]:
        """The test examples at `rows` ((k,) positions), and the subject that takes them.

        The stored predictions say which class is explained: in another precision the network may name another.
        """
        encoded = self.trained.encoded("test")
        columns = encoded.take(torch.as_tensor(rows, device=encoded.device))
        lengths = [each.lengths for each in columns.values() if isinstance(each, Ragged)]
        batch = self.network.collate(columns).to(self.trained.placement.device)
        said = None if self.said is None else self.said[rows]
        return inputs_of(self.subject, batch, said, lengths[0] if len(lengths) == 1 else None)

    def raw(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Their raw values."""
        return self.trained.data.splits["test"].take(rows)


def _said(trained: Trained) -> np.ndarray | None:
    try:
        return np.asarray(trained.predictions("test")["predictions"])
    except BenchError:
        return None


@dataclass
class MethodResults:
    """What one method came to, portion by portion."""

    values: dict[str, list[np.ndarray]] = field(default_factory=dict)
    "By metric, one number an example."
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    "The same of metrics that are a ratio of two means."
    absent: dict[str, str] = field(default_factory=dict)
    "By metric, why there is none."
    curves: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    "Probabilities as parts are deleted, and inserted: (k, LEVELS + 1) each."
    cost: list[float] = field(default_factory=list)
    underdetermined: list[np.ndarray] = field(default_factory=list)
    "Whether too few inputs with parts missing were looked at for an example, of methods that fit a model to these."
    error: str | None = None
    "Why there are no numbers."

    def add(self, name: str, values: np.ndarray) -> None:
        """One number an example of a portion; NaN where there is none."""
        self.values.setdefault(name, []).append(values)


def portions(rows: np.ndarray, one: Inputs) -> Iterator[np.ndarray]:
    """`rows` in runs whose inputs take no more than `PORTION_BYTES`, to judge by the input of `one` example."""
    size = max(1, PORTION_BYTES // max(1, one.values.nbytes))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def measured(
    task: ExplainedModel, names: Sequence[str], runs: Sequence[np.ndarray], settings: Settings, samples: int
) -> dict[str, MethodResults]:
    """What each method comes to on the test examples of `runs` ((k,) positions each).

    Where a method fails, its `fault` says how, and the others are measured all the same; where examples cannot be
    explained, that is the `fault` of all.
    """
    found = {name: MethodResults() for name in names}
    for rows in runs:
        try:
            subject, inputs = task.inputs(rows)
        except BenchError as error:
            for each in found.values():
                each.error = str(error)
            break
        if not bool(subject.logits(inputs).isfinite().all()):
            for each in found.values():
                each.error = NOT_FINITE
            break
        masks = {}
        if task.known:
            raw = task.raw(rows)
            masks = {mask: np.asarray(raw[mask]).reshape(len(rows), -1) for mask in ("relevant", "decoy")}
        forward = _forward_seconds(subject, inputs, settings)
        others = {layers: subject.scrambled(layers, settings.seed + 1) for layers in SCRAMBLED}
        for name, each in found.items():
            if each.error is None:
                try:
                    _measure(name, each, subject, inputs, masks, others, settings, samples, forward)
                except FAULTS as error:
                    each.error = failed(error)
    return found


def _measure(
    name: str, found: MethodResults, subject: Subject, inputs: Inputs, masks: Mapping[str, np.ndarray],
    others: Mapping[Layers, Subject | None], settings: Settings, samples: int, forward: float,
) -> None:  # fmt: skip
    elements = _timed(name, found, subject, inputs, settings, forward)
    parts = parts_of(name, subject, elements)
    if not bool(parts.isfinite().all()):
        found.error = NO_ATTRIBUTION
        return
    found.underdetermined.append(underdetermined(name, subject, inputs, settings))
    deletion, insertion = faithfulness.curves(subject, inputs, parts, settings)
    found.curves.append((deletion, insertion))
    found.add("insertion_auc", faithfulness.area(insertion))
    found.add("deletion_auc", faithfulness.area(deletion))
    strength = parts.abs().cpu().numpy()
    if masks:
        found.add("localisation_auroc", faithfulness.auroc(strength, masks["relevant"]))
        found.add("pointing_game", faithfulness.pointing(strength, masks["relevant"]))
        if masks["decoy"].any():
            found.add("decoy_share", faithfulness.decoy_share(strength, masks["relevant"], masks["decoy"]))
    if method_of(name).scale == "change":
        change = faithfulness.change(subject, inputs)
        gap = np.abs(parts.sum(dim=1).cpu().numpy() - change)
        found.pairs.setdefault("completeness_error", []).append((gap, np.abs(change)))
    unexplained = faithfulness.infidelity(name, subject, inputs, elements, settings, 4 * samples)
    found.pairs.setdefault("infidelity", []).append(unexplained)
    found.add("sensitivity", faithfulness.sensitivity(name, subject, inputs, settings, samples))
    for layers, other in others.items():
        if other is None:
            found.absent[f"randomised_similarity {layers}"] = NO_LAYER
            continue
        scrambled = faithfulness.parts_in(other, name, inputs, settings)
        valid = inputs.valid.cpu().numpy()
        found.add(f"randomised_similarity {layers}", faithfulness.spearman(strength, scrambled, valid))


def _timed(
    name: str, found: MethodResults, subject: Subject, inputs: Inputs, settings: Settings, forward: float
) -> torch.Tensor:
    """The attribution, and its cost noted: once where it takes long, else three times, after one that warms up."""
    elements, seconds = _clocked(name, subject, inputs, settings)
    for _ in range(3 if seconds < TIMED_SECONDS else 0):
        elements, seconds = _clocked(name, subject, inputs, settings)
        found.cost.append(seconds / forward)
    if seconds >= TIMED_SECONDS:
        found.cost.append(seconds / forward)
    return elements


def _clocked(name: str, subject: Subject, inputs: Inputs, settings: Settings) -> tuple[torch.Tensor, float]:
    _finished(inputs)
    started = time.perf_counter()
    elements = attribute(name, subject, inputs, settings)
    _finished(inputs)
    return elements, time.perf_counter() - started


def _forward_seconds(subject: Subject, inputs: Inputs, settings: Settings) -> float:
    """Median of five forward passes of the examples, in the portions that attributions go through."""
    seconds = []
    for _ in range(6):
        _finished(inputs)
        started = time.perf_counter()
        for start in range(0, len(inputs), settings.rows):
            subject.logits(inputs.at(slice(start, start + settings.rows)))
        _finished(inputs)
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds[1:]))


def _finished(inputs: Inputs) -> None:
    if inputs.values.device.type == "cuda":
        torch.cuda.synchronize(inputs.values.device)


# ── from numbers of examples to metrics ─────────────────────────────────────────────────────────


def metrics(found: Mapping[str, MethodResults], *, known: bool) -> Iterator[Metric]:
    """The means over examples of each method, with their intervals, and its cost.

    `known`: whether the task tells where the evidence lies; where not, that is said once.
    """
    if not known and found:
        yield Metric("localisation_auroc", None, UNKNOWN)
        yield Metric("pointing_game", None, UNKNOWN)
    for name, each in found.items():
        at = {"method": name}
        if each.error is not None:
            yield Metric("insertion_auc", None, each.error, at=at)
            continue
        note = _underdetermined(np.concatenate(each.underdetermined))
        for metric, values in each.values.items():
            kind, where = _placed(metric, at)
            yield _mean(kind, np.concatenate(values), where, note)
        for metric, reason in each.absent.items():
            kind, where = _placed(metric, at)
            yield Metric(kind, None, reason, where)
        for metric, pairs in each.pairs.items():
            above, below = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
            yield _ratio(metric, above, below, at, note)
        yield Metric("cost", float(np.median(each.cost)), samples=tuple(each.cost), at=at, n=len(each.cost))


def _placed(metric: str, at: Mapping[str, str | float]) -> tuple[str, Mapping[str, str | float]]:
    """The name and coordinates of what `MethodResults` keeps as `randomised_similarity last layer`."""
    kind, _, layers = metric.partition(" ")
    return kind, {**at, "shuffled": layers} if layers else at


def _underdetermined(examples: np.ndarray) -> str | None:
    few = int(examples.sum())
    return f"{TOO_FEW} ({few} of {len(examples)} examples)" if few else None


def _mean(name: str, values: np.ndarray, at: Mapping[str, str | float], note: str | None) -> Metric:
    defined = values[np.isfinite(values)].astype(np.float64)
    why = UNDEFINED.get(name, "it is not a finite number")
    if not len(defined):
        return Metric(name, None, _joined(f"undefined for every example: {why}", note), at=at)
    missing = len(values) - len(defined)
    gap = f"undefined for {missing} of {len(values)} examples: {why}" if missing else None
    interval, reason = bootstrap_interval(faithfulness.mean, {"values": defined})
    return Metric(name, faithfulness.mean(defined), _joined(reason, gap, note), at, interval, n=len(defined))


def _ratio(name: str, above: np.ndarray, below: np.ndarray, at: Mapping[str, str | float], note: str | None) -> Metric:
    columns = {"above": above.astype(np.float64), "below": below.astype(np.float64)}
    try:
        value = faithfulness.ratio_of_means(**columns)
    except ValueError as undefined:
        return Metric(name, None, _joined(str(undefined), note), at, n=len(above))
    interval, reason = bootstrap_interval(faithfulness.ratio_of_means, columns)
    return Metric(name, value, _joined(reason, note), at, interval, n=len(above))


def _joined(*reasons: str | None) -> str | None:
    return "; ".join(reason for reason in reasons if reason) or None
