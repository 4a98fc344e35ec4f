"""Automatic settings of the harness: precision and memory format of a small ResNet, and batches of texts.

The tests assert ratios, never times, of loops that one process runs one after another, repeatedly. `tox -e perf`
runs them; alone: `pytest -m perf tests/perf/test_settings.py -s`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from bench_suite.contracts import Batch, Data, Network, Placement, Source, TrainOptions
from bench_suite.data.encoded import encoded
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, Subset
from bench_suite.engines import native
from bench_suite.models import lstm, resnet, text_cnn, transformer
from bench_suite.problems import classification
from bench_suite.tasks import imdb
from bench_suite.training.placement import resolve_placement

pytestmark = pytest.mark.perf
BATCH = 128
PRECISIONS = ("fp32", "bf16 autocast", "bf16 throughout")
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def interleaved(loops: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each loop; every round runs all of them, in another order."""
    times: dict[str, list[float]] = {name: [] for name in loops}
    names = list(loops)
    for turn in range(rounds + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = perf_counter()
            loops[name]()
            if turn:  # the first round chooses kernels
                times[name].append(perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


@pytest.fixture(params=[1, 2], ids=["one-thread", "two-threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    torch.manual_seed(0)
    yield request.param
    torch.set_num_threads(before)


# ── precision and memory format ─────────────────────────────────────────────────────────────────


def pictures(examples: int) -> Data:
    """Return bytes in the shape of CIFAR-10; their values do not affect speed."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (examples, 32, 32, 3), dtype=np.uint8)
    split = MemorySplit(np.arange(examples), {"image": images, "target": random.integers(0, 10, examples)})
    return Data("classification", {"classes": list("0123456789")}, {"train": split}, Source("generated", "perf", "0"))


def by_hand(data: Data, precision: str, memory_format: torch.memory_format) -> Callable[[], None]:
    """Run an epoch of the same network, in one of the six settings that a user would try by hand."""
    network = resnet.build(data, resnet.Options())
    module: Any = network.module
    module.to(memory_format=memory_format)
    dtype = torch.bfloat16 if precision == "bf16 throughout" else torch.float32
    module.to(dtype)
    first = next(part for part in module.modules() if isinstance(part, nn.Conv2d))
    first.register_forward_pre_hook(lambda _, planes: (planes[0].to(dtype).contiguous(memory_format=memory_format),))
    columns = data.splits["train"].take(np.arange(len(data.splits["train"])))
    images, labels = torch.from_numpy(columns["image"]), torch.from_numpy(columns["target"])
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, fused=True)

    def epoch() -> None:
        module.train()
        for rows in torch.randperm(len(labels)).split(BATCH):
            with torch.autocast("cpu", dtype=torch.bfloat16) if precision == "bf16 autocast" else nullcontext():
                loss = functional.cross_entropy(module(image=images[rows]), labels[rows])
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()

    return epoch


def harness(data: Data, placement: Placement) -> Callable[[], object]:
    """Run an epoch with the native engine."""
    network = resnet.build(data, resnet.Options())
    columns = encoded(network, data.splits["train"])
    options = TrainOptions(epochs=1, batch_size=BATCH, validation=0.0, optimizer="sgd", learning_rate=0.01)
    return lambda: native.train(
        network, data, classification, options, placement, lambda window: True, lambda name: columns
    )


def test_precision_auto_trains_a_small_resnet_at_the_best_of_six_settings(threads: int) -> None:
    data = pictures(8 * BATCH)
    placement = resolve_placement("cpu", "auto", threads)
    loops = {
        f"{precision} {name}": by_hand(data, precision, memory_format)
        for precision in PRECISIONS
        for name, memory_format in FORMATS.items()
    }
    seconds = interleaved({**loops, "auto": harness(data, placement)}, rounds=7)
    slowest = seconds["fp32 contiguous"]
    print(f"\nauto stands for {placement.precision} here; samples/s relative to fp32 contiguous:")
    print(", ".join(f"{name} {slowest / value:.2f}" for name, value in seconds.items()))
    best = min(value for name, value in seconds.items() if name != "auto")
    assert best / seconds["auto"] >= 0.9


# ── length buckets ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def reviews() -> Data:
    """Return 2,048 reviews of the real sample."""
    data = imdb.load(imdb.Options(data="sample"), Sources(offline=True))
    rows = np.linspace(0, len(data.splits["train"]) - 1, 2048).astype(np.int64)
    return replace(data, splits={"train": Subset(data.splits["train"], rows)})


def to_the_maximum(network: Network, length: int) -> Network:
    """Train the same network on texts in their original order, padded to the maximum, as tutorials do."""

    def collate(columns: Any) -> Batch:
        batch = network.collate(columns)
        tokens = batch.inputs["tokens"]
        return Batch({**batch.inputs, "tokens": functional.pad(tokens, (0, length - tokens.shape[1]))}, batch.targets)

    return replace(network, collate=collate, padded=None)


@pytest.mark.parametrize("model", [text_cnn, lstm, transformer], ids=["text_cnn", "lstm", "transformer"])
def test_length_buckets_gain_nearly_all_that_the_lengths_of_reviews_allow(reviews: Data, model: Any) -> None:
    """The target was twice the rate of padding to 256 tokens. No batching can reach it: reviews have 180 of 256 words
    on average, so a model whose cost grows with the length gains at most 1.4 times. The test requires nearly that."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    placement = Placement("cpu", 1, "32-true")
    network = model.build(reviews, model.Options())
    columns = encoded(network, reviews.splits["train"])
    options = TrainOptions(epochs=1, batch_size=32, validation=0.0)

    def epoch(some: Network) -> Callable[[], object]:
        return lambda: native.train(
            some, reviews, classification, options, placement, lambda window: True, lambda name: columns
        )

    seconds = interleaved({"buckets": epoch(network), "maximum": epoch(to_the_maximum(network, 256))}, rounds=3)
    lengths = columns.columns["tokens"].lengths
    most = 256 / float(lengths.double().mean())
    gained = seconds["maximum"] / seconds["buckets"]
    print(f"\n{gained:.2f} times the samples/s; {most:.2f} where no token is padding")
    assert gained >= 0.8 * most
