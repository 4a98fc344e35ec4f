"""D001, exact: examples with the same input in two splits, so that a test measures memory as well as skill."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, share

COARSE = 2.0
"""A table is coarse if its rows repeat within train nearly as often as between splits: at least this fraction⁻¹."""

SERIOUS = 0.01
"Share of test with a near duplicate in train, which no run removes, from which on the finding is an error."


def split_pairs(names: Iterator[str] | tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the pairs of splits that must not share examples: the one that is learnt from first.

    `test` and the shifts are apart from train and validation; two tested splits may overlap.
    """
    splits = tuple(names)
    tested = [name for name in splits if name == "test" or name.startswith("shift:")]
    pairs = [("train", name) for name in tested if "train" in splits]
    pairs += [("validation", name) for name in tested if "validation" in splits]
    return pairs + ([("train", "validation")] if {"train", "validation"} <= {*splits} else [])


def shared_rows(task: CheckedTask, first: str, second: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of two splits whose inputs the other has too."""
    one, other = task.contents(first), task.contents(second)
    return np.flatnonzero(np.isin(one, other)), np.flatnonzero(np.isin(other, one))


def exact_duplicates(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for each pair of splits that share an input.

    Rows of a table with few values are equal by chance: if they repeat within train as often as between the splits,
    the finding is a note.
    """
    for first, second in split_pairs(tuple(task.data.splits)):
        rows, others = shared_rows(task, first, second)
        if not len(others):
            continue
        n, share_of_test = len(task.split(second)), len(others) / len(task.split(second))
        repeated = _share_repeated(task.contents(first))
        coarse = task.modality == "table" and repeated * COARSE >= share_of_test
        why = "; rows repeat as often within train: the columns have few values" if coarse else ""
        yield task.finding(
            "D001",
            "note" if coarse else "warning",
            f"{share(len(others), n)} examples of {second} have an equal one in {first}{why}",
            _mend(task, first),
            f"{first}/{second}",
            {"share": share_of_test, "share_within_first": repeated},
            (task.evidence(first, rows), task.evidence(second, others)),
        )


def _mend(task: CheckedTask, first: str) -> str:
    """Return what to do: a run removes equal examples from `first` itself, unless they are kept (see `prepare`)."""
    policy = task.data.duplicates
    is_kept = policy == "keep" or (policy in (None, "ask") and task.modality == "table")
    if not is_kept:
        return f"none is needed: a run removes them from {first} before it trains"
    if "duplicates" in task.options:
        return f'duplicates = "drop" removes them from {first} before a run trains, which keeps them otherwise'
    return f"remove them from {first} in the task's `load`: a run keeps equal rows of a table"


def _share_repeated(contents: np.ndarray) -> float:
    """Return the share of rows that have an equal row in the same split."""
    _, counts = np.unique(contents, return_counts=True)
    return float(counts[counts > 1].sum() / max(len(contents), 1))
