"""The self-test finds and names instruments of out-of-distribution detection that are broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from bench_suite.probes import ood
from bench_suite.probes.ood import detection, scores


def of_one_class(features: Any, targets: Any) -> Any:
    return gaussians(features, 0 * targets)


def of_probabilities(logits: Any) -> Any:
    return energy(logits - energy(logits)[:, None])


gaussians = ood.ClassGaussians.fit
energy = scores.negative_energy
neighbours = scores.neighbour_score
auroc_of_sets = detection.auroc
logit_interval = detection._logit_interval

BREAKS = {
    "sets that are exchanged": (
        "-k planted_gaussians and ood", detection, "auroc", lambda test, others: auroc_of_sets(others, test),
        {"ood/auroc", "ood/auroc, mahalanobis"},
    ),
    "a threshold that accepts nine tenths": (
        "-k fpr_at_95_tpr", detection, "ACCEPTED", 0.9, {"ood/fpr_at_95_tpr", "ood/fpr_at_95_tpr, mahalanobis"},
    ),
    "an AUROC that is too sure": (
        "-k planted_gaussians and ood", detection, "_logit_interval",
        lambda value, error, units, **more: logit_interval(value, error / 2, units, **more),
        {"ood/auroc, interval width"},
    ),
    "an energy of probabilities": (
        "-k 'energy of equal'", scores, "negative_energy", of_probabilities, {"energy of equal logits, auroc"},
    ),
    "a neighbour that is too near": (
        "-k 'third neighbour'", scores, "neighbour_score",
        lambda train, features, k: neighbours(train, features, k - 1), {"third neighbour, distance"},
    ),
    "a Gaussian of all classes": (
        "-k planted_gaussians and mahalanobis", ood.ClassGaussians, "fit", of_one_class,
        {"ood/auroc, mahalanobis", "ood/fpr_at_95_tpr, mahalanobis"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])
