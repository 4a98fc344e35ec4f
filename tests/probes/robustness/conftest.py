"""Trained cells that predict by a known rule, or with a small network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bench_suite.contracts import BenchError, Data, Network, Placement, Predictions, Source
from bench_suite.data.encoded import stack
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

PLACE = Placement("cpu", 1, "32-true")


class RuleCell:
    """A trained cell that predicts `rule` of each example's raw values."""

    def __init__(
        self, raw: Mapping[str, Any], rule: Callable[[Mapping[str, Any]], Any], *, problem: str = "classification",
        classes: tuple[str, ...] = ("no", "yes"), clusters: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        ids = content_ids([str(row) for row in range(len(raw["target"]))])
        split = MemorySplit(ids, dict(raw), clusters=clusters)
        spec = {"classes": classes} if problem == "classification" else {}
        self.data = Data(problem, spec, {"train": split, "test": split}, Source("generated", "rule", "0"))
        self.rule = rule
        self.network = self.threshold = None
        self.provides: tuple[str, ...] = ()
        self.placement = PLACE
        self.reported: list[str] = []
        self.on_progress = self.reported.append
        self.predicted: list[int] = []

    def predictions(self, split: str, change: Any = None) -> Predictions:
        rows = self.data.splits[split]
        raw = rows.take(np.arange(len(rows)))
        self.predicted.append(len(rows))
        answers = np.asarray(self.rule(raw if change is None else change(raw)))
        if answers.dtype.kind == "f" and not np.isfinite(answers).all():
            raise BenchError("1 predictions are not finite numbers")
        clusters = getattr(rows, "split", rows).clusters
        columns = {} if clusters is None else {"cluster": clusters[getattr(rows, "rows", slice(None))]}
        return Predictions(split, rows.ids, {"targets": np.asarray(raw["target"]), "predictions": answers, **columns})


@pytest.fixture
def rule_cell() -> type[RuleCell]:
    return RuleCell


@pytest.fixture
def network_cell() -> Callable[..., Any]:
    """Return `(module, raw, encode=None, threshold=None) -> cell`: what attacks need of a network's cell."""

    def build(
        module: nn.Module, raw: Mapping[str, Any], encode: Any = None, threshold: Any = None, classes: int = 2
    ) -> Any:
        torch.set_num_threads(1)
        kind = "image" if "image" in raw else "table"
        if encode is None:

            def encode(raw: Mapping[str, Any]) -> Mapping[str, Any]:
                return {kind: raw[kind] if kind == "image" else np.asarray(raw[kind], dtype=np.float32)}

        split = MemorySplit(content_ids([str(row) for row in range(len(raw["target"]))]), dict(raw))
        spec = {"classes": tuple(map(str, range(classes)))}
        data = Data("classification", spec, {"train": split, "test": split}, Source("generated", "network", "0"))

        def predictions(name: str, change: Any = None) -> Predictions:
            return Predictions(name, split.ids, {"targets": np.asarray(raw["target"])})

        return SimpleNamespace(
            network=Network(module, encode, stack), data=data, placement=PLACE, provides=("gradients",),
            threshold=threshold, predictions=predictions, on_progress=None,
        )  # fmt: skip

    return build
