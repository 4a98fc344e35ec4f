"""What all tasks owe the harness."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest

from bench_suite.data.sources import Sources
from bench_suite.data.splits import prepare

TASKS = ("mnist", "imdb", "loans", "diabetes")


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"bench_suite.tasks.{request.param}")


def test_it_loads_its_sample_without_network_and_prepares(task: ModuleType) -> None:
    data = task.load(task.Options(data="sample"), Sources(offline=True))
    assert data.problem == task.PROBLEM
    shifts = {name.removeprefix("shift:") for name in data.splits if name.startswith("shift:")}
    assert shifts == set(task.SHIFTS)
    made = prepare(data, 0.1)
    assert {"train", "validation", "test"} <= set(made.splits)
    for split in made.splits.values():
        assert len(np.unique(split.ids)) == len(split.ids) == len(split)
        assert split.in_memory
        assert set(split.groups) == set(task.GROUPS)
        taken = split.take(np.array([1, 0]))
        assert set(taken) == {task.MODALITY, "target"}
        assert len(taken[task.MODALITY]) == 2


def test_what_package_it_comes_from_is_found_without_loading(task: ModuleType) -> None:
    origin = Sources().locate_package(*task.PACKAGE)
    data = task.load(task.Options(data="sample"), Sources(offline=True))
    assert data.source.origin == origin


def test_its_options_are_the_two_that_every_task_accepts(task: ModuleType) -> None:
    assert vars(task.Options()) == {"data": "full", "groups": None}
