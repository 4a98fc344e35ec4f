"""Logistic regression of scikit-learn: the linear baseline that other classifiers have to beat."""

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
from bench_suite.training.estimators import class_scores, features, require_two_classes

VERSION = 1
MODALITIES = ("table", "image")
PROBLEMS = ("classification",)
BOUNDS = {"inverse_penalty": (1e-9, None), "max_iterations": (1, None)}


@dataclass(frozen=True)
class Options:
    inverse_penalty: float = 1.0
    "C of scikit-learn: the smaller, the closer the weights are kept to zero."
    max_iterations: int = 1000
    "Steps of L-BFGS at most."


@dataclass
class Regression:
    """Median imputation, standardisation and L2-penalised logistic regression, all learnt from the train split."""

    pipeline: Pipeline
    classes: int

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Learn from the train split. The optimum is unique, so no option of the training applies, nor any seed."""
        inputs, targets = features(data.splits["train"])
        require_two_classes(targets, data)
        with warnings.catch_warnings():
            # An optimum short of the tolerance is still a model; the quality probe says how good it is.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.pipeline.fit(inputs, targets)

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """`predictions` (n,) int64 and `scores` (n, classes) float32; a class not seen in training scores 0."""
        scores = class_scores(self.pipeline, split, self.classes)
        return {"predictions": scores.argmax(axis=1), "scores": scores}


def build(data: Data, options: Options) -> Regression:
    """An estimator that has seen nothing yet."""
    pipeline = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=options.inverse_penalty, max_iter=options.max_iterations),
    )
    return Regression(pipeline, len(data.spec["classes"]))
