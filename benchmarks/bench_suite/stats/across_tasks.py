"""Several tasks at once: average ranks, interquartile mean, probability of improvement and Bradley-Terry strengths.

Sources: Demšar 2006 (average ranks); Agarwal et al. 2021, arXiv 2108.13264 (interquartile mean, probability of
improvement, stratified bootstrap); Hunter 2004, doi 10.1214/aos/1079120141 (Bradley-Terry by minorisation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2_000
"Bootstrap resamples of an interval."
MIN_TASKS = 5
"Tasks at least for an interval that resamples tasks: fewer give hardly any different resamples."
MIN_SEEDS = 3
"Seeds at least of each model and task for an interval that resamples seeds."
PRIOR_WINS = 0.5
"Wins that each model is given over each other one, so that a model that wins everywhere has a finite strength."
MAX_RESAMPLED_MODELS = 40
"Models at most for intervals of their strengths: each resample fits all of them again."
_STEPS = 1_000
_PRECISION = 1e-10


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; without an interval, `reason` says why."""

    value: float
    interval: tuple[float, float] | None = None
    reason: str = ""


def average_ranks(better: np.ndarray, *, seed: int = 0) -> list[Estimate]:
    """Return the average rank of each model over the tasks; 1 is the best.

    On a task, a model's rank is 1 + the number of models that are better + half of the number of those that it ties
    with, so that the ranks of a task always have the same sum. Ties need not be transitive.

    Args:
        better: (tasks, models, models) bool: whether the first model is better than the second one on a task; both
            False if they cannot be told apart.
        seed: of the resamples.
    """
    tasks, models = better.shape[:2]
    beaten_by = better.sum(axis=1)  # (tasks, models): how many are better
    tied = models - 1 - beaten_by - better.sum(axis=2)
    ranks = 1 + beaten_by + tied / 2
    return _over_tasks(ranks.mean(axis=0), lambda rows: ranks[rows].mean(axis=1), tasks, seed)


def interquartile_mean(scores: Sequence[Sequence[np.ndarray]], *, seed: int = 0) -> list[Estimate]:
    """Return the mean of the middle half of each model's scores, of all tasks and seeds together.

    Args:
        scores: for each model and task (seeds,) float64 on one scale that all tasks share.
        seed: of the resamples: seeds are drawn within each task (stratified bootstrap).
    """
    estimates = []
    generator = np.random.default_rng(seed)
    for of_tasks in scores:
        value = _middle_half(np.concatenate(of_tasks)[None])[0]
        if min(map(len, of_tasks)) < MIN_SEEDS:
            estimates.append(Estimate(float(value), reason=f"fewer than {MIN_SEEDS} seeds on a task"))
            continue
        drawn = np.concatenate([_resampled(task, generator) for task in of_tasks], axis=1)
        estimates.append(Estimate(float(value), _interval(_middle_half(drawn))))
    return estimates


def probability_of_improvement(first: Sequence[np.ndarray], second: Sequence[np.ndarray], *, seed: int = 0) -> Estimate:
    """Return P(a run of the first model is better than one of the second), averaged over tasks; ties count half.

    Args:
        first: for each task (seeds,) float64, higher is better.
        second: the same of the other model; the numbers of seeds may differ.
        seed: of the resamples: seeds are drawn within each task (stratified bootstrap).
    """
    value = float(np.mean([_improvement(mine[None], theirs[None])[0] for mine, theirs in zip(first, second)]))
    if min(map(len, (*first, *second))) < MIN_SEEDS:
        return Estimate(value, reason=f"fewer than {MIN_SEEDS} seeds on a task")
    generator = np.random.default_rng(seed)
    draws = [
        _improvement(_resampled(mine, generator), _resampled(theirs, generator)) for mine, theirs in zip(first, second)
    ]
    return Estimate(value, _interval(np.mean(draws, axis=0)))


def mean_improvement(scores: Sequence[Sequence[np.ndarray]]) -> list[float]:
    """Return for each model `probability_of_improvement` over another model, averaged over all others.

    It takes the time of sorting the scores, whatever the number of models.

    Args:
        scores: for each model and task (seeds,) float64, higher is better; two models or more.
    """
    models = len(scores)
    totals = np.zeros(models)
    for of_task in zip(*scores):
        weights = np.concatenate([np.full(len(own), 1 / len(own)) for own in of_task])
        values = np.concatenate(of_task)
        order = np.argsort(values)
        ordered, below = values[order], np.concatenate([[0.0], np.cumsum(weights[order])])
        for number, own in enumerate(of_task):
            # The weight of all smaller values, and half of that of equal ones, less what is the model's own.
            shares = (below[np.searchsorted(ordered, own, "left")] + below[np.searchsorted(ordered, own, "right")]) / 2
            totals[number] += (shares.mean() - 0.5) / (models - 1)
    improvements: list[float] = (totals / len(scores[0])).tolist()
    return improvements


def bradley_terry(wins: np.ndarray, *, seed: int = 0) -> list[Estimate]:
    """Return the strength of each model in log-odds, with mean 0: P(i beats j) = 1 / (1 + exp(s_j − s_i)).

    Args:
        wins: (tasks, models, models) float64: 1 if the first model wins against the second one on a task, 0.5 each if
            they cannot be told apart, 0 otherwise; the diagonal is ignored.
        seed: of the resamples of tasks.
    """
    tasks, models = wins.shape[:2]
    strengths = _strengths(wins.sum(axis=0)[None])[0]
    if models > MAX_RESAMPLED_MODELS:
        reason = f"more than {MAX_RESAMPLED_MODELS} models: no interval is computed"
        return [Estimate(float(strength), reason=reason) for strength in strengths]
    return _over_tasks(strengths, lambda rows: _strengths(wins[rows].sum(axis=1)), tasks, seed)


def wins_of(better: np.ndarray) -> np.ndarray:
    """Return wins as `bradley_terry` takes them, from what `average_ranks` takes: a tie is half a win for both."""
    tied = ~(better | better.transpose(0, 2, 1))
    return better + tied / 2


def _strengths(wins: np.ndarray) -> np.ndarray:
    """Return the maximum-likelihood strengths, (draws, models) float64, with `PRIOR_WINS` added to each pair.

    Args:
        wins: (draws, models, models) float64: wins of the first model over the second one.
    """
    models = wins.shape[1]
    known = (wins + PRIOR_WINS) * (1 - np.eye(models))
    games, total = known + known.transpose(0, 2, 1), known.sum(axis=2)
    weights = np.ones(total.shape)
    for _ in range(_STEPS):
        sums = weights[:, :, None] + weights[:, None]
        updated = total / (games / sums).sum(axis=2)
        updated /= np.exp(np.log(updated).mean(axis=1, keepdims=True))
        change, weights = np.abs(updated - weights).max(), updated
        if change < _PRECISION:
            break
    strengths: np.ndarray = np.log(weights)
    return strengths


def _over_tasks(
    values: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], tasks: int, seed: int
) -> list[Estimate]:
    """Return values with intervals from resamples of tasks, or with the reason why there are too few tasks.

    Args:
        values: (models,) float64, of all tasks.
        statistic: the same, (draws, models), of resampled tasks, (draws, tasks) int64.
        tasks: number of tasks.
        seed: of the resamples.
    """
    if tasks < MIN_TASKS:
        several = "s" if tasks != 1 else ""
        reason = f"{tasks} task{several}: an interval over tasks needs {MIN_TASKS}"
        return [Estimate(float(value), reason=reason) for value in values]
    draws = statistic(np.random.default_rng(seed).integers(tasks, size=(RESAMPLES, tasks)))
    return [Estimate(float(value), _interval(draws[:, number])) for number, value in enumerate(values)]


def _middle_half(scores: np.ndarray) -> np.ndarray:
    """Return the mean of the middle half of each row, (rows,); a score at an edge counts in part."""
    ordered = np.sort(scores, axis=1)
    count = ordered.shape[1]
    edges = np.clip(np.arange(count + 1), count / 4, count - count / 4)
    weights = np.diff(edges)
    means: np.ndarray = ordered @ weights / weights.sum()
    return means


def _improvement(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return for each row the share of pairs in which the first is larger; ties count half."""
    difference = mine[:, :, None] - theirs[:, None]
    shares: np.ndarray = ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(1, 2))
    return shares


def _resampled(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return (RESAMPLES, n) values, drawn with replacement."""
    drawn: np.ndarray = values[generator.integers(len(values), size=(RESAMPLES, len(values)))]
    return drawn


def _interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)
