"""Claims about attacks with shadow models: their formulas, and what they gain where examples differ in difficulty."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench_suite.stats.membership import area
from bench_suite.stats.shadow_attacks import offline_scores, online_scores, relative_scores


def drawn(shadows: int, examples: int, gain: float, seed: int = 0):
    """Return logits N(difficulty + gain · included, 1) of the attacked model and of shadow models, and inclusion.

    The first half of the examples are members.
    """
    random = np.random.default_rng(seed)
    difficulty = random.normal(0, 10, examples)
    included = np.stack([random.permutation(shadows) < shadows // 2 for _ in range(examples)], axis=1)
    members = np.arange(examples) < examples // 2
    own = difficulty + gain * members + random.normal(size=examples)
    return own, difficulty + gain * included + random.normal(size=(shadows, examples)), included


@pytest.mark.parametrize("shadows", [8, 64])
def test_the_online_score_is_the_ratio_of_two_normal_densities(shadows):
    own, logits, included = drawn(shadows, 50, 1.0)
    by_example = online_scores(own, logits, included)
    inside = [logits[included[:, a], a] for a in range(50)]
    outside = [logits[~included[:, a], a] for a in range(50)]
    for a in range(50):
        deviations = [
            math.sqrt(np.mean([np.var(values, ddof=1) for values in side]) if shadows < 64 else np.var(side[a], ddof=1))
            for side in (inside, outside)
        ]
        expected = stats.norm.logpdf(own[a], inside[a].mean(), deviations[0])
        expected -= stats.norm.logpdf(own[a], outside[a].mean(), deviations[1])
        assert by_example[a] == pytest.approx(expected)


def test_likelihood_ratios_reach_the_known_area_where_a_threshold_of_the_loss_does_not():
    """With the difficulty known, the area is Φ(gain / √2); eight shadow models know it to ± 0.5."""
    own, logits, included = drawn(256, 4000, 1.5)
    known = stats.norm.cdf(1.5 / math.sqrt(2))
    for scores in (online_scores(own, logits, included), offline_scores(own, logits, included)):
        value, interval = area(scores[:2000], scores[2000:])
        assert value == pytest.approx(known, abs=0.02)
    value, interval = area(own[:2000], own[2000:])
    assert interval is not None
    assert interval.high < 0.6


def test_without_a_gain_no_attack_finds_anything():
    areas = []
    for seed in range(40):
        own, logits, included = drawn(8, 1000, 0.0, seed)
        probabilities, others = 1 / (1 + np.exp(-own)), 1 / (1 + np.exp(-logits))
        scores = (
            online_scores(own, logits, included),
            offline_scores(own, logits, included),
            relative_scores(probabilities, others, 500),
        )
        areas.append([area(values[:500], values[500:])[0] for values in scores])
    errors = np.std(areas, axis=0, ddof=1) / math.sqrt(40)
    assert (np.abs(np.mean(areas, axis=0) - 0.5) < 3.5 * errors).all()


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_the_relative_score_is_the_share_of_pairs(gamma):
    random = np.random.default_rng(1)
    own, shadows = random.random(40), random.random((6, 40))
    scores = relative_scores(own, shadows, 15, gamma)
    ratios = own / shadows.mean(axis=0)
    expected = [np.mean([ratios[x] / ratios[z] >= gamma for z in range(15, 40)]) for x in range(40)]
    assert scores.tolist() == pytest.approx(expected)


def test_models_that_all_agree_have_finite_scores():
    included = np.tile([[True], [True], [False], [False]], (1, 5))
    assert online_scores(np.zeros(5), np.zeros((4, 5)), included).tolist() == [0.0] * 5
    assert np.isfinite(offline_scores(np.ones(5), np.zeros((4, 5)), included)).all()
