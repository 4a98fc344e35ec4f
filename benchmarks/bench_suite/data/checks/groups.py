"""D010: groups of examples, or a whole test split, that are too small for the intervals of their rates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, quoted

MAX_HALF_WIDTH = 0.1
"Half width of the 95 % interval of a rate (at 0.5, where it is widest) above which a group cannot be judged."
MAX_NAMES = 5
RELATIVE = 1.959964
"Half the width of the 95 % interval of a mean of n errors, in standard deviations of the errors over √n."
UNKNOWN = "unknown"
"The group of those whose attribute is missing: nobody asks for its rate."


def half_width(n: int) -> float:
    """Return half the width of Wilson's 95 % interval of a rate of one half among n examples (Wilson 1927)."""
    z = 1.959964
    return z * math.sqrt(0.25 / n + z * z / (4 * n * n)) / (1 + z * z / n) if n else 0.5


MIN_EXAMPLES = next(n for n in range(1, 10_000) if half_width(n) <= MAX_HALF_WIDTH)
"Examples that a group needs."


@dataclass(frozen=True)
class _Small:
    """The groups of an attribute, or the classes within its groups, with too few examples."""

    attribute: str
    counts: Mapping[str, int]
    "Examples by name: `sex = f`, or of one class `sex = f, class denied`."
    rows: np.ndarray
    "Of test; empty for the classes."

    def __str__(self) -> str:
        return _listed([f"`{name}` ({count})" for name, count in self.counts.items()])


def small_groups(task: CheckedTask) -> Iterator[Finding]:
    """Yield one finding on a small test split, or on the groups of all attributes that are small in test.

    All groups of a small test split are small too, so it is one finding then. Advice on one attribute would contradict
    that on another one.
    """
    test = task.split("test")
    if len(test) < MIN_EXAMPLES:
        yield _of_test(task, len(test), [*test.groups])
        return
    groups, classes = [], []
    for attribute, values in test.groups.items():
        of_groups, of_classes = _of_attribute(task, attribute, np.asarray(values))
        groups += [of_groups] if of_groups.counts else []
        classes += [of_classes] if of_classes.counts else []
    if not groups and not classes:
        return
    smallest = min(count for one in (groups or classes) for count in one.counts.values())
    parts = []
    for several, what in ((groups, "rates"), (classes, "rates of one class")):
        if several:
            worst = half_width(min(count for one in several for count in one.counts.values()))
            parts.append(f"{', '.join(map(str, several))}: {what} known to ± {worst:.2f} at worst")
    mend = "give test more examples of these groups, or read their rates with their intervals"
    if groups:
        these = "this attribute" if len(groups) == 1 else "these attributes"
        mend += f"; not to report by {these}: {task.without_groups([one.attribute for one in groups])}"
    yield task.finding(
        "D010", "warning" if groups else "note",
        f"too few test examples in {'; and in '.join(parts)}; {MIN_EXAMPLES} examples make it ± {MAX_HALF_WIDTH:g}",
        mend,
        [*(one.attribute for one in groups), *(f"{one.attribute} by class" for one in classes)],
        {"smallest": float(smallest), "half_width": half_width(smallest)},
        [task.evidence("test", np.unique(np.concatenate([one.rows for one in groups])))] if groups else [],
    )  # fmt: skip


def _of_test(task: CheckedTask, n: int, attributes: Sequence[str]) -> Finding:
    worst = half_width(n)
    known = (
        f"the 95 % interval of an accuracy of one half is ± {worst:.3f}"
        if task.classes
        else f"the 95 % interval of a mean error is ± {RELATIVE / math.sqrt(n):.2f} of the errors' spread"
    )
    groups = f", and wider in each group of {quoted(attributes)}" if attributes else ""
    folds = "split = { folds = 5 } tests on each example once; or " if "split" in task.options else ""
    return task.finding(
        "D010", "warning", f"test has {n} examples: {known}{groups}", folds + task.redraw(0.3), "test",
        {"examples": float(n), "half_width": worst},
    )  # fmt: skip


def _of_attribute(task: CheckedTask, attribute: str, values: np.ndarray) -> tuple[_Small, _Small]:
    """Return the small groups of an attribute, and the small classes within its other groups."""
    names, counts = np.unique(values, return_counts=True)
    known = names != UNKNOWN
    names, counts = names[known], counts[known]
    small = counts < MIN_EXAMPLES
    groups = {f"{attribute} = {name}": count for name, count in zip(names[small].tolist(), counts[small].tolist())}
    if groups and 0 < (missing := int((values == UNKNOWN).sum())) < MIN_EXAMPLES:
        groups[f"{attribute} = {UNKNOWN}"] = missing  # charts show this group too
    targets = task.targets("test")
    classes: dict[str, int] = {}
    if len(task.classes) == 2 and targets is not None:
        # Recalls, and the differences of equalised odds, are rates among the examples of one class.
        classes = {
            f"{attribute} = {name}, class {label}": count
            for name in names[~small].tolist()
            for number, label in enumerate(task.classes)
            if (count := int(((values == name) & (targets == number)).sum())) < MIN_EXAMPLES
        }
    few = [*names[small].tolist(), *([UNKNOWN] if f"{attribute} = {UNKNOWN}" in groups else [])]
    rows = np.flatnonzero(np.isin(values, few))
    return _Small(attribute, groups, rows), _Small(attribute, classes, rows[:0])


def _listed(words: list[str]) -> str:
    return ", ".join(words[:MAX_NAMES]) + (f" and {len(words) - MAX_NAMES} more" if len(words) > MAX_NAMES else "")
