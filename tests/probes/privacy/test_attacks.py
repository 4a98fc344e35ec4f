"""Claims about the metrics of an attack: what each stands on, and that few examples give a reason."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.privacy.attacks import DEPENDENT, attack_metrics, curves_artifact, no_attack
from bench_suite.store.formats import artifact_to_bytes


def metrics(members: np.ndarray, others: np.ndarray):
    random = np.random.default_rng(0)
    measured = list(attack_metrics("loss", members, others, random))
    return {(metric.name, metric.at.get("false_positive_rate")): metric for metric in measured}


def scores(members: int, others: int, gap: float = 1.0):
    random = np.random.default_rng(1)
    return random.normal(gap, 1, members), random.normal(0, 1, others)


def test_each_metric_has_an_interval_around_it_and_the_number_of_its_examples():
    measured = metrics(*scores(3000, 2000))
    for metric in measured.values():
        assert metric.interval.low <= metric.value <= metric.interval.high
        assert metric.at["attack"] == "loss"
    assert measured["auc", None].n == measured["advantage", None].n == 5000
    rate = measured["true_positive_rate", 0.001]
    assert rate.n == 3000
    assert "2 of 2,000 non-members" in rate.reason
    assert rate.value < measured["true_positive_rate", 0.01].value


@pytest.mark.parametrize(("others", "known"), [(99, set()), (100, {0.01}), (999, {0.01}), (1000, {0.01, 0.001})])
def test_a_rate_needs_as_many_non_members_as_allow_one_false_positive(others, known):
    measured = metrics(*scores(500, others))
    rates = {rate: metric for (name, rate), metric in measured.items() if name == "true_positive_rate"}
    assert {rate for rate, metric in rates.items() if metric.value is not None} == known
    for rate, metric in rates.items():
        if rate not in known:
            assert f"{others:,} non-members" in metric.reason


def test_few_examples_give_a_reason_for_each_metric():
    measured = metrics(*scores(500, 19))
    assert len(measured) == 4
    assert all(metric.value is None and "19 non-members" in metric.reason for metric in measured.values())
    assert measured.keys() == {
        (metric.name, metric.at.get("false_positive_rate")) for metric in no_attack("loss", "why not")
    }


def test_scores_that_all_agree_know_nothing():
    measured = metrics(np.ones(50), np.ones(200))
    assert (measured["auc", None].value, measured["advantage", None].value) == (0.5, 0.0)
    assert measured["auc", None].interval is None
    assert measured["auc", None].reason
    assert measured["true_positive_rate", 0.01].value == 0.0


def test_the_curves_can_be_stored_and_end_at_one():
    artifact = curves_artifact({"loss": scores(300, 1000), "confidence": scores(300, 1000, 0.0)})
    assert set(artifact.data["series"]) == {"loss", "confidence", "chance"}
    assert all(points[-1] == [1.0, 1.0] for points in artifact.data["series"].values())
    assert all(x == y for x, y in artifact.data["series"]["chance"])
    assert len(artifact.data["series"]["chance"]) > 20, "on a logarithmic axis it is no straight line"
    assert artifact_to_bytes(artifact)


def test_with_clusters_only_the_area_has_an_interval_and_the_others_say_why():
    members, others = scores(400, 400)
    clusters = np.repeat(np.arange(100), 4)
    rows = list(attack_metrics("loss", members, others, np.random.default_rng(0), (clusters, clusters)))
    assert [row.name for row in rows if row.interval is not None] == ["auc"]
    assert rows[0].interval.over == "clusters"
    assert all(DEPENDENT in row.reason for row in rows[1:] if row.value is not None)
