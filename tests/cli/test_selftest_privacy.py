"""The self-test finds and names instruments of attacks on privacy and audits that are broken on purpose."""

from __future__ import annotations

import pytest

from bench_suite.probes.calibration import groups as calibrated_groups
from bench_suite.probes.calibration import scaling
from bench_suite.probes.privacy import attacks, canaries, shadows
from bench_suite.probes.privacy import scores as attack_scores
from bench_suite.stats import membership

fit_temperature = scaling.fit_temperature
members = calibrated_groups.members
membership_area = attacks.area
measured_advantage = attacks.advantage
exact_interval = attacks.clopper_pearson
logits_of = attack_scores.logits_of
hits_at = membership.hits_at
by_attack = shadows.scores_by_attack
guessed = canaries.correct_guesses
audit_bound = canaries.lower_bound

BREAKS = {
    "an attack that takes members for others": (
        "-k privacy/auc", attacks, "area", lambda members, others, *clusters: membership_area(others, members),
        {
            "privacy/auc of loss", "privacy/auc of likelihood_ratio", "privacy/auc of likelihood_ratio_offline",
            "privacy/auc of relative",
        },
    ),
    "an attack by the error of another class": (
        "-k 'privacy/auc of loss'", attack_scores, "logits_of",
        lambda predictions, classes: logits_of(predictions, 1 - predictions["predictions"]),
        {"privacy/auc of loss", "privacy/auc of loss, width"},
    ),
    "an advantage that forgets false positives": (
        "-k 'privacy/advantage of loss'", attacks, "advantage",
        lambda members, others, random: measured_advantage(members, others - 1e9, random),
        {"privacy/advantage of loss", "privacy/advantage of loss, lower bound"},
    ),
    "an interval of a rate of 90 %": (
        "-k true_positive_rate", attacks, "clopper_pearson",
        lambda hits, n: exact_interval(hits, n, 0.9), {"true_positive_rate, upper bound"},
    ),
    "a threshold that all examples reach": (
        "-k true_positive_rate", attacks, "hits_at",
        lambda members, others, rate: (len(members), len(others)),
        {"privacy/true_positive_rate", "true_positive_rate, upper bound"},
    ),
    "a threshold that one other too few exceeds": (
        "-k true_positive_rate", membership, "hits_at",
        lambda members, others, rate: hits_at(members, others, rate - 1 / len(others)),
        {"true_positive_rate of 1,000 of each"},
    ),
    "shadow models that do not know what they were trained on": (
        "-k 'privacy/auc of likelihood_ratio'", shadows, "scores_by_attack",
        lambda own, logits, included, members: by_attack(own, logits, ~included, members),
        {"privacy/auc of likelihood_ratio"},  # offline, it has the same area
    ),
    "a likelihood ratio of the loss alone": (
        "-k 'privacy/auc of likelihood_ratio' and not offline", shadows, "online_scores",
        lambda own, logits, included: own, {"privacy/auc of likelihood_ratio"},
    ),
    "a relative attack that compares with nothing": (
        "-k 'privacy/auc of relative'", shadows, "relative_scores",
        lambda own, logits, members: own * 0.0, {"privacy/auc of relative"},
    ),
    "guesses that are turned": (
        "-k audit", canaries, "correct_guesses",
        lambda scores, *more: guessed(-scores, *more),
        {"privacy/audit_accuracy", "audit_epsilon, chance of the guesses"},
    ),
    "canaries whose labels are their own": (
        "-k audit_accuracy", canaries, "wrong_labels", lambda targets, classes, random: targets,
        {"privacy/audit_accuracy"},
    ),
    "a bound of the audit that is a tenth too high": (
        "-k audit", canaries, "lower_bound", lambda *counts: 1.1 * audit_bound(*counts),
        {"audit_epsilon, chance of the guesses"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])
