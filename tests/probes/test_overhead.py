"""The probe `overhead`: its loop by hand trains as the engine does, and what cannot be compared has a reason."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, History, Placement, Source, TrainOptions, Window
from bench_suite.data.encoded import encoded
from bench_suite.data.splits import MemorySplit
from bench_suite.models import mlp
from bench_suite.probes import overhead
from bench_suite.problems import classification

OPTIONS = overhead.Options(seconds=0.15, fresh=False)


def window(rate: float) -> Window:
    """A window of 0.1 s in which the training took `rate` samples/s."""
    return Window(1, int(rate / 10), 0.1, 0.0, 1.0)


@pytest.fixture
def trained() -> Any:
    """A cell of a small network, and what the probe reads of it; its history has windows of 2,000 samples/s."""
    random = np.random.default_rng(0)
    split = MemorySplit(np.arange(300), {"table": random.normal(size=(300, 5)), "target": random.integers(0, 2, 300)})
    data = Data(
        "classification", {"classes": ("a", "b")}, {"train": split, "test": split}, Source("generated", "t", "0")
    )
    torch.manual_seed(0)
    network = mlp.build(data, mlp.Options(hidden=(8,)))
    examples = encoded(network, split)
    return SimpleNamespace(
        network=network, data=data, problem=classification, placement=Placement("cpu", 1, "32-true"),
        options={"train": vars(TrainOptions(batch_size=100))}, encoded=lambda name: examples,
        history=History(steps=30, samples=3000, windows=tuple(window(2000.0) for _ in range(5))),
    )  # fmt: skip


def measured(trained: Any, options: Any = OPTIONS) -> dict[str, Any]:
    return {metric.name: metric for metric in overhead.probe(trained, options)}


def test_the_costs_follow_from_the_rates_of_the_windows_and_of_the_loop_by_hand(trained: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(overhead, "rates_by_hand", lambda *_: (3000.0, 4000.0, 9000.0))
    metrics = measured(trained)
    assert metrics["relative_rate"].value == pytest.approx(0.5)  # 2,000 beside the median of 4,000 samples/s
    assert metrics["step_overhead"].value == pytest.approx(25.0)  # 50 ms for 100 examples instead of 25
    assert metrics["relative_rate"].samples == pytest.approx((0.5,) * 5)


def test_the_loop_by_hand_trains_a_copy_and_leaves_the_network_as_it_is(trained: Any) -> None:
    before = {name: value.clone() for name, value in trained.network.module.state_dict().items()}
    trained.network.module.eval()
    losses: list[float] = []

    def loss(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        losses.append((value := torch.nn.functional.cross_entropy(outputs, targets)).item())
        return value

    trained.network.loss = loss
    train = {**trained.options["train"], "learning_rate": 0.05}
    rates = overhead.rates_by_hand(trained, trained.network, train, 0.15)
    assert len(rates) >= 2
    assert all(rate > 0 for rate in rates)
    assert losses[-1] < losses[0]
    assert all(torch.equal(value, before[name]) for name, value in trained.network.module.state_dict().items())
    assert not trained.network.module.training
    assert len(overhead.rates_by_hand(trained, trained.network, train, 0.0)) == 1


def test_a_rate_that_is_the_loop_by_hands_own_is_about_1(trained: Any) -> None:
    rates = overhead.rates_by_hand(trained, trained.network, trained.options["train"], 0.5)
    trained.history = replace(trained.history, windows=tuple(window(rate) for rate in rates))
    assert 0.3 < measured(trained)["relative_rate"].value < 3.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"network": None}, "an estimator has no engine"),
        ({"history": None}, "nothing was trained here"),
        ({"history": History(steps=3, samples=300)}, "the training has no windows"),
        ({"placement": Placement("cpu", 1, "32-true", compiled=True)}, "a copy of a compiled network is not compiled"),
        (
            {"options": {"train": vars(TrainOptions(privacy={"epsilon": 3.0, "delta": 1e-5}))}},
            "a private training clips the gradient of each example",
        ),
    ],
)
def test_what_cannot_be_compared_has_a_reason(change: Any, reason: str, trained: Any) -> None:
    metrics = measured(SimpleNamespace(**{**vars(trained), **change}))
    assert metrics.keys() == overhead.METRICS.keys()
    assert (metrics["relative_rate"].value, metrics["relative_rate"].reason) == (None, reason)


def test_the_first_step_and_the_memory_are_those_of_a_fresh_process(trained: Any, monkeypatch: Any) -> None:
    def call(function: Any, untrained: Any) -> Any:
        return function(untrained)

    asked: list[Any] = []

    def retrain(rows: np.ndarray, train: Any) -> Any:
        asked.append((len(rows), train))
        return SimpleNamespace(history=History(first_step_seconds=2.5))

    monkeypatch.setattr(overhead, "call_in_fresh_process", call)
    trained.without_model = lambda: SimpleNamespace(retrain=retrain, data=trained.data)
    metrics = measured(trained, replace(OPTIONS, fresh=True))
    assert metrics["first_step"].value == 2.5
    assert metrics["process_memory"].value > 50.0
    assert asked == [(300, {"epochs": 1, "target": None, "patience": None, "checkpoint": None})]
