"""Gradient boosting of scikit-learn: histogram-based trees, usually the best model for tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from bench_suite.contracts import BenchError, Data, Report, Split, TrainOptions
from bench_suite.metrics.log_loss import log_loss, per_example
from bench_suite.metrics.rmse import rmse
from bench_suite.training.class_weights import class_weights
from bench_suite.training.estimators import CHUNK, draw_seed, features, inputs_of, require_two_classes

VERSION = 1
MODALITIES = ("table",)
PROBLEMS = ("classification", "regression")
ACCEPTS = ("class_weights",)
BOUNDS = {
    "trees": (1, None),
    "shrinkage": (1e-6, 1.0),
    "leaves": (2, None),
    "examples_a_leaf": (1, None),
    "penalty": (0.0, None),
    "columns_a_split": (0.01, 1.0),
    "interval": (0.0, 0.99),
}


@dataclass(frozen=True)
class Options:
    trees: int = 100
    "Greatest number of boosting rounds; if there is a validation split, it decides how many are used."
    shrinkage: float = 0.1
    "Learning rate of the boosting: the factor of each tree."
    leaves: int = 8
    "Greatest number of leaves of a tree."
    examples_a_leaf: int = 20
    "Least number of training examples in a leaf."
    penalty: float = 1.0
    "L2 penalty of the leaves' values."
    columns_a_split: float = 0.5
    "Share of the columns, drawn at random for each split, from which the split chooses; the seed affects only this."
    interval: float = 0.0
    """For a regression: share of targets that a prediction interval is meant to contain, such as 0.9. Two more models
    are fitted, of the quantiles at its ends. 0 fits none."""


@dataclass
class Boosting:
    """Trees that each correct the sum of the earlier ones; missing values go to the side that fits better."""

    trees: HistGradientBoostingClassifier | HistGradientBoostingRegressor
    classes: int
    "0 for a regression."
    known: np.ndarray | None = None
    "(d,) bool: columns with a value in at least one training example; the others are not used."
    ends: Mapping[str, HistGradientBoostingRegressor] = field(default_factory=dict)
    "Models of the quantiles `lower` and `upper`; empty without prediction intervals."
    level: float = 0.0
    "Share of targets that the intervals are meant to contain."

    def fit(self, data: Data, options: TrainOptions, report: Report) -> None:
        """Fit the train split with the number of rounds that has the lowest loss on `validation`.

        If fewer rounds than the maximum are best, the model is fitted again with the same seed. The trees are the same,
        and a prediction does not evaluate the unused ones. With `class_weights`, that loss has the weights too.
        """
        inputs, targets = features(data.splits["train"])
        if self.classes:
            require_two_classes(targets, data)
        weighted = class_weights(options.class_weights, data)
        weights = None if weighted is None else weighted[targets]
        self.known = ~np.isnan(inputs).all(axis=0)
        inputs = self._known(inputs)
        self.trees.fit(inputs, targets, sample_weight=weights)
        for quantile in self.ends.values():
            quantile.fit(inputs, targets)
        if len(data.splits.get("validation", ())) == 0:
            return
        unseen, truth = features(data.splits["validation"])
        unseen = self._known(unseen)
        staged = self.trees.staged_predict_proba if self.classes else self.trees.staged_predict
        unseen_weights = None if weighted is None else weighted[truth]
        best = int(np.argmin([self._loss(truth, outputs, unseen_weights) for outputs in staged(unseen)])) + 1
        if best < self.trees.n_iter_:
            self.trees.set_params(max_iter=best).fit(inputs, targets, sample_weight=weights)

    def predict(self, split: Split) -> Mapping[str, np.ndarray]:
        """Return `predictions` (n,), and for classes `scores` (n, classes) float32; unseen classes score 0.

        With prediction intervals there are `lower`, `upper` and `level` too, each (n,).
        """
        outputs = self.trees.predict_proba if self.classes else self.trees.predict
        parts = []
        for start in range(0, len(split), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(split)))
            parts.append(outputs(self._known(inputs_of(split.take(rows)))))
        if not self.classes:
            return {"predictions": np.concatenate(parts), **self._interval(split)}
        scores = self._scores(np.concatenate(parts))
        return {"predictions": scores.argmax(axis=1), "scores": scores}

    def _interval(self, split: Split) -> dict[str, np.ndarray]:
        """Return `lower`, `upper` and `level`, each (n,), or nothing; ends that cross are exchanged."""
        if not self.ends:
            return {}
        inputs = self._known(features(split)[0])
        ends = np.sort([model.predict(inputs) for model in self.ends.values()], axis=0)
        return {"lower": ends[0], "upper": ends[1], "level": np.full(len(inputs), self.level)}

    def _known(self, inputs: np.ndarray) -> np.ndarray:
        """Return the columns that had a value in training; without any, a column of zeros for the trees."""
        assert self.known is not None
        return inputs[:, self.known] if self.known.any() else np.zeros((len(inputs), 1))

    def _scores(self, probabilities: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(probabilities), self.classes), dtype=np.float32)
        scores[:, self.trees.classes_] = probabilities
        return scores

    def _loss(self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None) -> float:
        """Return the log loss, with the weight of each example if there are any, or the root mean squared error."""
        if not self.classes:
            return rmse(targets, outputs)
        scores = self._scores(outputs)
        return log_loss(targets, scores) if weights is None else float(weights @ per_example(targets, scores))


def build(data: Data, options: Options) -> Boosting:
    """Return an estimator that is not fitted; PyTorch's global generator draws its seed."""
    shared: dict[str, Any] = {
        "max_iter": options.trees,
        "learning_rate": options.shrinkage,
        "max_leaf_nodes": options.leaves,
        "min_samples_leaf": options.examples_a_leaf,
        "l2_regularization": options.penalty,
        "max_features": options.columns_a_split,
        "early_stopping": False,  # it would hold out a part of train; `fit` uses the validation split
        "random_state": draw_seed(),
    }
    if data.problem == "classification":
        if options.interval:
            raise BenchError("gradient_boosting: interval is for regressions, and this task has classes: leave it out")
        return Boosting(HistGradientBoostingClassifier(**shared), len(data.spec["classes"]))
    tails = {"lower": (1.0 - options.interval) / 2, "upper": (1.0 + options.interval) / 2} if options.interval else {}
    ends = {
        name: HistGradientBoostingRegressor(loss="quantile", quantile=tail, **shared) for name, tail in tails.items()
    }
    return Boosting(HistGradientBoostingRegressor(**shared), 0, ends=ends, level=options.interval)
