"""First batch: initialise lazy layers, check what `forward` returns, and find randomness in evaluation mode."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from bench_suite.contracts import Data, Network, Problem
from bench_suite.data.encoded import encoded
from bench_suite.data.splits import Subset
from bench_suite.training.augmentation import Loss

LAZY_ROWS = 2
"Examples with which lazy layers are initialised."


def initialise_lazy_layers(network: Network, data: Data) -> None:
    """Give lazy layers, such as `nn.LazyLinear`, their shapes and initial weights, by a pass of two train examples.

    Everything after `build` needs the weights: the optimiser, weights that are loaded, and counts of parameters. A
    network without lazy layers is not run.
    """
    module = network.module
    if not any(is_lazy(tensor) for tensor in chain(module.parameters(), module.buffers())):
        return
    train = data.splits["train"]
    rows = np.arange(min(LAZY_ROWS, len(train)))
    batch = encoded(network, Subset(train, rows)).batch(network, torch.from_numpy(rows))
    training = [(part, part.training) for part in module.modules()]
    module.eval()  # batch normalisation then updates no statistics
    with torch.no_grad():
        module(**batch.inputs)
    for part, mode in training:
        part.training = mode


class CheckedLoss:
    """A loss that checks the first output of the network with `Problem.check_outputs`, and costs nothing later.

    A wrong shape often raises an error that does not name its cause, or none: a squared error of (k, 1) and (k,) is
    that of all pairs.
    """

    def __init__(self, loss: Loss, problem: Problem) -> None:
        self._loss = loss
        self._check = getattr(problem, "check_outputs", None)

    def __call__(self, outputs: Any, targets: Any, spec: Mapping[str, Any]) -> torch.Tensor:
        """Return the loss.

        Raises:
            BenchError: the first outputs have another type or shape than the problem needs.
        """
        if self._check is not None:
            self._check(outputs, spec)
            self._check = None
        return self._loss(outputs, targets, spec)
