"""The simple classifiers of the costly checks: one for each modality, with held-out probabilities by folds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from bench_suite.data.checks.leaks import shrink

TREES = 60
MAX_WORDS = 20_000


def features_of(modality: str, inputs: Any, rows: np.ndarray) -> Any:
    """Return the (k, d) features of some rows: the table, shrunk pictures, or weighted words (sparse).

    Words are weighted by their frequency in these rows (TF-IDF), without their labels.
    """
    if modality == "table":
        return np.asarray(inputs, dtype=np.float32)[rows]
    if modality == "image":
        return shrink(np.asarray(inputs)[rows], 16).astype(np.float32)
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [inputs[row] for row in rows.tolist()]
    try:
        return TfidfVectorizer(max_features=MAX_WORDS, sublinear_tf=True, dtype=np.float32).fit_transform(texts)
    except ValueError:  # no text has a word
        return np.zeros((len(texts), 1), dtype=np.float32)


def held_out_probabilities(
    modality: str, features: Any, labels: np.ndarray, folds: np.ndarray, classes: int, seed: int = 0
) -> np.ndarray:
    """Return (n, classes) probabilities of each row, by a classifier that was trained on the other folds.

    Tables and pictures have a forest (Breiman 2001; Geurts et al. 2006), texts a logistic regression.

    Args:
        modality: `image`, `text` or `table`.
        features: (n, d), from `features_of`.
        labels: (n,) class numbers.
        folds: (n,) the fold of each row.
        classes: Number of classes.
        seed: Of the forest.
    """
    probabilities = np.zeros((len(labels), classes))
    for fold in np.unique(folds):
        held_out = folds == fold
        classifier = _classifier(modality, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a regression has not converged is no matter here
            classifier.fit(features[~held_out], labels[~held_out])
            probabilities[np.ix_(held_out, classifier.classes_)] = classifier.predict_proba(features[held_out])
    return probabilities


def folds_of(contents: np.ndarray, count: int, repeat: int = 0) -> np.ndarray:
    """Return (n,) folds by content, equal for equal inputs, and different for each repeat."""
    mixed = (contents.astype(np.uint64) + np.uint64(repeat + 1)) * np.uint64(0x9E3779B97F4A7C15)
    return ((mixed >> np.uint64(33)) % np.uint64(count)).astype(np.int64)


def _classifier(modality: str, seed: int) -> Any:
    if modality == "text":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=10.0, max_iter=200)
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    kind = ExtraTreesClassifier if modality == "image" else RandomForestClassifier  # the latter takes missing values
    return kind(TREES, min_samples_leaf=2 if modality == "image" else 3, random_state=seed, n_jobs=1)
