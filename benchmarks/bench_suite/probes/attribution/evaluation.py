"""Evaluation: attribute test examples with each method, portion by portion, and average what was measured."""

from __future__ import annotations

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
    METHOD_ERRORS,
    MethodVariant,
    Settings,
    attribute,
    failure_reason,
    is_underdetermined,
    parts_of,
)
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.training import devices

PORTION_BYTES = 64 << 20
"Most bytes of the inputs of one portion of examples."
TIMED_SECONDS = 0.3
"A method that takes less than this for a portion is timed three times."
SCRAMBLED: tuple[Layers, ...] = ("last layer", "all layers")
"The layers that are shuffled for `randomised_similarity`: the values of its coordinate `shuffled`."

NOT_FINITE = "the network's logits are not finite numbers, so there is nothing to explain"
NO_ATTRIBUTION = "the attribution contains numbers that are not finite"
NO_LAYER = "no layer with weights of its own ran in the network, so there is no last layer to shuffle"
UNKNOWN = "only planted tasks state which parts are relevant"
ROUNDING = 1e-4
"Part of the logits' magnitude that a sum of changes may miss by the rounding of 32 bits."
INCOMPLETE = {
    "integrated_gradients": "raise steps; if that does not help, a part of the network has no gradients, such as one "
    "that rounds its input",
    "gradient_shap": "raise steps",
    "deep_lift": "its rules do not hold in this network, for example because it uses functions in place of modules "
    "(torch.relu), modules made in forward, or poolings that overlap; use integrated_gradients",
    "kernel_shap": "raise coalitions",
}
"What to do about a method whose changes do not sum to the whole change."
TOO_FEW = "underdetermined: an example needs two coalitions more than it has parts"
UNDEFINED = {
    "randomised_similarity": "the attribution, or that of the shuffled network, is the same everywhere",
    "localisation_auroc": "either none of the parts is relevant, or all are",
    "decoy_share": "the attribution of relevant parts and decoys is 0",
}
"Why an example has no value, by metric."


@dataclass(frozen=True)
class MetricKey:
    """A metric of one method, and the layers that were shuffled if the metric compares with a shuffled network."""

    name: str
    "A key of the probe's `METRICS`."
    shuffled: Layers | None = None

    def coordinates(self, variant: MethodVariant) -> dict[str, str | float]:
        """Return the coordinates of the metric for a method."""
        at: dict[str, str | float] = {"method": variant.label}
        return at if self.shuffled is None else {**at, "shuffled": self.shuffled}


@dataclass(frozen=True)
class ExplainedModel:
    """A trained network and the test examples on which it is explained."""

    trained: Trained
    network: Network
    subject: Subject
    known: bool
    "Whether test examples have the column `relevant`, which marks the parts that alone determine the class."
    predictions: np.ndarray | None = None
    """(n,) classes of the stored predictions, which are explained. None if these cannot be used, for instance because
    the network's outputs are not finite; then the class that the network predicts during the evaluation."""

    @staticmethod
    def of(trained: Trained, reference: Reference) -> ExplainedModel:
        """Return the model to explain for a trained cell.

        Raises:
            BenchError: if no gradient reaches the input, or the input cannot be explained.
        """
        assert trained.network is not None
        subject = subject_of(trained.network, trained.data, reference, trained.placement.device)
        known = "relevant" in trained.data.splits["test"].take(np.arange(1))
        return ExplainedModel(trained, trained.network, subject, known, _stored_predictions(trained))

    def inputs(self, rows: np.ndarray) -> tuple[Subject, Inputs]:
        """Return the test examples at `rows`, and the subject that takes them.

        The stored predictions determine the class that is explained: in another precision the network may predict
        another one.

        Args:
            rows: (k,) positions in the test split.
        """
        encoded = self.trained.encoded("test")
        columns = encoded.take(torch.as_tensor(rows, device=encoded.device))
        lengths = [column.lengths for column in columns.values() if isinstance(column, Ragged)]
        batch = self.network.collate(columns).to(self.trained.placement.device)
        target = None if self.predictions is None else self.predictions[rows]
        return inputs_of(self.subject, batch, target, lengths[0] if len(lengths) == 1 else None)

    def raw(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the raw values of the test examples at `rows`."""
        return self.trained.data.splits["test"].take(rows)


def _stored_predictions(trained: Trained) -> np.ndarray | None:
    try:
        return np.asarray(trained.predictions("test")["predictions"])
    except BenchError:
        return None


@dataclass
class MethodResults:
    """The measurements of one method, portion by portion."""

    values: dict[MetricKey, list[np.ndarray]] = field(default_factory=dict)
    "One number for each example."
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = field(default_factory=dict)
    "By metric, numerator and denominator for each example, of metrics that are a ratio of two means."
    absent: dict[MetricKey, str] = field(default_factory=dict)
    "The reasons for which metrics have no value."
    curves: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    "Probabilities as parts are deleted, and as they are inserted: (k, LEVELS + 1) each."
    cost: list[float] = field(default_factory=list)
    "Seconds of an attribution, in forward passes of the same examples."
    claims: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)
    """Of methods that claim completeness, without noise: for each example, the distance of the sum from the change of
    the logit, and that change; and what rounding may make of the sum of the distances."""
    underdetermined: list[np.ndarray] = field(default_factory=list)
    "(k,) bool: whether too few coalitions were evaluated for an example, for methods that fit a model to them."
    error: str | None = None
    "Why there are no numbers."

    def add(self, name: str, values: np.ndarray, shuffled: Layers | None = None) -> None:
        """Append one number for each example of a portion; NaN if an example has none."""
        self.values.setdefault(MetricKey(name, shuffled), []).append(values)


def portions(rows: np.ndarray, one: Inputs) -> Iterator[np.ndarray]:
    """Yield consecutive parts of `rows` whose inputs take at most `PORTION_BYTES`.

    Args:
        rows: (n,) positions in the test split.
        one: the input of one example, whose size is taken for that of all.
    """
    size = max(1, PORTION_BYTES // max(1, one.values.nbytes))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def measure_methods(
    model: ExplainedModel,
    variants: Sequence[MethodVariant],
    row_portions: Sequence[np.ndarray],
    settings: Settings,
    samples: int,
) -> dict[MethodVariant, MethodResults]:
    """Measure each method on some test examples.

    A method that fails has the reason in `MethodResults.error`, and the other methods are still measured. If the
    examples cannot be explained, that is the error of all methods.

    Args:
        model: the network and its test examples.
        variants: the methods.
        row_portions: (k,) positions in the test split for each portion.
        settings: the settings of the methods.
        samples: noisy copies of an example for the sensitivity; the infidelity takes four times as many.
    """
    results = {variant: MethodResults() for variant in variants}
    for rows in row_portions:
        try:
            subject, inputs = model.inputs(rows)
        except BenchError as error:
            _fail_all(results, str(error))
            break
        if not bool(subject.logits(inputs).isfinite().all()):
            _fail_all(results, NOT_FINITE)
            break
        masks = {}
        if model.known:
            raw = model.raw(rows)
            masks = {mask: np.asarray(raw[mask]).reshape(len(rows), -1) for mask in ("relevant", "decoy")}
        forward = _forward_seconds(subject, inputs, settings)
        scrambled = {layers: subject.scrambled(layers, settings.seed + 1) for layers in SCRAMBLED}
        for variant, result in results.items():
            if result.error is None:
                try:
                    _measure(variant, result, subject, inputs, masks, scrambled, settings, samples, forward)
                except METHOD_ERRORS as error:
                    result.error = failure_reason(error)
    for variant, result in results.items():
        result.error = result.error or _incompleteness(variant, result)
    return results


def _incompleteness(variant: MethodVariant, result: MethodResults) -> str | None:
    """Return why a method has no numbers: its changes miss the whole change by more than the method may."""
    limit = variant.method.max_incompleteness
    if limit is None or not result.claims:
        return None
    gaps, changes, rounding = (sum(float(np.sum(claim[part])) for claim in result.claims) for part in range(3))
    if gaps <= limit * changes + rounding:
        return None
    miss = f"{gaps / changes:.1%} of" if changes > 0 else "more than rounding from"
    return (
        f"{variant.name} claims changes that sum to the change of the logit, and they miss it by {miss} that change "
        f"({limit:.0%} is allowed): {INCOMPLETE[variant.name]}"
    )


def _fail_all(results: Mapping[MethodVariant, MethodResults], error: str) -> None:
    for result in results.values():
        result.error = error


def _measure(
    variant: MethodVariant, result: MethodResults, subject: Subject, inputs: Inputs, masks: Mapping[str, np.ndarray],
    scrambled: Mapping[Layers, Subject | None], settings: Settings, samples: int, forward: float,
) -> None:  # fmt: skip
    elements = _timed_attribution(variant, result, subject, inputs, settings, forward)
    parts = parts_of(variant, subject, elements)
    if not bool(parts.isfinite().all()):
        result.error = NO_ATTRIBUTION
        return
    result.underdetermined.append(is_underdetermined(variant, subject, inputs, settings))
    deletion, insertion = faithfulness.curves(subject, inputs, parts, settings)
    result.curves.append((deletion, insertion))
    result.add("insertion_auc", faithfulness.area(insertion))
    result.add("deletion_auc", faithfulness.area(deletion))
    strength = parts.abs().cpu().numpy()
    if masks:
        result.add("localisation_auroc", faithfulness.auroc(strength, masks["relevant"]))
        result.add("pointing_game", faithfulness.pointing_game(strength, masks["relevant"]))
        if masks["decoy"].any():
            result.add("decoy_share", faithfulness.decoy_share(strength, masks["relevant"], masks["decoy"]))
    _measure_completeness(variant, result, subject, inputs, parts, settings)
    unexplained = faithfulness.infidelity(variant, subject, inputs, elements, settings, 4 * samples)
    result.pairs.setdefault("infidelity", []).append(unexplained)
    result.add("sensitivity", faithfulness.sensitivity(variant, subject, inputs, settings, samples))
    for layers, other in scrambled.items():
        if other is None:
            result.absent[MetricKey("randomised_similarity", layers)] = NO_LAYER
            continue
        other_strength = faithfulness.strength_in(other, variant, inputs, settings)
        valid = inputs.valid.cpu().numpy()
        similarity = faithfulness.spearman(strength, other_strength, valid)
        result.add("randomised_similarity", similarity, shuffled=layers)


def _measure_completeness(
    variant: MethodVariant,
    result: MethodResults,
    subject: Subject,
    inputs: Inputs,
    parts: torch.Tensor,
    settings: Settings,
) -> None:
    """Append how far the changes are from the whole change, of methods that attribute changes.

    The claim of a method is tested without noise: a smoothed one sums to the mean change of noisy copies. Its examples
    are attributed once more for that, those of the first portion only.
    """
    if variant.method.scale != "change":
        return
    change = faithfulness.logit_change(subject, inputs)
    gap = np.abs(parts.sum(dim=1).cpu().numpy() - change)
    result.pairs.setdefault("completeness_error", []).append((gap, np.abs(change)))
    if variant.method.max_incompleteness is None or (variant.smoothed and result.claims):
        return
    if variant.smoothed:
        plain = MethodVariant(variant.name)
        sums = parts_of(plain, subject, attribute(plain, subject, inputs, settings)).sum(dim=1)
        gap = np.abs(sums.cpu().numpy() - change)
    rounding = ROUNDING * float(subject.logits(inputs).abs().amax(dim=1).sum())
    result.claims.append((gap, np.abs(change), rounding))


def _timed_attribution(
    variant: MethodVariant, result: MethodResults, subject: Subject, inputs: Inputs, settings: Settings, forward: float
) -> torch.Tensor:
    """Return the attribution, and append its cost: one time if it takes long, else three after one that warms up."""
    elements, seconds = _attribute_with_time(variant, subject, inputs, settings)
    for _ in range(3 if seconds < TIMED_SECONDS else 0):
        elements, seconds = _attribute_with_time(variant, subject, inputs, settings)
        result.cost.append(seconds / forward)
    if seconds >= TIMED_SECONDS:
        result.cost.append(seconds / forward)
    return elements


def _attribute_with_time(
    variant: MethodVariant, subject: Subject, inputs: Inputs, settings: Settings
) -> tuple[torch.Tensor, float]:
    devices.synchronize(inputs.values.device.type)
    started = devices.perf_counter()
    elements = attribute(variant, subject, inputs, settings)
    devices.synchronize(inputs.values.device.type)
    return elements, devices.perf_counter() - started


def _forward_seconds(subject: Subject, inputs: Inputs, settings: Settings) -> float:
    """Return the median time of five forward passes of the examples, in the portions that attributions use."""
    seconds = []
    for _ in range(6):  # the first one also does what was queued before
        started = devices.perf_counter()
        for start in range(0, len(inputs), settings.rows):
            subject.logits(inputs.at(slice(start, start + settings.rows)))
        devices.synchronize(inputs.values.device.type)
        seconds.append(devices.perf_counter() - started)
    return float(np.median(seconds[1:]))


# ── from numbers of examples to metrics ─────────────────────────────────────────────────────────


def summary_metrics(results: Mapping[MethodVariant, MethodResults], *, known: bool) -> Iterator[Metric]:
    """Yield for each method the means over examples with their intervals, and its cost.

    Args:
        results: the measurements, by method.
        known: whether the task states which parts are relevant; if not, the reason is yielded once for all methods.
    """
    if not known and results:
        yield Metric("localisation_auroc", None, UNKNOWN)
        yield Metric("pointing_game", None, UNKNOWN)
    for variant, result in results.items():
        at: dict[str, str | float] = {"method": variant.label}
        if result.error is not None:
            yield Metric("insertion_auc", None, result.error, at=at)
            continue
        note = _underdetermined_note(np.concatenate(result.underdetermined))
        for key, values in result.values.items():
            yield _mean(key.name, np.concatenate(values), key.coordinates(variant), note)
        for key, reason in result.absent.items():
            yield Metric(key.name, None, reason, key.coordinates(variant))
        for name, pairs in result.pairs.items():
            above, below = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
            yield _ratio(name, above, below, at, note)
        yield Metric("cost", float(np.median(result.cost)), samples=tuple(result.cost), at=at, n=len(result.cost))


def _underdetermined_note(examples: np.ndarray) -> str | None:
    count = int(examples.sum())
    return f"{TOO_FEW} ({count} of {len(examples)} examples)" if count else None


def _mean(name: str, values: np.ndarray, at: Mapping[str, str | float], note: str | None) -> Metric:
    defined = values[np.isfinite(values)].astype(np.float64)
    cause = UNDEFINED.get(name, "it is not a finite number")
    if not len(defined):
        return Metric(name, None, _joined(f"undefined for every example: {cause}", note), at=at)
    missing = len(values) - len(defined)
    gap = f"undefined for {missing} of {len(values)} examples: {cause}" if missing else None
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
