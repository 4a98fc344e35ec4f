"""D002 and D007: equal inputs with different labels, and classes or categories that train lacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable, share

MAX_NAMES = 5
"Names that a summary lists."
SERIOUS = 0.01
"Share of a split with a category that train lacks, from which on the finding is a warning."


def contradictory_labels(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding if examples with the same input have different labels, in one split or in several.

    `least_error` is the share of examples that no model can get right, because another label is more frequent for
    the same input. In a table with few values this is the noise of the task, and the finding is a note.
    """
    names = [name for name in task.data.splits if not name.startswith("shift:")]
    labels = np.concatenate([task.class_targets(name) for name in names])
    contents = np.concatenate([task.contents(name) for name in names])
    _, inverse, counts = np.unique(contents, return_inverse=True, return_counts=True)
    pairs, frequency = np.unique(inverse * (int(labels.max()) + 1) + labels, return_counts=True)
    inputs = pairs // (int(labels.max()) + 1)
    distinct = np.bincount(inputs, minlength=len(counts))
    contradictory = distinct[inverse] > 1
    if not contradictory.any():
        return
    most = np.zeros(len(counts), dtype=np.int64)
    np.maximum.at(most, inputs, frequency)
    least_error = float((counts - most).sum() / len(labels))
    starts = np.cumsum([0, *(len(task.split(name)) for name in names)])
    rows = {name: np.flatnonzero(contradictory[a:b]) for name, a, b in zip(names, starts, starts[1:])}
    order = {name: positions[np.argsort(contents[a:b][positions], kind="stable")]
             for (name, positions), a, b in zip(rows.items(), starts, starts[1:])}  # fmt: skip
    coarse = task.modality == "table" and float((counts[inverse] > 1).mean()) > 0.2
    yield task.finding(
        "D002",
        "note" if coarse else "warning",
        f"{share(int(contradictory.sum()), len(labels))} examples have an equal input with another label; "
        f"no model can be right on more than {1 - least_error:.2%}",
        "correct or remove these rows in the files" if not coarse else "add a column that tells these rows apart",
        values={"least_error": least_error},
        evidence=[task.evidence(name, positions) for name, positions in order.items() if len(positions)],
    )


def absent_classes(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for classes that train lacks and another split has, and for classes that test lacks."""
    classes = len(task.classes)
    counts = {name: np.bincount(task.class_targets(name), minlength=classes) for name in task.data.splits}
    for name, of_split in counts.items():
        absent = np.flatnonzero((counts["train"] == 0) & (of_split > 0))
        if len(absent) and name != "train":
            rows = np.flatnonzero(np.isin(task.class_targets(name), absent))
            yield task.finding(
                "D007",
                "error" if name == "test" else "warning",
                f"{share(len(rows), len(task.split(name)))} examples of {name} have a class that train lacks: "
                f"{_names(task.classes, absent)}",
                task.redraw(),
                f"{name} classes",
                {"classes": float(len(absent))},
                [task.evidence(name, rows)],
            )
    absent = np.flatnonzero((counts["train"] > 0) & (counts["test"] == 0))
    if len(absent):
        yield task.finding(
            "D007",
            "warning",
            f"{len(absent)} of {classes} classes of train have no example in test, which cannot judge them: "
            f"{_names(task.classes, absent)}",
            task.redraw(),
            "test lacks classes",
            {"classes": float(len(absent))},
        )
    never = np.flatnonzero(sum(counts.values()) == 0)
    if len(never):
        yield task.finding(
            "D007",
            "note",
            f"{len(never)} of {classes} classes have no example in any split: {_names(task.classes, never)}",
            "none is needed; means over classes leave them out",
            "empty classes",
            {"classes": float(len(never))},
        )


def absent_categories(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding on the columns with values, in a split, whose category has no column in the table.

    If all values of train have a column of their own, these are categories that train lacks, and each is counted. A
    column of many categories has columns for the most frequent ones only; the finding then needs more such values than
    train has.
    """
    train = task.table("train")
    lacking: list[_Lacking] = []
    for source in task.columns:
        if not source.categories:
            continue
        rare_in_train = float((source.codes(train) < 0).mean())
        for name in task.data.splits:
            n, rows = len(task.split(name)), np.flatnonzero(source.codes(task.table(name)) < 0)
            usual = 1 + 2 * rare_in_train * n if rare_in_train else 0
            if name == "train" or len(rows) <= usual:
                continue
            lacking.append(_Lacking(source.name, name, n, rows, rare_in_train))
    if lacking:
        yield _of_categories(task, lacking)


@dataclass(frozen=True)
class _Lacking:
    """The rows of a split whose category of one column has no column in the table."""

    column: str
    split: str
    n: int
    "Rows of the split."
    rows: np.ndarray
    rare_in_train: float
    "Share of train with such a category."

    @property
    def is_serious(self) -> bool:
        return len(self.rows) > 1 and len(self.rows) >= SERIOUS * self.n


def _of_categories(task: CheckedTask, lacking: Sequence[_Lacking]) -> Finding:
    """Return one finding on all columns, whose numbers are those of the worst."""
    worst = max(lacking, key=lambda one: (one.is_serious, len(one.rows) / one.n))
    columns = list(dict.fromkeys(one.column for one in lacking))
    rows: dict[str, list[np.ndarray]] = {}
    for one in lacking:
        rows.setdefault(one.split, []).append(one.rows)
    rare = ", or that is rare in it" if any(one.rare_in_train for one in lacking) else ""
    if len(lacking) == 1:
        summary = (
            f"{share(len(worst.rows), worst.n)} examples of {worst.split} have a category of `{worst.column}` that "
            f"train lacks{rare}"
        )
    else:
        listed = ", ".join(f"{share(len(one.rows), one.n)} of {one.split} in `{one.column}`" for one in lacking)
        summary = f"examples have a category that train lacks{rare}: {listed}"
    out = "the column" if len(columns) == 1 else "these columns"
    return task.finding(
        "D007", "warning" if worst.is_serious else "note", summary,
        f"{task.redraw()}; or leave {out} out: {task.without_columns(columns)}", columns,
        {"share": len(worst.rows) / worst.n, "count": float(len(worst.rows)), "share_in_train": worst.rare_in_train},
        [task.evidence(split, np.unique(np.concatenate(own))) for split, own in rows.items()],
    )  # fmt: skip


def absent(task: CheckedTask) -> Iterator[Finding]:
    """Yield the findings of `absent_classes`, and of `absent_categories` for a table."""
    if task.classes:
        yield from absent_classes(task)
    elif task.modality != "table":
        raise NotApplicable("it has neither classes nor categories")
    if task.modality == "table" and all(split.in_memory for split in task.data.splits.values()):
        yield from absent_categories(task)


def _names(classes: tuple[str, ...], numbers: np.ndarray) -> str:
    listed = ", ".join(classes[number] for number in numbers[:MAX_NAMES].tolist())
    return listed + (f" and {len(numbers) - MAX_NAMES} more" if len(numbers) > MAX_NAMES else "")
