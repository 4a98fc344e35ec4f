"""D001, of groups: rows of one customer, patient or the like in two splits, so that a test is too easy."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable, share, toml_key
from bench_suite.data.checks.duplicates import split_pairs

MIN_SHARED = 0.05
"Share of the rows of test that belong to a value of train, from which on the finding is made."


def shared_identifiers(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for each column that names something, such as a customer, with rows in two splits.

    Only splits that were drawn row by row have `identifiers`; splits that come with the data are their owner's.
    """
    if not any(_identifiers(task, name) for name in task.data.splits):
        raise NotApplicable("its splits were not drawn from rows of repeated identifiers")
    for first, second in split_pairs(tuple(task.data.splits)):
        for column, learnt in _identifiers(task, first).items():
            tested = _identifiers(task, second)[column]
            rows = np.flatnonzero(np.isin(tested, learnt) & (tested >= 0))
            if len(rows) < max(1, MIN_SHARED * len(tested)):
                continue
            shared, values = np.unique(tested[rows]), np.unique(np.concatenate([learnt, tested]))
            values = values[values >= 0]
            yield task.finding(
                "D001", "warning",
                f"rows of {len(shared):,} of the {len(values):,} values of `{column}` stand in {first} and {second}: "
                f"{share(len(rows), len(tested))} rows of {second}",
                _mend(task, column),
                column, {"share": len(rows) / len(tested), "shared": float(len(shared)), "values": float(len(values))},
                (task.evidence(first, np.flatnonzero(np.isin(learnt, shared))), task.evidence(second, rows)),
            )  # fmt: skip


def _identifiers(task: CheckedTask, split: str) -> dict[str, np.ndarray]:
    return dict(getattr(task.split(split), "identifiers", {}))


def _mend(task: CheckedTask, column: str) -> str:
    """Return the line of the suite that keeps the rows of one value together."""
    stated = dict(task.options.get("split") or {"test": 0.2}) | {"by": column}
    pairs = ", ".join(f"{toml_key(key)} = {json.dumps(value, ensure_ascii=False)}" for key, value in stated.items())
    return f"split = {{ {pairs} }}"
