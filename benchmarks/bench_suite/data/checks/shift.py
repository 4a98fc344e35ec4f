"""D006: splits that a classifier tells apart, so that a score on one says little about the other.

The classifier is trained on four folds of both splits and scored on the fifth, five times (Lopez-Paz and Oquab 2017).
If both splits were drawn from one source, its AUC would be one half.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench_suite.contracts import Finding
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable
from bench_suite.data.checks.leaks import sample_by_content
from bench_suite.data.checks.learners import features_of, folds_of, held_out_probabilities
from bench_suite.data.splits import concatenate
from bench_suite.stats.intervals import area_under_roc

FOLDS = 5
MARGIN = 0.05
"The lower bound of the AUC must exceed one half by this: a smaller shift is seen in large data and matters little."
MAX_EXAMPLES = 2_000
"Examples of each split, chosen by content."
MIN_EXAMPLES = 50
Z = 1.959964


def shifted_splits(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding for test, and for validation, if a classifier tells it from train."""
    train = task.inputs("train")
    for name in ("test", "validation"):
        if name not in task.data.splits:
            continue
        if min(len(task.split("train")), len(task.split(name))) < MIN_EXAMPLES:
            raise NotApplicable(f"train or {name} has fewer than {MIN_EXAMPLES} examples")
        rows = [sample_by_content(task.split(split).ids, MAX_EXAMPLES) for split in ("train", name)]
        both = concatenate([_take(train, rows[0]), _take(task.inputs(name), rows[1])])
        side = np.repeat([0, 1], [len(rows[0]), len(rows[1])])
        contents = np.r_[task.contents("train")[rows[0]], task.contents(name)[rows[1]]]
        features = features_of(task.modality, both, np.arange(len(side)))
        folds = folds_of(contents, FOLDS)
        scores = held_out_probabilities(task.modality, features, side, folds, 2)[:, 1]
        auc, error = mean_auc(side == 1, scores, folds)
        low, high = auc - Z * error, min(auc + Z * error, 1.0)
        if low <= 0.5 + MARGIN:
            continue
        column, column_auc = _clearest_column(task, name)
        # A column that shows less than half of it is not what differs: several columns do together.
        clear = column and column_auc - 0.5 >= (auc - 0.5) / 2
        by = (
            f"; `{column}` alone has {column_auc:.2f}"
            if clear
            else "; no column alone is larger or smaller"
            if column
            else ""
        )
        yield task.finding(
            "D006", "warning", f"a classifier tells {name} from train: AUC {auc:.3f} ({low:.3f} to {high:.3f}), where "
            f"chance is 0.5{by}",
            f"report this split as a shift, or draw both splits from the same examples: {task.redraw()}",
            f"train/{name}", {"auc": auc, "low": low, "high": high},
        )  # fmt: skip


def mean_auc(positive: np.ndarray, scores: np.ndarray, folds: np.ndarray) -> tuple[float, float]:
    """Return the mean of the folds' AUCs, and its standard error from the folds' own (DeLong et al. 1988).

    Scores of different folds are of different classifiers, and are not pooled.
    """
    aucs, variances = [], []
    for fold in np.unique(folds):
        one = folds == fold
        above, below = np.sort(scores[one & positive]), np.sort(scores[one & ~positive])
        if min(len(above), len(below)) < 2:
            continue
        aucs.append(area_under_roc(positive[one], scores[one]))
        # Placements: for each example, the share of the other side that it is on the right side of.
        of_above = (np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")) / 2 / len(below)
        of_below = 1 - (np.searchsorted(above, below, "left") + np.searchsorted(above, below, "right")) / 2 / len(above)
        variances.append(of_above.var(ddof=1) / len(above) + of_below.var(ddof=1) / len(below))
    if not aucs:
        raise NotApplicable("the folds have too few examples")
    return float(np.mean(aucs)), float(np.sqrt(np.sum(variances)) / len(aucs))


def _clearest_column(task: CheckedTask, name: str) -> tuple[str, float]:
    """Return the column of a table whose values differ most between train and a split, and its AUC; "" if none."""
    if task.modality != "table":
        return "", 0.5
    tables = [task.table("train"), task.table(name)]
    side = np.repeat([False, True], [len(tables[0]), len(tables[1])])
    best = ("", 0.5)
    for source in task.columns:
        values = np.concatenate([source.codes(table) for table in tables])
        auc = area_under_roc(side, np.nan_to_num(values, nan=-np.inf))
        if max(auc, 1 - auc) > best[1]:
            best = (source.name, max(auc, 1 - auc))
    return best


def _take(inputs: Any, rows: np.ndarray) -> Any:
    return [inputs[row] for row in rows.tolist()] if isinstance(inputs, list) else np.asarray(inputs)[rows]
