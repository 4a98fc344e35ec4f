"""Checkpoints: how often a long training is saved, and all that it needs to go on bit for bit."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping
from time import monotonic
from typing import Any

import numpy as np
import torch

from bench_suite.contracts import Checkpoints
from bench_suite.suite.durations import seconds_of


class Timer:
    """Says when the next checkpoint is due."""

    def __init__(self, checkpoints: Checkpoints | None, interval: str | None) -> None:
        self.checkpoints = checkpoints if interval is not None else None
        self._interval = seconds_of(interval) if interval is not None else 0.0
        self._next = monotonic() + self._interval

    def due(self) -> bool:
        """Whether the interval has passed since the last checkpoint; never where none are asked for."""
        return self.checkpoints is not None and monotonic() >= self._next

    def save(self, state: Mapping[str, Any]) -> None:
        """Save what `state` holds (tensors, numbers, strings, lists and mappings of them), and start anew."""
        assert self.checkpoints is not None
        file = io.BytesIO()
        torch.save({**state, "generators": generator_state()}, file)
        self.checkpoints.save(file.getvalue())
        self._next = monotonic() + self._interval

    def load(self) -> Mapping[str, Any] | None:
        """What was saved last; None where nothing was, or it cannot be read. No code is run by reading it.

        The state of the random generators is put back too.
        """
        content = self.checkpoints.load() if self.checkpoints is not None else None
        if content is None:
            return None
        try:
            state: Mapping[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception:  # noqa: BLE001 - a damaged file fails as its bytes will have it: training begins anew
            return None
        restore_generators(state["generators"])
        return state


def generator_state() -> dict[str, Any]:
    """The state of the global generators that models and engines draw from."""
    kind, keys, position, gauss, cached = np.random.get_state()  # noqa: NPY002 - the global one is what is drawn from
    version, numbers, following = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "numpy": [kind, torch.from_numpy(np.asarray(keys, dtype=np.int64)), int(position), int(gauss), float(cached)],
        "python": [version, torch.tensor(numbers, dtype=torch.int64), following],
    }


def restore_generators(state: Mapping[str, Any]) -> None:
    """Put back what `generator_state` gave."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    kind, keys, position, gauss, cached = state["numpy"]
    state_of_numpy = (kind, keys.numpy().astype(np.uint32), position, gauss, cached)
    np.random.set_state(state_of_numpy)  # noqa: NPY002 - the global one is what models and engines draw from
    version, numbers, following = state["python"]
    random.setstate((version, tuple(numbers.tolist()), following))
