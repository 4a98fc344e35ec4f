"""Attribution: what of the input moved the prediction, by Captum's methods, and how faithful each of them is."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench_suite.contracts import Artifact, BenchError, Metric, Trained
from bench_suite.probes.attribution import artifacts, evaluation
from bench_suite.probes.attribution.adapters import explainable
from bench_suite.probes.attribution.batch_size import rows_at_once
from bench_suite.probes.attribution.evaluation import ExplainedModel, portions
from bench_suite.probes.attribution.methods import FAULTS, SMOOTHED, Settings, captum, failed, unfit
from bench_suite.training.inputs import spread_rows
from bench_suite.training.precision import computing, move_to_placement

VERSION = 4
METRICS = {
    "insertion_auc": {"unit": "probability", "better": "higher"},
    "deletion_auc": {"unit": "probability", "better": "lower"},
    "localisation_auroc": {"unit": "score", "better": "higher", "ideal": 1.0},
    "pointing_game": {"unit": "fraction", "better": "higher", "ideal": 1.0},
    "decoy_share": {"unit": "fraction", "better": "lower", "ideal": 0.0},
    "completeness_error": {"unit": "ratio", "better": "lower", "ideal": 0.0},
    "infidelity": {"unit": "ratio", "better": "lower", "ideal": 0.0},
    "sensitivity": {"unit": "ratio", "better": "lower", "ideal": 0.0},
    "randomised_similarity": {"unit": "rank correlation", "better": "lower"},
    "cost": {"unit": "forward passes", "better": "lower", "timing": True},
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
}
SMOKE = {"examples": 2, "steps": 4, "coalitions": 10, "samples": 1, "shown": 1}

NEEDS_NUMBERS = "attribution needs a network that takes numbers with gradients"
IMPORTS = ("captum",)
EXTRA = "pip install 'bench-suite[attribution]'"


@dataclass(frozen=True)
class Options:
    methods: tuple[
        Literal[
            "integrated_gradients", "saliency", "input_x_gradient", "guided_backprop", "deep_lift", "gradient_shap",
            "grad_cam", "occlusion", "feature_ablation", "kernel_shap", "lime", "random",
        ],
        ...,
    ] = ("integrated_gradients", "saliency", "input_x_gradient", "random")  # fmt: skip
    "Which to compare; `random` is the floor, noise that knows nothing of the model."
    smoothed: tuple[
        Literal[
            "integrated_gradients", "saliency", "input_x_gradient", "guided_backprop", "deep_lift", "gradient_shap",
            "grad_cam", "occlusion", "feature_ablation", "kernel_shap", "lime",
        ],
        ...,
    ] = ()  # fmt: skip
    """Which to average over noisy copies of the input too (a noise tunnel, SmoothGrad). `random` is none of them: it
    does not look at the input."""
    examples: int = 32
    "Test examples that are explained, spread evenly over the split."
    reference_input: Literal["mean", "zero"] = "mean"
    """The input that says nothing, which others are compared with, as the network is given it. `mean`: of images the
    mean colour, of tables the mean row. `zero`: black, zeros. Of texts it is always vectors of zeros."""
    steps: int = 32
    "Points between reference and input at which integrated gradients and GradientShap take the gradient."
    coalitions: int = 200
    "Inputs with parts missing that KernelShap and LIME look at, for each example."
    window: int = 4
    "Side of occlusion's window in pixels, which moves by half of it."
    patch: int = 4
    "Side of the squares of pixels that feature ablation, KernelShap and LIME take away together."
    copies: int = 8
    "Noisy copies that a smoothed method averages over."
    noise: float = 0.1
    "Noise of `smoothed` and of the sensitivity, as a share of the inputs' standard deviation."
    samples: int = 4
    "Noisy copies for the sensitivity of an example; four times as many inputs with parts missing for the infidelity."
    shown: int = 1
    "Examples of each kind that are drawn: confidently right, confidently wrong, borderline. 0 draws none."


def check(options: Options) -> None:
    """Raise ValueError where no method is named, or Captum is not installed."""
    if not options.methods and not options.smoothed:
        raise ValueError(
            "methods and smoothed are both empty, so nothing would be measured\n"
            '  name a method, such as methods = ["saliency"]'
        )
    if importlib.util.find_spec("captum") is None:
        raise ValueError(f"needs the package captum, which is not installed\n  to get it: {EXTRA}")


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Each method at the coordinate `method`, of the class that was predicted; means over test examples.

    Computed in 32 bits and in evaluation mode. Where nothing can be explained, a method does not fit the network or its
    inputs, or it fails, there is a reason in the place of its numbers.
    """
    network, placement = trained.network, trained.placement
    assert network is not None  # NEEDS says so
    captum()
    with computing(placement), explainable(move_to_placement(network.module, placement)):
        try:
            task = ExplainedModel.of(trained, options.reference_input)
            subject, first = task.inputs(np.zeros(1, dtype=np.int64))
            together = rows_at_once(subject, first)
        except BenchError as error:
            yield Metric("insertion_auc", None, str(error))
            return
        except (*FAULTS, TypeError, IndexError) as error:
            yield Metric("insertion_auc", None, f"{NEEDS_NUMBERS}; {failed(error, 'this one failed')}")
            return
        settings = Settings(
            together, options.steps, options.coalitions, options.window, options.patch,
            options.copies, options.noise,
        )  # fmt: skip
        names = dict.fromkeys([*options.methods, *(SMOOTHED + name for name in options.smoothed)])
        stated = (*trained.provides, f"{subject.kind}s")
        reasons = {name: unfit(name, subject, first, settings.patch) or _unmet_needs(name, stated) for name in names}
        fitting = [name for name, reason in reasons.items() if reason is None]
        rows = spread_rows(trained.data.splits["test"], options.examples)
        found = evaluation.measured(task, fitting, list(portions(rows, first)), settings, options.samples)
        yield from evaluation.metrics(found, known=task.known)
        for name, reason in reasons.items():
            if reason is not None:
                yield Metric("insertion_auc", None, reason, at={"method": name})
        yield from artifacts.curves(found)
        finite = [name for name in fitting if found[name].error is None]
        if options.shown and finite:
            yield from artifacts.examples(task, finite, trained.predictions("test"), settings, options.shown)


def _unmet_needs(name: str, stated: Sequence[str]) -> str | None:
    """What a method needs that the model does not state, where it cannot be seen, such as that all is ReLUs."""
    plain = name.removeprefix(SMOOTHED)
    missing = [need for need in NEEDS_BY["methods"].get(plain, ()) if need not in stated]
    return f"{plain} needs {' and '.join(missing)}" if missing else None
