"""The task that is checked: its data as it returned them, its source columns, and how findings are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bench_suite.contracts import Data, Evidence, Finding, Severity, Split
from bench_suite.data.fingerprint import contents
from bench_suite.data.splits import column

MAX_ROWS = 10
"Rows that the evidence of a finding names by split; their number is always given."
MODALITIES = ("image", "text", "table")


class NotApplicable(Exception):
    """A check that cannot be run on this task; the message says why."""


class Costly(NotApplicable):
    """A check that takes long on this task and was not asked for; the message says what it would do."""


@dataclass(frozen=True)
class SourceColumn:
    """A column as its owner knows it: one number, or several indicators of one category."""

    name: str
    positions: tuple[int, ...]
    "Columns of the table."
    categories: tuple[str, ...] = ()
    "Categories, one for each position; empty for a number."

    def codes(self, table: np.ndarray) -> np.ndarray:
        """Return (n,) float64: the number, or the position of the category, −1 for a category without a column."""
        if not self.categories:
            return np.asarray(table[:, self.positions[0]], dtype=np.float64)
        values = table[:, list(self.positions)]
        return np.where(values.any(axis=1), values.argmax(axis=1), -1).astype(np.float64)


@dataclass(frozen=True)
class CheckedTask:
    """A task and its data, before duplicates are removed and a validation split is held out."""

    label: str
    data: Data
    options: Mapping[str, Any] = field(default_factory=dict)
    "Options of the task by name, which decide what line of the suite can mend a finding."
    costly: bool = False
    "Whether a check may take minutes, because it was asked for."

    @cached_property
    def modality(self) -> str:
        """`image`, `text` or `table`; empty if the examples are of another kind."""
        split = self.data.splits["train"]
        first = split.take(np.arange(min(1, len(split))))
        return next((name for name in MODALITIES if name in first), "")

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; empty if the target is not a class."""
        return tuple(map(str, self.data.spec.get("classes") or ()))

    def split(self, name: str) -> Split:
        """Return a split by name."""
        return self.data.splits[name]

    def contents(self, split: str) -> np.ndarray:
        """Return (n,) int64, equal for examples with equal inputs."""
        return contents(self.split(split).ids)

    def targets(self, split: str) -> np.ndarray | None:
        """Return the (n,) class numbers or numbers of a split; None if its targets have another form."""
        values = column(self.split(split), "target")
        if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iubf":
            return None
        return values

    def class_targets(self, split: str) -> np.ndarray:
        """Return the (n,) class numbers of a split. Raises NotApplicable if they are no classes."""
        targets = self.targets(split)
        if not self.classes or targets is None or targets.dtype.kind not in "iub":
            raise NotApplicable("its targets are no classes")
        return targets

    def inputs(self, split: str) -> Any:
        """Return all inputs of a split in memory. Raises NotApplicable if they are on disk, or of another kind."""
        if not self.modality:
            raise NotApplicable("its inputs are neither pictures, texts nor a table")
        if not self.split(split).in_memory:
            raise NotApplicable("its examples are on disk, and are not read whole")
        return column(self.split(split), self.modality)

    def table(self, split: str) -> np.ndarray:
        """Return the (n, d) table of a split. Raises NotApplicable if the inputs are no table."""
        if self.modality != "table":
            raise NotApplicable("its inputs are no table")
        return np.asarray(self.inputs(split))

    @cached_property
    def columns(self) -> tuple[SourceColumn, ...]:
        """The columns of the table, with the indicators of one category grouped. Raises NotApplicable for others."""
        table = self.table("train")
        names = [str(name) for name in self.data.spec.get("columns") or ()]
        if len(names) != table.shape[1]:
            names = [f"column {number}" for number in range(table.shape[1])]
        prefixes = [name.partition("=")[0] if "=" in name else "" for name in names]
        groups: dict[str, list[int]] = {}
        for position, prefix in enumerate(prefixes):
            groups.setdefault(prefix if prefix else f"={names[position]}", []).append(position)
        columns: list[SourceColumn] = []
        for key, positions in groups.items():
            if not key.startswith("=") and _is_indicator(table[:, positions]):
                categories = tuple(names[position].partition("=")[2] for position in positions)
                columns.append(SourceColumn(key, tuple(positions), categories))
            else:
                columns += [SourceColumn(names[position], (position,)) for position in positions]
        return tuple(sorted(columns, key=lambda one: one.positions))

    # ── findings ────────────────────────────────────────────────────────────────────────────────

    def finding(
        self, code: str, severity: Severity, summary: str, mend: str, subject: str | Sequence[str] = "",
        values: Mapping[str, float] | None = None, evidence: Iterable[Evidence] = (),
    ) -> Finding:  # fmt: skip
        """Return a finding about this task, and about one or several subjects."""
        subjects = (subject,) if isinstance(subject, str) else tuple(dict.fromkeys(subject))
        return Finding(
            code, severity, self.label, summary, mend, ", ".join(subjects), values or {}, tuple(evidence),
            subjects if len(subjects) > 1 else (),
        )  # fmt: skip

    def evidence(self, split: str, rows: Sequence[int] | np.ndarray) -> Evidence:
        """Return the evidence of some rows of a split, of which the first are named."""
        first = np.asarray(rows[:MAX_ROWS], dtype=np.int64)
        ids = np.asarray(self.split(split).ids)[first]
        return Evidence(split, len(rows), tuple(first.tolist()), tuple(ids.tolist()))

    def without_columns(self, names: Sequence[str]) -> str:
        """Return the line of the suite that leaves columns out, all of them at once, or what else to do."""
        if isinstance(inputs := self.options.get("inputs"), tuple | list):
            others = ", ".join(f'"{other}"' for other in inputs if other not in names)
            return f"inputs = [{others}]"
        if "columns" in self.options:
            ignored = ", ".join(f'{toml_key(name)} = "ignore"' for name in names)
            return f"columns = {{ {ignored} }}"
        return f"leave {quoted(names)} out in the task's `load`: this task has no option that does"

    def redraw(self, share_of_test: float = 0.2) -> str:
        """Return the line of the suite that draws other splits, or what else to do for a task without that option."""
        if "split" not in self.options:
            return "draw other splits in the task's `load`: this task has no option that does"
        stratify = ", stratify = true" if self.classes else ""
        line = f"split = {{ test = {share_of_test:g}{stratify} }}"
        if self.options["split"]:
            return f"change the stated `split`: {line} draws test without regard to columns"
        return f'{line}, with test = "" if the files have a test split'

    def without_groups(self, attributes: Sequence[str]) -> str:
        """Return the line of the suite that reports by the other attributes only, or what else to do."""
        if "groups" not in self.options:
            return f"leave {quoted(attributes)} out in the task's `load`: this task has no option that does"
        others = ", ".join(f'"{name}"' for name in self.split("test").groups if name not in attributes)
        return f"groups = [{others}]"


def _is_indicator(values: np.ndarray) -> bool:
    """Return whether each row of (n, k) has at most one 1 and zeros otherwise."""
    return bool(np.isin(values, (0.0, 1.0)).all() and (values.sum(axis=1) <= 1).all())


def quoted(names: Sequence[str]) -> str:
    """Return names in backticks, between commas."""
    return ", ".join(f"`{name}`" for name in names)


def toml_key(name: str) -> str:
    """Return a name as a key of TOML."""
    plain = name and all(letter.isalnum() or letter in "-_" for letter in name) and name.isascii()
    return name if plain else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def share(count: int, of: int) -> str:
    """Return `12 of 400 (3.0 %)`."""
    return f"{count:,} of {of:,} ({100 * count / of:.1f} %)" if of else f"{count:,}"
