"""Costs of examples: the operations of a network for each of some examples, counted alone and without padding."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch

from bench_suite.contracts import Batch, Network, Placement, Trained
from bench_suite.data.encoded import Encoded, LazyEncoded
from bench_suite.training import flops
from bench_suite.training.inputs import spread_rows
from bench_suite.training.precision import computing, move_to_placement


@dataclass(frozen=True)
class Cost:
    """The operations for one example."""

    forward: int
    training: int
    frozen: int
    "Operations of the part that runs within `encode`."
    uncounted: tuple[str, ...]
    "Names of operators that are not counted."


def costs_of(trained: Trained, network: Network, examples: int) -> list[Cost]:
    """Return the cost of each example in a sample of the test split; examples of the same shape are counted once.

    Args:
        trained: the cell.
        network: its network.
        examples: size of the sample, which is spread evenly over the split.
    """
    split = trained.data.splits["test"]
    placement = trained.placement
    by_shape: dict[Hashable, Cost] = {}
    costs = []
    with computing(placement):
        move_to_placement(network.module, placement)
        for row in spread_rows(split, examples).tolist():
            with torch.no_grad(), flops.count_flops() as frozen:
                columns = LazyEncoded(network, split).take(torch.tensor([row]))
            one = _batch(network, columns, [0], placement)
            key = (frozen.flops, _shape(one))
            if key not in by_shape:
                forward = flops.forward(network.module, one, placement)
                # Two copies, since batch normalisation rejects a single example, and copies need no padding.
                training = flops.training(
                    network.module,
                    _batch(network, columns, [0, 0], placement),
                    lambda outputs, targets: trained.problem.loss(outputs, targets, trained.data.spec),
                    placement,
                )
                uncounted = tuple(dict.fromkeys(frozen.uncounted + forward.uncounted + training.uncounted))
                by_shape[key] = Cost(forward.flops, training.flops // 2, frozen.flops, uncounted)
            costs.append(by_shape[key])
    return costs


def _batch(network: Network, columns: dict[str, object], rows: Sequence[int], placement: Placement) -> Batch:
    examples = Encoded(columns)
    return examples.batch(network, torch.tensor(rows, device=examples.device)).to(placement.device)


def _shape(batch: Batch) -> Hashable:
    """Return what determines the cost: the shapes, and the sums of lengths and masks among the inputs."""

    def part(value: torch.Tensor) -> Hashable:
        integers = value.dtype in (torch.int32, torch.int64, torch.bool)
        lengths_or_mask = integers and value.numel() and (value.ndim == 1 or int(value.max()) <= 1)
        return tuple(value.shape), int(value.sum()) if lengths_or_mask else None

    return tuple((name, part(value)) for name, value in batch.inputs.items())


def uncounted_note(costs: Sequence[Cost]) -> str:
    """Return the note about operators that are not counted; empty if there are none."""
    uncounted = dict.fromkeys(name for cost in costs for name in cost.uncounted)
    return f"; not counted, since their size is unknown: {', '.join(uncounted)}" if uncounted else ""
