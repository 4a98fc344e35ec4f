"""Tests that look several times while seeds are added, with error rates that hold for the whole sequence of looks.

The level is spent look by look (Lan and DeMets 1983, Biometrika 70): of a level α, `spent(t, α)` may be used up to the
share t of the most seeds. The boundaries follow from the joint law of the looks, as if each added independent evidence
(Armitage, McPherson and Rowe 1969, JRSS A 132). Looks at the same test examples are more alike than that, so that
errors are rarer than stated (Slepian 1962, Bell System Technical Journal 41).

`pytest -m slow tests/comparison/test_sequential_rates.py -s` simulates the error rates with the functions that judge.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

GROWTH = 1.5
"A look has half as many seeds again as the one before."
SPENDING_POWER = 3.0
"ρ of the spending function α · t^ρ (Kim and DeMets 1987, Biometrika 74)."
NODES = 100
"Points of the numerical integration over the state of the sequence."
REACH = 9.0
"Standard deviations below which the sequence lies with a chance of less than 1e-18."
MIN_JOINT_LEVEL = 1e-9
"Below this level two looks hardly ever both cross: the increments of the spent level are the nominal levels."
MAX_LEVEL = 0.5
"Larger levels are not looked up: a larger p says nothing."
LEVELS = np.concatenate([np.geomspace(1e-300, 1e-9, 40)[:-1], np.geomspace(1e-9, 1e-4, 20)[:-1],
                         np.geomspace(1e-4, MAX_LEVEL, 40)])  # fmt: skip
"Levels of the whole sequence whose nominal levels are computed; those between are interpolated, on logarithms."


def looks(first: int, most: int) -> tuple[int, ...]:
    """Return the numbers of seeds at which a gate is judged: 3, 5, 8, 12, 15 for 3 to 15.

    Args:
        first: seeds of the first look, 2 or more.
        most: seeds of the last look.

    Raises:
        ValueError: first is less than 2, or most is less than first.
    """
    if not 2 <= first <= most:
        raise ValueError(f"from {first} to {most} seeds: at least 2, and no fewer at the end than at the beginning")
    numbers = [first]
    while numbers[-1] < most:
        numbers.append(min(most, math.ceil(numbers[-1] * GROWTH)))
    return tuple(numbers)


def spent(fraction: float, level: float) -> float:
    """Return how much of a level may be spent up to a share of the most seeds: α · t^ρ."""
    return level * fraction**SPENDING_POWER


def nominal_levels(fractions: Sequence[float], level: float) -> list[float]:
    """Return the level of the test at each look, so that the chance of any rejection is at most `level`.

    Args:
        fractions: (K,) increasing shares of the most seeds, each in (0, 1].
        level: one-sided level of the whole sequence, in (0, 0.5].
    """
    from scipy import optimize, special

    increments = np.diff([0.0, *(spent(fraction, level) for fraction in fractions)])
    if level < MIN_JOINT_LEVEL or len(fractions) == 1:
        return [float(increment) for increment in increments]
    nominal: list[float] = []
    states, density = np.zeros(1), np.ones(1)  # the sum begins at 0; `density` contains the weights of the integration
    before = 0.0
    for fraction, increment in zip(fractions, increments, strict=True):
        step = math.sqrt(fraction - before)
        excess = functools.partial(_excess, states, density, step, float(increment))
        boundary = float(optimize.brentq(excess, -REACH, 4 * REACH, xtol=1e-12))
        nominal.append(float(special.ndtr(-boundary / math.sqrt(fraction))))
        nodes, weights = _nodes()
        low = -REACH * math.sqrt(fraction)
        half = (boundary - low) / 2
        following = low + half * (nodes + 1)
        kernel = np.exp(-0.5 * ((following[:, None] - states) / step) ** 2) / (step * math.sqrt(2 * math.pi))
        states, density, before = following, half * weights * (kernel @ density), fraction
    return nominal


def nominal_level(first: int, most: int, look: int, level: float) -> float:
    """Return the level of the test at one look of a sequence from `first` to `most` seeds.

    Args:
        first: seeds of the first look.
        most: seeds of the last look.
        look: number of the look, from 0.
        level: one-sided level of the whole sequence.
    """
    if level <= 0:
        return 0.0
    levels, nominal = _table(first, most)
    return math.exp(float(np.interp(math.log(min(level, MAX_LEVEL)), levels, nominal[:, look])))


def sequential_p(first: int, most: int, p_values: Sequence[float]) -> float:
    """Return the smallest level at which any look so far rejects: a p-value that holds however often one looks.

    Args:
        first: seeds of the first look.
        most: seeds of the last look.
        p_values: the p-values of the looks so far, at most as many as `looks` has.
    """
    levels, nominal = _table(first, most)
    smallest = 1.0
    for look, p in enumerate(p_values):
        logarithm = math.log(p)
        if logarithm <= nominal[-1, look]:
            smallest = min(smallest, math.exp(float(np.interp(logarithm, nominal[:, look], levels))))
    return smallest


@functools.cache
def _table(first: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of `LEVELS`, (L,), and of their nominal levels, (L, K)."""
    fractions = [number / most for number in looks(first, most)]
    return np.log(LEVELS), np.log([nominal_levels(fractions, float(level)) for level in LEVELS])


@functools.cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)


def _excess(states: np.ndarray, density: np.ndarray, step: float, increment: float, boundary: float) -> float:
    """Return by how much the chance of a first crossing exceeds what may be spent at this look."""
    from scipy import special

    return float(density @ special.ndtr((states - boundary) / step)) - increment
