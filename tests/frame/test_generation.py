"""Generation: predictions are texts, which the problem's `predict` writes token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_a_tiny_gpt2_learns_to_copy_strings_it_has_not_seen(walk: Any, metric: Callable[..., float]) -> None:
    assert metric(walk("generation").records[0], "quality/exact_match") > 0.9


def test_the_stored_predictions_are_the_texts_that_were_written(walk: Any, metric: Callable[..., float]) -> None:
    walked = walk("generation")
    record = walked.records[0]
    stored = walked.run.read_predictions(next(a for a in record.artifacts if a.name == "predictions/test"))
    written, wanted = list(stored["predictions"]), list(stored["targets"])
    assert all(isinstance(text, str) for text in written)
    assert metric(record, "quality/exact_match") == sum(w == t for w, t in zip(written, wanted)) / 100
