"""Predictions of a network on a whole split, and its mean loss there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Evaluation, Network, Placement, Problem
from bench_suite.data.encoded import Encoded
from bench_suite.data.loader import Feed
from bench_suite.training import devices
from bench_suite.training.batching import prediction_batches
from bench_suite.training.compiling import begin_step
from bench_suite.training.first_batch import CheckedLoss
from bench_suite.training.precision import autocast, computing, move_to_placement


def predict(
    network: Network,
    problem: Problem,
    encoded: Encoded,
    evaluation: Evaluation,
    placement: Placement,
    rows: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return the columns of `problem.predict` for a split.

    If the network pads, rows of similar length share a batch. The module stays in evaluation mode.

    Args:
        network: module, encoding and collation.
        problem: whose `predict` is called for each batch.
        encoded: the split.
        evaluation: batch size, spec and options of the problem.
        placement: device, threads and precision.
        rows: (k,) int64 positions to predict, in this order; None: all rows.

    Returns:
        Arrays with one row for each example, or a list of k rows if their shapes differ.
    """
    positions = torch.arange(len(encoded)) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
    batches, back = prediction_batches(encoded, positions, evaluation.batch_size, network.padded)
    parts: list[Mapping[str, Any]] = []
    with computing(placement), torch.inference_mode(), autocast(placement):
        move_to_placement(network.module, placement).eval()
        for examples in Feed(encoded, placement.threads).batches(batches):
            batch = network.collate(examples)
            begin_step(placement)
            batch = devices.move(batch, placement.device)
            parts.append(problem.predict(network, batch, evaluation))
    columns = {name: concatenate_rows([part[name] for part in parts]) for name in (parts[0] if parts else {})}
    if back is None:
        return columns
    return {name: _select_rows(values, back.numpy()) for name, values in columns.items()}


def prepare_prediction(
    network: Network,
    problem: Problem,
    encoded: Encoded,
    evaluation: Evaluation,
    placement: Placement,
    rows: np.ndarray,
) -> Callable[[], Mapping[str, Any]]:
    """Return a function that predicts `rows` ((k,) int64) as one batch that is already on the device, for timing.

    Its result is on the CPU, so a GPU has finished when it returns. It uses the threads that PyTorch has at the call.
    The module is put into evaluation mode at once.
    """
    move_to_placement(network.module, placement).eval()
    batch = network.collate(encoded.take(torch.as_tensor(rows, dtype=torch.int64, device=encoded.device)))
    batch = devices.move(batch, placement.device)

    def predict_batch() -> Mapping[str, Any]:
        begin_step(placement)
        with torch.inference_mode(), autocast(placement):
            return problem.predict(network, batch, evaluation)

    return predict_batch


def mean_loss(
    network: Network,
    problem: Problem,
    encoded: Encoded,
    batch_size: int,
    spec: Mapping[str, Any],
    placement: Placement,
) -> float:
    """Return the mean of the problem's loss over all rows of `encoded`; the module stays in evaluation mode.

    Raises:
        BenchError: `Problem.check_outputs` refuses the outputs, such as those of a `LightningModule` whose own
            `training_step` reads them.
    """
    loss = CheckedLoss(problem.loss, problem)
    total = torch.zeros(
        (),
        dtype=torch.float64 if devices.supports_float64(placement.device) else torch.float32,
        device=placement.device,
    )
    with computing(placement), torch.inference_mode(), autocast(placement):
        move_to_placement(network.module, placement).eval()
        batches, _ = prediction_batches(encoded, torch.arange(len(encoded)), batch_size, network.padded)
        for rows, columns in zip(batches, Feed(encoded, placement.threads).batches(batches)):
            batch = network.collate(columns)
            begin_step(placement)
            batch = devices.move(batch, placement.device)
            total += loss(network.module(**batch.inputs), batch.targets, spec) * len(rows)
    return float(total) / len(encoded)


def _select_rows(values: Any, rows: np.ndarray) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows.tolist()]


def concatenate_rows(parts: Sequence[Any]) -> Any:
    """Return the rows of all batches: one array if their shapes allow it, else a list of rows."""
    arrays = all(isinstance(part, np.ndarray) and part.dtype != object for part in parts)
    if arrays and len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    return [row for part in parts for row in part]
