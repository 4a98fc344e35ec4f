"""Groups: rates by sensitive attribute and by combinations of attributes, and the differences between groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bench_suite.contracts import Artifact, Interval, Metric, Predictions
from bench_suite.probes.fairness.charts import (
    Extremes,
    abbreviate,
    bars,
    extremes_table,
    find_extremes,
    format_rate,
    widest_family,
)
from bench_suite.probes.fairness.intervals import (
    Rate,
    largest_difference,
    smallest_rate,
    smallest_ratio,
    wilson_interval,
)

RATES = ("accuracy", "selection_rate", "true_positive_rate", "false_positive_rate")
COUNTED = {"true_positive_rate": "positive examples", "false_positive_rate": "negative examples"}
"The examples that a rate counts, if not all."
CROSS = " × "
MAX_GROUPS = 100
"Groups whose rates are metrics; those of further groups are in the table only, so that a record stays small."


@dataclass(frozen=True)
class Summary:
    """A metric that summarises rates over the groups of an attribute."""

    rates: tuple[str, ...]
    measure: Callable[[Sequence[Sequence[Rate]], int], tuple[float, Interval]]
    lowest_only: bool = False
    "Whether it depends on the lowest rate only."


SUMMARIES = {
    "demographic_parity_difference": Summary(("selection_rate",), largest_difference),
    "demographic_parity_ratio": Summary(("selection_rate",), smallest_ratio),
    "equalized_odds_difference": Summary(("true_positive_rate", "false_positive_rate"), largest_difference),
    "equal_opportunity_difference": Summary(("true_positive_rate",), largest_difference),
    "worst_group_accuracy": Summary(("accuracy",), smallest_rate, lowest_only=True),
}


@dataclass(frozen=True)
class Group:
    """The counts of the test examples of one group."""

    attribute: str
    "`black`, or for an intersection `black × male`."
    name: str
    "`yes`, or for an intersection `yes × no`."
    examples: int
    right: int
    selected: int
    "Examples predicted to be of the positive class."
    positives: int
    "Examples of the positive class."
    true_positives: int
    "Examples of the positive class that are predicted to be."
    false_positives: int
    "Examples of other classes that are predicted to be of the positive class."

    @property
    def accuracy(self) -> Rate:
        """Right predictions among all examples."""
        return Rate(self.right, self.examples)

    @property
    def selection_rate(self) -> Rate:
        """Selected examples among all."""
        return Rate(self.selected, self.examples)

    @property
    def true_positive_rate(self) -> Rate:
        """Selected examples among those of the positive class."""
        return Rate(self.true_positives, self.positives)

    @property
    def false_positive_rate(self) -> Rate:
        """Selected examples among those of other classes."""
        return Rate(self.false_positives, self.examples - self.positives)

    def rate(self, name: str) -> Rate:
        """Return one of `RATES`."""
        rate: Rate = getattr(self, name)
        return rate


def cross_attributes(groups: Mapping[str, np.ndarray], most: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield each attribute alone, then each pair, and so on up to `most` attributes: columns (n,) of texts."""
    columns = {name: np.asarray(values).astype(str) for name, values in groups.items()}
    for count in range(1, min(most, len(columns)) + 1):
        for names in combinations(columns, count):
            yield {name: columns[name] for name in names}


def count_groups(
    targets: np.ndarray, predictions: np.ndarray, positive: int, columns: Mapping[str, np.ndarray]
) -> list[Group]:
    """Count the examples of every group that occurs, in the order of names, with Fairlearn's `MetricFrame`.

    Fairlearn's own rates are not used: its rate of no examples is 0, and here it is undefined. All counts are one
    metric, since each metric takes a millisecond for each group.

    Args:
        targets: (n,) class numbers.
        predictions: (n,) class numbers.
        positive: the class that counts as selected.
        columns: the attributes that are crossed, each (n,) texts.
    """
    from fairlearn.metrics import MetricFrame

    def outcomes(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[int, ...]:
        true, selected = np.asarray(y_true) == positive, np.asarray(y_pred) == positive
        right = np.asarray(y_true) == np.asarray(y_pred)
        return (len(true), *(int(np.sum(mask)) for mask in (right, selected, true, true & selected, ~true & selected)))

    # Numbered names, since Fairlearn has columns called y_true and y_pred, and an attribute may have such a name.
    features = {f"attribute {number}": values for number, values in enumerate(columns.values())}
    frame = MetricFrame(metrics=outcomes, y_true=targets, y_pred=predictions, sensitive_features=features)
    groups = []
    for name, numbers in frame.by_group.dropna().items():  # an empty intersection is NaN
        names = name if isinstance(name, tuple) else (name,)
        groups.append(Group(CROSS.join(columns), CROSS.join(map(str, names)), *numbers))
    return groups


def by_group(
    test: Predictions,
    classes: Sequence[str],
    positive: int | None,
    *,
    least_size: int,
    most_groups: int,
    intersections: int,
    resamples: int,
    train: Mapping[str, np.ndarray],
) -> Iterator[Metric | Artifact]:
    """Yield the summaries over groups, the rates of each group, a table of them, and bars.

    Args:
        test: predictions with the sensitive attributes.
        classes: names of the classes.
        positive: the class that counts as selected; if it is None, accuracy is the only rate.
        least_size: fewest examples for a rate.
        most_groups: greatest number of values of an attribute; one with more, such as an age in years, has a reason.
        intersections: most attributes that are crossed.
        resamples: bootstrap resamples behind an interval of a difference.
        train: the sensitive attributes of the train split, each (n,), if it has any. A group that only train has is
            named: the test split cannot show how the model treats it.
    """
    number = -1 if positive is None else positive
    sizes = {name: len(np.unique(np.asarray(values).astype(str))) for name, values in test.groups.items()}
    attributes = {name: values for name, values in test.groups.items() if sizes[name] <= most_groups}
    sets = [
        count_groups(test["targets"], test["predictions"], number, columns)
        for columns in cross_attributes(attributes, intersections)
    ]
    absent = {name: _only_in_train(train[name], values) for name, values in attributes.items() if name in train}
    rates = RATES if positive is not None else RATES[:1]
    all_groups = [group for groups in sets for group in groups]
    extremes: list[Extremes] = []
    for groups in sets:
        yield from _summaries(groups, rates, least_size, resamples, extremes, absent.get(groups[0].attribute, {}))
    for attribute, counts in absent.items():
        yield from _absent_groups(attribute, counts)
    for name in [name for name in sizes if name not in attributes]:
        yield from _too_many_values(name, sizes[name], most_groups)
    if not attributes:
        return
    if extremes:
        yield extremes_table(extremes)
    for group in all_groups[:MAX_GROUPS]:
        yield from _group_rates(group, rates, least_size)
    selected = "" if positive is None else f" (selected: {classes[positive]})"
    yield _table(all_groups, rates, least_size, selected)
    single = [group for groups in sets[: len(attributes)] for group in groups]
    for rate in rates:
        title = rate.replace("_", " ")
        shown = {f"{group.attribute}: {group.name}": group.rate(rate) for group in single[:MAX_GROUPS]}
        yield bars(rate, title, shown, least_size, f"{title.capitalize()} by group{selected}")


def _only_in_train(train: np.ndarray, test: np.ndarray) -> dict[str, int]:
    """Return the groups of an attribute that train has and test lacks, with their numbers of train examples."""
    names, counts = np.unique(np.asarray(train).astype(str), return_counts=True)
    present = set(np.asarray(test).astype(str).tolist())
    return {name: count for name, count in zip(names.tolist(), counts.tolist()) if name not in present}


def _absent_groups(attribute: str, counts: Mapping[str, int]) -> Iterator[Metric]:
    for name, count in list(counts.items())[:MAX_GROUPS]:
        reason = f"the test split has no example of this group, and train has {count}"
        yield Metric("accuracy", None, reason, {"attribute": attribute, "group": name}, n=0)


def _table(groups: Sequence[Group], rates: Sequence[str], least_size: int, selected: str) -> Artifact:
    columns = ["attribute", "group", "examples", *(rate.replace("_", " ") for rate in rates)]
    rows = [
        [group.attribute, group.name, group.examples, *(format_rate(group.rate(rate), least_size) for rate in rates)]
        for group in groups
    ]
    caption = f"Rates by group{selected} with 95 % intervals; too few: fewer than {least_size} examples behind a rate"
    return Artifact("groups", "table", {"columns": columns, "rows": rows}, caption)


def _too_many_values(attribute: str, values: int, most: int) -> Iterator[Metric]:
    reason = (
        f"{attribute} has {values} values in the test split, each of which would be a group, and most_groups = {most}: "
        "add a column with few values to the data, such as ages in bins, or raise most_groups"
    )
    for name in SUMMARIES:
        yield Metric(name, None, reason, {"attribute": attribute})


def _summaries(
    groups: Sequence[Group],
    rates: Sequence[str],
    least_size: int,
    resamples: int,
    extremes: list[Extremes],
    absent: Mapping[str, int],
) -> Iterator[Metric]:
    """Yield the summaries over the groups of one attribute or intersection that are large enough.

    The reason names the groups that are too small, and those of `absent`, which only train has. The groups with the
    lowest and the highest rate are appended to `extremes`.
    """
    at = {"attribute": groups[0].attribute}
    for name, summary in SUMMARIES.items():
        if not set(summary.rates) <= set(rates):
            yield Metric(name, None, 'no class counts as selected: state one with positive = "…"', at)
            continue
        families = {rate: _sufficient(groups, rate, least_size) for rate in summary.rates}
        small = {rate: _too_small(groups, rate, least_size, absent) for rate in summary.rates}
        n = sum(rate.n for family in families.values() for rate in family.values())
        few = next((rate for rate, family in families.items() if len(family) < 2), None)
        if few is not None:
            cause = f"all are {groups[0].name}"
            if small[few]:
                cause = f"too few: {abbreviate(small[few])}; least_size = {least_size}"
            reason = f"fewer than two groups have a {few.replace('_', ' ')} that can be judged ({cause})"
            yield Metric(name, None, reason, at, n=n)
            continue
        try:
            value, interval = summary.measure([list(family.values()) for family in families.values()], resamples)
        except ValueError as undefined:
            yield Metric(name, None, str(undefined), at, n=n)
            continue
        rate = widest_family(families)
        extremes.append(
            find_extremes(
                name,
                value,
                rate.replace("_", " "),
                families[rate],
                lowest_only=summary.lowest_only,
                attribute=at["attribute"],
            )
        )
        omitted = [group for rate in summary.rates for group in small[rate]]
        note = f"without {abbreviate(omitted)}, too few to judge: least_size = {least_size}"
        reason = "; ".join([str(extremes[-1]), *([note] if omitted else [])])
        yield Metric(name, value, reason, at, interval, n=n)


def _sufficient(groups: Sequence[Group], rate: str, least_size: int) -> dict[str, Rate]:
    """Return the rate of each group that has enough examples for it."""
    return {group.name: group.rate(rate) for group in groups if group.rate(rate).n >= least_size}


def _too_small(groups: Sequence[Group], rate: str, least_size: int, absent: Iterable[str]) -> list[str]:
    """Return the names of the other groups and of absent ones, with their numbers of test examples."""
    counts = {**{group.name: group.rate(rate).n for group in groups}, **dict.fromkeys(absent, 0)}
    return [f"{name} ({n} {COUNTED.get(rate, 'examples')})" for name, n in counts.items() if n < least_size]


def _group_rates(group: Group, rates: Sequence[str], least_size: int) -> Iterator[Metric]:
    at = {"attribute": group.attribute, "group": group.name}
    for name in rates:
        rate = group.rate(name)
        if rate.n >= least_size:
            yield Metric(name, rate.value, at=at, interval=wilson_interval(rate), n=rate.n)
            continue
        reason = f"{rate.n} {COUNTED.get(name, 'examples')} are too few to judge: least_size = {least_size}"
        yield Metric(name, None, reason, at, n=rate.n)
        if name == "accuracy":
            return  # all other rates have no more examples, and one reason is enough
