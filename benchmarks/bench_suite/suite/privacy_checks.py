"""Checks of the training option `privacy`: errors in its table, and what a private training cannot honour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench_suite.components.options import choices, show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import PRIVACY_KEYS
from bench_suite.stats.renyi import least_epsilon
from bench_suite.suite.cell import Cell

_REFUSED: Mapping[str, tuple[Any, str]] = {
    "patience": (None, "patience ends the training at a step that depends on the data"),
    "target": (None, "target ends the training at a step that depends on the data"),
    "gradient_clip": (None, "the gradient of each example is clipped already: state clipping_norm in privacy"),
    "sampler": ("shuffled", "the guarantee requires the same probability for each example in each step"),
}
"Training options that a private training refuses: the value without effect, and the reason."


def privacy_errors(cell: Cell) -> Iterator[tuple[str, str]]:
    """Yield each training option of a private cell that cannot be honoured, with the message."""
    train = cell.options["train"]
    privacy = train["privacy"]
    if privacy is None:
        return
    yield from (("privacy", message) for message in table_errors(privacy))
    if train["epochs"] == 0:
        yield "privacy", "privacy protects a training, and epochs = 0 trains nothing: leave privacy out"
    for option, (default, reason) in _REFUSED.items():
        if train[option] != default:
            yield option, f"with privacy, {option} is not possible: {reason}"
    if train["optimizer"] == "muon":
        yield "optimizer", 'with privacy, the optimizer must be "sgd" or "adamw"'
    if "mixup" in train["augment"]:
        yield "augment", "with privacy, mixup is not possible: the gradient of a mixed image belongs to two examples"
    if train["class_weights"] == "balanced":
        yield (
            "class_weights",
            'with privacy, class_weights = "balanced" is not possible: it counts the labels of train; state a table',
        )
    yield from (("privacy", message) for message in model_errors(cell))
    for function in ("loss", "augment"):
        if function in cell.model.component.functions:
            yield (
                "privacy",
                f"privacy needs examples that do not mix, and {cell.model.label} has its own {function}",
            )


def model_errors(cell: Cell) -> Iterator[str]:
    """Yield why the model of a cell cannot be trained privately, as far as its file states it.

    `NO_EXAMPLE_GRADIENTS` names layers, or by option and value the layers that the value brings. Layers of other models
    are known only when they are built, which a run does before it trains anything.
    """
    stated, model = cell.model.component.facts.get("NO_EXAMPLE_GRADIENTS", {}), cell.model
    wrong = "single examples have no gradients of their own in {layers}"
    if isinstance(stated, str):
        yield (
            f"{model.label} cannot be trained with privacy: {wrong.format(layers=stated)}; state privacy in `train` of "
            "the models that permit it, such as mlp, text_cnn and vit"
        )
        return
    for option, by_value in stated.items():
        value = cell.options["model"][option]
        if value in by_value:
            others = [show(one) for one in choices(model.component.options[option].type) if one not in by_value]
            instead = f"write {option} = {' or '.join(others)}" if others else "choose another model"
            yield f"{model.label} cannot be trained with privacy: {wrong.format(layers=by_value[value])}; {instead}"


def placement_errors(cell: Cell) -> Iterator[tuple[str, str]]:
    """Yield each axis whose value a private training does not honour, with the message."""
    if cell.options["train"]["privacy"] is None:
        return
    if cell.devices > 1:
        yield "devices", "a training with privacy runs on one device; write devices = 1"
    if cell.compile:
        yield (
            "compile",
            "privacy needs gradients of single examples, which a compiled network does not have; write compile = false",
        )
    if cell.precision == "bf16-mixed":
        yield (
            "precision",
            'privacy needs 32 bits: the sensitivity of rounded sums is not known; write precision = "32-true"',
        )


def table_errors(privacy: Mapping[str, float]) -> Iterator[str]:
    """Yield what is wrong with the table `privacy`: a key, a value, or an ε that no noise reaches."""
    for key in privacy:
        if key not in PRIVACY_KEYS:
            yield f"privacy has no {key}{nearest(key, PRIVACY_KEYS)} (there are: {', '.join(PRIVACY_KEYS)})"
    missing = [key for key in PRIVACY_KEYS[:2] if key not in privacy]
    if missing:
        yield f"privacy needs {' and '.join(missing)}, such as privacy = {{ epsilon = 3.0, delta = 1e-5 }}"
    for key in PRIVACY_KEYS:
        if key in privacy and not privacy[key] > 0.0:
            yield f"privacy: {key} = {show(privacy[key])} must be above 0"
    delta, epsilon = privacy.get("delta"), privacy.get("epsilon")
    if delta is not None and delta >= 1.0:
        yield f"privacy: delta = {delta:g} is a probability that must be below 1, and far below 1 / examples"
    elif delta is not None and epsilon is not None and delta > 0.0 and 0.0 < epsilon < least_epsilon(delta):
        yield (
            f"privacy: epsilon = {epsilon:g} cannot be reached with delta = {delta:g}: however much noise there is, "
            f"the accountant computes none below {least_epsilon(delta):.3g}; state a larger epsilon"
        )
