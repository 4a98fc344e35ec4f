"""Shadow models: the same training on random halves of the examples, and attacks that compare with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench_suite.contracts import Trained
from bench_suite.data.splits import Joined, Subset
from bench_suite.probes.privacy.progress import reporter
from bench_suite.probes.privacy.scores import NoScore, logits_of
from bench_suite.stats.shadow_attacks import offline_scores, online_scores, relative_scores

ATTACKS = ("likelihood_ratio", "likelihood_ratio_offline", "relative")
"LiRA online and offline, and RMIA."
MIN_SHADOWS = 4
"Shadow models from which a variance is known: two with an example and two without it."
SPLIT = "privacy:attacked"
"Name of the split of the examples that are attacked, in the data of a shadow model."


@dataclass(frozen=True)
class Attacked:
    """The examples that are attacked: rows of train and of the split of non-members."""

    members: np.ndarray
    non_members: np.ndarray
    split: str
    "Name of the split of the non-members."


def drawn_halves(count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Return (count, size) bool: which of `size` examples each shadow model is trained on; `count` is even.

    The two models of a pair are trained on complementary halves, so each example is in exactly half of the models.
    """
    included = np.zeros((count, size), dtype=bool)
    for pair in range(0, count, 2):
        included[pair, random.permutation(size)[: size // 2]] = True
        included[pair + 1] = ~included[pair]
    return included


def shadow_scores(
    trained: Trained, attacked: Attacked, count: int, random: np.random.Generator
) -> dict[str, tuple[np.ndarray, np.ndarray] | str]:
    """Train shadow models and return by attack the scores of members and non-members, or the reason why there are none.

    The pool is train and the attacked non-members. Each shadow model is trained on half of it, with the options of the
    cell and a seed of its own.

    Args:
        trained: the attacked cell.
        attacked: the examples.
        count: number of shadow models, even.
        random: draws halves and seeds.
    """
    train, others = trained.data.splits["train"], trained.data.splits[attacked.split]
    pool = Joined(train, Subset(others, attacked.non_members))
    rows = np.concatenate([attacked.members, len(train) + np.arange(len(attacked.non_members))])
    included = drawn_halves(count, len(pool), random)
    show = reporter(trained)
    logits = []
    try:
        members, non_members = trained.predictions("train"), trained.predictions(attacked.split)
        own = np.concatenate([
            logits_of(members, members["targets"])[attacked.members],
            logits_of(non_members, non_members["targets"])[attacked.non_members],
        ])  # fmt: skip
        for number in range(count):
            show(f"training shadow model {number + 1} of {count}")
            shadow = trained.retrain(
                seed=int(random.integers(2**31)),
                splits={"train": Subset(pool, np.flatnonzero(included[number])), SPLIT: Subset(pool, rows)},
            )
            predictions = shadow.predictions(SPLIT)
            logits.append(logits_of(predictions, predictions["targets"]))
    except NoScore as error:
        return dict.fromkeys(ATTACKS, str(error))
    return scores_by_attack(own, np.stack(logits), included[:, rows], len(attacked.members))


def scores_by_attack(
    own: np.ndarray, shadows: np.ndarray, included: np.ndarray, members: int
) -> dict[str, tuple[np.ndarray, np.ndarray] | str]:
    """Return the scores of members and non-members by attack, or a reason.

    Args:
        own: (A,) logits of the attacked model, the members' first.
        shadows: (S, A) logits of the shadow models.
        included: (S, A) bool, which of them contain an example.
        members: number of members.
    """
    scores: dict[str, np.ndarray | str] = {}
    if len(shadows) < MIN_SHADOWS:
        scores |= dict.fromkeys(ATTACKS[:2], f"{len(shadows)} shadow models; a likelihood ratio needs {MIN_SHADOWS}")
    else:
        scores["likelihood_ratio"] = online_scores(own, shadows, included)
        scores["likelihood_ratio_offline"] = offline_scores(own, shadows, included)
    scores["relative"] = relative_scores(_probability(own), _probability(shadows), members)
    return {
        attack: values if isinstance(values, str) else (values[:members], values[members:])
        for attack, values in scores.items()
    }


def _probability(logits: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0.0, -logits))
