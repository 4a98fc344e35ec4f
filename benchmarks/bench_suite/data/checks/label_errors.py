"""D008: labels that held-out predictions of several folds contradict (confident learning, Northcutt et al. 2021).

An example is suspect if, in each of `REPEATS` divisions into folds, a classifier that has not seen it gives another
class a probability that reaches the mean of that class's own examples, and its label next to none. Hard examples look
like wrong labels to any such method. So the finding needs more than the classifier's own doubt explains: see `judge`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench_suite.contracts import Finding, Severity
from bench_suite.data.checks.checked_task import CheckedTask, NotApplicable, share
from bench_suite.data.checks.leaks import sample_by_content
from bench_suite.data.checks.learners import features_of, folds_of, held_out_probabilities
from bench_suite.data.splits import concatenate

FOLDS = 5
REPEATS = 2
MAX_EXAMPLES = 4_000
"Examples of all splits together, chosen by content."
MIN_EXAMPLES = 100
DOUBTED = 0.1
"Probability of its label up to which an example is suspect."
APART = 0.5
"""Suspects for each example between suspect and right. Wrong labels stand apart from the right ones, because nothing
is between; where classes overlap, most mistakes are near the border."""
MIN_SUSPECTS = 5
SURE, SIGNIFICANT = 0.98, 1e-4


def contradicted_labels(task: CheckedTask) -> Iterator[Finding]:
    """Yield a finding with the suspect rows of all splits but the shifts, the clearest first."""
    names = [name for name in task.data.splits if not name.startswith("shift:")]
    labels = np.concatenate([task.class_targets(name) for name in names]).astype(np.int64)
    everything = concatenate([task.inputs(name) for name in names])
    ids = np.concatenate([task.split(name).ids for name in names])
    contents = np.concatenate([task.contents(name) for name in names])
    rows = sample_by_content(ids, MAX_EXAMPLES)
    labels, contents = labels[rows], contents[rows]
    counts = np.bincount(labels, minlength=len(task.classes))
    if len(rows) < MIN_EXAMPLES or (counts > 0).sum() < 2:
        raise NotApplicable(f"it has fewer than {MIN_EXAMPLES} examples, or a single class")
    features = features_of(task.modality, everything, rows)
    repeats = [
        held_out_probabilities(
            task.modality, features, labels, folds_of(contents, FOLDS, repeat), len(task.classes), repeat
        )
        for repeat in range(REPEATS)
    ]
    suspects, doubt = suspect_rows(np.stack(repeats), labels)
    severity = judge(np.mean(repeats, axis=0), labels, suspects)
    if severity is None:
        return
    order = suspects[np.argsort(doubt[suspects], kind="stable")]
    starts = np.cumsum([0, *(len(task.split(name)) for name in names)])
    positions = {
        name: rows[order][(rows[order] >= a) & (rows[order] < b)] - a for name, a, b in zip(names, starts, starts[1:])
    }
    likely = "are probably wrong" if severity == "warning" else "are wrong, or of examples that are unlike all others"
    looked = "" if len(rows) == len(ids) else f" of the {len(rows):,} that were looked at"
    yield task.finding(
        "D008", severity,
        f"{share(len(order), len(rows))} labels{looked} {likely}: held-out predictions contradict them",
        "look at these rows, and correct or remove them in the files", values={"share": len(order) / len(rows)},
        evidence=[task.evidence(name, part) for name, part in positions.items() if len(part)],
    )  # fmt: skip


def suspect_rows(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the suspect rows, and the largest probability that a repeat gave the label of each row.

    Args:
        probabilities: (repeats, n, classes), held out.
        labels: (n,) class numbers.
    """
    n = len(labels)
    suspect = np.ones(n, dtype=bool)
    for of_repeat in probabilities:
        own = of_repeat[np.arange(n), labels]
        counts = np.bincount(labels, minlength=of_repeat.shape[1])
        # The confident joint: another class is likelier than it is for its own examples, on average.
        threshold = np.bincount(labels, own, minlength=of_repeat.shape[1]) / np.maximum(counts, 1)
        confident = (of_repeat >= np.where(counts > 0, threshold, 2.0)) & (
            np.arange(of_repeat.shape[1]) != labels[:, None]
        )
        suspect &= confident.any(axis=1) & (own <= DOUBTED)
    return np.flatnonzero(suspect), probabilities[:, np.arange(n), labels].max(axis=0)


def judge(probabilities: np.ndarray, labels: np.ndarray, suspects: np.ndarray) -> Severity | None:
    """Return how serious the suspects are; None if doubt of the classifier explains them.

    They are a warning if they stand apart from all other examples, and a note if there are more mistakes among the
    predictions that are nearly sure (`SURE`) than their probabilities allow, by a Poisson test.
    """
    own = probabilities[np.arange(len(labels)), labels]
    between = int(((own > DOUBTED) & (own < 0.5)).sum())
    if len(suspects) >= max(MIN_SUSPECTS, APART * between):
        return "warning"
    highest = probabilities.max(axis=1)
    sure = highest >= SURE
    mistakes = int((probabilities.argmax(axis=1) != labels)[sure].sum())
    if mistakes >= MIN_SUSPECTS and _poisson_tail(mistakes, float((1 - highest[sure]).sum())) < SIGNIFICANT:
        return "note"
    return None


def _poisson_tail(count: int, mean: float) -> float:
    """Return the probability of `count` or more events if `mean` are expected."""
    from scipy import stats

    return float(stats.poisson.sf(count - 1, mean))
