"""Robustness: how accuracy falls under corruptions and attacks, and which predictions change with the form only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench_suite.contracts import Artifact, Metric, OptionError, Record, Trained
from bench_suite.probes.robustness.relative import relative_errors

VERSION = 1
QUESTION = "generalisation"
PROBLEMS = ("classification", "regression")
METRICS = {
    "accuracy": {
        "title": "accuracy under a corruption",
        "about": "share of the corrupted test examples whose predicted class is the true one",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "corruption_error": {
        "title": "error under a corruption",
        "about": "share of wrong predictions under one corruption, as a mean over its severities",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "mean_corruption_error": {
        "title": "mean error under corruptions",
        "about": "share of wrong predictions on corrupted test examples, as a mean over all corruptions",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Hendrycks and Dietterich 2019, arXiv 1903.12261",
    },
    "relative_corruption_error": {
        "title": "error, relative to the reference",
        "about": "error under one corruption divided by that of the reference model; below 1 is better than it",
        "unit": "ratio",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Hendrycks and Dietterich 2019, arXiv 1903.12261",
    },
    "mean_relative_corruption_error": {
        "title": "mean error, relative to the reference",
        "about": (
            "mean over corruptions of the error divided by that of the reference model; below 1 is better than it"
        ),
        "unit": "ratio",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Hendrycks and Dietterich 2019, arXiv 1903.12261",
    },
    "rmse": {
        "title": "error under a corruption",
        "about": "root mean squared error on corrupted test examples",
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "corruption_rmse": {
        "title": "mean error under a corruption",
        "about": "root mean squared error under one corruption, as a mean over its severities",
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "mean_corruption_rmse": {
        "title": "mean error under corruptions",
        "about": "root mean squared error on corrupted test examples, as a mean over all corruptions",
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "accuracy_under_attack": {
        "about": (
            "share of the test examples that stay right if an attack changes each of their numbers by up to the radius"
        ),
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "robust_accuracy": {
        "title": "accuracy under all attacks",
        "about": "share of the test examples that stay right under every attack within the radius",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
        "source": "Carlini et al. 2019, arXiv 1902.06705",
    },
    "flip_rate": {
        "title": "predictions that change with the form",
        "about": (
            "share of the examples whose predicted class changes although only their form did, such as capitals or a "
            "shift by one pixel"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Ribeiro et al. 2020, arXiv 2005.04118",
    },
    "any_flip_rate": {
        "title": "predictions that change with any form",
        "about": "share of the examples whose predicted class changes with at least one change of the form",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "response_rate": {
        "title": "predictions that change with a negation",
        "about": (
            "share of the texts whose predicted class changes if the text is negated; neither direction is better"
        ),
        "unit": "fraction",
        "better": "none",
        "range": (0.0, 1.0),
    },
}
NEEDS_BY = {
    "corruptions": {
        "gaussian_noise": ("images",),
        "blur": ("images",),
        "brightness": ("images",),
        "contrast": ("images",),
        "jpeg": ("images",),
        "pixelate": ("images",),
        "rotation": ("images",),
        "translation": ("images",),
        "occlusion": ("images",),
        "typos": ("texts",),
        "dropped_words": ("texts",),
        "swapped_words": ("texts",),
        "case": ("texts",),
        "punctuation": ("texts",),
        "noise": ("tables",),
        "missing_values": ("tables",),
        "units": ("tables",),
    },
    "forms": {
        "lower_case": ("texts",),
        "upper_case": ("texts",),
        "final_mark": ("texts",),
        "whitespace": ("texts",),
        "expanded": ("texts",),
        "contracted": ("texts",),
        "synonyms": ("texts",),
        "people": ("texts",),
        "places": ("texts",),
        "numbers": ("texts",),
        "shift_left": ("images",),
        "shift_right": ("images",),
        "shift_up": ("images",),
        "shift_down": ("images",),
        "brighter": ("images",),
        "rounded": ("tables",),
    },
}
NAMES = {"reference": "model"}
OPTION_NEEDS = {"radii": ("classification", "gradients", "images or tables")}
BOUNDS = {
    "severities": (1, 5),
    "examples": (2, None),
    "radii": (0.0, None),
    "attacked": (2, None),
    "steps": (1, 10_000),
    "restarts": (1, 1000),
    "queries": (1, 1_000_000),
    "resamples": (100, None),
}
SMOKE = {"examples": 16, "attacked": 8, "steps": 2, "restarts": 1, "queries": 5, "resamples": 100}
LEVELS = 255
"Levels of a pixel."


@dataclass(frozen=True)
class Options:
    corruptions: (
        tuple[
            Literal[
                "gaussian_noise", "blur", "brightness", "contrast", "jpeg", "pixelate", "rotation", "translation",
                "occlusion", "typos", "dropped_words", "swapped_words", "case", "punctuation", "noise",
                "missing_values", "units",
            ],
            ...,
        ]
        | Literal["all", "none"]
    ) = "all"  # fmt: skip
    "Corruptions of test examples; `all`: those of the task's modality; `none`: no corruptions."
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    "Severities, from 1 (mild) to 5."
    examples: int = 1000
    "Largest number of test examples that are corrupted or change their form; their content decides which are drawn."
    reference: str | None = None
    "Name of a model of this suite; the corruption errors of every model are divided by its own. Default: none."
    radii: tuple[float, ...] = ()
    """Radii of attacks: the largest change of any pixel, as a share of its range (8 levels of 255 are 0.03137), or of
    any column, in standard deviations of train. []: no attacks."""
    attacks: tuple[Literal["fgsm", "pgd", "square"], ...] = ("fgsm", "pgd", "square")
    "Attacks within each radius; `fgsm` and `pgd` follow gradients, `square` needs none."
    attacked: int = 200
    "Largest number of test examples that are attacked; their content decides which are drawn."
    steps: int = 20
    "Gradient steps of each start of `pgd`."
    restarts: int = 2
    "Random starts of `pgd`."
    queries: int = 200
    "Predictions that `square` makes for each example."
    forms: (
        tuple[
            Literal[
                "lower_case", "upper_case", "final_mark", "whitespace", "expanded", "contracted", "synonyms", "people",
                "places", "numbers", "shift_left", "shift_right", "shift_up", "shift_down", "brighter", "rounded",
            ],
            ...,
        ]
        | Literal["all", "none"]
    ) = "all"  # fmt: skip
    "Forms in which the same example is predicted again; `all`: those of the task's modality; `none`: no forms."
    resamples: int = 1000
    "Bootstrap resamples of the test examples for each interval of a corruption."


def check(options: Options) -> None:
    """Check that there is something to measure, and that radii are on the raw scale.

    Raises:
        OptionError: if either is not the case.
    """
    if not options.severities:
        raise OptionError("severities is empty: state some numbers from 1 to 5", "severities")
    if options.corruptions in ("none", ()) and options.forms in ("none", ()) and not options.radii:
        raise OptionError("nothing would be measured: choose corruptions or forms, or state radii", "corruptions")
    for radius in options.radii:
        if radius > 1:
            advice = (
                f"for {radius:g} of {LEVELS} levels write {radius / LEVELS:.4g}"
                if radius <= LEVELS
                else f"a pixel has only {LEVELS} levels, so no share stands for {radius:g} of them"
            )
            raise OptionError(
                f"the radius {radius:g} is not on the raw scale: radii are shares of the range of pixels, or standard "
                f"deviations of columns, above 0 and at most 1; {advice}",
                "radii",
            )
        if radius == 0:
            raise OptionError("a radius of 0 changes nothing: leave it out", "radii")
    if options.radii and not options.attacks:
        raise OptionError("attacks is empty, but radii are stated: state an attack", "attacks")


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield accuracy by corruption and severity, robust accuracy by radius, and flip rates by form."""
    from bench_suite.probes.robustness.measurement import measure  # it needs torch, and `summarise` does not

    yield from measure(trained, options)


def summarise(records: Sequence[Record], options: Options, label: str | None = None) -> Iterator[Metric | Artifact]:
    """Yield the corruption errors of each model relative to the reference, if the options name one.

    Args:
        records: of the run.
        options: of the probe.
        label: of the probe; only its own errors are read. None reads those of all probes.
    """
    if options.reference is not None:
        yield from relative_errors(records, options.reference, label)
