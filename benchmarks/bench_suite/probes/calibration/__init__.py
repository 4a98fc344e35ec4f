"""Calibration: whether confidences are the shares of right predictions, and intervals the shares of covered targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench_suite.contracts import Artifact, Metric, Trained
from bench_suite.probes.calibration.classes import NO_VALIDATION, measure_classes
from bench_suite.probes.calibration.prediction_intervals import measure_intervals

VERSION = 3
QUESTION = "generalisation"
PROBLEMS = ("classification", "regression")
METRICS = {
    "expected_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Guo et al. 2017, arXiv 1706.04599",
    },
    "equal_mass_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Nixon et al. 2019, arXiv 1904.01685",
    },
    "debiased_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Kumar, Liang and Ma 2019, arXiv 1909.10155",
    },
    "smooth_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Błasiok and Nakkiran 2023, arXiv 2309.12236",
    },
    "maximum_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Naeini et al. 2015, doi 10.1609/aaai.v29i1.9602",
    },
    "classwise_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Kull et al. 2019, arXiv 1910.12656",
    },
    "overconfidence": {"unit": "fraction", "better": "none", "ideal": 0.0, "range": (-1.0, 1.0)},
    "brier_score": {
        "unit": "score",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 2.0),
        "source": "Brier 1950",
    },
    "brier_miscalibration": {
        "unit": "score",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 2.0),
        "source": "Dimitriadis, Gneiting and Jordan 2021, arXiv 2008.03033",
    },
    "brier_discrimination": {
        "unit": "score",
        "better": "higher",
        "range": (0.0, 1.0),
        "source": "Dimitriadis, Gneiting and Jordan 2021, arXiv 2008.03033",
    },
    "brier_uncertainty": {"unit": "score", "better": "none", "range": (0.0, 1.0)},
    "log_loss": {"unit": "nats", "better": "lower", "ideal": 0.0, "range": (0.0, None), "source": "Good 1952"},
    "calibration_floor": {"unit": "fraction", "better": "none", "range": (0.0, 1.0)},
    "calibration_floor_95": {"unit": "fraction", "better": "none", "range": (0.0, 1.0)},
    "calibration_excess": {"unit": "fraction", "better": "lower", "range": (-1.0, 1.0)},
    "calibration_p": {"unit": "probability", "better": "none", "range": (0.0, 1.0)},
    "score_floor": {"unit": "unit of the score", "better": "none", "range": (0.0, None)},
    "score_floor_95": {"unit": "unit of the score", "better": "none", "range": (0.0, None)},
    "score_excess": {"unit": "unit of the score", "better": "none", "range": (None, None)},
    "score_p": {"unit": "probability", "better": "none", "range": (0.0, 1.0)},
    "temperature": {
        "unit": "ratio",
        "better": "none",
        "ideal": 1.0,
        "range": (0.0, None),
        "of_predictions": False,  # from the predictions on validation
        "source": "Guo et al. 2017, arXiv 1706.04599",
    },
    "scaled_calibration_error": {
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "of_predictions": False,
    },
    "scaled_log_loss": {
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "of_predictions": False,
    },
    "temperature_gain": {"unit": "nats", "better": "none", "range": (None, None), "of_predictions": False},
    "group_calibration_error": {"unit": "fraction", "better": "lower", "ideal": 0.0, "range": (0.0, 1.0)},
    "group_overconfidence": {"unit": "fraction", "better": "none", "ideal": 0.0, "range": (-1.0, 1.0)},
    "interval_coverage": {"unit": "fraction", "better": "none", "range": (0.0, 1.0)},
    "coverage_gap": {"unit": "fraction", "better": "none", "ideal": 0.0, "range": (-1.0, 1.0)},
    "coverage_p": {"unit": "probability", "better": "none", "range": (0.0, 1.0)},
    "interval_score": {
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Gneiting and Raftery 2007, doi 10.1198/016214506000001437",
    },
    "interval_width": {"unit": "unit of the target", "better": "lower", "ideal": 0.0, "range": (0.0, None)},
}
OF_PREDICTIONS = True
OPTION_NEEDS = {"temperature": ("classification", "validation")}
BOUNDS = {"simulations": (99, None), "least_size": (2, None), "most_groups": (2, None), "resamples": (100, None)}
SMOKE = {"simulations": 99, "resamples": 100}


@dataclass(frozen=True)
class Options:
    simulations: int = 1000
    "Simulated sets of labels for each floor: the smallest p is 1 / (simulations + 1)."
    temperature: bool = True
    "Whether to fit a temperature on the validation split, and to measure on test what it saves."
    least_size: int = 30
    "Fewest examples of a group, and of validation for a temperature; with fewer, the metrics have a reason instead."
    most_groups: int = 20
    "Largest number of groups of a sensitive attribute; one with more values, such as an age in years, has a reason."
    resamples: int = 1000
    "Bootstrap resamples for the intervals of means, such as the Brier score."


def probe(trained: Trained, options: Options) -> Iterator[Metric | Artifact]:
    """Yield the errors of a classifier's probabilities, or the coverage of a regression's prediction intervals.

    They are computed from the predictions on test, and the temperature from those on validation, so stored or imported
    predictions are enough.
    """
    test = trained.predictions("test")
    if "classes" not in trained.data.spec:
        yield from measure_intervals(test, options.least_size, options.most_groups, options.resamples)
        return
    validation = None
    if options.temperature:
        has_validation = "validation" in trained.data.splits
        validation = trained.predictions("validation") if has_validation else NO_VALIDATION
    positive = trained.data.spec.get("positive", 1)
    classes = [str(name) for name in trained.data.spec["classes"]]
    yield from measure_classes(test, validation, classes, positive, options)
