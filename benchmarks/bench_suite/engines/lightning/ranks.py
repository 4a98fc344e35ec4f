"""A training on several devices in Lightning's `Trainer`, whose processes the suite has started and joined."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bench_suite.contracts import Placement
from bench_suite.training.fitting import Fitting
from bench_suite.training.lightning_modules import has_own_step


def environment(package: Any, placement: Placement) -> Any:
    """Return the plugin that tells Lightning which process this is, so that it takes no task of a Slurm job for one."""
    local = import_module(f"{package.__name__}.plugins.environments").LightningEnvironment
    if placement.devices == 1:
        return local()
    plugin = type(RanksOfSuite.__name__, (RanksOfSuite, local), {})()
    plugin.placement = placement
    return plugin


class RanksOfSuite:
    """The environment of a training whose ranks the suite has started and joined; a mixin of Lightning's own."""

    placement: Placement
    creates_processes_externally = True

    def world_size(self) -> int:
        """Return the number of ranks."""
        return self.placement.devices

    def global_rank(self) -> int:
        """Return the rank of this process."""
        return self.placement.rank

    def local_rank(self) -> int:
        """Return the rank of this process on this machine, which has all of them."""
        return self.placement.rank

    def node_rank(self) -> int:
        """Return 0: there is one machine."""
        return 0


def strategy(package: Any, run: Fitting) -> Any:
    """Return how Lightning trains on the devices of a placement."""
    if run.placement.devices == 1:
        return "auto"
    strategies = import_module(f"{package.__name__}.strategies")
    own = has_own_step(run.model)
    # A user's step cannot be tried before the training, so PyTorch looks for unused parameters in each step.
    return strategies.DDPStrategy(find_unused_parameters=own or run.has_unused_parameters())
