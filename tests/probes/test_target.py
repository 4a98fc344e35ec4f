"""Claims about `target`: it reports the values of the training's history, and no guess if the target was missed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench_suite.contracts import History
from bench_suite.probes import target


def measured(history, network="a network"):
    return {row.name: row for row in target.probe(SimpleNamespace(history=history, network=network), None)}


def test_seconds_epochs_and_samples_are_those_at_which_the_target_was_reached():
    outcome = {
        "metric": "quality/accuracy", "wanted": 0.97, "reached": True, "best": 0.971,
        "seconds": 12.5, "epochs": 2.0, "samples": 90_000.0,
    }  # fmt: skip
    metrics = measured(History(epochs=({"epoch": 1.0}, {"epoch": 2.0}), seconds=12.6, target=outcome))
    assert {name: row.value for name, row in metrics.items()} == {"seconds": 12.5, "epochs": 2.0, "samples": 90_000.0}
    assert all(row.kind == "single" and row.interval is None for row in metrics.values())


def test_where_it_was_not_reached_there_is_no_value_and_the_reason_tells_how_far_it_came():
    outcome = {"metric": "quality/accuracy", "wanted": 0.97, "reached": False, "best": 0.9487}
    for row in measured(History(epochs=({"epoch": 1.0},) * 3, seconds=60.0, target=outcome)).values():
        assert row.value is None
        assert row.reason == "quality/accuracy did not reach 0.97 in 3 epochs: the best was 0.9487"


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (None, "nothing was trained here"),
        (History(seconds=1.0), r"no target; to set one: [train] target ="),
        (History(target={"metric": "quality/roc_auc", "wanted": 0.9, "reached": False}), "it was never defined"),
    ],
)
def test_without_a_target_the_reason_says_what_is_missing(history, reason):
    metrics = measured(history)
    assert metrics.keys() == target.METRICS.keys()
    assert all(row.value is None and reason in row.reason for row in metrics.values())


def test_a_model_that_fits_itself_has_no_target():
    assert {row.reason for row in measured(History(seconds=1.0), None).values()} == {
        "an estimator fits itself, without a target"
    }
