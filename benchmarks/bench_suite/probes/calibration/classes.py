"""Classes: all metrics of a classifier's probabilities, from its predictions alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench_suite.contracts import Artifact, Metric, Predictions
from bench_suite.probes.calibration.confidence import HEADLINE, confidence_metrics
from bench_suite.probes.calibration.diagram import diagrams
from bench_suite.probes.calibration.floors import FLOOR, absent, beside
from bench_suite.probes.calibration.groups import ClassOptions, group_metrics
from bench_suite.probes.calibration.probabilities import PARTS, probability_metrics
from bench_suite.probes.calibration.scaling import SCALED, temperature_metrics
from bench_suite.stats.calibration import ERRORS
from bench_suite.stats.probabilities import require_probabilities

NO_VALIDATION = "there is no validation split to fit a temperature on: set validation above 0 under [train]"


def measure_classes(
    test: Predictions,
    validation: Predictions | str | None,
    classes: Sequence[str],
    positive: int,
    options: ClassOptions,
) -> Iterator[Metric | Artifact]:
    """Yield errors, floors, scores, the temperature, groups and the reliability diagram of predictions.

    Args:
        test: predictions with `targets` and `scores`.
        validation: predictions to fit the temperature on, or the reason why there are none; None fits none.
        classes: names of the classes.
        positive: number of the positive class, of two.
        options: the options of the probe.
    """
    obstacle = unusable(test)
    if obstacle is not None:
        names = [*ERRORS, *PARTS, *FLOOR, *(() if validation is None else SCALED)]
        yield from absent(names, obstacle)
        return
    targets, scores = np.asarray(test["targets"]), np.asarray(test["scores"])
    clusters = test.columns.get("cluster")
    metrics = [
        *confidence_metrics(targets, scores, clusters, options.simulations, options.resamples),
        *probability_metrics(targets, scores, clusters, positive, options.simulations, options.resamples),
    ]
    if validation is not None:
        obstacle = validation if isinstance(validation, str) else unusable(validation)
        if obstacle is None and not isinstance(validation, str):
            fitted_on = np.asarray(validation["targets"]), np.asarray(validation["scores"])
            metrics += temperature_metrics((targets, scores), clusters, fitted_on, classes, options)
        else:
            metrics += absent(SCALED, str(obstacle))
    yield from metrics
    yield beside(metrics, HEADLINE)
    yield from group_metrics(test.groups, targets, scores, clusters, options)
    yield from diagrams(targets, scores, classes, positive, options.simulations)


def unusable(predictions: Predictions) -> str | None:
    """Return why the scores of predictions cannot be measured; None if they can."""
    if "scores" not in predictions.columns:
        return "the model returns no scores, so there are no confidences"
    if "score_classes" in predictions.columns:
        return "only the highest scores of each example were stored"
    if len(predictions) == 0:
        return "there are no examples"
    try:
        require_probabilities(np.asarray(predictions["scores"]))
    except ValueError as error:
        return str(error)
    return None
