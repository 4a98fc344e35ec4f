"""Logistic regression of scikit-learn: the linear baseline for other classifiers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from bench_suite.contracts import Data, Report, Split, TrainOptions
from bench_suite.training.class_weights import class_weights
from bench_suite.training.estimators import class_scores, features, require_two_classes

VERSION = 1
MODALITIES = ("table", "image")
PROBLEMS = ("classification",)
ACCEPTS = ("class_weights",)
BOUNDS = {"inverse_penalty": (1e-9, None), "max_iterations": (1, None)}


@dataclass(frozen=True)
class Options:
    inverse_penalty: float = 1.0
    "C of scikit-learn: a smaller value keeps the weights closer to zero."
    max_iterations: int = 1000
    "Greatest number of steps of L-BFGS."


@dataclass
class Regression:
    """Median imputation, standardisation and L2-penalised logistic regression, fitted on the train split."""

    pipeline: Pipeline
    classes: int

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Fit the train split. The optimum is unique, so of options and seed only `class_weights` has an effect."""
        inputs, targets = features(data.splits["train"])
        require_two_classes(targets, data)
        weights = class_weights(options.class_weights, data)
        with warnings.catch_warnings():
            # A model short of the tolerance is still valid; the quality probe reports how good it is.
            warnings.simplefilter("ignore", ConvergenceWarning)
            of_examples = None if weights is None else weights[targets]
            self.pipeline.fit(inputs, targets, logisticregression__sample_weight=of_examples)

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,) int64 and `scores` (n, classes) float32; a class without examples scores 0."""
        scores = class_scores(self.pipeline, split, self.classes)
        return {"predictions": scores.argmax(axis=1), "scores": scores}


def build(data: Data, options: Options) -> Regression:
    """Return an estimator that is not fitted."""
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=options.inverse_penalty, max_iter=options.max_iterations),
    )
    return Regression(pipeline, len(data.spec["classes"]))
