"""Agreement of ranks: before the first step, all processes of a training read the same examples in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench_suite.contracts import BenchError, Placement
from bench_suite.data.encoded import Encoded
from bench_suite.data.ragged import Ragged
from bench_suite.training import distributed

_COMPARED = 32
"Number of examples that the ranks of a training compare, before it begins."
_TOLERANCE = 1e-2
"Relative difference above which they are different ones: a frozen encoder may round differently on another device."


def agree_with_first(seed: int, examples: Encoded, module: torch.nn.Module, placement: Placement) -> int:
    """Return the seed of rank 0, so that all ranks draw the same order; with `fsdp`, give them its weights too.

    A probe that draws numbers when the training begins would else change the order in rank 0 only.

    Args:
        seed: the seed that this rank has drawn.
        examples: the training examples, as this rank encodes them.
        module: the network, on the device of this rank.
        placement: the devices and the strategy of the training.

    Raises:
        BenchError: this rank reads other examples than rank 0.
    """
    rows = torch.arange(min(_COMPARED, len(examples)), device=examples.device)
    own = _summary(examples.take(rows))
    seed, first = distributed.from_first((seed, own))
    if own.shape != first.shape or not torch.allclose(own, first, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise BenchError(
            "the processes of the devices encode the same examples differently, so they cannot train one network: "
            "`build` and `encode` must depend on the data, the options and the seed only (the order of a set of "
            "strings, for one, differs between processes: sort it)"
        )
    if placement.strategy == "fsdp":
        distributed.copy_from_first(module)
    return int(seed)


def _summary(columns: Mapping[str, Any]) -> torch.Tensor:
    """Return a few numbers by which encoded columns are compared, float64; they depend on the order of the values."""
    sums = []
    for values in columns.values():
        tensor = values.values if isinstance(values, Ragged) else values
        if isinstance(tensor, torch.Tensor):
            flat = tensor.detach().cpu().double().flatten()
            sums += [flat.abs().sum(), (flat * (1.0 + torch.arange(len(flat)) % 97)).sum()]
    return torch.stack(sums) if sums else torch.zeros(0, dtype=torch.float64)
