"""Checkpoints: when a long training is saved, and all state of a network and of the generators that it needs."""

from __future__ import annotations

import copy
import io
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Checkpoints
from bench_suite.suite.durations import seconds_of
from bench_suite.training import devices


class Timer:
    """A timer of checkpoints, which saves and loads them too."""

    def __init__(self, checkpoints: Checkpoints | None, interval: str | None) -> None:
        self.checkpoints = checkpoints if interval is not None else None
        self._interval = seconds_of(interval) if interval is not None else 0.0
        self._next = devices.perf_counter() + self._interval

    def due(self) -> bool:
        """Return whether the interval since the last checkpoint has passed; always False without an interval."""
        return self.checkpoints is not None and devices.perf_counter() >= self._next

    def save(self, state: Mapping[str, Any]) -> None:
        """Save `state` (tensors, numbers, strings, lists and mappings of them), and restart the interval."""
        assert self.checkpoints is not None
        file = io.BytesIO()
        torch.save({**state, "generators": generator_state()}, file)
        self.checkpoints.save(file.getvalue())
        self._next = devices.perf_counter() + self._interval

    def load(self) -> Mapping[str, Any] | None:
        """Return the last saved state and restore the random generators; None if there is none or it is damaged.

        Loading runs no code from the file.
        """
        content = self.checkpoints.load() if self.checkpoints is not None else None
        if content is None:
            return None
        try:
            state: Mapping[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception:  # noqa: BLE001 - a damaged file may raise anything; then training starts again
            return None
        restore_generators(state["generators"])
        return state


def generator_state() -> dict[str, Any]:
    """Return the state of the global generators that models and engines draw from."""
    kind, keys, position, gauss, cached = np.random.get_state()  # noqa: NPY002 - models and engines draw from the global generator
    version, numbers, following = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "accelerators": devices.generator_states(),
        "numpy": [kind, torch.from_numpy(np.asarray(keys, dtype=np.int64)), int(position), int(gauss), float(cached)],
        "python": [version, torch.tensor(numbers, dtype=torch.int64), following],
    }


def restore_generators(state: Mapping[str, Any]) -> None:
    """Restore the generators from a `generator_state`."""
    torch.set_rng_state(state["torch"])
    devices.set_generator_states(state["accelerators"])
    kind, keys, position, gauss, cached = state["numpy"]
    state_of_numpy = (kind, keys.numpy().astype(np.uint32), position, gauss, cached)
    np.random.set_state(state_of_numpy)  # noqa: NPY002 - models and engines draw from the global generator
    version, numbers, following = state["python"]
    random.setstate((version, tuple(numbers.tolist()), following))


# ── a network ───────────────────────────────────────────────────────────────────────────────────


def module_state(module: torch.nn.Module) -> dict[str, Any]:
    """Return the state dict of a module, and all buffers that it leaves out: those with `persistent=False`.

    A network that updates such a buffer while it trains predicts otherwise without it.
    """
    return {**dict(module.named_buffers(remove_duplicate=False)), **module.state_dict()}


def copy_state(module: torch.nn.Module) -> dict[str, Any]:
    """Return a copy of `module_state` that a further training does not change."""
    return {
        name: value.detach().clone() if isinstance(value, torch.Tensor) else copy.deepcopy(value)
        for name, value in module_state(module).items()
    }


def load_module_state(module: torch.nn.Module, state: Mapping[str, Any]) -> None:
    """Load what `module_state` returned.

    A buffer that the module has in another size, or not yet, is replaced.

    Raises:
        RuntimeError: the state belongs to another module.
    """
    with torch.no_grad():
        for name, value in state.items():
            _restore_buffer(module, name, value)
    persistent = module.state_dict().keys()
    buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    module.load_state_dict({name: value for name, value in state.items() if name in persistent or name not in buffers})


def _restore_buffer(module: torch.nn.Module, name: str, value: Any) -> None:
    """Set a buffer to a value; do nothing if the module has no buffer of this name."""
    path, _, leaf = name.rpartition(".")
    try:
        buffers = module.get_submodule(path)._buffers
    except AttributeError:
        return
    if leaf not in buffers or not isinstance(value, torch.Tensor):
        return
    current = buffers[leaf]
    if current is None or torch.nn.parameter.is_lazy(current):
        device = next((tensor.device for tensor in module.parameters()), value.device)
        buffers[leaf] = value.detach().clone().to(device)
    elif current.shape != value.shape or current.dtype != value.dtype or 0 in current.stride():
        # A buffer that was expanded has several entries in one number, so nothing can be copied into it.
        buffers[leaf] = value.detach().clone().to(current.device)
    else:
        current.copy_(value)
