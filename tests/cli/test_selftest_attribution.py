"""The self-test finds and names instruments of attributions and importance that are broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Interval
from bench_suite.probes import importance, quality
from bench_suite.probes.attribution import evaluation, faithfulness, methods
from bench_suite.probes.attribution import importance as column_importance
from bench_suite.probes.attribution.adapters import Subject
from bench_suite.selftest import attribution_checks


def elsewhere(*arguments: Any, **options: Any) -> Any:
    return Interval(-9, -8), None


def turned_round(variant: methods.MethodVariant, subject: Any, elements: Any) -> Any:
    """Return the parts of smoothed methods in reverse order."""
    parts = parts_of(variant, subject, elements)
    return parts.flip(1) if variant.smoothed else parts


def instead(name: str, make: Any) -> dict[str, Any]:
    """Return the methods, with one of them replaced."""
    return {**methods.METHODS, name: replace(methods.METHODS[name], make=make)}


def negative(subject: Any, inputs: Any, settings: Any) -> Any:
    prepared = occlusion(subject, inputs, settings)
    return replace(prepared, finish=lambda elements: -prepared.finish(elements))


def the_last_only(subject: Any, layers: str, seed: int) -> Any:
    return scrambled(subject, "last layer", seed)


def nowhere_but_in_the_last(subject: Any, layers: str, seed: int) -> Any:
    return scrambled(subject, layers, seed) if layers == "last layer" else subject


def deletes_nothing_of_pictures(subject: Any, inputs: Any, gone: Any) -> Any:
    return inputs if subject.kind == "image" and not bool(gone.all()) else without(subject, inputs, gone)


def noisier(factor: float) -> Callable[..., Any]:
    return lambda variant, subject, inputs, settings, samples: sensitivity(
        variant, subject, inputs, replace(settings, noise=factor * settings.noise), samples
    )


def of_the_next_column(table: Any, one: Any, order: Any) -> Any:
    return shuffled_column(table, replace(one, positions=((one.positions[0] + 1) % table.shape[1],)), order)


def turned_drop(name: str, one: Any, drops: Any, *rest: Any) -> Any:
    return summarised(name, one, -drops, *rest)


def of_signs(parts: Any, column: Any, signed: bool) -> Any:
    return parts[:, list(column.positions)].double().sum(dim=1).numpy()


shuffled_column = importance.shuffled
summarised = importance.summarised
bootstrapped = quality.bootstrap_interval
scrambled = Subject.scrambled
without = Subject.without
smoothed = methods._smoothed
product, occlusion = (methods.METHODS[name].make for name in ("input_x_gradient", "occlusion"))
auroc = faithfulness.auroc
pointing = faithfulness.pointing_game
curves = faithfulness.curves
reference = methods._reference
parts_of = evaluation.parts_of
sensitivity = faithfulness.sensitivity
infidelity = faithfulness.infidelity
ranks = faithfulness._ranks

SLOW = {
    "shuffles that change nothing": (
        "-k accuracy_drop", importance, "shuffled", lambda table, one, order: lambda raw: raw,
        {"importance/accuracy_drop of signals", "importance/accuracy_drop, one column"},
    ),
    "a drop that is a gain": (
        "-k accuracy_drop", importance, "summarised", turned_drop,
        {"importance/accuracy_drop of signals", "importance/accuracy_drop, one column"},
    ),
    "shuffles of another column": (
        "-k accuracy_drop", importance, "shuffled", of_the_next_column,
        {"importance/accuracy_drop, one column", "importance/accuracy_drop, others"},
    ),
    "attributions whose signs cancel": (
        "-k greatest or 'integrated gradients / saliency'", column_importance, "of_column", of_signs,
        {"integrated gradients / saliency"},
    ),
    "a rank that is turned": (
        "-k localisation and planted_columns", faithfulness, "auroc",
        lambda strength, relevant: 1 - auroc(strength, relevant),
        {"localisation of saliency", "localisation of one column", "localisation, smoothed saliency"},
    ),
    "a pointing game that the weakest part wins": (
        "-k planted_columns and linear", faithfulness, "pointing_game",
        lambda strength, relevant: pointing(-strength, relevant), {"pointing game of saliency"},
    ),
    "an attribution that never moves": (
        "-k planted_columns and linear", faithfulness, "sensitivity",
        lambda variant, subject, inputs, *rest: np.zeros(len(inputs)),
        {
            "sensitivity of random", "sensitivity of input_x_gradient", "sensitivity of smoothed input_x_gradient",
        },
    ),
    "a sensitivity to anything": (
        "-k planted_columns and linear", faithfulness, "sensitivity",
        lambda *arguments: sensitivity(*arguments) + 0.01, {"sensitivity of saliency"},
    ),
    "an infidelity that counts what is explained": (
        "-k planted_columns and linear", faithfulness, "infidelity",
        lambda *arguments: infidelity(*arguments)[::-1],
        {"infidelity of saliency", *(f"{method}, unexplained" for method in attribution_checks.ADDITIVE)},
    ),
    "a reference that is another one": (
        "-k planted_columns and linear", methods, "_reference",
        lambda subject, inputs: reference(subject, inputs) + 1,
        {
            "attribution/completeness_error", "integrated_gradients less input_x_gradient",
            *(f"{method}, unexplained" for method in attribution_checks.ADDITIVE),
        },
    ),
    "a smoothed method whose parts are turned round": (
        "-k planted_columns and linear", evaluation, "parts_of", turned_round, {"localisation, smoothed saliency"},
    ),
    "weights that are not shuffled": (
        "-k planted_columns and linear", Subject, "scrambled",
        lambda subject, layers, seed: subject,
        {"similarity of saliency, last layer", "similarity of saliency, all layers"},
    ),
    "weights that are shuffled in the last layer only": (
        "-k resnet", Subject, "scrambled", the_last_only, {"similarity of guided_backprop, all layers"},
    ),
    "weights that are not shuffled but in the last layer": (
        "-k planted_pixels or planted_columns and linear", Subject, "scrambled", nowhere_but_in_the_last,
        {"similarity of saliency, all layers", "similarity of guided_backprop, all layers"},
    ),
    "intervals of attributions that lie elsewhere": (
        "-k planted_columns and linear", evaluation, "bootstrap_interval", elsewhere,
        {"pointing game, interval width less formula", "pointing game, interval middle less value"},
    ),
    "a sensitivity without noise": (
        "-k planted_columns and linear", faithfulness, "sensitivity", noisier(0.0),
        {"sensitivity of input_x_gradient", "sensitivity of smoothed input_x_gradient"},
    ),
    "a sensitivity with twice the noise": (
        "-k planted_columns and linear", faithfulness, "sensitivity", noisier(2.0),
        {"sensitivity of input_x_gradient", "sensitivity of smoothed input_x_gradient"},
    ),
    "a smoothed method without noise": (
        "-k planted_columns and linear", methods, "_smoothed",
        lambda method, subject, inputs, settings: smoothed(method, subject, inputs, replace(settings, noise=0.0)),
        {"sensitivity of smoothed input_x_gradient"},
    ),
    "DeepLift without its rules": (
        "-k planted_pixels", methods, "METHODS", instead("deep_lift", product),
        {"completeness_error of deep_lift", "completeness_error of deep_lift, residual network"},
    ),
    "integrated gradients that are not integrated": (
        "-k cnn", methods, "METHODS", instead("integrated_gradients", product),
        {"completeness_error of integrated_gradients"},
    ),
    "occlusion with the wrong sign": (
        "-k cnn", methods, "METHODS", instead("occlusion", negative),
        {"insertion less deletion, occlusion"},
    ),
    "curves of pictures of which nothing goes": (
        "-k cnn", Subject, "without", deletes_nothing_of_pictures,
        {f"insertion less deletion, {method}" for method in attribution_checks.LOCALISING},
    ),
    "curves that are taken for one another": (
        "-k first_column", faithfulness, "curves", lambda *arguments: curves(*arguments)[::-1],
        {"deletion_auc less what scores say", "insertion_auc less what scores say"},
    ),
    "an order that is turned": (
        "-k first_column", faithfulness, "_ranks",
        lambda parts, valid, seed: parts.shape[1] - 1 - ranks(parts, valid, seed),
        {"deletion_auc less what scores say", "insertion_auc less what scores say"},
    ),
    "a rank correlation that is always there": (
        "-k planted_columns and similarity", faithfulness, "spearman",
        lambda first, second, valid: np.ones(len(first)),
        {"similarity of saliency, last layer", "similarity of saliency, all layers", "similarity of random"},
    ),
    "a rank correlation that is never there": (
        "-k planted_pixels or first_column", faithfulness, "spearman",
        lambda first, second, valid: np.zeros(len(first)),
        {
            "similarity of guided_backprop", "similarity of saliency, last layer", "similarity of saliency, all layers",
        },
    ),
    "decoys that are not seen": (
        "-k decoy_share", faithfulness, "decoy_share",
        lambda strength, relevant, decoy: np.zeros(len(strength)), {"decoy_share of saliency"},
    ),
    "pictures that are turned over": (
        "-k localisation and cnn", faithfulness, "auroc",
        lambda strength, relevant: auroc(strength[:, ::-1], relevant),
        {f"localisation of {method}" for method in attribution_checks.LOCALISING},
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("broken", SLOW)
def test_a_broken_instrument_that_is_trained_for_or_timed_is_found_and_named(found_and_named, broken):
    found_and_named(*SLOW[broken])
