"""Tasks that are made of arrays, to be checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from bench_suite.contracts import Data, Source
from bench_suite.data.checks.checked_task import CheckedTask
from bench_suite.data.fingerprint import content_ids
from bench_suite.data.splits import MemorySplit

MakeTask = Callable[..., CheckedTask]


@pytest.fixture
def make_task() -> MakeTask:
    """Return `make_task(modality, splits)`, with splits of (inputs, targets) or (inputs, targets, groups)."""

    def make(
        modality: str, splits: Mapping[str, tuple[Any, ...]], *, classes: tuple[str, ...] | None = ("no", "yes"),
        columns: tuple[str, ...] | None = None, options: Mapping[str, Any] | None = None,
    ) -> CheckedTask:  # fmt: skip
        sizes = np.cumsum([0, *(len(part[0]) for part in splits.values())])
        joined = [part[0] for part in splits.values()]
        whole = [row for part in joined for row in part] if modality == "text" else np.concatenate(joined)
        ids = content_ids(whole)
        members = {
            name: MemorySplit(
                ids[a:b], {modality: part[0], "target": np.asarray(part[1])}, part[2] if len(part) > 2 else {}
            )
            for (name, part), a, b in zip(splits.items(), sizes, sizes[1:])
        }
        spec: dict[str, Any] = {"classes": classes} if classes else {}
        if modality == "table":
            spec["columns"] = columns or tuple(f"c{number}" for number in range(joined[0].shape[1]))
        problem = "classification" if classes else "regression"
        return CheckedTask("mine", Data(problem, spec, members, Source("generated", "mine", "0")), options or {})

    return make


@pytest.fixture
def random() -> np.random.Generator:
    """Return a generator with a fixed seed."""
    return np.random.default_rng(20)
