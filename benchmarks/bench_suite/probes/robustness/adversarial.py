"""Adversarial robustness: the share of examples that stay right under all attacks within a radius."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench_suite.contracts import Artifact, BenchError, Metric, Trained
from bench_suite.probes.robustness.attacks import ATTACKS, NEED_GRADIENTS, Budget, input_gradient, is_wrong
from bench_suite.probes.robustness.curves import report_progress
from bench_suite.probes.robustness.shares import share_metric
from bench_suite.probes.robustness.targets import Target, attack_mode, target_of
from bench_suite.stats.intervals import stable_seed
from bench_suite.training.precision import computing

MASKED = 0.02
"If the attack without gradients alone breaks more than this share of the examples, the metric has a remark."


@dataclass(frozen=True)
class Settings:
    """How a network is attacked."""

    radii: Sequence[float]
    attacks: Sequence[str]
    budget: Budget
    resamples: int


def attacked_accuracy(trained: Trained, rows: np.ndarray, settings: Settings) -> Iterator[Metric | Artifact]:
    """Yield the accuracy under each attack, and the robust accuracy: the share that every attack leaves right.

    An example that is wrong without an attack counts as broken. A change that breaks an example at a radius is allowed
    at every larger one, so it breaks the example there too. The intervals are Clopper and Pearson's. If the network
    cannot be attacked, the robust accuracy has the reason.

    Args:
        trained: the cell.
        rows: (k,) positions of the test examples to attack.
        settings: radii on the raw scale, attacks, and what they may compute.
    """
    radii = sorted(set(settings.radii))
    reason = inapplicable(trained)
    if reason is None:
        assert trained.network is not None
        with computing(trained.placement), attack_mode(trained.network.module):
            try:
                target = target_of(trained, rows)
            except BenchError as error:
                reason = str(error)
            else:
                yield from _measured(trained, target, rows, radii, settings)
    if reason is not None:
        for radius in radii:
            yield Metric("robust_accuracy", None, reason, {"radius": radius})


def inapplicable(trained: Trained) -> str | None:
    """Return why a cell cannot be attacked; None if only its network can show that."""
    if trained.data.problem != "classification":
        return "attacks make a predicted class wrong, and a regression predicts numbers"
    if trained.network is None or "gradients" not in trained.provides:
        return "attacks need a network with gradients, and the model has none"
    return None


def _measured(
    trained: Trained, target: Target, rows: np.ndarray, radii: Sequence[float], settings: Settings
) -> Iterator[Metric | Artifact]:
    test = trained.predictions("test")
    clusters = test.columns.get("cluster")
    clusters = None if clusters is None else np.asarray(clusters)[rows]
    clean_wrong = is_wrong(target.forward, target.clean, target.targets)
    remarks = list(_remarks(target))
    reasons = _missing_gradients(target, settings.attacks)
    attacks = [name for name in settings.attacks if name not in reasons]
    broken = {name: clean_wrong.clone() for name in attacks}
    whole = clean_wrong.clone()
    right = float((~clean_wrong).float().mean())
    curves: dict[str, list[list[float]]] = {name: [[0.0, right]] for name in ("all attacks", *attacks)}
    details: list[Metric] = []
    for radius in radii:
        threat = target.threat(radius)
        for name in attacks:
            report_progress(trained, f"{name} at radius {radius:g}")
            todo = torch.nonzero(~broken[name]).squeeze(1)
            seed = stable_seed({"ids": test.ids[rows], "attack": np.frombuffer(name.encode(), dtype=np.uint8)})
            if len(todo):
                wrong = ATTACKS[name](
                    target.forward, target.clean[todo], target.targets[todo], threat.at(todo), settings.budget, seed
                )
                broken[name][todo] |= wrong
            whole |= broken[name]
        for name in attacks:
            stays = ~broken[name].cpu().numpy()
            metric = share_metric(
                "accuracy_under_attack", stays, {"attack": name, "radius": radius}, clusters=clusters,
                resamples=settings.resamples,
            )  # fmt: skip
            curves[name].append(_point(radius, metric))
            details.append(metric)
        for name, reason in reasons.items():
            details.append(Metric("accuracy_under_attack", None, reason, {"attack": name, "radius": radius}))
        if not attacks:
            yield Metric("robust_accuracy", None, "no attack applies", {"radius": radius})
            continue
        notes = [*remarks, *_misled(broken)]
        metric = share_metric(
            "robust_accuracy", ~whole.cpu().numpy(), {"radius": radius}, clusters=clusters,
            remark="; ".join(notes) or None, resamples=settings.resamples,
        )  # fmt: skip
        curves["all attacks"].append(_point(radius, metric))
        yield metric
    yield from details
    if attacks:
        unit = "share of the range of pixels" if target.clean.ndim == 4 else "standard deviations of each column"
        data = {"x": f"radius ({unit})", "y": "accuracy", "series": curves}
        caption = f"Accuracy on {len(rows):,} test examples under attacks, with 95 % intervals"
        yield Artifact("attacks", "lines", data, caption)


def _remarks(target: Target) -> Iterator[str]:
    """Yield what makes the result doubtful, whatever the radius."""
    with torch.no_grad():
        first, second = target.forward(target.clean), target.forward(target.clean)
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-3 * float(first.abs().max()), equal_nan=True):
        yield (
            "the network is random in evaluation mode, so each step of an attack sees another network; the value is "
            "one draw of many"
        )
    if target.frozen_columns:
        yield f"{target.frozen_columns} columns with two values or fewer are not attacked"


def _missing_gradients(target: Target, attacks: Sequence[str]) -> dict[str, str]:
    """Return, by attack, why it cannot be used, if no gradient reaches the input."""
    needing = [name for name in attacks if name in NEED_GRADIENTS]
    if not needing:
        return {}
    try:
        gradient, _ = input_gradient(target.forward, target.clean[:16], target.targets[:16], entropy=False)
    except RuntimeError as error:
        first = (str(error).strip() or "no message").splitlines()[0]
        return dict.fromkeys(needing, f"no gradient reaches the input: {first}")
    if not bool((gradient * target.unit[:16]).any()):
        return dict.fromkeys(needing, "the gradient of the input is 0 for all examples that were tried")
    return {}


def _misled(broken: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """Yield a remark if the attack without gradients breaks examples that those with gradients do not."""
    if "square" not in broken or "pgd" not in broken:
        return
    others = torch.stack([wrong for name, wrong in broken.items() if name != "square"]).any(dim=0)
    only = int((broken["square"] & ~others).sum())
    if only > MASKED * len(others):
        yield (
            f"the square attack breaks {only} examples that attacks with gradients do not, so gradients may be masked "
            "and the true robust accuracy lower"
        )


def _point(radius: float, metric: Metric) -> list[float]:
    assert metric.value is not None
    if metric.interval is None:
        return [radius, metric.value]
    return [radius, metric.value, metric.interval.low, metric.interval.high]
