"""Faithfulness metrics of attributions against values by hand, or from scikit-learn and SciPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from torch import nn

from bench_suite.probes.attribution import faithfulness
from bench_suite.probes.attribution.adapters import Inputs, Subject
from bench_suite.probes.attribution.methods import MethodVariant, Settings, attribute
from bench_suite.stats.intervals import bootstrap_interval

SETTINGS = Settings(rows=8)


class Gate(nn.Module):
    """A network of ten columns; the third alone determines the output."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        logit = 100 * (values[:, 2] - 0.5)
        return torch.stack([-logit, logit], dim=1)


def gate(examples: int = 3) -> tuple[Subject, Inputs]:
    valid = torch.ones(examples, 10, dtype=torch.bool)
    target = torch.ones(examples, dtype=torch.int64)
    return Subject("table", Gate(), torch.zeros(1, 10)), Inputs(torch.ones(examples, 10), (), valid, target)


def test_deleting_and_inserting_the_one_column_that_matters_first_and_last() -> None:
    subject, inputs = gate()
    best = torch.zeros(3, 10)
    best[:, 2] = 1
    deletion, insertion = faithfulness.curves(subject, inputs, best, SETTINGS)
    # 20 levels over 10 columns: the first column is removed from the second level on (half a column rounds to none).
    assert deletion.round(6).tolist() == [[1.0, 1.0] + [0.0] * 19] * 3
    assert insertion.round(6).tolist() == [[0.0, 0.0] + [1.0] * 19] * 3
    assert faithfulness.area(deletion) == pytest.approx(np.full(3, 0.075))
    assert faithfulness.area(insertion) == pytest.approx(np.full(3, 0.925))
    deletion, insertion = faithfulness.curves(subject, inputs, -best, SETTINGS)
    assert faithfulness.area(deletion).min() > 0.9
    assert faithfulness.area(insertion).max() < 0.1


def test_what_stands_after_a_texts_end_is_never_deleted() -> None:
    subject, inputs = gate(1)
    inputs = replace(inputs, valid=torch.tensor([[True] * 3 + [False] * 7]))
    deletion, _ = faithfulness.curves(subject, inputs, torch.tensor([[0.0, 0, 1] + [9.0] * 7]), SETTINGS)
    assert deletion[0, 10] == pytest.approx(0.0)  # half of three columns, rounded to two, which include the third


def test_the_area_of_a_line_is_a_half_and_portions_change_nothing() -> None:
    assert faithfulness.area(np.linspace(1, 0, 21)[None]) == pytest.approx([0.5])
    subject, inputs = gate(5)
    parts = torch.rand(5, 10, generator=torch.Generator().manual_seed(0))
    many, one = (faithfulness.curves(subject, inputs, parts, replace(SETTINGS, rows=rows)) for rows in (100, 1))
    assert np.array_equal(many[0], one[0])


def test_auroc_is_scikit_learns_ties_included() -> None:
    random = np.random.default_rng(0)
    strength = random.integers(0, 5, (20, 30)).astype(float)
    relevant = random.random((20, 30)) < 0.3
    expected = [roc_auc_score(row, scores) for row, scores in zip(relevant, strength)]
    assert faithfulness.auroc(strength, relevant) == pytest.approx(np.array(expected))
    assert np.isnan(faithfulness.auroc(strength[:1], np.zeros((1, 30), dtype=bool)))[0]


def test_the_pointing_game_counts_ties_by_the_share_that_is_relevant() -> None:
    strength = np.array([[3.0, 1, 1], [2, 2, 0], [0, 0, 0]])
    relevant = np.array([[True, False, False]] * 3)
    assert faithfulness.pointing_game(strength, relevant).tolist() == [1.0, 0.5, 1 / 3]


def test_the_decoys_share_is_of_what_lies_on_either() -> None:
    strength = np.array([[3.0, 1, 50], [0, 0, 1]])
    relevant, decoy = np.array([[True, False, False]] * 2), np.array([[False, True, False]] * 2)
    shares = faithfulness.decoy_share(strength, relevant, decoy)
    assert shares[0] == 0.25
    assert np.isnan(shares[1])


def test_spearman_is_spearmans_and_undefined_of_a_constant() -> None:
    random = np.random.default_rng(0)
    first, second = random.random((4, 12)), random.random((4, 12))
    valid = np.ones((4, 12), dtype=bool)
    valid[1, 6:] = False
    first[3] = 1.0
    correlations = faithfulness.spearman(first, second, valid)
    assert correlations[0] == pytest.approx(spearmanr(first[0], second[0]).statistic)
    assert correlations[1] == pytest.approx(spearmanr(first[1, :6], second[1, :6]).statistic)
    assert np.isnan(correlations[3])


@pytest.mark.filterwarnings("error")
def test_spearman_of_an_empty_text_is_undefined_without_a_warning() -> None:
    nothing = np.zeros((1, 4))
    assert np.isnan(faithfulness.spearman(nothing, nothing, nothing.astype(bool)))[0]


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 2)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.layer(values)


def test_infidelity_is_nothing_where_the_attribution_is_the_model_and_all_where_it_says_nothing() -> None:
    torch.manual_seed(0)
    valid = torch.ones(6, 10, dtype=torch.bool)
    subject = Subject("table", Linear(), torch.zeros(1, 10))
    inputs = Inputs(torch.randn(6, 10), (), valid, torch.zeros(6, dtype=torch.int64))
    exact = attribute(MethodVariant("input_x_gradient"), subject, inputs, SETTINGS)
    shares = {}
    for name, elements in (("exact", exact), ("thrice", 3 * exact), ("nothing", torch.zeros_like(exact))):
        unexplained, moved = faithfulness.infidelity(
            MethodVariant("input_x_gradient"), subject, inputs, elements, SETTINGS, 16
        )
        shares[name] = faithfulness.ratio_of_means(unexplained, moved)
    assert shares["exact"] == pytest.approx(0, abs=1e-5)
    assert shares["thrice"] == pytest.approx(0, abs=1e-5)  # the best fit removes the scale
    assert shares["nothing"] == pytest.approx(1)


def test_a_constant_output_has_no_infidelity_but_a_reason() -> None:
    with pytest.raises(ValueError, match="the same for every input"):
        faithfulness.ratio_of_means(np.zeros(3), np.zeros(3))


def test_the_interval_of_a_ratio_covers_it() -> None:
    random = np.random.default_rng(0)
    below = random.exponential(size=200)
    interval, reason = bootstrap_interval(faithfulness.ratio_of_means, {"above": 0.3 * below, "below": below})
    assert interval is not None or reason == "all resamples agree"
    noisy = 0.3 * below + 0.1 * random.random(200)
    interval, _ = bootstrap_interval(faithfulness.ratio_of_means, {"above": noisy, "below": below})
    assert interval is not None
    assert interval.low < noisy.sum() / below.sum() < interval.high
