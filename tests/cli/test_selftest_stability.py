"""The self-test finds and names instruments of stability that are broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench_suite.probes import stability
from bench_suite.probes.stability import churn, passes
from bench_suite.training import seeding


def from_the_same_numbers(*arguments: Any) -> Any:
    """Predict as if each pass began with the same random numbers."""
    seeding.seed_everything(0)
    return predict(*arguments)


def whole(trained: Any, rows: Any, one: passes.Pass, seed: int) -> Any:
    """Predict all examples as one batch."""
    return pass_of(trained, rows, replace(one, batch_size=256), seed)


def in_the_same_order(trained: Any, rows: Any, one: passes.Pass, seed: int) -> Any:
    return pass_of(trained, rows, replace(one, shuffled=False), seed)


def with_the_diagonal(pairs: Any, *rest: Any, **options: Any) -> Any:
    seeds = pairs.shape[1]
    return churn_of(pairs * (seeds - 1) / seeds, *rest, **options)


predict = passes.predict_in_batches
pass_of = passes._predicted
churn_of = churn.churn_of

BREAKS = {
    "passes that begin with the same random numbers": (
        "-k dropout", passes, "predict_in_batches", from_the_same_numbers,
        {"stability/changed_predictions, dropout, second pass"},
    ),
    "batches that are not cut": (
        "-k position or batch_norm", passes, "_predicted", whole,
        {
            "stability/changed_predictions, position, batch of 1",
            "stability/changed_predictions, batch norm, batch of 2", "batch norm, fails at batch of 1",
        },
    ),
    "an order that stays": (
        "-k position", passes, "_predicted", in_the_same_order, {"stability/changed_predictions, position, order"},
    ),
    "a seed that is compared with itself": (
        "-k stability/churn", stability, "churn_of", with_the_diagonal,
        {"stability/churn, three seeds", "stability/churn, half-width"},
    ),
    "seeds that are taken for all there are": (
        "-k stability/churn", churn, "_jackknife", lambda matrix: 0.0, {"stability/churn, half-width"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_an_instrument_that_is_broken_is_found_and_named(found_and_named, broken):
    found_and_named(*BREAKS[broken])
