"""D010: groups of examples, or a whole test split, that are too small for the intervals of their rates."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask

MAX_HALF_WIDTH = 0.1
"Half width of the 95 % interval of a rate (at 0.5, where it is widest) above which a group cannot be judged."
MAX_NAMES = 5
UNKNOWN = "unknown"
"The group of those whose attribute is missing: nobody asks for its rate."


def half_width(n: int) -> float:
    """Return half the width of Wilson's 95 % interval of a rate of one half among n examples (Wilson 1927)."""
    z = 1.959964
    return z * math.sqrt(0.25 / n + z * z / (4 * n * n)) / (1 + z * z / n) if n else 0.5


MIN_EXAMPLES = next(n for n in range(1, 10_000) if half_width(n) <= MAX_HALF_WIDTH)
"Examples that a group needs."


def small_groups(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for a small test split, and for each attribute with small groups in test."""
    test = task.split("test")
    if len(test) < MIN_EXAMPLES:
        yield task.finding(
            "D010", "warning", f"test has {len(test)} examples: the 95 % interval of an accuracy of one half is "
            f"± {half_width(len(test)):.2f}",
            "give test more examples, such as split = { test = 0.3 }, or use folds: split = { folds = 5 }", "test",
            {"examples": float(len(test)), "half_width": half_width(len(test))},
        )  # fmt: skip
    for attribute, values in test.groups.items():
        yield from _of_attribute(task, attribute, np.asarray(values))


def _of_attribute(task: CheckedTask, attribute: str, values: np.ndarray) -> Iterator[Finding]:
    names, counts = np.unique(values, return_counts=True)
    known = names != UNKNOWN
    names, counts = names[known], counts[known]
    small = counts < MIN_EXAMPLES
    if small.any():
        listed = _listed([f"{name} ({count})" for name, count in zip(names[small].tolist(), counts[small].tolist())])
        yield task.finding(
            "D010", "warning", f"{small.sum()} of {len(names)} groups of `{attribute}` have fewer than "
            f"{MIN_EXAMPLES} examples in test: {listed}; their rates are known to ± "
            f"{half_width(int(counts[small].min())):.2f} at worst",
            f"give test more of them, or leave the attribute out: groups = [{_others(task, attribute)}]",
            attribute, {"smallest": float(counts[small].min()), "half_width": half_width(int(counts[small].min()))},
            [task.evidence("test", np.flatnonzero(np.isin(values, names[small])))],
        )  # fmt: skip
    targets = task.targets("test")
    if len(task.classes) != 2 or targets is None:
        return
    # Recalls, and the differences of equalised odds, are rates among the examples of one class.
    of_class = {
        f"{name} and {label} ({count})": count
        for name in names[~small].tolist()
        for number, label in enumerate(task.classes)
        if (count := int(((values == name) & (targets == number)).sum())) < MIN_EXAMPLES
    }
    if of_class:
        smallest = min(of_class.values())
        yield task.finding(
            "D010", "note", f"rates of one class within a group of `{attribute}` have fewer than {MIN_EXAMPLES} "
            f"examples in test: {_listed([*of_class])}; they are known to ± {half_width(smallest):.2f} at worst",
            "give test more examples of these groups", f"{attribute} by class",
            {"smallest": float(smallest), "half_width": half_width(smallest)},
        )  # fmt: skip


def _others(task: CheckedTask, attribute: str) -> str:
    return ", ".join(f'"{name}"' for name in task.split("test").groups if name != attribute)


def _listed(words: list[str]) -> str:
    return ", ".join(words[:MAX_NAMES]) + (f" and {len(words) - MAX_NAMES} more" if len(words) > MAX_NAMES else "")
