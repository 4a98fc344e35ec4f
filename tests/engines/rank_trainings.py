"""Trainings of one rank of two, which fresh processes import, and the same ones on one device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightning.pytorch as lightning
import numpy as np
import torch
from trainings import PLACE, load_pictures, make_reviews, models, run_engine, without_normalization

from bench_suite.contracts import Data, Network, TrainOptions
from bench_suite.data.splits import Subset, column
from bench_suite.models import mlp
from bench_suite.training import distributed
from bench_suite.training.clock import Clock

KINDS = [("native", "ddp"), ("native", "fsdp"), ("lightning", "ddp")]
"Engine and strategy."
OPTIONS = {"schedule": "cosine", "warmup": 0.2, "gradient_clip": 1.0, "weight_decay": 0.01, "patience": 5}


SIZES: list[int] = []
"Examples of each batch, in the order of the steps."


def count_each_step(clock: Clock, samples: int, waited: float = 0.0) -> bool:
    """Take the placement of `Clock.step`: each step is a window, so that the report receives each loss."""
    SIZES.append(samples)
    clock.steps, clock.samples = clock.steps + 1, clock.samples + samples
    return True


def options_of(name: str, epochs: int) -> TrainOptions:
    return TrainOptions(epochs=epochs, batch_size=63, **OPTIONS)  # type: ignore[arg-type]  # of several types


def trained(name: str, epochs: int, engine: str = "native", **several: Any) -> dict[str, Any]:
    """Train a model without dropout and batch normalisation, on one device or as one rank of two."""
    model, data, chosen = models(load_pictures(), make_reviews())[name]
    if name == "cnn":
        model, chosen = without_normalization, {}
    else:
        dropped = [option for option in vars(model.Options()) if option.endswith("dropout")]
        chosen = {**chosen, **dict.fromkeys(dropped, 0.0)}
    placement = replace(PLACE, **several)
    SIZES.clear()
    ended = run_engine(engine, data, options_of(name, epochs), model=model, placement=placement, **chosen)
    right = float((ended.scores.argmax(axis=1) == column(data.splits["test"], "target")).mean())
    return {"losses": ended.losses, "epochs": ended.history.epochs, "accuracy": right, "sizes": [*SIZES]}


class OwnStep(lightning.LightningModule):
    """A network with its own step, optimiser and schedule."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.unused = torch.nn.Linear(784, 10), torch.nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x.flatten(1))

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        x, y = batch
        return torch.nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def draws_in_rank_0(data: Data) -> Network:
    """Build a network with other weights in rank 1, whose encoding draws a number in rank 0, as a probe may do."""
    network = mlp.build(data, mlp.Options(hidden=(8,), dropout=0.0))
    inner = network.encode

    def encode(columns: Any) -> Any:
        if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
            torch.rand(1)
        return inner(columns)

    network.encode = encode
    if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
        with torch.no_grad():
            for weight in network.module.parameters():
                weight.add_(1.0)
    return network


def trained_of(case: str, **several: Any) -> tuple[list[float], list[int]]:
    """Train one of the cases with batches that two ranks cannot halve; the last one has a single example."""
    SIZES.clear()
    data, placement = load_pictures(), replace(PLACE, **several)
    data = replace(data, splits={**data.splits, "train": Subset(data.splits["train"], np.arange(106))})
    engine, model = ("lightning", lambda _: OwnStep()) if case == "own step" else ("native", draws_in_rank_0)
    options = TrainOptions(epochs=3, batch_size=15, optimizer="sgd", learning_rate=0.1)
    return run_engine(engine, data, options, model=model, placement=placement).losses, [*SIZES]


def trained_cases_as_rank(rank: int, folder: str) -> list[tuple[list[float], list[int]]]:
    Clock.step = count_each_step  # type: ignore[method-assign]  # in a process of its own
    results = []
    for case in CASES:
        several = {"devices": 2, "rank": rank, "strategy": "fsdp" if case == "fsdp" else "ddp"}
        with distributed.group(replace(PLACE, **several), f"{folder}/{case}"):
            results.append(trained_of(case, **several))
    return results


CASES = ("own step", "ddp", "fsdp")


def trained_as_rank(rank: int, names: tuple[str, ...], epochs: int, folder: str) -> list[dict[str, Any]]:
    Clock.step = count_each_step  # type: ignore[method-assign]  # in a process of its own
    results = []
    for name in names:
        for engine, strategy in KINDS:
            several = {"devices": 2, "strategy": strategy, "rank": rank}
            with distributed.group(replace(PLACE, **several), f"{folder}/{name}-{engine}-{strategy}"):
                results.append(trained(name, epochs, engine, **several))
    return results


def whole_losses(parts: list[dict[str, Any]]) -> np.ndarray:
    """Return the mean loss of each batch from those of its two halves: rank 0 has one example more of an odd batch."""
    first, second = (np.array(part["losses"]) for part in parts)
    sizes = np.array(parts[0]["sizes"])
    return (first * ((sizes + 1) // 2) + second * (sizes // 2)) / sizes
