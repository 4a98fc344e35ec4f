"""Targets of attacks: a network as a function of its input, and how far each number of that input may move.

The radius is stated on the raw scale: as a share of the range of pixels, 0 to 255, or in standard deviations of each
column over the training rows. The attack changes the encoded input, because only that has gradients. So a network can
be attacked if its encoding keeps every number in its place and changes only its scale. Others are refused, since a
bound on their input is no bound on the raw values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import BenchError, Network, Split, Trained
from bench_suite.data.encoded import encoded
from bench_suite.data.splits import MemorySplit
from bench_suite.probes.robustness.attacks import Forward, Threat
from bench_suite.probes.robustness.tables import Columns
from bench_suite.training import devices
from bench_suite.training.precision import move_to_placement

RANGE = 255.0
"Range of the values of pixels."
CLOSE = 1e-4
"Relative difference below which two encodings are equal but for rounding."
BATCH = 256
"Examples that a network predicts at once."


@dataclass(frozen=True)
class Target:
    """Some test examples as the input of a network."""

    forward: Forward
    clean: torch.Tensor
    "(k, H, W, C) or (k, d) float32."
    targets: torch.Tensor
    "(k,) int64: true classes."
    unit: torch.Tensor
    "(k, …): how far each number of the input moves for a radius of 1; 0 keeps it."
    low: float = -math.inf
    high: float = math.inf
    frozen_columns: int = 0
    "Columns of a table that are not attacked."

    def threat(self, radius: float) -> Threat:
        """Return the changes that a radius allows."""
        return Threat(radius * self.unit, self.low, self.high)


def target_of(trained: Trained, rows: np.ndarray) -> Target:
    """Return test examples as the input of a cell's network; call it within `attack_mode`.

    Args:
        trained: the cell, which has a network.
        rows: (k,) positions in the test split.

    Raises:
        BenchError: the network cannot be attacked; the message is the reason.
    """
    network, split = trained.network, trained.data.splits["test"]
    assert network is not None
    raw = split.take(rows)
    kind = next((kind for kind in ("image", "table") if kind in raw), None)
    if kind is None:
        raise BenchError("attacks change numbers, and the words of a text are no numbers")
    device = trained.placement.device
    reader = _Reader(network, split, rows, raw, kind)
    values = np.asarray(raw[kind])
    clean, targets = reader.read(values)
    if kind == "image":
        black, white = reader.read(np.zeros_like(values))[0], reader.read(np.full_like(values, 255))[0]
        unit = white - black
        level = torch.from_numpy(values.astype(np.float32)) / RANGE
        if not _equal(clean, black + unit * level) or not bool((unit == unit.flatten()[0]).all() and (unit > 0).all()):
            raise BenchError("the network's encoding does more to images than scale all pixels alike")
        bounds = {"low": float(black.flatten()[0]), "high": float(white.flatten()[0])}
        frozen = 0
    else:
        columns = Columns.of(trained.data)
        step = np.where(columns.numeric, columns.deviation, 0.0)
        unit = reader.read(values + step)[0] - clean
        if not _equal(reader.read(values + 2 * step)[0] - clean, 2 * unit):
            raise BenchError("the network's encoding does more to columns than scale them")
        unit, bounds, frozen = unit.abs(), {}, int(np.sum(~columns.numeric))
        if not bool((unit > 0).any()):
            raise BenchError("no column has more than two different values, and only such columns are attacked")
    forward = _forward(trained, kind)
    return Target(forward, clean.to(device), targets.to(device), unit.to(device), frozen_columns=frozen, **bounds)


@dataclass(frozen=True)
class _Reader:
    """Reads raw values as the network does."""

    network: Network
    split: Split
    rows: np.ndarray
    raw: Mapping[str, Any]
    kind: str

    def read(self, values: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the network's input for raw values (k, …), of the same shape, float32, and the targets (k,)."""
        ids = np.asarray(self.split.ids)[self.rows]
        columns = encoded(self.network, MemorySplit(ids, {**self.raw, self.kind: values}))
        batch = columns.batch(self.network, torch.arange(len(values)))
        read = batch.inputs.get(self.kind)
        if read is None or len(batch.inputs) != 1 or tuple(read.shape) != values.shape:
            shapes = ", ".join(f"{name} {tuple(tensor.shape[1:])}" for name, tensor in batch.inputs.items())
            expected = f"{self.kind} {values.shape[1:]}"
            raise BenchError(
                f"attacks need a network with one input, {expected}, as in the task; this one has {shapes}"
            )
        return read.float().cpu(), torch.as_tensor(batch.targets).cpu()


def _equal(first: torch.Tensor, second: torch.Tensor) -> bool:
    tolerance = CLOSE * max(1e-6, float(second.abs().max()))
    return torch.allclose(first, second, rtol=0.0, atol=tolerance)


def _forward(trained: Trained, kind: str) -> Forward:
    """Return logits (k, classes) of inputs, `BATCH` at a time; a threshold of the cell moves those of its class."""
    assert trained.network is not None
    module = move_to_placement(trained.network.module, trained.placement)
    threshold, positive = trained.threshold, int(trained.data.spec.get("positive", 1))
    shift = 0.0
    if threshold is not None and 0.0 < threshold.value < 1.0:
        shift = math.log(threshold.value / (1.0 - threshold.value))

    def forward(values: torch.Tensor) -> torch.Tensor:
        parts = [module(**{kind: part}).float() for part in values.split(BATCH)]
        logits = torch.cat(parts) if len(parts) > 1 else parts[0]
        if shift:
            offset = torch.zeros(logits.shape[1], device=logits.device)
            offset[positive] = shift
            logits = logits - offset
        return logits

    return forward


@contextmanager
def attack_mode(module: torch.nn.Module) -> Iterator[None]:
    """Set evaluation mode, and restore the network afterwards; a compiled network runs uncompiled.

    Each shape of a batch would need another compilation.
    """
    training = [(part, part.training) for part in module.modules()]
    compiled = any(getattr(part, "_compiled_call_impl", None) is not None for part in module.modules())
    try:
        module.eval()
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext(), devices.fork_generators():
            yield
    finally:
        for part, mode in training:
            part.training = mode
