"""Predictions of a network on a whole split, and its mean loss there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Evaluation, Network, Placement, Problem
from bench_suite.data.encoded import Encoded
from bench_suite.data.loader import Feed
from bench_suite.training.batching import prediction_batches
from bench_suite.training.precision import autocast, computing, move_to_placement


def predict(
    network: Network,
    problem: Problem,
    encoded: Encoded,
    evaluation: Evaluation,
    placement: Placement,
    rows: np.ndarray | None = None,
) -> dict[str, Any]:
    """What `problem.predict` says of each row of `encoded`, in batches of `evaluation.batch_size`.

    Where the network pads, rows of like length share a batch, whatever order they come in. `rows` ((k,) int64
    positions) restricts it to those, in that order. Returns arrays with one row an example, and a list of k rows where
    their lengths differ. The module is left in evaluation mode.
    """
    chosen = torch.arange(len(encoded)) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
    batches, back = prediction_batches(encoded, chosen, evaluation.batch_size, network.padded)
    parts: list[Mapping[str, Any]] = []
    with computing(placement), torch.inference_mode(), autocast(placement):
        move_to_placement(network.module, placement).eval()
        for columns in Feed(encoded, placement.threads).batches(batches):
            batch = network.collate(columns)
            if placement.device != "cpu":
                batch = batch.to(placement.device)
            parts.append(problem.predict(network, batch, evaluation))
    found = {name: concatenate_rows([part[name] for part in parts]) for name in (parts[0] if parts else {})}
    return found if back is None else {name: _select_rows(values, back.numpy()) for name, values in found.items()}


def prepare_prediction(
    network: Network,
    problem: Problem,
    encoded: Encoded,
    evaluation: Evaluation,
    placement: Placement,
    rows: np.ndarray,
) -> Callable[[], Mapping[str, Any]]:
    """A call that predicts `rows` ((k,) int64) as one batch, which lies on the device already: for timing.

    What the call returns is on the CPU, so on a GPU too it has ended when its work has. Threads are those that
    PyTorch has when it is called; the module is put into evaluation mode now.
    """
    move_to_placement(network.module, placement).eval()
    batch = network.collate(encoded.take(torch.as_tensor(rows, dtype=torch.int64, device=encoded.device)))
    if placement.device != "cpu":
        batch = batch.to(placement.device)

    def predicted() -> Mapping[str, Any]:
        with torch.inference_mode(), autocast(placement):
            return problem.predict(network, batch, evaluation)

    return predicted


def mean_loss(
    network: Network,
    problem: Problem,
    encoded: Encoded,
    batch_size: int,
    spec: Mapping[str, Any],
    placement: Placement,
) -> float:
    """Mean of the problem's loss over all rows of `encoded`; the module is left in evaluation mode."""
    total = torch.zeros(
        (), dtype=torch.float64 if placement.device != "mps" else torch.float32, device=placement.device
    )
    with computing(placement), torch.inference_mode(), autocast(placement):
        move_to_placement(network.module, placement).eval()
        batches, _ = prediction_batches(encoded, torch.arange(len(encoded)), batch_size, network.padded)
        for some, columns in zip(batches, Feed(encoded, placement.threads).batches(batches)):
            batch = network.collate(columns)
            if placement.device != "cpu":
                batch = batch.to(placement.device)
            total += problem.loss(network.module(**batch.inputs), batch.targets, spec) * len(some)
    return float(total) / len(encoded)


def _select_rows(values: Any, rows: np.ndarray) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows.tolist()]


def concatenate_rows(parts: Sequence[Any]) -> Any:
    """Rows of all batches one after another: an array where their shapes allow it, else a list of rows."""
    arrays = all(isinstance(part, np.ndarray) and part.dtype != object for part in parts)
    if arrays and len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    return [row for part in parts for row in part]
