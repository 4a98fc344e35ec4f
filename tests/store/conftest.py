"""A folder of runs, and an empty run in it."""

from pathlib import Path

import pytest

from bench_suite.store.runs import Run, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def run(store: Store) -> Run:
    return store.create("nlp", {"report": {"sort": "quality/accuracy"}})
