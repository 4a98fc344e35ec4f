"""Charts: the curves of detection, and the scores of both sets of examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bench_suite.contracts import Artifact
from bench_suite.probes.ood.detection import Scored

POINTS = 100
"Approximate number of points of a curve."
BINS = 40
SCORES = {
    "max_softmax": "log odds of the likeliest class",
    "energy": "negative energy",
    "mahalanobis": "minus the squared Mahalanobis distance",
    "nearest_neighbours": "minus the distance to the nearest neighbours",
}
"By method: what its score is."

Pairs = Mapping[str, tuple[Scored, Scored]]
"By method: the scores of the test examples and of the others."


def curves(against: str, pairs: Pairs) -> Artifact:
    """Return the receiver operating characteristic of each method: test examples accepted by others accepted."""
    series = {method: _curve(test.values, others.values) for method, (test, others) in pairs.items()}
    data = {"x": f"share of {against} that is accepted", "y": "share of test that is accepted", "series": series}
    caption = f"Test examples and those of {against} that a threshold accepts, for all thresholds, by method"
    return Artifact(f"curves-{_file_name(against)}", "lines", data, caption)


def _curve(test: np.ndarray, others: np.ndarray) -> list[list[float]]:
    """Return points (others accepted, test accepted) at falling thresholds, from (0, 0) to (1, 1)."""
    ends = np.linspace(0.0, 1.0, POINTS // 2)
    thresholds = np.unique(np.concatenate([np.quantile(test, ends), np.quantile(others, ends)]))[::-1]
    shares = [
        1.0 - np.searchsorted(np.sort(values), thresholds, "left") / len(values) for values in (others, test)
    ]  # fmt: skip
    points = np.unique(np.stack(shares, axis=1), axis=0)
    return [[0.0, 0.0], *points.tolist()]


def histogram(against: str, method: str, pair: tuple[Scored, Scored]) -> Artifact:
    """Return how the scores of one method are distributed in both sets, without the outermost 0.5 % at either end."""
    both = np.concatenate([scored.values for scored in pair])
    low, high = np.quantile(both, [0.005, 0.995])
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    series = {
        name: [[float(x), float(y)] for x, y in zip(middles, np.histogram(scored.values, edges)[0] / len(scored))]
        for name, scored in zip(("test", against), pair)
    }
    data = {"x": SCORES.get(method, "largest score"), "y": "share of the examples", "series": series}
    caption = f"Scores of {method}, larger for what looks familiar: test and {against}"
    return Artifact(f"scores-{_file_name(against)}", "lines", data, caption)


def counts(rows: Sequence[tuple[str, int, int, str]]) -> Artifact:
    """Return a table of the sets of examples that were compared, or why one was not."""
    columns = ["against", "test examples", "other examples", "remark"]
    data = {"columns": columns, "rows": [list(row) for row in rows]}
    return Artifact("sets", "table", data, "Sets of examples that the scores should distinguish from the test split")


def _file_name(against: str) -> str:
    return against.replace(":", "-")
