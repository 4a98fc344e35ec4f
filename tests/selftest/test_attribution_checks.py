"""The expected attribution metrics: each value against an independent computation, each tolerance by simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.probes.attribution.expectations import CLAIMS
from bench_suite.selftest import attribution_checks, runner
from bench_suite.selftest.checks import Check
from bench_suite.tasks import planted_columns

pytest.importorskip("captum", reason="captum is not installed; the extra `attribution` brings it")


def known(task: str, model: str) -> dict[str, Check]:
    checks = runner.plan_checks()[1]
    return {c.instrument: c for c in checks if (c.cell.task.label, c.cell.model.label) == (task, model)}


def drawn(monkeypatch: pytest.MonkeyPatch, seed: int, **options: Any) -> tuple[np.ndarray, ...]:
    """Return the splits of `planted_columns`, standardised from train, for another seed of the task."""
    generator = np.random.default_rng
    monkeypatch.setattr(planted_columns.np.random, "default_rng", lambda _: generator(seed))
    data = planted_columns.load(planted_columns.Options(**options), Sources(offline=True))
    monkeypatch.undo()
    parts = [np.asarray(column(data.splits[s], name)) for s in ("train", "test") for name in ("table", "target")]
    mean, deviation = parts[0].mean(axis=0), parts[0].std(axis=0)
    return (parts[0] - mean) / deviation, parts[1], (parts[2] - mean) / deviation, parts[3]


def test_the_best_rule_has_the_decoys_share_and_its_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 tables of 2,000 examples, each with a rule fitted by scikit-learn."""
    shares, accuracies = [], []
    for seed in range(80):
        table, target, test, truth = drawn(monkeypatch, seed, size=2000, decoy=0.9)
        slopes = np.abs(LogisticRegression(C=1e6).fit(table, target).coef_[0])
        shares.append(slopes[-1] / (slopes[: planted_columns.SIGNALS].sum() + slopes[-1]))
        best = 2 * math.sqrt(2) * test[:, : planted_columns.SIGNALS].sum(axis=1) + math.log(1.9 / 0.1) * test[:, -1]
        accuracies.append(((best > 0) == truth).mean())
    share, error = attribution_checks.decoy_share(planted_columns.SIGNALS, 0.9, 2000)
    assert np.mean(shares) == pytest.approx(share, abs=0.005)
    assert np.std(shares) == pytest.approx(error, rel=0.25)
    assert np.mean(accuracies) == pytest.approx(
        attribution_checks.decoyed_accuracy(planted_columns.SIGNALS, 0.9), abs=0.005
    )
    assert known("planted_decoy", "linear")["decoy_share of saliency"].known == pytest.approx(share)


def test_without_a_decoy_it_would_have_no_share() -> None:
    check = known("planted_decoy", "linear")["decoy_share of saliency"]
    assert check.least > 0.1
    plain = known("planted_columns", "linear")["quality/accuracy"]
    decoyed = known("planted_decoy", "linear")["quality/accuracy"]
    assert decoyed.most < plain.known


def test_noise_changes_by_what_the_law_of_distances_says() -> None:
    """By quadrature: ‖a − b‖² given ‖a‖ = r is non-central χ² with r². The distribution function of the greatest of
    four is its fourth power."""
    parts = 16

    def greatest(r: float) -> float:
        return integrate.quad(lambda x: 1 - stats.ncx2.cdf(x * x, parts, r * r) ** attribution_checks.COPIES, 0, 30)[0]

    mean, _ = integrate.quad(lambda r: greatest(r) / r * stats.chi.pdf(r, parts), 0.5, 9, epsrel=1e-4)
    assert attribution_checks.noise_sensitivity(parts)[0] == pytest.approx(mean, abs=0.01)
    assert known("planted_columns", "linear")["sensitivity of random"].known == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("copies", [None, attribution_checks.SMOOTHING_COPIES])
def test_input_times_gradient_moves_as_the_input_does(monkeypatch: pytest.MonkeyPatch, copies: int | None) -> None:
    """60 tables, each with a rule fitted by scikit-learn, which also gives noise a small weight."""
    random, ratios, noise = np.random.default_rng(0), [], attribution_checks.NOISE
    for seed in range(60):
        table, target, test, _ = drawn(monkeypatch, seed)
        weights = LogisticRegression(C=1e6).fit(table, target).coef_[0]
        x = test[: attribution_checks.EXAMPLES]
        moved = x + random.uniform(-noise, noise, (attribution_checks.COPIES, *x.shape)) * x.std()
        if copies is not None:
            moved = moved + noise * random.standard_normal((copies, *moved.shape)).mean(axis=0)
            x = x + noise * random.standard_normal((copies, *x.shape)).mean(axis=0)
        ratio = np.linalg.norm((moved - x) * weights, axis=2).max(axis=0) / np.linalg.norm(x * weights, axis=1)
        ratios.append(ratio.mean())
    name = "input_x_gradient" if copies is None else "smoothed input_x_gradient"
    check = known("planted_columns", "linear")[f"sensitivity of {name}"]
    assert np.mean(ratios) == pytest.approx(check.known, rel=0.05)
    assert check.least < min(ratios)
    assert max(ratios) < check.most
    assert 4 < (check.most - check.known) / np.std(ratios) < 7


def test_what_an_order_that_is_drawn_gives_stays_within_its_tolerance() -> None:
    """Means over 100 examples of 16 columns, 300 times: the tolerance is 4.9 standard deviations."""
    of = known("planted_columns", "linear")
    orders = np.random.default_rng(0).permuted(np.tile(np.arange(16), (300, attribution_checks.EXAMPLES, 1)), axis=2)
    signals, noise = np.split(orders, [planted_columns.SIGNALS], axis=2)
    similarity = 1 - 6 * np.square(orders - np.arange(16)).sum(axis=2) / (16 * 255)  # Spearman 1904
    drawn = {
        "localisation of random": (signals[..., :, None] > noise[..., None, :]).mean(axis=(2, 3)),
        "pointing game of random": signals.max(axis=2) == 15,
        "similarity of random": similarity,
    }
    for name, values in drawn.items():
        means = values.mean(axis=1)
        assert means.mean() == pytest.approx(of[name].known, abs=0.01)
        assert 4 < (of[name].most - of[name].known) / means.std() < 6, name
    most = of["similarity of saliency, last layer"].most
    assert np.abs(similarity).max() < most < 1
    assert (np.abs(similarity) > 0.7).mean() == pytest.approx(2 * stats.t.sf(0.7 * math.sqrt(14 / 0.51), 14), rel=0.2)


def test_one_column_before_all_others_and_the_rest_tied() -> None:
    of = known("planted_columns", "first_column")
    strength = np.array([1.0] + [0.0] * 15)
    auroc = roc_auc_score(np.arange(16) < planted_columns.SIGNALS, strength)
    assert of["localisation of one column"].known == pytest.approx(auroc)


def test_a_part_stands_in_the_curve_until_its_turn_has_come() -> None:
    """20 parts in 20 steps; the trapezoidal rule counts half a step for the step that removes the part."""
    assert attribution_checks.share_left(0, 20) == pytest.approx(0.5 / 20)
    assert attribution_checks.share_left(7, 20) == pytest.approx(7.5 / 20)
    assert np.mean([attribution_checks.share_left(position, 16) for position in range(16)]) == pytest.approx(
        0.5, abs=0.001
    )


def test_of_networks_that_are_not_linear_the_claims_are_asked() -> None:
    claims = {(c.setting, c.method, c.metric): c for c in CLAIMS}
    check = known("planted_pixels", "cnn")["localisation of integrated_gradients"]
    claim = claims["glyph", "integrated_gradients", "localisation_auroc"]
    assert (check.least, check.most, check.basis) == (claim.low, claim.high, claim.why)
    assert check.least >= 0.9
    for method, bound in (("integrated_gradients", 0.02), ("deep_lift", 1e-3), ("gradient_shap", 0.3)):
        complete = known("planted_pixels", "cnn")[f"completeness_error of {method}"]
        assert (complete.known, complete.least, complete.most) == (0, 0, bound)
