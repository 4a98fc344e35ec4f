"""Claims about shadow models: which examples they contain, and that attacks with them find what a memory remembers."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.privacy import shadows


@pytest.mark.parametrize(("count", "size"), [(2, 10), (8, 11), (4, 1)])
def test_each_example_is_in_exactly_half_of_the_models(count, size):
    included = shadows.drawn_halves(count, size, np.random.default_rng(0))
    assert (included.sum(axis=0) == count // 2).all()
    assert set(included.sum(axis=1)) <= {size // 2, size - size // 2}


def test_halves_differ_between_pairs_and_agree_for_a_seed():
    first, same, other = (shadows.drawn_halves(4, 50, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (first == same).all()
    assert not (first == other).all()
    assert not (first[0] == first[2]).all()


def test_two_models_have_no_variance_but_relative_scores():
    included = shadows.drawn_halves(2, 6, np.random.default_rng(0))
    scores = shadows.scores_by_attack(np.zeros(6), np.zeros((2, 6)), included, 3)
    assert set(scores) == set(shadows.ATTACKS)
    assert "needs 4" in scores["likelihood_ratio"]
    assert "needs 4" in scores["likelihood_ratio_offline"]
    members, others = scores["relative"]
    assert len(members) == len(others) == 3
