"""Checkpoints of a training: saved when they are due, and loaded with all generators and all buffers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.store.formats import weights_from_bytes, weights_to_bytes
from bench_suite.training import devices
from bench_suite.training.checkpoints import (
    Timer,
    copy_state,
    generator_state,
    load_module_state,
    module_state,
    restore_generators,
)
from bench_suite.training.state import BestWeights


class InMemory:
    """Checkpoints in memory."""

    content: bytes | None = None

    def save(self, content: bytes) -> None:
        self.content = content

    def load(self) -> bytes | None:
        return self.content


def draw() -> tuple[float, ...]:
    """Return a number from each global generator; a normal one of NumPy, which stores the second of each pair."""
    return (random.random(), random.gauss(), float(np.random.normal()), float(torch.rand(())))  # noqa: NPY002 - global


def test_a_checkpoint_is_due_when_the_interval_has_passed_since_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(devices, "perf_counter", lambda: now)
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


# ── the state of a network ──────────────────────────────────────────────────────────────────────


class Network(nn.Module):
    """A network with each kind of buffer."""

    def __init__(self, filled: bool) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.norm = nn.BatchNorm1d(2)
        numbers = torch.arange(4.0) if filled else torch.zeros(4)
        self.register_buffer("count", numbers[:1].clone() + (5 if filled else 0), persistent=False)
        self.register_buffer("late", numbers.clone() if filled else None, persistent=False)
        self.register_buffer("late_persistent", numbers.clone() if filled else None)
        self.register_buffer("grown", torch.ones(3 if filled else 1), persistent=False)
        self.register_buffer("expanded", numbers[1:2].expand(2, 3), persistent=False)
        self.register_buffer("left", numbers[:2], persistent=False)
        self.register_buffer("right", numbers[2:], persistent=False)
        self.tied = nn.ModuleList([self.layer])


def test_all_buffers_are_in_the_state_and_are_restored() -> None:
    torch.manual_seed(0)
    trained, new = Network(filled=True), Network(filled=False)
    state = module_state(trained)
    assert {"count", "late", "late_persistent", "grown", "expanded", "left", "right"} < state.keys()
    load_module_state(new, state)
    restored = module_state(new)
    assert restored.keys() == state.keys()
    assert all(torch.equal(restored[name], state[name]) for name in state)


def test_the_state_survives_its_file_though_parts_share_memory() -> None:
    trained, new = Network(filled=True), Network(filled=False)
    _, state, _ = weights_from_bytes(weights_to_bytes(module_state(trained), "key", None))
    load_module_state(new, state)
    expected = module_state(trained)
    assert all(torch.equal(value, expected[name]) for name, value in module_state(new).items())


def test_a_buffer_that_parts_of_a_network_share_stays_shared() -> None:
    new = nn.ModuleList([nn.Module(), nn.Module()])
    shared = torch.zeros(2)
    for part in new:
        part.register_buffer("shared", shared, persistent=False)
    load_module_state(new, {"0.shared": torch.ones(2), "1.shared": torch.ones(2)})
    assert shared.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("change", [{"layer.weight": torch.zeros(3, 3)}, {"other": torch.zeros(1)}])
def test_the_state_of_another_network_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError):
        load_module_state(Network(filled=True), {**module_state(Network(filled=True)), **change})


def test_the_best_epoch_is_restored_with_its_buffers_whatever_came_after() -> None:
    network = Network(filled=True)
    best = BestWeights(patience=3)
    assert not best.is_exhausted(1, 0.5, network)
    expected = copy_state(network)
    for value in module_state(network).values():
        if 0 not in value.stride():
            value.detach().add_(1)
    assert not best.is_exhausted(2, 0.6, network)
    again = BestWeights(patience=3)
    again.load_state_dict(best.state_dict())
    assert again.restore(network) == 1
    assert all(torch.equal(value, expected[name]) for name, value in module_state(network).items())
