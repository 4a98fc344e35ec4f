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
        "about": (
            "mean distance between confidence and the share of right predictions, in 15 bins of confidence; 0.05 "
            "means that the confidence is 5 points off on average"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Guo et al. 2017, arXiv 1706.04599",
    },
    "equal_mass_calibration_error": {
        "about": "the same as `expected_calibration_error`, with bins of equally many examples",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Nixon et al. 2019, arXiv 1904.01685",
    },
    "debiased_calibration_error": {
        "about": (
            "root mean squared distance between confidence and accuracy, less what few examples alone would show"
        ),
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Kumar, Liang and Ma 2019, arXiv 1909.10155",
    },
    "smooth_calibration_error": {
        "about": "distance between confidence and accuracy, without bins: nearby confidences are averaged",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Błasiok and Nakkiran 2023, arXiv 2309.12236",
    },
    "maximum_calibration_error": {
        "about": "distance between confidence and accuracy in the worst bin; a few examples can decide it",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Naeini et al. 2015, doi 10.1609/aaai.v29i1.9602",
    },
    "classwise_calibration_error": {
        "about": "mean over classes of the calibration error of the score of that class",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "source": "Kull et al. 2019, arXiv 1910.12656",
    },
    "overconfidence": {
        "about": "mean confidence minus accuracy: above 0 the model is too sure, below 0 too unsure; 0 is best",
        "unit": "fraction",
        "better": "none",
        "ideal": 0.0,
        "range": (-1.0, 1.0),
    },
    "brier_score": {
        "about": "mean squared distance between the probabilities and what happened",
        "unit": "score",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 2.0),
        "source": "Brier 1950",
    },
    "brier_miscalibration": {
        "about": "part of the Brier score that a better calibration of the same ranking would save",
        "unit": "score",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 2.0),
        "source": "Dimitriadis, Gneiting and Jordan 2021, arXiv 2008.03033",
    },
    "brier_discrimination": {
        "about": "part of the Brier score that the model saves by telling examples apart",
        "unit": "score",
        "better": "higher",
        "range": (0.0, 1.0),
        "source": "Dimitriadis, Gneiting and Jordan 2021, arXiv 2008.03033",
    },
    "brier_uncertainty": {
        "about": "Brier score of a prediction that knows the shares of the classes only: a property of the data",
        "unit": "score",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "log_loss": {
        "about": (
            "mean of −ln of the probability that the model gives the true class; sure and wrong predictions cost most"
        ),
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Good 1952",
    },
    "calibration_floor": {
        "title": "error of a calibrated model",
        "about": "calibration error that a perfectly calibrated model would show with so few examples (median)",
        "unit": "fraction",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "calibration_floor_95": {
        "title": "error of a calibrated model, 95 %",
        "about": "calibration error that a perfectly calibrated model exceeds in 5 % of test splits",
        "unit": "fraction",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "calibration_excess": {
        "about": (
            "calibration error minus that of a perfectly calibrated model with as many examples; at or below 0 "
            "nothing is wrong"
        ),
        "unit": "fraction",
        "better": "lower",
        "range": (-1.0, 1.0),
    },
    "calibration_p": {
        "title": "p value of the calibration",
        "about": (
            "probability of such a calibration error if the model were perfectly calibrated; below 0.05 it is not"
        ),
        "unit": "probability",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "score_floor": {
        "title": "score of a calibrated model",
        "about": "value of the score that a perfectly calibrated model with the same confidences would have (median)",
        "unit": "unit of the score",
        "better": "none",
        "range": (0.0, None),
    },
    "score_floor_95": {
        "title": "score of a calibrated model, 95 %",
        "about": "value of the score that a perfectly calibrated model exceeds in 5 % of test splits",
        "unit": "unit of the score",
        "better": "none",
        "range": (0.0, None),
    },
    "score_excess": {
        "about": "score minus that of a perfectly calibrated model",
        "unit": "unit of the score",
        "better": "none",
        "range": (None, None),
    },
    "score_p": {
        "title": "p value of the score",
        "about": "probability of such a score if the model were perfectly calibrated",
        "unit": "probability",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "temperature": {
        "about": (
            "number by which the log probabilities are divided to calibrate them; above 1 the model was too sure"
        ),
        "unit": "ratio",
        "better": "none",
        "ideal": 1.0,
        "range": (0.0, None),
        "of_predictions": False,  # from the predictions on validation
        "source": "Guo et al. 2017, arXiv 1706.04599",
    },
    "scaled_calibration_error": {
        "about": "expected calibration error after scaling by the temperature",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
        "of_predictions": False,
    },
    "scaled_log_loss": {
        "about": "log loss after scaling by the temperature",
        "unit": "nats",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "of_predictions": False,
    },
    "temperature_gain": {
        "about": "log loss that scaling by the temperature saves",
        "unit": "nats",
        "better": "none",
        "range": (None, None),
        "of_predictions": False,
    },
    "group_calibration_error": {
        "about": "expected calibration error among the members of one group",
        "unit": "fraction",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, 1.0),
    },
    "group_overconfidence": {
        "about": "mean confidence minus accuracy among the members of one group; above 0 the model is too sure",
        "unit": "fraction",
        "better": "none",
        "ideal": 0.0,
        "range": (-1.0, 1.0),
    },
    "interval_coverage": {
        "about": "share of the targets that lie in the predicted interval; it should equal the stated level",
        "unit": "fraction",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "coverage_gap": {
        "about": "coverage minus the stated level; below 0 the intervals are too narrow, 0 is best",
        "unit": "fraction",
        "better": "none",
        "ideal": 0.0,
        "range": (-1.0, 1.0),
    },
    "coverage_p": {
        "title": "p value of the coverage",
        "about": "probability of such a coverage if the intervals were right",
        "unit": "probability",
        "better": "none",
        "range": (0.0, 1.0),
    },
    "interval_score": {
        "about": "width of the interval, plus a penalty for each target outside it",
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
        "source": "Gneiting and Raftery 2007, doi 10.1198/016214506000001437",
    },
    "interval_width": {
        "about": "mean width of the predicted intervals; compare it between models with the right coverage only",
        "unit": "unit of the target",
        "better": "lower",
        "ideal": 0.0,
        "range": (0.0, None),
    },
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
