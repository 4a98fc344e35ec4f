"""Distributed: one training on several devices, each with a process (a rank) of its own; the one user of its library.

Every rank computes a part of each batch, and PyTorch averages the gradients. With the strategy `ddp`, every rank has
the whole network; with `fsdp`, a part of its weights, gradients and optimiser state. Rank 0 is the process that runs
the cell: it measures, evaluates and saves, and after the training it has the network.
"""

from __future__ import annotations

import copy
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh

from bench_suite.contracts import Placement
from bench_suite.training import devices

_PATIENCE = timedelta(days=7)
"How long a rank waits for another one. One that has ended is noticed at once; one that evaluates may take hours."
SHARDED_PARAMETERS = 1_000_000
"""Parameters from which a layer of the network is sharded by itself. Its weights are then gathered when it runs, and
not together with those of all others."""
_LOOPBACK = ("lo", "lo0")
"Names of the network interface by which the processes of one machine reach each other."


class Part(NamedTuple):
    """What one rank computes of a batch."""

    rows: torch.Tensor
    "Positions of the examples, (k,) int64; empty only in a private training, which draws by Poisson sampling."
    own: int
    "k; or 0 if the batch has too few examples for this rank, which then computes examples that do not count."
    samples: int
    "Examples of the whole batch."

    def share(self, ranks: int) -> float:
        """Return the factor of this rank's mean loss, with which the mean over the ranks is that over the batch."""
        return self.own * ranks / self.samples


def parts_of(batches: Sequence[torch.Tensor], placement: Placement, smallest: int = 1) -> list[Part]:
    """Return what this rank computes of each batch: every n-th example, from its own rank on.

    Args:
        batches: positions of the examples of each batch, (k,) int64.
        placement: has the rank, and the number of ranks.
        smallest: number of examples that a rank needs at least; fewer ranks share a batch that has too few.
    """
    if placement.devices == 1:
        return [Part(rows, len(rows), len(rows)) for rows in batches]
    parts = []
    for rows in batches:
        ranks = max(1, min(placement.devices, len(rows) // smallest))
        idle = placement.rank >= ranks
        mine = rows[:smallest] if idle else rows[placement.rank :: ranks]
        parts.append(Part(mine, 0 if idle else len(mine), len(rows)))
    return parts


@contextmanager
def group(placement: Placement, file: str) -> Iterator[None]:
    """Join the ranks of a training for the time of the context; it waits until all have joined.

    Args:
        placement: has the rank, the number of ranks, and the kind of device.
        file: path of a file that all ranks can write, and that does not exist before.
    """
    choose_device(placement)
    backend = "nccl" if placement.device == "cuda" else "gloo"
    with _loopback():
        # Gloo carries what concerns the processor: an evaluation of rank 0 alone may take longer than NCCL waits.
        distributed.init_process_group(
            backend if backend == "gloo" else f"cpu:gloo,{placement.device}:{backend}",
            init_method=f"file://{file}", rank=placement.rank, world_size=placement.devices, timeout=_PATIENCE,
        )  # fmt: skip
        try:
            yield
        except BaseException:
            if backend == "gloo" or placement.rank == 0:  # NCCL would wait here, and the error has to be sent
                _leave(placement, backend)
            raise
        _leave(placement, backend)


def _leave(placement: Placement, backend: str) -> None:
    """Leave the group. NCCL waits until all have left, unless it is aborted: other ranks may still be in a step."""
    if backend == "nccl" and placement.rank == 0:
        abort()
    distributed.destroy_process_group()


def abort() -> None:
    """End what this process does with the other ranks, and let each wait for them raise; any thread may call it.

    NCCL does not notice that a process of its machine has ended: its kernels wait for the timeout.
    """
    world = distributed.group.WORLD
    if world is not None:
        world.abort()


def may_be_a_lost_rank(error: Exception) -> bool:
    """Return whether an error is of a type that PyTorch raises if another rank has gone: Gloo's is a plain one."""
    return type(error) is RuntimeError or isinstance(error, distributed.DistError)


def choose_device(placement: Placement) -> None:
    """Make the device of this rank the current one of its kind."""
    if devices.has_several(placement.device):
        devices.set_current(placement.device, placement.rank)


@contextmanager
def _loopback() -> Iterator[None]:
    """Let Gloo use the interface of this machine only, unless the user has named one."""
    name, own = "GLOO_SOCKET_IFNAME", [word for _, word in socket.if_nameindex() if word in _LOOPBACK]
    if name in os.environ or not own:
        yield
        return
    os.environ[name] = own[0]
    try:
        yield
    finally:
        os.environ.pop(name, None)


def replicate(module: torch.nn.Module, placement: Placement, *, has_unused: bool) -> torch.nn.Module:
    """Return a module to call in training, whose backward pass averages the gradients over the ranks.

    Args:
        module: whose parameters it has, with the values of rank 0.
        placement: has the kind of device.
        has_unused: whether a step may leave parameters without a gradient, which PyTorch then looks for in each step.
    """
    index = [devices.current(placement.device)] if placement.device != devices.CPU else None
    return torch.nn.parallel.DistributedDataParallel(module, device_ids=index, find_unused_parameters=has_unused)


class Sharded:
    """A network whose weights are spread over the ranks with PyTorch's `fully_shard`, and its optimiser.

    The module itself waits in the memory of the host. `gather` gives it the weights, in rank 0.
    """

    def __init__(self, module: torch.nn.Module, placement: Placement) -> None:
        """Shard a copy of a module, which is on the placement's device; the module is moved to the host."""
        from torch.distributed.fsdp import fully_shard

        self.module, self.placement = module, placement
        self.network = copy.deepcopy(module)
        for weight in self.network.parameters():  # kernels in `channels_last` cannot be sharded
            weight.data = weight.data.contiguous()
        module.to(devices.CPU)
        mesh = init_device_mesh(placement.device, (placement.devices,))
        for layer in reversed([part for parent in self.network.modules() for part in _layers(parent)]):
            if sum(weight.numel() for weight in layer.parameters()) >= SHARDED_PARAMETERS:
                fully_shard(layer, mesh=mesh)
        fully_shard(self.network, mesh=mesh)
        self.optimizer: torch.optim.Optimizer | None = None

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Return the groups of the optimiser."""
        return self._optimizer.param_groups

    def step(self) -> None:
        """Step the optimiser."""
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state of the optimiser, by the names of the parameters; all ranks call it together."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict

        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        return dict(get_optimizer_state_dict(self.network, self._optimizer, options=options))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load the state of the optimiser, and the weights of the module; all ranks call it together."""
        from torch.distributed.checkpoint.state_dict import (
            StateDictOptions,
            set_model_state_dict,
            set_optimizer_state_dict,
        )

        options = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self.network, self.module.state_dict(), options=options)
        set_optimizer_state_dict(self.network, self._optimizer, dict(state_dict), options=options)

    def gather(self) -> None:
        """Give the module the weights of all ranks, and move it to the device in rank 0; all ranks call it together."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state = get_model_state_dict(self.network, options=options)
        if self.placement.rank == 0:
            self.module.load_state_dict(state)
            self.module.to(self.placement.device)

    def release(self) -> None:
        """Move the module to the host again."""
        self.module.to(devices.CPU)

    @property
    def _optimizer(self) -> torch.optim.Optimizer:
        assert self.optimizer is not None
        return self.optimizer


def _layers(parent: torch.nn.Module) -> list[torch.nn.Module]:
    """Return the parts of a module that run one after another: those of a list or a sequence."""
    return list(parent.children()) if isinstance(parent, torch.nn.ModuleList | torch.nn.Sequential) else []


def add_up(value: torch.Tensor) -> None:
    """Replace a tensor by the sum over the ranks."""
    distributed.all_reduce(value)


def copy_from_first(module: torch.nn.Module) -> None:
    """Give a module the weights and buffers that it has in rank 0, as `DistributedDataParallel` does."""
    with torch.no_grad():
        for value in module.state_dict().values():
            if isinstance(value, torch.Tensor):
                first = value.detach().clone(memory_format=torch.contiguous_format)
                distributed.broadcast(first, src=0)
                if not torch.equal(first, value):
                    value.copy_(first)


def from_first(value: Any) -> Any:
    """Return what rank 0 passes; other ranks wait for it. The value is pickled."""
    values = [value]
    distributed.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]
