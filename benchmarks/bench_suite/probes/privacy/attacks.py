"""Attacks: metrics with intervals, and ROC curves, from the scores of members and non-members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from bench_suite.contracts import Artifact, Metric
from bench_suite.stats.membership import Clusters, advantage, area, curve, hits_at
from bench_suite.stats.proportions import clopper_pearson

CHANCE = "chance"
RATES = (0.01, 0.001)
"False positive rates at which the true positive rate is reported."
NAMES = ("auc", "advantage", "true_positive_rate")
"Metrics of an attack."
MIN_EXAMPLES = 20
"Fewest members, and fewest non-members, of an attack: each half of the advantage then has ten."


DEPENDENT = "no interval: it would need independent examples, and those of one cluster are not"


def attack_metrics(
    attack: str, members: np.ndarray, non_members: np.ndarray, random: np.random.Generator,
    clusters: Clusters = (None, None),
) -> Iterator[Metric]:  # fmt: skip
    """Yield area, advantage and true positive rates of one attack.

    Args:
        attack: name of the attack, a coordinate of its metrics.
        members: (m,) scores, higher for examples that look like members.
        non_members: (n,) scores.
        random: draws the halves for the advantage.
        clusters: labels of both, or None; with any, only the area has an interval.
    """
    m, n = len(members), len(non_members)
    if min(m, n) < MIN_EXAMPLES:
        yield from no_attack(attack, f"{m} members and {n} non-members; an attack needs {MIN_EXAMPLES} of each")
        return
    at = {"attack": attack}
    value, interval = area(members, non_members, clusters)
    clustered = any(one is not None for one in clusters)
    alike = "one cluster has no variance, or the scores of all members agree, and those of all non-members"
    reason = None if interval is not None else alike
    yield Metric("auc", value, reason, at=at, interval=interval, n=m + n)
    measured = advantage(members, non_members, random)
    yield _without_interval(
        Metric("advantage", measured.value, at=at, interval=measured.interval, n=m + n), clustered=clustered
    )
    for rate in RATES:
        yield _without_interval(_true_positive_rate(members, non_members, rate, at), clustered=clustered)


def _without_interval(metric: Metric, *, clustered: bool) -> Metric:
    """Return the metric, without its interval if examples have clusters."""
    if not clustered or metric.value is None:
        return metric
    return replace(metric, interval=None, reason="; ".join(filter(None, (metric.reason, DEPENDENT))))


def no_attack(attack: str, reason: str) -> Iterator[Metric]:
    """Yield the metrics of an attack without a value."""
    for name in NAMES[:2]:
        yield Metric(name, None, reason, at={"attack": attack})
    for rate in RATES:
        yield Metric(NAMES[2], None, reason, at=_at_rate({"attack": attack}, rate))


def _at_rate(at: Mapping[str, str], rate: float) -> dict[str, str | float]:
    return {**at, "false_positive_rate": rate}


def _true_positive_rate(members: np.ndarray, non_members: np.ndarray, rate: float, at: Mapping[str, str]) -> Metric:
    """Return the true positive rate at a false positive rate, with the interval of Clopper and Pearson.

    The interval covers the draw of the members, not that of the threshold. The remark names the false positives that
    determine the threshold.
    """
    m, n = len(members), len(non_members)
    coordinates = _at_rate(at, rate)
    if n * rate < 1:
        reason = f"{n:,} non-members; a false positive rate of {rate:g} needs {round(1 / rate):,}"
        return Metric(NAMES[2], None, reason, at=coordinates)
    hits, false = hits_at(members, non_members, rate)
    note = f"{hits:,} of {m:,} members, with {false:,} of {n:,} non-members above the threshold"
    return Metric(NAMES[2], hits / m, note, at=coordinates, interval=clopper_pearson(hits, m), n=m)


def curves_artifact(scores: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Artifact:
    """Return the ROC curves of all attacks with a logarithmic axis of false positives (Carlini et al. 2022)."""
    series: dict[str, list[list[float]]] = {name: curve(*pair) for name, pair in scores.items()}
    rates = max(series.values(), key=len)
    series[CHANCE] = [[rate, rate] for rate, _ in rates]  # no straight line on a logarithmic axis
    data = {
        "x": "false positive rate", "y": "true positive rate", "logarithmic": ["x"], "expected": [CHANCE],
        "series": series,
    }  # fmt: skip
    return Artifact(
        "attacks", "lines", data,
        "Membership inference: shares of members that an attack finds, and of non-members that it takes for members",
    )  # fmt: skip
