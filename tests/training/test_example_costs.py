"""Costs of examples: each counted alone, once for each shape, and for the backward pass too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench_suite.contracts import Placement
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit
from bench_suite.models import transformer
from bench_suite.problems import classification
from bench_suite.tasks import synthetic_tokens
from bench_suite.training import example_costs
from bench_suite.training.example_costs import Cost, costs_of, uncounted_note

DIMENSION, FEEDFORWARD = 8, 16


def by_hand(words: int) -> int:
    """The operations of one encoder layer of width d on s words, and of a linear layer for two classes."""
    s, d, f = words, DIMENSION, FEEDFORWARD
    return 8 * s * d**2 + 4 * s**2 * d + 4 * s * d * f + 2 * d * 2


def cell(lengths: list[int]) -> Any:
    options = synthetic_tokens.Options(tokens=max(lengths), vocabulary=50, examples=2 * len(lengths))
    data = prepare(synthetic_tokens.load(options, Sources(offline=True)), 0.0)
    raw = data.splits["test"].take(range(len(lengths)))  # type: ignore[arg-type]  # positions
    texts = [" ".join(text.split()[:length]) for text, length in zip(raw["text"], lengths)]
    split = MemorySplit(data.splits["test"].ids, {"text": texts, "target": raw["target"]})
    network = transformer.build(data, transformer.Options(dimension=DIMENSION, feedforward=FEEDFORWARD))
    return SimpleNamespace(
        network=network, data=SimpleNamespace(splits={"test": split}, spec=data.spec), problem=classification,
        placement=Placement("cpu", 1, "32-true"),
    )  # fmt: skip


def test_an_example_costs_what_its_own_length_does_and_three_times_that_in_training() -> None:
    trained = cell([3, 9])
    costs = costs_of(trained, trained.network, 2)
    assert [cost.forward for cost in costs] == [by_hand(3), by_hand(9)]
    assert [cost.training for cost in costs] == [3 * by_hand(3), 3 * by_hand(9)]
    assert {cost.frozen for cost in costs} == {0}


def test_examples_of_one_shape_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []
    original = example_costs.flops.forward
    monkeypatch.setattr(example_costs.flops, "forward", lambda *arguments: counted.append(1) or original(*arguments))
    trained = cell([5, 5, 5, 7])
    assert len(costs_of(trained, trained.network, 4)) == 4
    assert len(counted) == 2


def test_operators_that_are_not_counted_are_named_once() -> None:
    costs = [Cost(1, 3, 0, ("own.kernel",)), Cost(2, 6, 0, ("own.kernel", "own.other"))]
    assert uncounted_note(costs) == "; not counted, since their size is unknown: own.kernel, own.other"
    assert uncounted_note([Cost(1, 3, 0, ())]) == ""
