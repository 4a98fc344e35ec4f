"""Canaries: a one-run audit. A fair coin decides whether train has a canary; the audit guesses the coins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from bench_suite.contracts import Metric, Predictions, Trained
from bench_suite.data.splits import Joined, Subset, View, column
from bench_suite.probes.privacy.progress import reporter
from bench_suite.probes.privacy.scores import NoScore, attack_scores
from bench_suite.stats.one_run_audit import LEVEL, lower_bound
from bench_suite.stats.proportions import clopper_pearson

NAMES = ("audit_epsilon", "audit_accuracy", "audit_margin", "audit_canaries")
"Metrics of the audit."
SPLIT = "privacy:canaries"
"Name of the split of the canaries, in the data of the audited model."
MIN_GUESSES = 10
"Fewest guesses of an audit: ten right ones of ten show ε above 1.05."
OWN_LABELS = "canaries of a regression keep their own targets, so the audit is weaker than one with wrong labels"


@dataclass(frozen=True, eq=False)
class Relabelled(View):
    """A view of a split with other targets."""

    targets: np.ndarray
    "(n,) class numbers, or values."

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """Return the columns at `rows` ((k,) positions), with the new targets."""
        return {**self.split.take(rows), "target": self.targets[np.asarray(rows)]}


def audit(
    trained: Trained,
    canaries: int,
    labels: Literal["wrong", "own"],
    share: float,
    delta: float,
    random: np.random.Generator,
) -> Iterator[Metric]:
    """Train once more, on the canaries that a fair coin includes, and yield the lower bound of ε with its parts.

    The canaries are drawn from train. All other examples of train are always included. Canaries are ordered by how much
    their score rose against that under the cell's own model. Half of the guesses are *in*, for the greatest rises, and
    half are *out*, for the least. Their number is fixed before the coins are tossed, as the theorem demands.

    The seed of that training is another one: with the cell's own, the noise of a private training would be the same in
    both models and vanish from the difference, and ε bounds nothing for those who know the noise.

    Args:
        trained: the cell.
        canaries: number of canaries.
        labels: `wrong` gives each canary another class at random, which a model can only memorise.
        share: share of the canaries that are guessed.
        delta: δ of the audited guarantee if the training has none of its own.
        random: draws the canaries, their labels, the coins, the seed, and the order of equal scores.
    """
    train = trained.data.splits["train"]
    guesses = guesses_of(canaries, share)
    if canaries > len(train) // 2:
        yield from no_audit(f"{canaries:,} canaries are more than half of the {len(train):,} training examples")
        return
    if guesses < MIN_GUESSES:
        yield from no_audit(f"{guesses} guesses about {canaries} canaries; an audit needs {MIN_GUESSES}")
        return
    rows = np.sort(random.choice(len(train), canaries, replace=False))
    targets = np.asarray(column(train, "target"))[rows]
    if labels == "wrong":
        targets = wrong_labels(targets, len(trained.data.spec["classes"]), random)
    try:  # before a training whose result nothing could be compared with
        own = attack_scores("loss", _with_targets(trained.predictions("train"), rows, targets))
    except NoScore as error:
        yield from no_audit(str(error))
        return
    coins = random.random(canaries) < 0.5
    planted = Relabelled(Subset(train, rows), targets)
    rest = Subset(train, np.delete(np.arange(len(train)), rows))
    reporter(trained)(f"training once more with {int(coins.sum())} of {canaries} canaries")
    audited = trained.retrain(
        seed=int(random.integers(2**31)),
        splits={"train": Joined(rest, Subset(planted, np.flatnonzero(coins))), SPLIT: planted},
    )
    try:
        differences = attack_scores("loss", audited.predictions(SPLIT)) - own
    except NoScore as error:
        yield from no_audit(str(error))
        return
    spent = audited.history.privacy if audited.history is not None else None
    claimed = None if spent is None else spent.epsilon
    delta = delta if spent is None else spent.delta
    remark = OWN_LABELS if trained.data.problem != "classification" else ""
    yield from audit_metrics(differences, coins, guesses, delta, claimed, random, remark)


def guesses_of(canaries: int, share: float) -> int:
    """Return the number of guesses about so many canaries: even, half of each kind."""
    return 2 * round(share * canaries / 2)


def wrong_labels(targets: np.ndarray, classes: int, random: np.random.Generator) -> np.ndarray:
    """Return another class for each target, all others equally likely, (n,) int64."""
    return np.asarray((targets + random.integers(1, classes, len(targets))) % classes, dtype=np.int64)


def correct_guesses(scores: np.ndarray, coins: np.ndarray, guesses: int, random: np.random.Generator) -> int:
    """Return how many guesses are right if the greatest scores are guessed *in* and the smallest ones *out*.

    Args:
        scores: (m,), greater for canaries that seem to be included.
        coins: (m,) bool, which ones are.
        guesses: number of guesses, even; half of them of each kind.
        random: orders equal scores.
    """
    order = np.lexsort((random.random(len(scores)), scores))
    half = guesses // 2
    return int(coins[order[-half:]].sum() + (~coins[order[:half]]).sum())


def audit_metrics(
    scores: np.ndarray, coins: np.ndarray, guesses: int, delta: float, claimed: float | None,
    random: np.random.Generator, remark: str = "",
) -> Iterator[Metric]:  # fmt: skip
    """Yield the metrics of an audit.

    Args:
        scores: (m,), greater for canaries that seem to be included.
        coins: (m,) bool, which ones are.
        guesses: number of guesses, even.
        delta: δ of the guarantee.
        claimed: the upper bound of ε that the training claims; None if it claims none.
        random: orders equal scores.
        remark: what the reader of the bound should know of the canaries.
    """
    m = len(coins)
    correct = correct_guesses(scores, coins, guesses, random)
    bound = lower_bound(m, guesses, correct, delta, LEVEL)
    note = f"a lower bound at {LEVEL:.0%} from {correct} right of {guesses} guesses, for delta = {delta:g}" + (
        remark and f"; {remark}"
    )
    yield Metric("audit_epsilon", bound, note, n=m)
    yield Metric(
        "audit_accuracy", correct / guesses, f"{correct} right of {guesses} guesses",
        interval=clopper_pearson(correct, guesses), n=guesses,
    )  # fmt: skip
    if claimed is None:
        yield Metric("audit_margin", None, "the training claims no bound of ε")
    else:
        verdict = "does not contradict" if bound <= claimed else "contradicts"
        yield Metric("audit_margin", claimed - bound, f"the audit {verdict} the claim, ε = {claimed:.4g}", n=m)
    yield Metric("audit_canaries", float(m), kind="exact")


def no_audit(reason: str) -> Iterator[Metric]:
    """Yield the metrics of an audit without a value."""
    for name in NAMES:
        yield Metric(name, None, reason)


def _with_targets(predictions: Predictions, rows: np.ndarray, targets: np.ndarray) -> Predictions:
    """Return the predictions for some rows, with other targets."""
    columns = {name: np.asarray(values)[rows] for name, values in predictions.columns.items()}
    return replace(predictions, ids=predictions.ids[rows], columns={**columns, "targets": targets}, groups={})
