"""Claims about `compute`: counts by hand on real networks and data, and the rates derived from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import Batch, History, Metric, Network, Placement, Window
from bench_suite.data.encoded import stack
from bench_suite.data.preparation import prepare
from bench_suite.data.ragged import Ragged
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit
from bench_suite.models import cnn, mlp
from bench_suite.probes import compute
from bench_suite.problems import classification
from bench_suite.tasks import mnist
from bench_suite.training import peaks

PLACE = Placement("cpu", 1, "32-true")
WINDOWS = tuple(Window(step, 100, seconds, 0.0, 0.5) for step, seconds in enumerate((0.1, 0.2, 0.4), 1))


@pytest.fixture(scope="module")
def digits() -> Any:
    return prepare(mnist.load(mnist.Options(data="sample"), Sources(offline=True)), 0.1, smoke=False)


@pytest.fixture(autouse=True)
def peak(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A machine with a peak of 1 GFLOP/s; a new measurement takes the next value of the list."""
    rates = [1e9]

    def known(device: str, precision: str, threads: int, *, anew: bool = False, root: Path | None = None) -> peaks.Peak:
        rate = rates[-1] if anew else rates[0]
        return peaks.Peak(rate, (rate,), 1024, device, precision, threads)

    monkeypatch.setattr(peaks, "peak", known)
    return rates


def trained(network: Network | None, data: Any, history: History | None = None, placement: Placement = PLACE) -> Any:
    return SimpleNamespace(network=network, data=data, history=history, placement=placement, problem=classification)


def measured(cell: Any, examples: int = 8) -> dict[str, Metric]:
    metrics = {metric.name: metric for metric in compute.probe(cell, compute.Options(examples=examples))}
    assert metrics.keys() == compute.METRICS.keys()
    return metrics


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_textbook_network_costs_what_it_does_by_hand(digits: Any, precision: str) -> None:
    network = mlp.build(digits, mlp.Options(hidden=(128,)))
    metrics = measured(trained(network, digits, placement=replace(PLACE, precision=precision)))
    assert metrics["parameters"].value == metrics["trainable_parameters"].value == 101_770
    assert metrics["flops"].value == 2 * (784 * 128 + 128 * 10)
    assert metrics["training_flops"].value == 2 * (2 * 784 * 128 + 3 * 128 * 10)  # no gradient for the pixels
    assert metrics["model_size"].value == (101_770 + 1) * 4 / 2**20  # including the mean of the pixels
    assert "the same for each of 8 test examples" in str(metrics["flops"].reason)


def test_the_convolutional_network_costs_what_it_does_by_hand(digits: Any) -> None:
    first, second, last = 28 * 28 * 16 * 25, 14 * 14 * 32 * 16 * 25, 7 * 7 * 32 * 10
    metrics = measured(trained(cnn.build(digits, cnn.Options(channels=(16, 32))), digits))
    assert metrics["flops"].value == 2 * (first + second + last)
    assert metrics["training_flops"].value == 2 * (2 * first + 3 * second + 3 * last)


def test_an_estimator_has_reasons(digits: Any) -> None:
    metrics = measured(trained(None, digits))
    assert {metric.value for metric in metrics.values()} == {None}
    assert {metric.reason for metric in metrics.values()} == {compute.ESTIMATOR}


# ── texts ───────────────────────────────────────────────────────────────────────────────────────


class Places(nn.Module):
    """A linear layer at each position of a sequence, and the mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.layer = nn.Linear(8, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.layer(self.embedding(tokens)).mean(1)


def texts(lengths: list[int]) -> Any:
    split = MemorySplit(
        np.arange(len(lengths)), {"lengths": np.array(lengths), "target": np.zeros(len(lengths), int)}, {}
    )
    return SimpleNamespace(splits={"test": split}, spec={"classes": ("no", "yes")})


def reader(module: nn.Module, frozen: nn.Module | None = None) -> Network:
    """Return a network that encodes a length as that many tokens, and pads a batch to its longest text."""

    def encode(raw: Any) -> dict[str, Any]:
        if frozen is not None:
            with torch.inference_mode():
                for length in raw["lengths"]:
                    frozen(torch.ones(length, 8))
        return {"tokens": Ragged.from_lists([[1] * length for length in raw["lengths"]], np.int64)}

    def collate(columns: Any) -> Batch:
        return Batch({"tokens": columns["tokens"].padded(0)}, columns["target"])

    return Network(module, encode=encode, collate=collate, padded="tokens", frozen=frozen)


def test_texts_are_counted_at_their_own_lengths_with_an_interval_over_examples() -> None:
    lengths = [1, 2, 3, 4, 50, 60]
    metrics = measured(trained(reader(Places()), texts(lengths)), examples=6)
    assert metrics["flops"].value == np.mean(lengths) * 2 * 8 * 2, "no padding"
    assert metrics["training_flops"].value == 3 * metrics["flops"].value
    interval = metrics["flops"].interval
    assert interval is not None
    assert interval.over == "examples"
    assert interval.low < metrics["flops"].value < interval.high
    assert metrics["flops"].n == 6


def test_a_frozen_part_counts_in_the_forward_pass_and_not_in_training() -> None:
    frozen = nn.Linear(8, 100)
    metrics = measured(trained(reader(Places(), frozen), texts([5, 5])), examples=2)
    alone = measured(trained(reader(Places()), texts([5, 5])), examples=2)
    assert metrics["flops"].value == alone["flops"].value + 5 * 2 * 8 * 100
    assert metrics["training_flops"].value == alone["training_flops"].value
    assert metrics["parameters"].value == alone["parameters"].value + 900
    assert metrics["trainable_parameters"].value == alone["trainable_parameters"].value
    assert metrics["model_size"].value > alone["model_size"].value


def test_a_network_that_refuses_a_single_example_in_training_is_counted() -> None:
    data = texts([3, 3])
    module = nn.Sequential(Places(), nn.BatchNorm1d(2))
    network = replace(
        reader(module), collate=lambda columns: Batch({"input": columns["tokens"].padded(0)}, columns["target"])
    )
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert measured(trained(network, data))["training_flops"].value == 3 * 3 * 2 * 8 * 2
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_work_that_cannot_be_counted_is_named() -> None:
    class Pairs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Bilinear(2, 2, 2)

        def forward(self, table: torch.Tensor) -> torch.Tensor:
            return self.layer(table, table)

    split = MemorySplit(np.arange(3), {"table": np.ones((3, 2), np.float32), "target": np.zeros(3, int)}, {})
    data = SimpleNamespace(splits={"test": split}, spec={"classes": ("no", "yes")})
    network = Network(Pairs(), encode=lambda raw: {"table": raw["table"]}, collate=stack)
    assert "not counted, since their size is unknown: aten._trilinear" in str(
        measured(trained(network, data))["flops"].reason
    )


# ── rates ───────────────────────────────────────────────────────────────────────────────────────


def test_rates_follow_from_the_windows_and_the_peak(digits: Any) -> None:
    network = mlp.build(digits, mlp.Options(hidden=(128,)))
    metrics = measured(trained(network, digits, History(windows=WINDOWS, samples=300, seconds=0.7)))
    cost = metrics["training_flops"].value
    assert metrics["flops_per_second"].samples == pytest.approx((1000 * cost, 500 * cost, 250 * cost))
    assert metrics["flops_per_second"].value == pytest.approx(500 * cost)
    assert metrics["utilisation"].value == pytest.approx(500 * cost / 1e9)
    assert metrics["utilisation"].reason is None
    several = trained(network, digits, History(windows=WINDOWS, samples=300, seconds=0.7))
    several.placement = replace(several.placement, devices=2)
    assert measured(several)["utilisation"].value == pytest.approx(500 * cost / 1e9 / 2), "of the peak of both devices"


def test_more_than_the_peak_is_flagged_and_not_cut_off(digits: Any, peak: list[float]) -> None:
    peak[0] = 1e6
    network = mlp.build(digits, mlp.Options(hidden=(128,)))
    metrics = measured(trained(network, digits, History(windows=WINDOWS, samples=300, seconds=0.7)))
    assert metrics["utilisation"].value == pytest.approx(500 * metrics["training_flops"].value / 1e6)
    assert metrics["utilisation"].value > 1
    assert metrics["utilisation"].reason == peaks.ABOVE_ONE


def test_a_peak_from_a_busy_hour_is_measured_again_before_it_is_believed(digits: Any, peak: list[float]) -> None:
    peak[:] = [1e6, 1e9]
    network = mlp.build(digits, mlp.Options(hidden=(128,)))
    metrics = measured(trained(network, digits, History(windows=WINDOWS, samples=300, seconds=0.7)))
    assert metrics["utilisation"].value == pytest.approx(500 * metrics["training_flops"].value / 1e9)


@pytest.mark.parametrize("history", [None, History(samples=300, seconds=0.1)], ids=["none", "no windows"])
def test_without_windows_there_is_no_rate_but_a_reason(digits: Any, history: History | None) -> None:
    metrics = measured(trained(mlp.build(digits, mlp.Options()), digits, history))
    for name in ("flops_per_second", "utilisation"):
        assert metrics[name].value is None
        assert metrics[name].reason
