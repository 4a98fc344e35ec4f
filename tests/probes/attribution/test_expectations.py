"""The predicted results of every method on the planted tasks; `docs/appendix/attribution.md` shows the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Metric
from bench_suite.probes.attribution import evaluation, faithfulness
from bench_suite.probes.attribution.adapters import explanation_mode
from bench_suite.probes.attribution.batch_size import rows_at_once
from bench_suite.probes.attribution.evaluation import ExplainedModel
from bench_suite.probes.attribution.expectations import CLAIMS, SETTINGS, Claim
from bench_suite.probes.attribution.methods import METHODS, MethodVariant, Settings, attribute, parts_of
from bench_suite.tasks.planted_pixels import INK

EXAMPLES = 16
_measured: dict[str, list[Metric]] = {}


def measured(name: str, taught: Callable[[str], Any]) -> list[Metric]:
    """Return the metrics of all methods in the setting's claims."""
    if name not in _measured:
        trained = taught(name)
        methods = list(dict.fromkeys(claim.method for claim in CLAIMS if claim.setting == name))
        with explanation_mode(trained.network.module):
            task = ExplainedModel.of(trained, "mean")
            settings = Settings(rows_at_once(*task.inputs(np.zeros(1, dtype=np.int64))), coalitions=60)
            variants = list(map(MethodVariant, methods))
            results = evaluation.measure_methods(task, variants, [np.arange(EXAMPLES)], settings, 1)
        _measured[name] = list(evaluation.summary_metrics(results, known=True))
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
    assert {claim.method for claim in CLAIMS} >= set(METHODS)
    assert {claim.setting for claim in CLAIMS} == set(SETTINGS)


def test_the_networks_of_the_planted_tasks_have_learnt_them(taught: Callable[[str], Any]) -> None:
    for name, least in (("glyph", 0.95), ("glyph, residual network", 0.85), ("linear", 0.95)):
        predictions = taught(name).predictions("test")
        assert (predictions["targets"] == predictions["predictions"]).mean() > least, name
    decoyed = taught("decoy glyph").predictions("test")
    assert (decoyed["targets"] == decoyed["predictions"]).mean() < 0.7


@pytest.mark.parametrize("setting", ["glyph", "glyph, residual network"])
def test_gradients_find_the_ink_of_a_glyph_and_a_residual_network_does_not_need_the_rest(
    setting: str, taught: Callable[[str], Any]
) -> None:
    """Glyphs differ in the informative parts: an image has ink on some of them, and noise on the others.

    Printed by `pytest tests/probes/attribution/test_expectations.py -s -k ink`, quoted in docs/appendix/attribution.md.
    """
    trained = taught(setting)
    rows = np.arange(EXAMPLES)
    with explanation_mode(trained.network.module):
        task = ExplainedModel.of(trained, "mean")
        settings = Settings(rows_at_once(*task.inputs(np.zeros(1, dtype=np.int64))))
        subject, inputs = task.inputs(rows)
        raw = task.raw(rows)
        telling, image = raw["relevant"].reshape(EXAMPLES, -1), raw["image"].reshape(EXAMPLES, -1)
        masks = {"all": telling, "ink": telling & (image == INK), "no ink": telling & (image != INK)}
        aurocs = {}
        for method in ("integrated_gradients", "saliency", "guided_backprop", "deep_lift"):
            variant = MethodVariant(method)
            parts = parts_of(variant, subject, attribute(variant, subject, inputs, settings))
            strength = parts.abs().cpu().numpy()
            aurocs[method] = {name: _auroc_beside_noise(strength, mask, telling) for name, mask in masks.items()}
            print(f"{setting}: {method} {' '.join(f'{name} {value:.3f}' for name, value in aurocs[method].items())}")
    assert aurocs.pop("saliency")["ink"] > 0.8, "through the noise of the gradient"
    assert all(by_mask["ink"] > 0.9 for by_mask in aurocs.values())
    if setting == "glyph, residual network":
        assert all(by_mask["no ink"] < by_mask["ink"] - 0.1 for by_mask in aurocs.values())


def _auroc_beside_noise(strength: np.ndarray, mask: np.ndarray, telling: np.ndarray) -> float:
    """Return the mean AUROC of the parts in `mask` against uninformative parts; other informative parts are ignored."""
    aurocs = [
        faithfulness.auroc(row[keep][None], part[keep][None])
        for row, part, keep in zip(strength, mask, mask | ~telling)
    ]
    return float(np.mean(aurocs))
