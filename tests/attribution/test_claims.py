"""What every method was predicted to give on the planted tasks, measured; `docs/attribution.md` shows the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench_suite.attribution import measuring
from bench_suite.attribution.claims import CLAIMS, SETTINGS, Claim
from bench_suite.attribution.measuring import Task
from bench_suite.attribution.memory import rows_at_once
from bench_suite.attribution.methods import METHODS, Settings
from bench_suite.attribution.subjects import explainable
from bench_suite.contracts import Metric

EXAMPLES = 16
_measured: dict[str, list[Metric]] = {}


def measured(name: str, taught: Callable[[str], Any]) -> list[Metric]:
    """The metrics of all methods that the setting's claims speak of."""
    if name not in _measured:
        trained = taught(name)
        methods = list(dict.fromkeys(claim.method for claim in CLAIMS if claim.setting == name))
        with explainable(trained.network.module):
            task = Task.of(trained, "mean")
            settings = Settings(rows_at_once(*task.inputs(np.zeros(1, dtype=np.int64))), coalitions=60)
            found = measuring.measured(task, methods, [np.arange(EXAMPLES)], settings, 1)
        _measured[name] = list(measuring.metrics(found, known=True))
    return _measured[name]


def label(claim: Claim) -> str:
    return f"{claim.setting}: {claim.method} {claim.metric}"


@pytest.mark.parametrize("claim", CLAIMS, ids=label)
def test_the_claim_holds(claim: Claim, taught: Callable[[str], Any]) -> None:
    at = {"method": claim.method, **({"shuffled": claim.shuffled} if claim.shuffled else {})}
    (metric,) = [m for m in measured(claim.setting, taught) if m.name == claim.metric and m.at == at]
    assert metric.value is not None, metric.reason
    print(f"{label(claim)} = {metric.value:.3f}, claimed {claim.low:.3f} to {claim.high:.3f}")
    assert claim.low <= metric.value <= claim.high, claim.why


def test_every_method_and_every_metric_of_faithfulness_has_a_claim() -> None:
    assert {claim.method for claim in CLAIMS} >= {name for name in METHODS if name != "lime"}
    assert {claim.setting for claim in CLAIMS} == set(SETTINGS)


def test_the_networks_of_the_planted_tasks_have_learnt_them(taught: Callable[[str], Any]) -> None:
    for name, least in (("glyph", 0.95), ("glyph, residual network", 0.85), ("linear", 0.95)):
        predictions = taught(name).predictions("test")
        assert (predictions["targets"] == predictions["predictions"]).mean() > least, name
    decoyed = taught("decoy glyph").predictions("test")
    assert (decoyed["targets"] == decoyed["predictions"]).mean() < 0.7
