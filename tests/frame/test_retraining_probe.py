"""A probe that retrains: it trains shadow models of the same cell and leaves the cell unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_each_shadow_was_trained_on_exactly_its_half(walk: Any, metric: Callable[..., float]) -> None:
    record = walk("retraining_probe").records[0]
    sizes = [metric(record, "privacy/shadow_examples", shadow=number) for number in (1, 2)]
    assert sum(sizes) == record.data["train"]
    assert abs(sizes[0] - sizes[1]) <= 1


def test_an_overfitted_model_tells_its_members(walk: Any, metric: Callable[..., float]) -> None:
    assert 0.0 < metric(walk("retraining_probe").records[0], "privacy/attack_advantage") <= 1.0


def test_the_same_rows_and_seed_give_the_same_model_bit_for_bit_and_another_seed_does_not(
    walk: Any, metric: Callable[..., float]
) -> None:
    record = walk("retraining_probe").records[0]
    assert metric(record, "privacy/repeats") == 1.0
    assert metric(record, "privacy/seeds_differ") == 1.0


def test_other_training_options_are_heeded(walk: Any, metric: Callable[..., float]) -> None:
    assert metric(walk("retraining_probe").records[0], "privacy/short_epochs") == 1


def test_the_cell_itself_is_as_it_was(walk: Any, metric: Callable[..., float]) -> None:
    assert metric(walk("retraining_probe").records[0], "privacy/cell_unchanged") == 1.0
