"""Attribution: which parts of the input caused the prediction, by Captum's methods, and how faithful each method is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench_suite.contracts import Artifact, BenchError, Metric, Trained
from bench_suite.probes.attribution import artifacts, evaluation, importance
from bench_suite.probes.attribution.adapters import Inputs, Subject, explanation_mode
from bench_suite.probes.attribution.batch_size import rows_at_once
from bench_suite.probes.attribution.evaluation import ExplainedModel, portions
from bench_suite.probes.attribution.input_gradients import EXAMPLES, missing_gradients
from bench_suite.probes.attribution.methods import (
    METHOD_ERRORS,
    MethodVariant,
    Settings,
    failure_reason,
    import_captum,
    inapplicable_reason,
)
from bench_suite.training.inputs import spread_rows
from bench_suite.training.precision import computing, move_to_placement

VERSION = 5
QUESTION = "explanation"
METRICS = {
    "insertion_auc": {
        "title": "insertion test",
        "about": (
            "mean probability of the class while the most important parts are put into an empty input first; higher "
            "means that these parts suffice"
        ),
        "unit": "probability",
        "better": "higher",
        "range": (0.0, 1.0),
    },
    "deletion_auc": {
        "title": "deletion test",
        "about": (
            "mean probability of the class while the most important parts are removed first; lower means that the "
            "model needs them"
        ),
        "unit": "probability",
        "better": "lower",
        "range": (0.0, 1.0),
    },
    "localisation_auroc": {
        "title": "localisation",
        "about": (
            "planted tasks: probability that a part known to be relevant has a stronger attribution than another one"
        ),
        "unit": "score",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "pointing_game": {
        "about": "planted tasks: share of the examples whose strongest attribution is on a relevant part",
        "unit": "fraction",
        "better": "higher",
        "ideal": 1.0,
        "range": (0.0, 1.0),
    },
    "decoy_share": {
        "about": "planted decoys: share of the attribution that lies on misleading parts",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "completeness_error": {
        "about": (
            "how far the attributions of an example are from summing to the change of the output that they explain"
        ),
        "unit": "ratio",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "infidelity": {
        "about": "share of the change of the output, if parts are removed, that the attributions do not predict",
        "unit": "ratio",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "sensitivity": {
        "title": "instability under noise",
        "about": "largest relative change of the attribution if a little noise is added to the input",
        "unit": "ratio",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
    "randomised_similarity": {
        "title": "similarity after shuffling the weights",
        "about": "how similar the attribution stays if the weights are shuffled; near 0 it depends on what was learned",
        "unit": "rank correlation",
        "better": "lower",
        "range": (-1.0, 1.0),
    },
    "column_importance": {
        "about": "mean absolute change of the output that the attribution ascribes to a column",
        "unit": "logit",
        "better": "none",
        "range": (0.0, None),
    },
    "cost": {
        "title": "cost of an explanation",
        "about": "time of an explanation divided by that of a prediction",
        "unit": "forward passes",
        "better": "lower",
        "range": (0.0, None),
        "timing": True,
    },
}
PROBLEMS = ("classification",)
NEEDS = ("gradients",)
NEEDS_BY = {
    "methods": {
        "grad_cam": ("convolutions",),
        "guided_backprop": ("rectifiers",),
        "deep_lift": ("rectifiers",),
        "occlusion": ("images",),
    },
    "smoothed": {
        "grad_cam": ("convolutions",),
        "guided_backprop": ("rectifiers",),
        "deep_lift": ("rectifiers",),
        "occlusion": ("images",),
    },
}
OPTION_NEEDS = {"importance": ("tables",)}
BOUNDS = {
    "examples": (1, 10_000),
    "steps": (2, 10_000),
    "coalitions": (2, 100_000),
    "window": (1, None),
    "patch": (1, None),
    "copies": (2, 1000),
    "noise": (1e-6, 10.0),
    "samples": (1, 1000),
    "shown": (0, 10),
    "importance": (0, 1_000_000),
}
SMOKE = {"examples": 2, "steps": 4, "coalitions": 10, "samples": 1, "shown": 1, "importance": 4}

NEEDS_NUMBERS = "attribution needs a network that takes numbers with gradients"
IMPORTS = ("captum",)


@dataclass(frozen=True)
class Options:
    methods: tuple[
        Literal[
            "integrated_gradients", "saliency", "input_x_gradient", "guided_backprop", "deep_lift", "gradient_shap",
            "grad_cam", "occlusion", "feature_ablation", "kernel_shap", "lime", "random",
        ],
        ...,
    ] = ("integrated_gradients", "saliency", "input_x_gradient", "random")  # fmt: skip
    "Methods to compare; `random` is noise, the floor for all others."
    smoothed: tuple[
        Literal[
            "integrated_gradients", "saliency", "input_x_gradient", "guided_backprop", "deep_lift", "gradient_shap",
            "grad_cam", "occlusion", "feature_ablation", "kernel_shap", "lime",
        ],
        ...,
    ] = ()  # fmt: skip
    """Methods to measure averaged over noisy copies of the input as well (a noise tunnel, SmoothGrad). `random` does
    not depend on the input, so it cannot be smoothed."""
    examples: int = 32
    "Test examples to explain, spread evenly over the split."
    reference_input: Literal["mean", "zero"] = "mean"
    """The baseline input with which inputs are compared. `mean`: the mean colour of images, the mean row of tables.
    `zero`: a black image, a row of zeros. For texts it is always vectors of zeros."""
    steps: int = 32
    "Points between reference and input at which integrated gradients and GradientShap take the gradient."
    coalitions: int = 200
    "Inputs with parts missing that KernelShap and LIME evaluate, for each example."
    window: int = 4
    "Side of occlusion's window in pixels; the window moves by half of it."
    patch: int = 4
    "Side of the squares of pixels that feature ablation, KernelShap and LIME remove together."
    copies: int = 8
    "Noisy copies over which a smoothed method averages."
    noise: float = 0.1
    """Noise for `smoothed` and for the sensitivity, as a share of the standard deviation: of each column of a table, of
    each channel of an image, of the numbers of a text."""
    samples: int = 4
    "Noisy copies of an example for the sensitivity; the infidelity uses four times as many deletions."
    shown: int = 1
    "Examples to draw of each kind: confidently right, confidently wrong, borderline. 0 draws none."
    importance: int = 1000
    """Test examples for `column_importance`, the mean importance of each column of a table. The first method that
    succeeds is used, except `random`; `kernel_shap` and `lime` take at most `examples`. 0: no column importance."""


def check(options: Options) -> None:
    """Raise ValueError if no method is chosen."""
    if not options.methods and not options.smoothed:
        raise ValueError(
            "methods and smoothed are both empty, so nothing would be measured\n"
            '  add a method, such as methods = ["saliency"]'
        )


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield the means of each metric over test examples for each method, at the coordinate `method`.

    The predicted class is explained, in 32 bits and in evaluation mode. If the network cannot be explained, a method
    does not apply to it, or a method fails, the metric `insertion_auc` has the reason in place of the numbers.
    """
    network, placement = trained.network, trained.placement
    assert network is not None  # NEEDS says so
    import_captum()
    with computing(placement), explanation_mode(move_to_placement(network.module, placement)):
        try:
            model = ExplainedModel.of(trained, options.reference_input)
            subject, first = model.inputs(np.zeros(1, dtype=np.int64))
            batch_size = rows_at_once(subject, first)
            gradients = missing_gradients(*_tried(model, batch_size), trained.data.spec.get("columns", ()))
            if gradients is not None:
                raise BenchError(gradients)
        except BenchError as error:
            yield Metric("insertion_auc", None, str(error))
            return
        except (*METHOD_ERRORS, TypeError, IndexError) as error:
            yield Metric("insertion_auc", None, f"{NEEDS_NUMBERS}; {failure_reason(error, 'this one failed')}")
            return
        settings = Settings(
            batch_size, options.steps, options.coalitions, options.window, options.patch,
            options.copies, options.noise,
        )  # fmt: skip
        provides = (*trained.provides, f"{subject.kind}s")
        reasons = {
            variant: inapplicable_reason(variant, subject, first, settings.patch) or _unmet_needs(variant, provides)
            for variant in _variants(options)
        }
        applicable = [variant for variant, reason in reasons.items() if reason is None]
        rows = spread_rows(trained.data.splits["test"], options.examples)
        row_portions = list(portions(rows, first))
        results = evaluation.measure_methods(model, applicable, row_portions, settings, options.samples)
        yield from evaluation.summary_metrics(results, known=model.known)
        for variant, reason in reasons.items():
            if reason is not None:
                yield Metric("insertion_auc", None, reason, at={"method": variant.label})
        yield from artifacts.curves(results)
        successful = [variant for variant in applicable if results[variant].error is None]
        method = importance.chosen_method(successful) if subject.kind == "table" and options.importance else None
        if method is not None:
            yield from importance.column_importances(model, method, settings, options.importance, options.examples)
        if options.shown and successful:
            yield from artifacts.examples(model, successful, trained.predictions("test"), settings, options.shown)


def _tried(model: ExplainedModel, batch_size: int) -> tuple[Subject, Inputs]:
    """Return some test examples that fit in one pass, spread over the split."""
    return model.inputs(spread_rows(model.trained.data.splits["test"], max(2, min(EXAMPLES, batch_size))))


def _variants(options: Options) -> list[MethodVariant]:
    """Return the chosen methods, then the smoothed ones, without duplicates."""
    chosen = [MethodVariant(name) for name in options.methods]
    smoothed = [MethodVariant(name, smoothed=True) for name in options.smoothed]
    return list(dict.fromkeys([*chosen, *smoothed]))


def _unmet_needs(variant: MethodVariant, provides: Sequence[str]) -> str | None:
    """Return what a method needs that the model does not declare and that cannot be detected, such as only ReLUs."""
    missing = [need for need in NEEDS_BY["methods"].get(variant.name, ()) if need not in provides]
    return f"{variant.name} needs {' and '.join(missing)}" if missing else None
