"""Checkpoints of a training: saved when they are due, and loaded with the state of every random generator."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from bench_suite.training import checkpoints
from bench_suite.training.checkpoints import Timer, generator_state, restore_generators


class InMemory:
    """Checkpoints in memory."""

    content: bytes | None = None

    def save(self, content: bytes) -> None:
        self.content = content

    def load(self) -> bytes | None:
        return self.content


def draw() -> tuple[float, ...]:
    """Return a number from each global generator; a normal one of NumPy, which stores the second of each pair."""
    return (random.random(), random.gauss(), float(np.random.normal()), float(torch.rand(())))  # noqa: NPY002


def test_a_checkpoint_is_due_when_the_interval_has_passed_since_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(checkpoints, "monotonic", lambda: now)
    timer = Timer(InMemory(), "10m")
    now = 699.0
    assert not timer.due()
    now = 700.0
    assert timer.due()
    timer.save({})
    assert not timer.due()
    now = 1300.0
    assert timer.due()


def test_without_an_interval_or_a_place_nothing_is_due_and_nothing_is_loaded() -> None:
    with_content = InMemory()
    Timer(with_content, "1s").save({"step": 3})
    for timer in (Timer(with_content, None), Timer(None, "0.001s")):
        assert not timer.due()
        assert timer.load() is None


def test_the_state_comes_back_and_each_generator_goes_on_where_it_was() -> None:
    saved = InMemory()
    state = {"step": 3, "name": "adamw", "weights": {"w": torch.arange(3.0)}, "losses": [0.5, 0.25]}
    draw()
    Timer(saved, "1h").save(state)
    expected = draw()
    draw()
    loaded = Timer(saved, "1h").load()
    assert loaded is not None
    assert draw() == expected
    assert (loaded["step"], loaded["name"], loaded["losses"]) == (3, "adamw", [0.5, 0.25])
    assert torch.equal(loaded["weights"]["w"], torch.arange(3.0))


@pytest.mark.parametrize("content", [None, b"", b"torn"])
def test_an_absent_or_damaged_checkpoint_is_none(content: bytes | None) -> None:
    saved = InMemory()
    saved.content = content
    assert Timer(saved, "1h").load() is None


def test_a_truncated_checkpoint_is_none() -> None:
    saved = InMemory()
    timer = Timer(saved, "1h")
    timer.save({"weights": torch.zeros(100)})
    assert saved.content is not None
    saved.content = saved.content[:-50]
    assert timer.load() is None


def test_generators_are_restored_after_other_draws() -> None:
    random.gauss()  # the second number of the pair is part of the state
    np.random.normal()  # noqa: NPY002 - models draw from the global generator
    state = generator_state()
    expected = [draw() for _ in range(3)]
    restore_generators(state)
    assert [draw() for _ in range(3)] == expected
