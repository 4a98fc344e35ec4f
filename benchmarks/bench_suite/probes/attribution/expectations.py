"""Expectations: the values that each method must have on each planted task, including the failures of methods.

If there is a formula, the bounds are its value plus or minus the variation of training. If there is none, they are what
the method promises: a localisation above 0.9 if it should find the evidence, one half if it has no information.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Setting:
    """A planted task and a small network that learns it in seconds."""

    task: str
    task_options: Mapping[str, Any]
    model: str
    model_options: Mapping[str, Any]
    train: Mapping[str, Any]


@dataclass(frozen=True)
class Claim:
    """A metric of a method lies between two bounds."""

    setting: str
    method: str
    metric: str
    low: float
    high: float
    why: str
    shuffled: str | None = None
    "The layers that are shuffled, for `randomised_similarity`."


TRAIN: Mapping[str, Any] = {"epochs": 10, "learning_rate": 3e-3}
LINEAR: Mapping[str, Any] = {"epochs": 30, "learning_rate": 2e-2, "schedule": "linear"}
DECOY_SHARE = 0.9
"Share r of the training examples whose decoy column copies the class; it is the class in r + (1 − r) / 2 of them."

SETTINGS: Mapping[str, Setting] = {
    "glyph": Setting("planted_pixels", {"place": "drawn", "size": 1200}, "cnn", {}, TRAIN),
    "decoy glyph": Setting("planted_pixels", {"decoy": 1.0, "size": 1000}, "mlp", {}, TRAIN),
    "glyph, residual network": Setting("planted_pixels", {"place": "drawn", "size": 500}, "resnet", {}, TRAIN),
    "linear": Setting("planted_columns", {}, "mlp", {"hidden": ()}, LINEAR),
    "linear, suppressor": Setting("planted_columns", {"suppressor": True}, "mlp", {"hidden": ()}, LINEAR),
    "linear, decoy": Setting("planted_columns", {"decoy": DECOY_SHARE}, "mlp", {"hidden": ()}, LINEAR),
}


def _decoy_weight(share: float) -> float:
    """Return the decoy's share of the best rule's slopes in standardised columns: four signals have 2√2 each."""
    weight = math.log((1 + share) / (1 - share))
    return weight / (weight + 4 * 2 * math.sqrt(2))


def _near(value: float, tolerance: float) -> tuple[float, float]:
    return value - tolerance, value + tolerance


_FINDS = "only the glyph determines the class, and the network is right"
_ADDS_UP = "in a linear model the changes are weight × difference, and they sum to the whole change"
_COMPLETE = "the axiom of the method: the changes sum to the whole change"
_FLOOR = "noise has no information"
_EXACT = 1e-3

CLAIMS: tuple[Claim, ...] = (
    *(
        Claim("glyph", method, "localisation_auroc", 0.9, 1.0, _FINDS)
        for method in (
            *("integrated_gradients", "gradient_shap", "deep_lift"),
            *("guided_backprop", "grad_cam", "occlusion", "feature_ablation"),
        )
    ),
    Claim("glyph", "saliency", "localisation_auroc", 0.85, 1.0, "finds the glyph despite the noise of the gradient"),
    Claim("glyph", "random", "localisation_auroc", 0.45, 0.55, _FLOOR),
    Claim("glyph", "integrated_gradients", "pointing_game", 0.95, 1.0, _FINDS),
    Claim("glyph", "random", "pointing_game", 0.0, 0.35, "21 of 256 pixels determine the class"),
    *(
        Claim("glyph", method, "completeness_error", 0.0, bound, _COMPLETE)
        for method, bound in (("deep_lift", _EXACT), ("integrated_gradients", 0.02), ("gradient_shap", 0.3))
    ),
    Claim("glyph", "input_x_gradient", "completeness_error", 0.2, 10.0, "fails: the network is not linear"),
    *(
        Claim("decoy glyph", method, "pointing_game", 0.0, 0.75, "attributes to the decoy, which the network uses")
        for method in ("integrated_gradients", "saliency")
    ),
    *(
        Claim("decoy glyph", method, "decoy_share", 0.4, 1.0, "attributes to the decoy, which the network uses")
        for method in ("integrated_gradients", "saliency")
    ),
    Claim(
        "glyph, residual network", "guided_backprop", "randomised_similarity", 0.85, 1.0,
        "fails: it shows the features of the input, however the last layer uses them", "last layer",
    ),
    Claim(
        "glyph, residual network", "saliency", "randomised_similarity", -1.0, 0.7,
        "depends on the last layer, as an explanation must", "last layer",
    ),
    Claim("glyph, residual network", "random", "randomised_similarity", -0.1, 0.1, _FLOOR, "last layer"),
    *(
        Claim("linear", method, "completeness_error", 0.0, _EXACT, _ADDS_UP)
        for method in (
            *("integrated_gradients", "input_x_gradient", "deep_lift"),
            *("gradient_shap", "feature_ablation", "kernel_shap"),
        )
    ),
    *(
        Claim("linear", method, "infidelity", 0.0, _EXACT, "the slopes of a linear model predict its changes exactly")
        for method in ("integrated_gradients", "saliency", "input_x_gradient", "feature_ablation")
    ),
    *(
        Claim("linear", method, "localisation_auroc", 0.9, 1.0, "except for columns whose value is near the reference")
        for method in ("integrated_gradients", "lime")
    ),
    Claim("linear", "lime", "completeness_error", _EXACT, 0.2, "fails, by little: the lasso shrinks every weight"),
    Claim("linear", "lime", "infidelity", 0.0, 0.05, "slopes predict changes; the lasso shrinks all equally"),
    Claim("glyph", "lime", "localisation_auroc", 0.8, 1.0, "finds the glyph as squares of 4 × 4 pixels over it"),
    Claim("linear", "saliency", "sensitivity", 0.0, _EXACT, "the slope of a linear model is the same everywhere"),
    Claim("linear", "random", "sensitivity", 1.0, 3.0, "√2 on average, and more for the maximum of several"),
    Claim("linear", "saliency", "localisation_auroc", 0.99, 1.0, "the slopes are the weights, largest for signals"),
    Claim(
        "linear, suppressor", "saliency", "decoy_share", *_near(1 / 6, 0.03),
        "fails: the best rule gives the suppressor the weight of a signal (2 of 2 + 2 + 2 + 4 + 2, Haufe et al. 2014)",
    ),
    Claim(
        "linear, decoy", "saliency", "decoy_share", *_near(_decoy_weight(DECOY_SHARE), 0.04),
        "attributes to the decoy: the best rule of train gives it the weight ln((1 + r) / (1 − r))",
    ),
)  # fmt: skip
