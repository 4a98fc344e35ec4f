"""Folds: how many a task's `split = { folds = 5 }` comes to, and what is wrong with the axis `fold`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench_suite.components.options import show
from bench_suite.contracts import OptionError
from bench_suite.suite.spec import ComponentUse
from bench_suite.suite.toml_positions import Path as KeyPath

AXIS = "fold"
"The axis, and the option of a task that it sets. A task with this option and the option `split` can have folds."


def read_folds(split: Mapping[str, Any]) -> tuple[int, int]:
    """Return the numbers of folds and of repeats that `split` states; (0, 1) if it states no folds.

    Raises:
        OptionError: A number is not right.
    """
    folds, repeats = split.get("folds"), split.get("repeats", 1)
    for key, value, least in (("folds", folds, 2), ("repeats", repeats, 1)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise OptionError(f"split.{key} = {show(value)} is not a whole number from {least}", "split", key)
    if folds is None and "repeats" in split:
        raise OptionError("split.repeats repeats the folds: state folds = 5 too", "split", "repeats")
    return folds or 0, repeats


def count_folds(task: ComponentUse, split: Any) -> int:
    """Return how many cells the folds of a task give: folds × repeats; 0 without folds.

    Args:
        task: the task; only one with the options `split` and `fold` can have folds.
        split: its option `split`, stated in the task or a value of an axis.

    Raises:
        OptionError: A number is not right.
    """
    if AXIS not in task.component.options or not isinstance(split, Mapping):
        return 0
    folds, repeats = read_folds(split)
    return folds * repeats


def splits_of(task: ComponentUse, axes: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
    """Return the values that the option `split` of a task has in a suite: those of an axis, or the stated one."""
    return axes.get(f"tasks.{task.label}.split", (task.stated.get("split"),))


def fold_errors(
    tasks: Sequence[ComponentUse], axes: Mapping[str, tuple[Any, ...]], include: Sequence[Mapping[str, tuple[Any, ...]]]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with the folds of tasks and with the axis `fold`, with the key that states it.

    Args:
        tasks: the tasks of the suite.
        axes: the axes of the matrix.
        include: the entries of `include`.
    """
    counts: dict[str, int] = {}
    for task in tasks:
        if AXIS not in task.component.options:
            continue
        option, key = f"tasks.{task.label}.{AXIS}", (*task.key, AXIS)
        if AXIS in task.stated or option in axes:
            where: KeyPath = key if AXIS in task.stated else ("matrix", option)
            yield where, "is set by the axis `fold`: state split.folds in the task, and choose folds with matrix.fold"
        try:
            counts[task.label] = max(count_folds(task, split) for split in splits_of(task, axes))
        except OptionError as error:
            yield (*task.key, *error.key), str(error)
            return
    counts = {label: count for label, count in counts.items() if count}
    yield from _axis_errors(("matrix", AXIS), axes.get(AXIS, ()), counts)
    for index, selector in enumerate(include):
        chosen = {label: count for label, count in counts.items() if label in selector.get("task", counts)}
        yield from _axis_errors(("matrix", "include", index, AXIS), selector.get(AXIS, ()), chosen)


def _axis_errors(key: KeyPath, values: Sequence[Any], counts: Mapping[str, int]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the error of an axis that names a fold which a task does not have; `counts` by task."""
    if values and not counts:
        yield key, "is an axis of tasks with folds, and no task states any: split = { folds = 5 }"
    for label, count in counts.items():
        if beyond := [value for value in values if isinstance(value, int) and value >= count]:
            yield key, f"the task {label} has no fold {beyond[0]}: its folds are 0 to {count - 1}"
            return
