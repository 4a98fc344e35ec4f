"""The expected values of robustness: each against an independent computation, each tolerance by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from bench_suite.contracts import Interval
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.models import planted_words
from bench_suite.probes.robustness import texts
from bench_suite.selftest import robustness_checks, runner
from bench_suite.selftest.checks import NOTHING, Check, judge
from bench_suite.tasks import planted_groups, planted_terms


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return runner.plan_checks()[1]


def known(checks: list[Check], task: str, model: str) -> dict[str, Check]:
    chosen = (check for check in checks if (check.cell.task.label, check.cell.model.label) == (task, model))
    return {check.instrument: check for check in chosen}


@pytest.mark.parametrize("cased", [False, True])
def test_words_that_are_lost_lower_the_accuracy_as_simulated(checks, cased):
    of = known(checks, "planted_terms", "planted_words_cased" if cased else "planted_words")
    test = planted_terms.load(planted_terms.Options(), Sources(offline=True)).splits["test"]
    model = planted_words.build(type("", (), {"spec": {"classes": "ab"}}), planted_words.Options(cased=cased))
    target, read, random = column(test, "target"), column(test, "text"), np.random.default_rng(0)
    for severity in robustness_checks.SEVERITIES:
        means = []
        for _ in range(60):
            lost = [
                " ".join(word for word in text.split() if random.random() >= texts.RATES[severity - 1]) for text in read
            ]
            split = type(test)(test.ids, {"text": lost, "target": target})
            means.append(float((model.predict(split)["predictions"] == target).mean()))
        check = of[f"accuracy, dropped_words {severity}"]
        assert np.mean(means) == pytest.approx(check.known, abs=0.006)
        assert check.least < min(means)
        assert max(means) < check.most
        assert check.most - check.least < 14 * np.std(means)


def test_noise_turns_signs_as_simulated(checks):
    of = known(checks, "planted_groups", "planted_rule")
    data = planted_groups.load(planted_groups.Options(), Sources(offline=True))
    first = column(data.splits["test"], "table")[:, 0]
    target = column(data.splits["test"], "target")
    random = np.random.default_rng(0)
    means = [float(((first + random.standard_normal(len(first)) > 0) == target).mean()) for _ in range(400)]
    check = of["accuracy, noise 5"]  # the deviation of the column is about 1
    assert np.mean(means) == pytest.approx(check.known, abs=0.02)
    assert norm.cdf(0) == 0.5


def test_the_tail_of_an_upper_bound_is_that_of_clopper_and_pearson():
    for hits, n in ((0, 50), (13, 50), (320, 600)):
        bounds = binomtest(hits, n).proportion_ci(0.95, method="exact")
        tail = robustness_checks._upper_tail(hits / n, n)(Interval(bounds.low, bounds.high))
        assert tail == pytest.approx(0.025, abs=1e-6)
        other = binomtest(hits, n).proportion_ci(0.90, method="exact")
        assert robustness_checks._upper_tail(hits / n, n)(Interval(other.low, other.high)) > 0.04


def test_checks_of_images_hold_without_a_run(checks):
    of = [check for check in known(checks, "planted_pixels", "cnn").values() if not check.needs_run]
    assert len(of) == 7
    for check in of:
        finding = judge(check, NOTHING)
        assert finding.holds, (check.instrument, finding.measured)


def test_capitals_flip_all_texts_that_were_positive(checks):
    cased = known(checks, "planted_terms", "planted_words_cased")
    assert cased["flip_rate, upper_case"].known == pytest.approx((260 + 60) / 600)
    assert known(checks, "planted_terms", "planted_words")["flip_rate, upper_case"].known == 0.0
