"""Trainings of small models with an engine, as the tests of engines compare them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Data, Evaluation, History, Network, Placement, Source, TrainOptions, Window
from bench_suite.data.encoded import Encoded, encoded
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import MemorySplit, Subset
from bench_suite.models import cnn, lstm, mlp
from bench_suite.problems import classification
from bench_suite.tasks import mnist
from bench_suite.training import compiling, lightning_modules
from bench_suite.training.prediction import predict
from bench_suite.training.seeding import seed_everything

PLACE = Placement("cpu", 1, "32-true")


def load_pictures() -> Data:
    """Some of the real sample of MNIST: 640 examples for train, 100 for validation, 200 for test."""
    data = prepare(mnist.load(mnist.Options(data="sample"), Sources(offline=True)), 0.1)
    counts = {"train": 640, "validation": 100, "test": 200}
    return replace(data, splits={name: Subset(data.splits[name], np.arange(n)) for name, n in counts.items()})


def make_reviews() -> Data:
    """Short texts of two classes, of 3 to 20 words; the words of one class are more frequent in it."""
    random = np.random.default_rng(0)
    splits = {}
    for name, count in {"train": 320, "validation": 60, "test": 60}.items():
        targets = random.integers(0, 2, count)
        texts = [
            " ".join(f"word{int(word) + 10 * target}" for word in random.integers(0, 30, random.integers(3, 20)))
            for target in targets.tolist()
        ]
        splits[name] = MemorySplit(np.arange(count), {"text": texts, "target": targets})
    return Data("classification", {"classes": ("no", "yes")}, splits, Source("generated", "reviews", "0"))


@dataclass
class Ended:
    """A training that has ended."""

    network: Network
    history: History
    losses: list[float]
    "Loss of each window's last step."
    scores: np.ndarray
    "Of the test split."
    state: torch.Tensor
    "State of PyTorch's global generator after the training."

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        return self.network.module.state_dict()


Run = Callable[..., Ended]


def run_engine(
    engine: str,
    data: Data,
    options: TrainOptions,
    *,
    model: Any = mlp,
    placement: Placement = PLACE,
    report: Any = None,
    saved: Any = None,
    problem: Any = classification,
    own_loss: Any = None,
    own_augment: Any = None,
    **chosen: Any,
) -> Ended:
    """Train a model from the seed 3 with an engine."""
    seed_everything(3)
    network = model.build(data, model.Options(**chosen)) if hasattr(model, "build") else model(data)
    if lightning_modules.package_of(network) is not None:
        network = lightning_modules.network_of(network, data)
    network.loss, network.augment = own_loss, own_augment
    if placement.compiled:
        compiling.compile_module(network.module, placement.compiled)
    columns_of: dict[str, Encoded] = {}

    def columns(name: str) -> Encoded:
        return columns_of.setdefault(name, encoded(network, data.splits[name]))

    losses: list[float] = []

    def follow(window: Window) -> bool:
        losses.append(window.loss)
        return True if report is None else bool(report(window))

    seed_everything(4)
    train = importlib.import_module(f"bench_suite.engines.{engine}").train
    more = {} if options.checkpoint is None else {"checkpoints": saved}
    history = train(network, data, problem, options, placement, follow, columns, **more)
    state = torch.get_rng_state()
    predicted = predict(network, problem, columns("test"), Evaluation(64, data.spec, None), placement)
    return Ended(network, history, losses, predicted.get("scores", predicted["predictions"]), state)


def models(pictures: Data, reviews: Data) -> dict[str, tuple[Any, Data, dict[str, Any]]]:
    """The models with which engines are compared: module, data, options."""
    from bench_suite.models import bert

    tiny = {"layers": 1, "dimension": 16, "heads": 2, "feedforward": 32, "vocabulary": 300, "max_length": 24}
    return {
        "mlp": (mlp, pictures, {"hidden": (64,), "dropout": 0.2}),
        "cnn": (cnn, pictures, {"channels": (4, 8), "dropout": 0.2}),
        "lstm": (lstm, reviews, {"dimension": 16, "hidden": 16}),
        "bert": (bert, reviews, tiny),
    }


def without_normalization(data: Data) -> Network:
    """Return the `cnn` without batch normalisation, whose statistics depend on how a batch is shared."""
    network = cnn.build(data, cnn.Options(channels=(4, 8)))
    features = network.module.blocks
    for position, part in enumerate(features):
        if isinstance(part, torch.nn.BatchNorm2d):
            features[position] = torch.nn.Identity()
    return network
