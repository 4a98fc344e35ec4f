"""Groups: rates by sensitive attribute and by several at once, and what lies between the groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bench_suite.contracts import Artifact, Metric, Predictions
from bench_suite.probes.fairness.charts import Ends, bars, between, ends_of, furthest, in_words, some
from bench_suite.probes.fairness.intervals import Rate, largest_difference, least, least_ratio, of_one

RATES = ("accuracy", "selection_rate", "true_positive_rate", "false_positive_rate")
BEHIND = {"true_positive_rate": "positive examples", "false_positive_rate": "negative examples"}
BETWEEN = {
    "demographic_parity_difference": (("selection_rate",), largest_difference),
    "demographic_parity_ratio": (("selection_rate",), least_ratio),
    "equalized_odds_difference": (("true_positive_rate", "false_positive_rate"), largest_difference),
    "equal_opportunity_difference": (("true_positive_rate",), largest_difference),
    "worst_group_accuracy": (("accuracy",), least),
}
"What lies between the groups of an attribute: the rates that it is made of, and how."
CROSS = " × "
MAX_GROUPS = 100
"Groups whose rates are metrics; those of further ones stand in the table alone, so that a record stays small."


@dataclass(frozen=True)
class Group:
    """The test examples of one group, counted."""

    attribute: str
    "`black`, or for an intersection `black × male`."
    name: str
    "`yes`, or for an intersection `yes × no`."
    examples: int
    right: int
    selected: int
    "Predicted to be of the positive class."
    positives: int
    "Truly of the positive class."
    true_positives: int
    "Truly of the positive class, and predicted to be."
    false_positives: int

    @property
    def accuracy(self) -> Rate:
        """Right of all."""
        return Rate(self.right, self.examples)

    @property
    def selection_rate(self) -> Rate:
        """Selected of all."""
        return Rate(self.selected, self.examples)

    @property
    def true_positive_rate(self) -> Rate:
        """Selected of those who truly are of the positive class."""
        return Rate(self.true_positives, self.positives)

    @property
    def false_positive_rate(self) -> Rate:
        """Selected of those who truly are not."""
        return Rate(self.false_positives, self.examples - self.positives)


def crossed(groups: Mapping[str, np.ndarray], most: int) -> Iterator[dict[str, np.ndarray]]:
    """Each attribute alone, then each two together, and so on up to `most` of them: columns (n,) of texts."""
    columns = {name: np.asarray(values).astype(str) for name, values in groups.items()}
    for together in range(1, min(most, len(columns)) + 1):
        for names in combinations(columns, together):
            yield {name: columns[name] for name in names}


def counted(
    targets: np.ndarray, predictions: np.ndarray, positive: int, columns: Mapping[str, np.ndarray]
) -> list[Group]:
    """Every group that occurs, in the order of its name: Fairlearn's `MetricFrame` over counts.

    Counts and not its rates, because its rate of no examples is 0 and here it is none; all of them at once, because it
    takes a millisecond a group and metric.

    Arguments: `targets`, `predictions` (n,) class numbers; `positive`, the class that counts as selected; `columns`,
    the attributes that are crossed, each (n,) texts.
    """
    from fairlearn.metrics import MetricFrame

    def outcomes(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[int, ...]:
        true, selected = np.asarray(y_true) == positive, np.asarray(y_pred) == positive
        right = np.asarray(y_true) == np.asarray(y_pred)
        return (len(true), *(int(np.sum(each)) for each in (right, selected, true, true & selected, ~true & selected)))

    # Under names of their own: Fairlearn has columns that are called y_true and y_pred, and an attribute may be too.
    features = {f"attribute {number}": values for number, values in enumerate(columns.values())}
    frame = MetricFrame(metrics=outcomes, y_true=targets, y_pred=predictions, sensitive_features=features)
    found = []
    for name, numbers in frame.by_group.dropna().items():  # an intersection that nobody is in is NaN
        names = name if isinstance(name, tuple) else (name,)
        found.append(Group(CROSS.join(columns), CROSS.join(map(str, names)), *numbers))
    return found


def by_group(
    test: Predictions,
    classes: Sequence[str],
    positive: int | None,
    *,
    least_size: int,
    most_groups: int,
    intersections: int,
    resamples: int,
) -> Iterator[Metric | Artifact]:
    """What lies between groups, and between which; then the rates of each group; a table of them, and bars.

    Arguments: `positive`, the class that counts as selected; where it is None, only accuracy is told; `most_groups`,
    the values of one attribute up to which each is a group: one with more, such as an age in years, has only a reason.
    """
    number = -1 if positive is None else positive
    sizes = {name: len(np.unique(np.asarray(values).astype(str))) for name, values in test.groups.items()}
    attributes = {name: values for name, values in test.groups.items() if sizes[name] <= most_groups}
    sets = [
        counted(test["targets"], test["predictions"], number, columns) for columns in crossed(attributes, intersections)
    ]
    rates = RATES if positive is not None else RATES[:1]
    every = [group for groups in sets for group in groups]
    ends: list[Ends] = []
    for groups in sets:
        yield from _between(groups, rates, least_size, resamples, ends)
    for name in [name for name in sizes if name not in attributes]:
        yield from _too_many(name, sizes[name], most_groups)
    if not attributes:
        return
    if ends:
        yield between(ends)
    for group in every[:MAX_GROUPS]:
        yield from _of_group(group, rates, least_size)
    selected = "" if positive is None else f" (selected: {classes[positive]})"
    yield _table(every, rates, least_size, selected)
    alone = [group for groups in sets[: len(attributes)] for group in groups]
    for rate in rates:
        title = rate.replace("_", " ")
        drawn = {f"{group.attribute}: {group.name}": getattr(group, rate) for group in alone[:MAX_GROUPS]}
        yield bars(rate, title, drawn, least_size, f"{title.capitalize()} by group{selected}")


def _table(groups: Sequence[Group], rates: Sequence[str], least_size: int, selected: str) -> Artifact:
    columns = ["attribute", "group", "examples", *(rate.replace("_", " ") for rate in rates)]
    rows = [
        [group.attribute, group.name, group.examples, *(in_words(getattr(group, rate), least_size) for rate in rates)]
        for group in groups
    ]
    caption = f"Rates by group{selected} with 95 % intervals; too few: fewer than {least_size} examples behind a rate"
    return Artifact("groups", "table", {"columns": columns, "rows": rows}, caption)


def _too_many(attribute: str, values: int, most: int) -> Iterator[Metric]:
    reason = (
        f"{attribute} has {values} values in the test split, and each would be a group; most_groups = {most}: "
        "give the data a column with few values, such as ages in bins, or raise most_groups"
    )
    for name in BETWEEN:
        yield Metric(name, None, reason, {"attribute": attribute})


def _between(
    groups: Sequence[Group], rates: Sequence[str], least_size: int, resamples: int, ends: list[Ends]
) -> Iterator[Metric]:
    """Of those groups of one attribute, or one intersection, that are large enough, naming those that are not.

    Who has the lowest and the highest rate is added to `ends`.
    """
    at = {"attribute": groups[0].attribute}
    for name, (needed, measure) in BETWEEN.items():
        if not set(needed) <= set(rates):
            yield Metric(name, None, 'no class counts as selected: name one, positive = "…"', at)
            continue
        families = {
            rate: {group.name: r for group in groups if (r := getattr(group, rate)).n >= least_size} for rate in needed
        }
        small = {
            rate: [
                f"{group.name} ({n} {BEHIND.get(rate, 'examples')})"
                for group in groups
                if (n := getattr(group, rate).n) < least_size
            ]
            for rate in needed
        }
        n = sum(rate.n for family in families.values() for rate in family.values())
        few = next((rate for rate, family in families.items() if len(family) < 2), None)
        if few is not None:
            why = (
                f"too few: {some(small[few])}; least_size = {least_size}" if small[few] else f"all are {groups[0].name}"
            )
            reason = f"there are no two groups whose {few.replace('_', ' ')} can be judged ({why})"
            yield Metric(name, None, reason, at, n=n)
            continue
        try:
            value, interval = measure([list(family.values()) for family in families.values()], resamples)
        except ValueError as undefined:
            yield Metric(name, None, str(undefined), at, n=n)
            continue
        rate = furthest(families)
        found = ends_of(name, value, rate.replace("_", " "), families[rate], at["attribute"])
        ends.append(found)
        every = [group for rate in needed for group in small[rate]]
        without = [f"without {some(every)}, too few to judge: least_size = {least_size}"] if every else []
        yield Metric(name, value, "; ".join([str(found), *without]), at, interval, n=n)


def _of_group(group: Group, rates: Sequence[str], least_size: int) -> Iterator[Metric]:
    at = {"attribute": group.attribute, "group": group.name}
    for name in rates:
        rate: Rate = getattr(group, name)
        if rate.n >= least_size:
            yield Metric(name, rate.value, at=at, interval=of_one(rate), n=rate.n)
            continue
        reason = f"{rate.n} {BEHIND.get(name, 'examples')} are too few to judge: least_size = {least_size}"
        yield Metric(name, None, reason, at, n=rate.n)
        if name == "accuracy":
            return  # of so few examples nothing can be judged, and that is said once
