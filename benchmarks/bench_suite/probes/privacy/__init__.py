"""Privacy: whether a model reveals which examples it was trained on, and what its training guarantees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench_suite.contracts import Artifact, Metric, OptionError, Trained
from bench_suite.data.splits import clusters_of
from bench_suite.probes.privacy.accounting import accounting_metrics
from bench_suite.probes.privacy.attacks import attack_metrics, curves_artifact, no_attack
from bench_suite.probes.privacy.canaries import MIN_GUESSES, audit, guesses_of, no_audit
from bench_suite.probes.privacy.scores import NoScore, attack_scores
from bench_suite.probes.privacy.shadows import ATTACKS, Attacked, shadow_scores
from bench_suite.stats.membership import area

VERSION = 1
QUESTION = "privacy"
PROBLEMS = ("classification", "regression")
METRICS = {
    "auc": {
        "title": "success of the attack (AUC)",
        "about": (
            "probability that the attack ranks a training example above another one; 0.5 is chance, so no leak is "
            "seen. Read it before the advantage"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.5,
        "range": (0.0, 1.0),
        "source": "Yeom et al. 2018, arXiv 1709.01604; Carlini et al. 2022, arXiv 2112.03570",
    },
    "advantage": {
        "title": "advantage of the attack",
        "about": (
            "share of the training examples that the attack recognises, minus the share of others that it takes for "
            "such; 0 is chance, so no leak is seen. Read the AUC first"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (-1.0, 1.0),
        "source": "Yeom et al. 2018, arXiv 1709.01604",
    },
    "true_positive_rate": {
        "about": (
            "share of the training examples that the attack recognises, with few false alarms among the others (the "
            "coordinate states how many)"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Carlini et al. 2022, arXiv 2112.03570",
    },
    "control_auc": {
        "title": "AUC of a control",
        "about": "the attack on examples of which none was trained on; it should be 0.5",
        "unit": "fraction",
        "better": "none",
        "ideal": 0.5,
        "range": (0.0, 1.0),
    },
    "members": {
        "about": "training examples that were attacked",
        "unit": "count",
        "better": "none",
        "range": (0.0, None),
    },
    "non_members": {
        "about": "examples that were not trained on, with which the attack was compared",
        "unit": "count",
        "better": "none",
        "range": (0.0, None),
    },
    "epsilon": {
        "title": "privacy loss ε",
        "about": "guaranteed upper bound of what a training example changes; the smaller, the more private",
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Balle et al. 2020, arXiv 1905.09982",
    },
    "epsilon_classical": {
        "title": "privacy loss ε, older bound",
        "about": "the same guarantee by the older, looser conversion",
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Mironov 2017, arXiv 1702.07476",
    },
    "delta": {
        "title": "δ of the guarantee",
        "about": "probability with which the guarantee may fail",
        "unit": "probability",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "noise_multiplier": {
        "about": "standard deviation of the noise of a training step, in clipping norms",
        "unit": "clipping norms",
        "better": "none",
        "range": (0.0, None),
    },
    "clipping_norm": {
        "about": "largest norm of the gradient of one example",
        "unit": "norm",
        "better": "none",
        "range": (0.0, None),
    },
    "sample_rate": {
        "about": "probability that an example is in a training step",
        "unit": "fraction",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "private_steps": {
        "about": "number of private training steps",
        "unit": "count",
        "better": "none",
        "range": (0.0, None),
    },
    "audit_epsilon": {
        "title": "ε that an attack proves",
        "about": (
            "lower bound of the privacy loss that an audit observed; above `epsilon` the implementation breaks its "
            "guarantee"
        ),
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Steinke et al. 2023, arXiv 2305.08846",
    },
    "audit_accuracy": {
        "about": "share of right guesses of the audit; 0.5 is chance",
        "unit": "fraction",
        "better": "lower",
        "range": (0.0, 1.0),
    },
    "audit_margin": {
        "about": (
            "guaranteed `epsilon` minus what the audit observed; below 0 the implementation breaks its guarantee"
        ),
        "unit": "nats",
        "better": "none",
        "range": (None, None),
    },
    "audit_canaries": {
        "about": "examples that the audit planted",
        "unit": "count",
        "better": "none",
        "range": (0.0, None),
    },
}
OPTION_NEEDS = {
    "attacks": {"loss": ("training",), "confidence": ("classification", "training")},
    "non_members": {"validation": ("validation",)},
    "shadow_models": ("classification", "training"),
    "audit": ("training",),
}
BOUNDS = {
    "examples": (1, None),
    "shadow_models": (0, 1024),
    "audit": (0, None),
    "audit_share": (0.0, 1.0),
    "audit_delta": (0.0, 0.5),
}


@dataclass(frozen=True)
class Options:
    attacks: tuple[Literal["loss", "confidence"], ...] = ("loss", "confidence")
    "Attacks on the trained model alone: by the loss of an example, or by the confidence of the prediction."
    non_members: Literal["test", "validation"] = "test"
    "Split of examples that the model was not trained on; `validation` is drawn from the same source as train."
    examples: int = 10_000
    "Largest number of members, and of non-members, that are attacked; of more, this many are drawn at random."
    shadow_models: int = 0
    "Further trainings on random halves of the examples, for three more attacks; an even number, 0 for none."
    audit: int = 0
    "Canaries of a one-run audit, which trains once more; 0: no audit. With more of them, the bound can be higher."
    audit_labels: Literal["wrong", "own"] = "wrong"
    "Labels of canaries: `wrong` gives each another class, `own` keeps them. A regression always has `own`."
    audit_share: float = 0.2
    "Share of the canaries whose coin is guessed: those whose loss fell most, and those whose loss fell least."
    audit_delta: float = 1e-5
    "The δ of the audit if the training has no guarantee."


def check(options: Options) -> None:
    """Raise OptionError for an odd number of shadow models, of which pairs share the examples, or a too small audit."""
    if options.shadow_models % 2:
        raise OptionError(
            f"shadow_models = {options.shadow_models} is odd, but each pair of models shares the examples: give "
            f"{options.shadow_models + 1}",
            "shadow_models",
        )
    guesses = guesses_of(options.audit, options.audit_share)
    if options.audit and guesses < MIN_GUESSES:
        raise OptionError(
            f"audit = {options.audit} and audit_share = {options.audit_share:g} make {guesses} guesses, and an audit "
            f"needs {MIN_GUESSES}: state more canaries, or a greater share",
            "audit",
        )


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield attacks on the training examples, the guarantee of the training, and the audit of it."""
    random = np.random.default_rng([0x9A17, int(trained.labels["seed"])])
    yield from accounting_metrics(trained.history)
    if trained.history is None:
        reason = "nothing was trained here, so there are no members"
        yield from _no_attacks(options, reason)
        if options.audit:
            yield from no_audit(reason)
        return
    if options.non_members in trained.data.splits:
        yield from _attacks(trained, options, random)
    else:
        yield from _no_attacks(
            options, f"there is no {options.non_members} split: set validation above 0 under [train]"
        )
    if options.audit:
        labels = options.audit_labels if trained.data.problem == "classification" else "own"
        yield from audit(trained, options.audit, labels, options.audit_share, options.audit_delta, random)


def _no_attacks(options: Options, reason: str) -> Iterator[Metric]:
    for attack in (*options.attacks, *(ATTACKS if options.shadow_models else ())):
        yield from no_attack(attack, reason)


def _attacks(trained: Trained, options: Options, random: np.random.Generator) -> Iterator[Metric | Artifact]:
    """Yield each attack on members and non-members, the curves of all, and the control."""
    members, non_members = (
        _drawn(len(trained.data.splits[name]), options.examples, random) for name in ("train", options.non_members)
    )
    attacked = Attacked(members, non_members, options.non_members)
    yield Metric("members", float(len(attacked.members)), kind="exact")
    yield Metric("non_members", float(len(attacked.non_members)), kind="exact")
    scores = _scores(trained, options, attacked, random)
    clusters = _clusters(trained, "train", members), _clusters(trained, options.non_members, non_members)
    for attack, pair in scores.items():
        if isinstance(pair, str):
            yield from no_attack(attack, pair)
        else:
            yield from attack_metrics(attack, *pair, random, clusters)
    known = {attack: pair for attack, pair in scores.items() if not isinstance(pair, str) and min(map(len, pair))}
    if known:
        yield curves_artifact(known)
    if options.non_members == "test":
        yield _control(trained)


def _drawn(size: int, most: int, random: np.random.Generator) -> np.ndarray:
    """Return all rows of a split in order, or `most` of them at random, (k,) int64."""
    return np.arange(size) if size <= most else np.sort(random.choice(size, most, replace=False))


def _clusters(trained: Trained, split: str, rows: np.ndarray | None = None) -> np.ndarray | None:
    """Return the labels of clusters of some rows of a split, or of all; None if its examples are independent."""
    labels = clusters_of(trained.data.splits[split])
    return labels if labels is None or rows is None else np.asarray(labels)[rows]


def _scores(
    trained: Trained, options: Options, attacked: Attacked, random: np.random.Generator
) -> dict[str, tuple[np.ndarray, np.ndarray] | str]:
    """Return by attack the scores of members and of non-members, or the reason why there are none."""
    scores: dict[str, tuple[np.ndarray, np.ndarray] | str] = {}
    for attack in options.attacks:
        try:
            scores[attack] = (
                attack_scores(attack, trained.predictions("train"))[attacked.members],
                attack_scores(attack, trained.predictions(attacked.split))[attacked.non_members],
            )
        except NoScore as error:
            scores[attack] = str(error)
    if options.shadow_models and trained.data.problem != "classification":
        scores |= dict.fromkeys(ATTACKS, "shadow models attack classes, and this is a regression")
    elif options.shadow_models:
        scores |= shadow_scores(trained, attacked, options.shadow_models, random)
    return scores


def _control(trained: Trained) -> Metric:
    """Return the area of the attack by loss between validation and test: no example of either was trained on.

    It is ½ if both are equally difficult. If not, train and test differ too, and the attack on train measures that
    difference together with the memory of the model.
    """
    if "validation" not in trained.data.splits:
        return Metric("control_auc", None, "there is no validation split, so there is nothing to compare test with")
    try:
        validation, test = (attack_scores("loss", trained.predictions(name)) for name in ("validation", "test"))
    except NoScore as error:
        return Metric("control_auc", None, str(error))
    value, interval = area(validation, test, (_clusters(trained, "validation"), _clusters(trained, "test")))
    reason = None if interval is not None else "too few examples or clusters, or all scores agree"
    return Metric("control_auc", value, reason, interval=interval, n=len(validation) + len(test))
