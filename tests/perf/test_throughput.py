"""Training with the harness against hand-written loops, in one process, interleaved pair by pair.

The tests assert ratios, never times. `tox -e perf` runs them; alone: `pytest -m perf tests/perf/test_throughput.py -s`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Data, Placement, Source, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.splits import MemorySplit
from bench_suite.engines import native
from bench_suite.models import mlp
from bench_suite.problems import classification

pytestmark = pytest.mark.perf
BATCH = 64


def digits(examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return bytes (n, 28, 28, 1) and class numbers (n,), in the shape of MNIST; their values do not affect speed."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (examples, 28, 28, 1), dtype=np.uint8)
    return images, random.integers(0, 10, examples)


def harness(images: np.ndarray, targets: np.ndarray, hidden: tuple[int, ...], threads: int) -> Callable[[], object]:
    """Run one epoch with the native engine through its public interface, including the optimiser's setup."""
    split = MemorySplit(np.arange(len(targets)), {"image": images, "target": targets})
    data = Data("classification", {"classes": list("0123456789")}, {"train": split}, Source("generated", "perf", "0"))
    network = mlp.build(data, mlp.Options(hidden=hidden))
    examples = encoded(network, split)
    options = TrainOptions(epochs=1, batch_size=BATCH, validation=0.0)
    placement = Placement("cpu", threads, "32-true")
    return lambda: native.train(
        network, data, classification, options, placement, lambda window: True, lambda name: examples
    )


def perceptron(hidden: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = 784
    for wider in hidden:
        layers += [nn.Linear(width, wider), nn.ReLU()]
        width = wider
    return nn.Sequential(*layers, nn.Linear(width, 10))


def by_hand(images: np.ndarray, targets: np.ndarray, hidden: tuple[int, ...]) -> Callable[[], None]:
    """Run a plain loop over a normalised float tensor, with the same fused optimiser."""
    inputs = (torch.from_numpy(images).float().flatten(1) - 127.5) / 73.9
    labels = torch.from_numpy(targets)
    model = perceptron(hidden)

    def epoch() -> None:
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
        model.train()
        for rows in torch.randperm(len(labels)).split(BATCH):
            loss = functional.cross_entropy(model(inputs[rows]), labels[rows])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    return epoch


class PerItem(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """The classic data set of single examples: the operations of torchvision's `MNIST`, `ToTensor` and `Normalize`."""

    def __init__(self, images: np.ndarray, targets: np.ndarray) -> None:
        self.images, self.targets = images, targets
        self.mean, self.deviation = torch.tensor([0.1307]), torch.tensor([0.3081])

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self.images[row, :, :, 0])
        image = torch.from_numpy(np.array(picture, copy=True))[None].contiguous().float().div(255)
        image = image.clone().sub_(self.mean.view(-1, 1, 1)).div_(self.deviation.view(-1, 1, 1))
        return image, int(self.targets[row])


def by_data_loader(images: np.ndarray, targets: np.ndarray, hidden: tuple[int, ...]) -> Callable[[], None]:
    """Run the loop of the tutorials: a `DataLoader` that shuffles a data set of single items."""
    loader = torch.utils.data.DataLoader(PerItem(images, targets), batch_size=BATCH, shuffle=True)
    model = nn.Sequential(nn.Flatten(), perceptron(hidden))

    def epoch() -> None:
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
        for inputs, labels in loader:
            loss = functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    return epoch


def ratio(benchmark: Any, ours: Callable[[], object], other: Callable[[], object], pairs: int, examples: int) -> float:
    """Return the median ratio of samples/s, ours over the other's, of interleaved pairs; the first one alternates."""
    times: dict[int, list[float]] = {0: [], 1: []}

    def pair() -> None:
        for which in (0, 1) if len(times[0]) % 2 else (1, 0):
            started = perf_counter()
            (ours, other)[which]()
            times[which].append(perf_counter() - started)

    benchmark.pedantic(pair, rounds=pairs, warmup_rounds=2)
    ratios = [slow / quick for quick, slow in zip(times[0][2:], times[1][2:])]
    median = statistics.median(ratios)
    here, there = (1e3 * statistics.median(times[which][2:]) * BATCH / examples for which in (0, 1))
    benchmark.extra_info |= {
        "samples_per_second": examples / statistics.median(times[0][2:]),
        "other_samples_per_second": examples / statistics.median(times[1][2:]),
        "ratio": median,
    }
    print(
        f"\n{median:.3f} of the other's samples/s (pairs {min(ratios):.3f} to {max(ratios):.3f}); "
        f"a step takes {here:.3f} ms here, {there:.3f} there"
    )
    return median


@pytest.fixture(params=[1, 2], ids=["one-thread", "two-threads"])
def threads(request: pytest.FixtureRequest) -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    torch.manual_seed(0)
    yield request.param
    torch.set_num_threads(before)


def test_a_small_perceptron_trains_at_95_percent_of_a_loop_by_hand(benchmark: Any, threads: int) -> None:
    images, targets = digits(8_192)
    ours, other = harness(images, targets, (128,), threads), by_hand(images, targets, (128,))
    assert ratio(benchmark, ours, other, 41, len(targets)) >= 0.95


def test_a_step_of_5_ms_trains_at_99_percent_of_a_loop_by_hand(benchmark: Any, threads: int) -> None:
    images, targets = digits(2_048)
    hidden = (1024, 512) if threads == 1 else (1536, 768)
    ours, other = harness(images, targets, hidden, threads), by_hand(images, targets, hidden)
    assert ratio(benchmark, ours, other, 41, len(targets)) >= 0.99


def test_a_small_perceptron_trains_at_least_2_5_times_as_fast_as_the_data_loader(benchmark: Any, threads: int) -> None:
    images, targets = digits(8_192)
    ours, other = harness(images, targets, (128,), threads), by_data_loader(images, targets, (128,))
    assert ratio(benchmark, ours, other, 9, len(targets)) >= 2.5
