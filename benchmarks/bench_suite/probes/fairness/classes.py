"""Classes: how unevenly a model finds those of one class and of another, which says nothing of groups of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench_suite.contracts import Artifact, Metric, Predictions
from bench_suite.probes.fairness.charts import Ends, bars, between, ends_of, some
from bench_suite.probes.fairness.intervals import Rate, largest_difference, least, of_one
from bench_suite.stats.intervals import confusion_matrix

MAX_CLASSES = 100
"With more classes only the least recall and the largest difference are told, so that a record stays small."


def by_class(
    test: Predictions, classes: Sequence[str], *, least_size: int, resamples: int
) -> Iterator[Metric | Artifact]:
    """The largest difference between the recalls of two classes, the least recall, and the recall of each class."""
    counts = confusion_matrix(test["targets"], test["predictions"], len(classes))
    rates = {name: Rate(int(row[number]), int(row.sum())) for number, (name, row) in enumerate(zip(classes, counts))}
    judged = {name: rate for name, rate in rates.items() if rate.n >= least_size}
    small = [f"{name} ({rate.n} examples)" for name, rate in rates.items() if name not in judged]
    without = f"without {some(small)}, too few to judge: least_size = {least_size}" if small else None
    why = f"too few: {some(small)}; least_size = {least_size}" if small else "there is one class"
    ends: list[Ends] = []
    for metric, measure in (("class_recall_difference", largest_difference), ("worst_class_recall", least)):
        if len(judged) < 2:
            yield Metric(metric, None, f"there are no two classes whose recall can be judged ({why})")
        else:
            value, interval = measure([list(judged.values())], resamples)
            ends.append(ends_of(metric, value, "recall", judged))
            told = "; ".join([str(ends[-1]), *([without] if without else [])])
            yield Metric(metric, value, told, interval=interval, n=sum(rate.n for rate in judged.values()))
    if ends:
        yield between(ends)
    if len(classes) > MAX_CLASSES:
        return
    for name, rate in rates.items():
        at = {"class": name}
        if name in judged:
            yield Metric("class_recall", rate.value, at=at, interval=of_one(rate), n=rate.n)
        else:
            reason = f"{rate.n} examples are too few to judge: least_size = {least_size}"
            yield Metric("class_recall", None, reason, at, n=rate.n)
    yield bars("class_recall", "recall", rates, least_size, "Recall by class")
