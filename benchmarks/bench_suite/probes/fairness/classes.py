"""Classes: how much the recall differs between classes, for tasks without sensitive attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_suite.contracts import Artifact, Metric, Predictions
from bench_suite.probes.fairness.charts import Extremes, abbreviate, bars, extremes_table, find_extremes
from bench_suite.probes.fairness.intervals import Rate, largest_difference, smallest_rate, wilson_interval
from bench_suite.stats.intervals import confusion_matrix

MAX_CLASSES = 100
"With more classes, only the smallest recall and the largest difference are metrics, so that a record stays small."
SUMMARIES = (("class_recall_difference", largest_difference, False), ("worst_class_recall", smallest_rate, True))
"By metric: its function, and whether it depends on the lowest recall only."


def by_class(
    test: Predictions, classes: Sequence[str], *, least_size: int, resamples: int
) -> Iterator[Metric | Artifact]:
    """Yield the largest difference between the recalls of two classes, the smallest recall, and that of each class."""
    counts = confusion_matrix(test["targets"], test["predictions"], len(classes))
    rates = {name: Rate(int(row[number]), int(row.sum())) for number, (name, row) in enumerate(zip(classes, counts))}
    sufficient = {name: rate for name, rate in rates.items() if rate.n >= least_size}
    small = [f"{name} ({rate.n} examples)" for name, rate in rates.items() if name not in sufficient]
    without = f"without {abbreviate(small)}, too few to judge: least_size = {least_size}" if small else None
    cause = f"too few: {abbreviate(small)}; least_size = {least_size}" if small else "there is one class"
    extremes: list[Extremes] = []
    for metric, measure, lowest_only in SUMMARIES:
        if len(sufficient) < 2:
            yield Metric(metric, None, f"fewer than two classes have a recall that can be judged ({cause})")
        else:
            value, interval = measure([list(sufficient.values())], resamples)
            extremes.append(find_extremes(metric, value, "recall", sufficient, lowest_only=lowest_only))
            reason = "; ".join([str(extremes[-1]), *([without] if without else [])])
            yield Metric(metric, value, reason, interval=interval, n=sum(rate.n for rate in sufficient.values()))
    if extremes:
        yield extremes_table(extremes)
    if len(classes) > MAX_CLASSES:
        return
    for name, rate in rates.items():
        at = {"class": name}
        if name in sufficient:
            yield Metric("class_recall", rate.value, at=at, interval=wilson_interval(rate), n=rate.n)
        else:
            reason = f"{rate.n} examples are too few to judge: least_size = {least_size}"
            yield Metric("class_recall", None, reason, at, n=rate.n)
    yield bars("class_recall", "recall", rates, least_size, "Recall by class")
