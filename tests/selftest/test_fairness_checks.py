"""The expected fairness metrics: each value against an independent computation, each tolerance by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest
from sklearn.metrics import recall_score

from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.models import planted_words
from bench_suite.probes.fairness import intervals
from bench_suite.probes.fairness.counterfactuals import swapper
from bench_suite.probes.fairness.intervals import Rate, largest_difference
from bench_suite.probes.fairness.terms import word_lists
from bench_suite.selftest import fairness_checks, runner
from bench_suite.selftest.checks import Check
from bench_suite.tasks import planted_groups, planted_terms

pytest.importorskip("fairlearn", reason="fairlearn is not installed; the extra `fairness` brings it")


@pytest.fixture(scope="module")
def known() -> dict[str, Check]:
    tasks = ("planted_groups", "planted_terms")
    return {check.instrument: check for check in runner.plan_checks()[1] if check.cell.task.label in tasks}


@pytest.mark.parametrize(("share", "n", "level"), [(0.3, 200, 0.95), (0.75, 400, 0.95**0.5), (0.1, 200, 0.95)])
def test_wilsons_bounds_lie_as_many_standard_errors_away_as_the_level_says(share: float, n: int, level: float) -> None:
    for bound in binomtest(round(share * n), n).proportion_ci(level, method="wilson"):
        assert fairness_checks.score(share, bound, n) == pytest.approx(fairness_checks.NORMAL.inv_cdf((1 + level) / 2))


@pytest.mark.parametrize(
    ("pair", "ratio"), [((30, 200, 50, 200), 0.8), ((9, 12, 300, 388), 1.2), ((0, 10, 5, 20), 0.4)]
)
def test_a_ratios_score_is_that_of_the_shares_which_are_likeliest_under_it(pair, ratio) -> None:
    hits, n, other_hits, other_n = pair

    def unlikely(p: float) -> float:
        return -float(binom.logpmf(hits, n, ratio * p) + binom.logpmf(other_hits, other_n, p))

    p = minimize_scalar(unlikely, bounds=(1e-9, min(1, 1 / ratio) - 1e-9), options={"xatol": 1e-12}).x
    variance = ratio * p * (1 - ratio * p) / n + ratio**2 * p * (1 - p) / other_n
    apart = abs(hits / n - ratio * other_hits / other_n) - (1 / n + ratio / other_n) / 2
    known = apart / np.sqrt(variance * (n + other_n) / (n + other_n - 1))
    assert fairness_checks.ratio_score(*pair, ratio) == pytest.approx(known, rel=1e-5)


def test_widths_between_groups_stay_within_their_tolerance_which_is_not_much_too_wide(
    known: dict[str, Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same counts with 40 other seeds of the resamples; an interval of 90 % is outside."""
    of_group = planted_groups.confusions(planted_groups.Options())
    selected = [Rate(int(counts[:, 1].sum()), int(counts.sum())) for counts in of_group]
    odds = [[Rate(int(row[1]), int(row.sum())) for row in rows] for rows in of_group.transpose(1, 0, 2)]
    for name, families in (
        ("parity interval, width", [selected]),
        ("odds interval, width", odds),
    ):
        check, widths = known[name], []
        for level in (0.95, 0.9):
            monkeypatch.setattr(intervals, "LEVEL", level)
            for seed in range(40):
                monkeypatch.setattr(intervals, "_seed", lambda families, seed=seed: seed)
                _, interval = largest_difference(families, fairness_checks.RESAMPLES)
                widths.append(interval.high - interval.low)
        assert check.least < min(widths[:40]), name
        assert max(widths[:40]) < check.most, name
        assert max(widths[40:]) < check.least, name


def test_flips_and_shifts_are_those_of_the_rule_on_texts_whose_words_are_swapped(known: dict[str, Check]) -> None:
    data = planted_terms.load(planted_terms.Options(), Sources(offline=True))
    test = data.splits["test"]
    model = planted_words.build(data, planted_words.Options())
    before, texts = model.predict(test), column(test, "text")
    for old, new in (("male", "female"), ("female", "male")):
        swap = swapper(word_lists()["gender"], old, new)
        swapped = [swap(text) for text in texts]
        after = model.predict(type(test)(test.ids, {"text": swapped}))
        named = np.array([text != other for text, other in zip(texts, swapped)])
        flips = (before["predictions"] != after["predictions"])[named].mean()
        shift = (after["scores"] - before["scores"])[named, 1].astype(float)
        assert known[f"flip_rate, {old}"].known == pytest.approx(flips)
        assert known[f"score_shift, {old}"].known == pytest.approx(shift.mean(), rel=1e-6)
        width = 2 * 1.959964 * shift.std() / np.sqrt(named.sum())
        assert known[f"score_shift, {old}, width"].known == pytest.approx(width, rel=1e-5)
    recalls = recall_score(column(test, "target"), before["predictions"], average=None)
    assert known["fairness/worst_class_recall"].known == pytest.approx(recalls.min())
    assert known["fairness/class_recall_difference"].known == pytest.approx(np.ptp(recalls))
