"""Requirements that the harness places on every task."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bench_suite.contracts import DataInvalid, DataUnavailable
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources

TASKS = ("mnist", "imdb", "loans", "diabetes", "digits", "breast_cancer")
"Those of which a package ships a sample, or all."
ALIKE = (*TASKS, "cifar10", "cifar100", "fashion_mnist", "imagenet")


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"bench_suite.tasks.{request.param}")


def test_it_loads_its_sample_without_network_and_prepares(task: ModuleType) -> None:
    data = task.load(task.Options(data="sample"), Sources(offline=True))
    assert data.problem == task.PROBLEM
    shifts = {name.removeprefix("shift:") for name in data.splits if name.startswith("shift:")}
    assert shifts == set(task.SHIFTS)
    prepared = prepare(data, 0.1)
    assert {"train", "validation", "test"} <= set(prepared.splits)
    for split in prepared.splits.values():
        assert len(np.unique(split.ids)) == len(split.ids) == len(split)
        assert split.in_memory
        assert set(split.groups) == set(task.GROUPS)
        taken = split.take(np.array([1, 0]))
        assert set(taken) == {task.MODALITY, "target"}
        assert len(taken[task.MODALITY]) == 2


def test_the_classes_that_it_states_are_those_of_its_data(task: ModuleType) -> None:
    data = task.load(task.Options(data="sample"), Sources(offline=True))
    assert tuple(data.spec.get("classes", ())) == getattr(task, "CLASSES", ())


def test_what_package_it_comes_from_is_found_without_loading(task: ModuleType) -> None:
    location = Sources().locate_package(*task.PACKAGE)
    data = task.load(task.Options(data="sample"), Sources(offline=True))
    assert data.source.origin == str(location)


@pytest.mark.parametrize("name", ALIKE)
def test_its_options_are_those_that_every_task_accepts_and_its_own(name: str) -> None:
    task = importlib.import_module(f"bench_suite.tasks.{name}")
    own = {"cifar100": {"labels": "fine"}, "imagenet": {"size": 224, "crop": 0.875}}
    assert vars(task.Options()) == {"data": "full", "groups": None, **own.get(name, {})}


@pytest.mark.parametrize("name", [name for name in ALIKE if name != "loans"])  # loans has attributes, and reads them
def test_an_attribute_that_it_does_not_have_is_refused_before_anything_is_read(name: str) -> None:
    task = importlib.import_module(f"bench_suite.tasks.{name}")
    with pytest.raises(DataInvalid, match="no group `age` in this task"):
        task.load(task.Options(groups=("age",)), Sources(offline=True))


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist", "imagenet"])
def test_a_sample_that_no_package_ships_is_refused_before_a_cell_is_spent(name: str) -> None:
    task = importlib.import_module(f"bench_suite.tasks.{name}")
    task.check(task.Options())
    with pytest.raises(ValueError, match=f'no package ships a sample of {name}; use data = "full"'):
        task.check(task.Options(data="sample"))


@pytest.mark.parametrize("name", ["mnist", "imdb", "cifar10", "cifar100", "fashion_mnist", "imagenet"])
def test_where_the_full_set_is_not_here_the_command_to_get_it_is_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    task = importlib.import_module(f"bench_suite.tasks.{name}")
    with pytest.raises(DataUnavailable, match=f"download --repo-type dataset {task.HUB} --local-dir") as raised:
        task.load(task.Options(), Sources(offline=True))
    assert str(tmp_path) not in str(raised.value)
