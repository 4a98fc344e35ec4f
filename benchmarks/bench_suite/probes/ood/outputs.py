"""Outputs: the logits of a network for some examples of a split, and the inputs of its last linear layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bench_suite.contracts import BenchError, Network, Trained
from bench_suite.data.loader import Feed
from bench_suite.training import devices
from bench_suite.training.batching import prediction_batches
from bench_suite.training.precision import autocast, computing, move_to_placement

NO_LAYER = (
    "the network has no last linear layer that takes one vector for each example and returns as many numbers as there "
    "are classes, so it has no features"
)


@dataclass(frozen=True)
class Outputs:
    """What a network computes for some examples."""

    logits: np.ndarray
    "(n, classes) float32, before the softmax."
    features: np.ndarray | None
    "(n, d) float32: what the last linear layer receives; None if there is no such layer."


@dataclass
class _Calls:
    """The inputs of the linear layers, in the order in which they ran."""

    inputs: list[tuple[nn.Linear, torch.Tensor]]

    def features(self, outputs: torch.Tensor) -> torch.Tensor | None:
        """Return the input of the last layer that may have made these outputs (k, classes); None if none may."""
        for layer, values in reversed(self.inputs):
            if layer.out_features == outputs.shape[1]:
                return values if values.ndim == 2 and len(values) == len(outputs) else None
        return None


def outputs_of(
    trained: Trained, split: str, rows: np.ndarray, on_progress: Callable[[int], None] | None = None
) -> Outputs:
    """Return the outputs of the cell's network for some examples, in the order of `rows`.

    A compiled network runs uncompiled here, since compiled code does not call hooks.

    Args:
        trained: a cell with a network.
        split: name of the split.
        rows: (n,) int64, positions in the split.
        on_progress: called with the number of examples that are done.

    Raises:
        BenchError: the problem refuses the outputs, or they are not finite.
    """
    network, placement = trained.network, trained.placement
    assert network is not None
    encoded = trained.encoded(split)
    batch_size = int(trained.options["evaluate"]["batch_size"])
    positions = torch.as_tensor(rows, dtype=torch.int64)
    batches, back = prediction_batches(encoded, positions, batch_size, network.padded)
    logits: list[np.ndarray] = []
    features: list[np.ndarray] | None = []
    with computing(placement), torch.inference_mode(), autocast(placement), _uncompiled():
        move_to_placement(network.module, placement).eval()
        for examples in Feed(encoded, placement.threads).batches(batches):
            outputs, values = _outputs_of_batch(network, trained, examples)
            logits.append(outputs)
            features = None if features is None or values is None else [*features, values]
            if on_progress is not None:
                on_progress(sum(map(len, logits)))
    order = np.arange(len(rows)) if back is None else back.numpy()
    return Outputs(np.concatenate(logits)[order], None if features is None else np.concatenate(features)[order])


def _outputs_of_batch(
    network: Network, trained: Trained, examples: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray | None]:
    batch = devices.move(network.collate(examples), trained.placement.device)
    with _linear_layers(network.module) as calls:
        outputs = network.module(**batch.inputs)
    check: Any = getattr(trained.problem, "check_outputs", None)
    if check is not None:
        check(outputs, trained.data.spec)
    values = calls.features(outputs)
    logits = outputs.float().cpu().numpy()
    if not np.isfinite(logits).all():
        raise BenchError(f"{int((~np.isfinite(logits)).sum())} outputs of the network are not finite numbers")
    return logits, None if values is None else values.float().cpu().numpy()


@contextmanager
def _linear_layers(module: nn.Module) -> Iterator[_Calls]:
    """Record the inputs of all linear layers that are called within the context."""
    calls = _Calls([])

    def record(layer: nn.Module, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        assert isinstance(layer, nn.Linear)
        calls.inputs.append((layer, arguments[0] if arguments else named["input"]))

    handles = [
        part.register_forward_pre_hook(record, with_kwargs=True)
        for part in module.modules()
        if isinstance(part, nn.Linear)
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _uncompiled() -> Iterator[None]:
    """Run compiled modules as if they were not compiled."""
    with torch.compiler.set_stance("force_eager"):
        yield
