"""Membership inference: learn a threshold on the loss from one shadow model and test it on another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench_suite.contracts import Metric, Predictions, Trained

VERSION = 1
PROBLEMS = ("classification",)
METRICS = {
    "attack_advantage": {"unit": "fraction", "better": "lower", "ideal": 0.0, "source": "Yeom et al. 2018"},
    "shadow_examples": {"unit": "examples", "better": "none"},
    "repeats": {"unit": "1 if so", "better": "higher", "ideal": 1.0},
    "seeds_differ": {"unit": "1 if so", "better": "higher", "ideal": 1.0},
    "short_epochs": {"unit": "epochs", "better": "none"},
    "cell_unchanged": {"unit": "1 if so", "better": "higher", "ideal": 1.0},
}


def probe(trained: Trained, options: None) -> Iterator[Metric]:
    """Yield the membership advantage (true minus false positive rate), and checks of the contract of `retrain`."""
    before = trained.predictions("test")["scores"].copy()
    rows = np.arange(len(trained.data.splits["train"]))
    halves = rows[::2], rows[1::2]
    shadows = [trained.retrain(rows=half, seed=number) for number, half in enumerate(halves, 1)]
    for number, (shadow, half) in enumerate(zip(shadows, halves), 1):
        members = shadow.predictions("train")
        assert (members.ids == trained.data.splits["train"].ids[half]).all()
        yield Metric("shadow_examples", len(members), kind="exact", at={"shadow": number})
    first, second = ((_loss(s.predictions("train")), _loss(s.predictions("test"))) for s in shadows)
    threshold = max(np.concatenate(first), key=lambda level: _advantage(first, level))
    yield Metric("attack_advantage", _advantage(second, threshold), "one pair of shadow models")
    again = trained.retrain(rows=halves[0], seed=1).predictions("test")["scores"]
    yield Metric("repeats", _same(again, shadows[0].predictions("test")["scores"]), "exact")
    other = trained.retrain(rows=halves[0], seed=2).predictions("test")["scores"]
    yield Metric("seeds_differ", 1.0 - _same(other, again), "exact")
    short = trained.retrain(train={"epochs": 1}).history
    yield Metric("short_epochs", len(short.epochs) if short else 0, kind="exact")
    yield Metric("cell_unchanged", _same(before, trained.predictions("test", change=dict)["scores"]), "exact")


def _loss(predictions: Predictions) -> np.ndarray:
    scores = predictions["scores"][np.arange(len(predictions)), predictions["targets"]]
    return -np.log(np.maximum(scores, 1e-7))


def _advantage(losses: tuple[np.ndarray, np.ndarray], level: Any) -> float:
    members, others = losses
    return float((members <= level).mean() - (others <= level).mean())


def _same(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.array_equal(first, second))
