"""Groups: the calibration error of each group of a sensitive attribute, beside its floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from bench_suite.contracts import Artifact, Metric
from bench_suite.probes.calibration.confidence import HEADLINE, error_metric, excess_metrics, mean_gap
from bench_suite.stats.calibration import confidence_cells, top_label
from bench_suite.stats.calibration_null import estimate_errors
from bench_suite.stats.intervals import stable_seed


class ClassOptions(Protocol):
    """The options that the measures of a classifier read."""

    @property
    def simulations(self) -> int:
        """Simulated sets of labels for each floor."""

    @property
    def least_size(self) -> int:
        """Fewest examples of a group, and of the validation split."""

    @property
    def most_groups(self) -> int:
        """Most values of an attribute that form groups."""

    @property
    def resamples(self) -> int:
        """Bootstrap resamples of means."""


def members(
    groups: Mapping[str, np.ndarray], least_size: int, most_groups: int
) -> Iterator[tuple[dict[str, str | float], np.ndarray, str | None]]:
    """Yield the coordinates of each group, its examples (n,) bool, and the reason why it is not measured, or None."""
    for attribute, values in groups.items():
        texts = np.asarray(values).astype(str)
        names = np.unique(texts).tolist()
        if len(names) > most_groups:
            reason = f"{attribute} has {len(names)} values in the test split, and most_groups = {most_groups}"
            yield {"attribute": attribute}, np.zeros(len(texts), dtype=bool), reason
            continue
        for name in names:
            is_member = texts == name
            n = int(is_member.sum())
            few = f"{n} examples are too few to judge: least_size = {least_size}" if n < least_size else None
            yield {"attribute": attribute, "group": name}, is_member, few


def group_metrics(
    groups: Mapping[str, np.ndarray], targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray | None,
    options: ClassOptions,
) -> Iterator[Metric | Artifact]:  # fmt: skip
    """Yield the error, floor, excess, p and overconfidence of each group, and a table of them.

    Args:
        groups: sensitive attributes by name, each (n,).
        targets: (n,) class numbers.
        scores: (n, classes) probabilities.
        clusters: (n,) numbers of clusters, or None if examples are independent.
        options: the options of the probe.
    """
    confidences, correct = top_label(targets, scores)
    rows = []
    for at, is_member, reason in members(groups, options.least_size, options.most_groups):
        n = int(is_member.sum())
        if reason is not None:
            yield Metric("group_calibration_error", None, reason, at, n=n)
            continue
        confidence, right = confidences[is_member], correct[is_member]
        seed = stable_seed({"targets": targets[is_member]})
        cells = confidence_cells(confidence, right)
        estimate = estimate_errors(cells, simulations=options.simulations, seed=seed, names=(HEADLINE,))[HEADLINE]
        yield error_metric("group_calibration_error", estimate, n, at, clustered=clusters is not None)
        yield from excess_metrics(estimate, n, at, clustered=clusters is not None)
        within = None if clusters is None else clusters[is_member]
        gap = mean_gap("group_overconfidence", confidence, right, within, options.resamples, at)
        yield gap
        floor = estimate.floor
        p = None if clusters is not None else floor.p
        numbers = (estimate.value, floor.median, floor.upper, p, gap.value)
        texts = (None if number is None else f"{number:.3f}" for number in numbers)
        rows.append([at["attribute"], at["group"], n, *texts])
    if rows:
        columns = ["attribute", "group", "examples", "calibration error", "floor", "floor, 95 %", "p", "overconfidence"]
        caption = "Expected calibration error of each group beside what a calibrated model would show"
        yield Artifact("groups", "table", {"columns": columns, "rows": rows}, caption)
