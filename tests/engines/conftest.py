"""The data, the models and the trainings on which the engines are compared with the native one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench_suite.contracts import Data, Source
from bench_suite.data.splits import MemorySplit
from bench_suite.problems import regression
from bench_suite.training.clock import Clock

sys.path.insert(0, str(Path(__file__).parent))  # fresh processes import `trainings` too

from trainings import Run, load_pictures, make_reviews, models, run_engine


@pytest.fixture(scope="session")
def pictures() -> Data:
    return load_pictures()


@pytest.fixture(scope="session")
def reviews() -> Data:
    return make_reviews()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test runs in an empty folder, in which engines must not write."""
    folder = tmp_path_factory.mktemp("working_folder")
    monkeypatch.chdir(folder)
    yield
    assert [path.name for path in folder.iterdir()] == []


@pytest.fixture
def windows_of_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is a window, so that the report receives each loss."""

    def step(clock: Clock, samples: int, waited: float = 0.0) -> bool:
        clock.steps, clock.samples = clock.steps + 1, clock.samples + samples
        return True

    monkeypatch.setattr(Clock, "step", step)


@pytest.fixture
def run() -> Run:
    return run_engine


@pytest.fixture
def model_of(pictures: Data, reviews: Data) -> Callable[[str], tuple[Any, Data, dict[str, Any]]]:
    return models(pictures, reviews).__getitem__


class InMemory:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.times = 0

    def save(self, content: bytes) -> None:
        self.content, self.times = content, self.times + 1

    def load(self) -> bytes | None:
        return self.content


@pytest.fixture
def in_memory() -> Callable[[], InMemory]:
    return InMemory


@pytest.fixture(scope="session")
def table() -> Data:
    """A regression over four columns."""
    random = np.random.default_rng(0)
    splits = {}
    for name, count in {"train": 200, "validation": 40, "test": 40}.items():
        values = random.normal(size=(count, 4))
        splits[name] = MemorySplit(np.arange(count), {"table": values, "target": 3.0 + values @ np.arange(4.0)})
    spec = {"columns": ["a", "b", "c", "d"], "unit": ""}
    data = Data("regression", spec, splits, Source("generated", "line", "0"))
    return replace(data, spec={**spec, **regression.fit_spec(spec, data)})
