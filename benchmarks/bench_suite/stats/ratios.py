"""Ratios of a model's metric to that of a reference model, and how a ratio changes: always of the logarithm.

A logarithm of a ratio is a difference, so the variances of `stats.paired` apply to it. The mean over seeds is that of
the logarithms: the ratio that is shown is a geometric mean, so the ratio of A to B is 1 / the ratio of B to A.
Run `pytest -m slow tests/stats/test_ratios.py -s` to simulate coverage; `docs/appendix/comparing.md` lists it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench_suite.stats.paired import Difference


def welch_contrast(added: Sequence[Sequence[float]], subtracted: Sequence[Sequence[float]]) -> Difference:
    """Return the sum of the means of some independent samples less the sum of those of others.

    V = Σ vᵢ/nᵢ over all samples, with Satterthwaite's degrees of freedom V² / Σ ((vᵢ/nᵢ)² / (nᵢ − 1)). With one sample
    on either side it is `paired.welch_difference`.

    Args:
        added: for a ratio, the logarithms of the model's timings; for its change, those of the model in head and of the
            reference in base.
        subtracted: likewise those of the reference; and those of the reference in head and of the model in base.

    Raises:
        ValueError: A sample has fewer than two values, or a value is not a finite number.
    """
    groups = [np.asarray(sample, dtype=np.float64) for sample in (*added, *subtracted)]
    if min(map(len, groups)) < 2:
        raise ValueError("a side has fewer than two values: its spread is not known")
    if not all(np.isfinite(group).all() for group in groups):
        raise ValueError("a value is not a finite number")
    signs = [1.0] * len(added) + [-1.0] * len(subtracted)
    value = math.fsum(sign * float(group.mean()) for sign, group in zip(signs, groups, strict=True))
    parts = [float(group.var(ddof=1)) / len(group) for group in groups]
    below = math.fsum(part**2 / (len(group) - 1) for part, group in zip(parts, groups, strict=True))
    variance = math.fsum(parts)
    df = variance**2 / below if below else math.inf
    return Difference(value, 0.0, variance, variance, df, 0, min(map(len, groups)))


def log_ratio_by_example(model: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return what each example contributes to the logarithm of the ratio of two means, by the delta method.

    With the means m_s and r_s under seed s: log(m_s / r_s) + model[s, i] / m_s − reference[s, i] / r_s. The mean over
    the examples is the logarithm of the ratio itself, and their variance that of its linearisation (Fieller's problem
    for r_s far from 0; Oehlert 1992, The American Statistician 46). So `paired.nested_difference` of these values, or
    of their change between two runs, has the variance over examples, paired, and over seeds.

    Args:
        model: (S, n) values of the metric on each example under each seed.
        reference: (S, n) those of the reference on the same examples.

    Returns:
        (S, n) float64.

    Raises:
        ValueError: A mean is not above 0.
    """
    sides = [np.atleast_2d(np.asarray(side, dtype=np.float64)) for side in (model, reference)]
    means = [side.mean(axis=1, keepdims=True) for side in sides]
    if not all((mean > 0).all() for mean in means):
        raise ValueError("a mean is not above 0, so a ratio to it is not defined")
    result: np.ndarray = np.log(means[0] / means[1]) + sides[0] / means[0] - sides[1] / means[1]
    return result


def log_ratio_error(values: Sequence[float], errors: Sequence[float]) -> float:
    """Return the standard error of a sum and difference of logarithms of independent values: √Σ (eᵢ / xᵢ)².

    Args:
        values: above 0.
        errors: their standard errors.
    """
    return math.hypot(*(error / value for value, error in zip(values, errors, strict=True)))
