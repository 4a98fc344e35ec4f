"""Rényi divergences to ε: the guarantee that they imply for a δ, by the classical conversion and by a tighter one."""

from __future__ import annotations

import math
from collections.abc import Sequence

ORDERS = (*(1 + tenth / 10 for tenth in range(1, 100)), *map(float, range(12, 64)))
"Orders α at which divergences are computed: those of Opacus, so that its published tables come out."


def epsilon_of(divergences: Sequence[float], delta: float, orders: Sequence[float] = ORDERS) -> float:
    """Return min over α of D(α) + log((α − 1) / α) − (log δ + log α) / (α − 1), or 0 if that is below 0.

    Source: Balle et al. 2020, arXiv 1905.09982, theorem 21; Canonne et al. 2020, arXiv 2004.00010, proposition 12.

    Args:
        divergences: D(α) in nats, one an order.
        delta: δ, above 0 and below 1.
        orders: α, each above 1.
    """
    return max(
        0.0,
        min(
            divergence + math.log1p(-1 / order) - (math.log(delta) + math.log(order)) / (order - 1)
            for divergence, order in zip(divergences, orders, strict=True)
        ),
    )


def classical_epsilon_of(divergences: Sequence[float], delta: float, orders: Sequence[float] = ORDERS) -> float:
    """Return min over α of D(α) − log δ / (α − 1). Source: Mironov 2017, arXiv 1702.07476, proposition 3.

    Args:
        divergences: D(α) in nats, one an order.
        delta: δ, above 0 and below 1.
        orders: α, each above 1.
    """
    return min(
        divergence - math.log(delta) / (order - 1) for divergence, order in zip(divergences, orders, strict=True)
    )


def least_epsilon(delta: float) -> float:
    """Return the ε of a mechanism that reveals nothing: no noise reaches a smaller one at these orders."""
    return epsilon_of([0.0] * len(ORDERS), delta)
