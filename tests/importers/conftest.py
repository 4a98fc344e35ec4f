"""Import files as the command does, into a store of the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_suite.components import discovery
from bench_suite.contracts import ImportedCell
from bench_suite.imported.detection import detected, importer_named
from bench_suite.imported.run_writer import ImportFacts, write_run
from bench_suite.store.runs import Run, Store

DATA = Path(__file__).parent / "data"


@pytest.fixture
def data() -> Path:
    """The folder with the files of other tools."""
    return DATA


@pytest.fixture
def read() -> Callable[..., list[ImportedCell]]:
    """Return the cells of some files: `read("scores", path, score="points")`."""

    def of(name: str, /, *paths: Path, **options: Any) -> list[ImportedCell]:
        importer = importer_named(name)
        return list(discovery.load(importer).cells(list(paths), discovery.make_options(importer, options)))

    return of


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., Run]:
    """Return the run that an import of files or folders makes; the format is recognised."""

    def of(*paths: Path, suite: str = "imported", **options: Any) -> Run:
        importer, files = detected(paths)
        module = discovery.load(importer)
        facts = ImportFacts(suite, importer.name, files, module.ABSENT)
        return write_run(
            Store(tmp_path / "results"), module.cells(files, discovery.make_options(importer, options)), facts
        )

    return of
