"""The test data of a task, read on this machine if that is quick: what its examples look like, and names of classes.

They are read as a run reads them, without a network, and only if they are the data that the record names. A task that a
suite names by file is foreign code, so a report does not run it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_suite.components import discovery
from bench_suite.contracts import BenchError, DataUnavailable, Record, Split, describe_error
from bench_suite.reports.canonical_json import as_json
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    from bench_suite.contracts import Data

MAX_EXAMPLES = 100_000
"""Examples in all splits of a task whose data are read for a page: 0.3 s for MNIST if a run on this machine has left
its images in the cache, and about 5 s if it has not."""
MAX_SECONDS = 5.0
"After the data of some tasks took longer than this, those of further tasks are not read."


@dataclass(frozen=True)
class TestData:
    """The test split of a task, or why it is not here."""

    split: Split | None
    spec: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    "Names of the classes, which may be known without the data."
    reason: str = ""
    "Why there is no split; empty if there is one."

    __test__ = False  # it is no test, whatever its name


@dataclass
class DataReader:
    """Reads the data of the tasks of one page, each once, and no more after `MAX_SECONDS`."""

    spent: float = 0.0
    _read: dict[str, TestData] = field(default_factory=dict)

    def read(self, run: Run, record: Record) -> TestData:
        """Return the test data of a record.

        Args:
            run: its run.
            record: one of its cells.
        """
        key = as_json([record.cell.get("task"), record.options.get("task"), record.data.get("fingerprint")])
        if key not in self._read:
            began = time.monotonic()
            self._read[key] = self._test_data(run, record)
            self.spent += time.monotonic() - began
        return self._read[key]

    def _test_data(self, run: Run, record: Record) -> TestData:
        label = str(record.cell.get("task"))
        use = str(((run.info.get("components") or {}).get("task") or {}).get(label) or label)
        if discovery.is_path(use):
            return TestData(None, {}, reason="the task is a file of the suite, which a report does not run")
        try:
            component = discovery.find("tasks", use, Path())
        except BenchError as error:
            return TestData(None, {}, reason=str(error).splitlines()[0])
        classes = tuple(str(name) for name in component.words("CLASSES"))
        size = sum(count for name, count in record.data.items() if isinstance(count, int) and _is_split(name))
        if record.smoke:
            return TestData(None, {}, classes, "a smoke run changes its data")
        if not record.data.get("fingerprint"):
            return TestData(None, {}, classes, "the record does not name its data")
        if size > MAX_EXAMPLES:
            reason = f"the data have {size:,} examples, and a page reads up to {MAX_EXAMPLES:,}"
            return TestData(None, {}, classes, reason)
        if self.spent > MAX_SECONDS:
            return TestData(None, {}, classes, "reading the data of the other tasks took too long")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = _load(component, record)
            if not _is_same(data, record):
                return TestData(None, {}, classes, "the data on this machine are not those of the run")
            names = tuple(str(name) for name in data.spec.get("classes") or classes)
            return TestData(data.splits["test"], data.spec, names)
        except DataUnavailable as error:
            command = f": {error.command}" if error.command else ""
            return TestData(None, {}, classes, f"the data are not on this machine{command}")
        except BenchError as error:
            return TestData(None, {}, classes, f"the data cannot be read: {str(error).splitlines()[0]}")
        except Exception as error:  # noqa: BLE001 - a task may be of another program, and no error of it ends a report
            return TestData(None, {}, classes, f"the data cannot be read: {describe_error(error).splitlines()[0]}")


def _is_split(name: str) -> bool:
    return name in ("train", "validation", "test") or name.startswith("shift:")


def _load(component: discovery.Component, record: Record) -> Data:
    from bench_suite.data.cache import Cache
    from bench_suite.data.sources import Sources

    options = discovery.make_options(component, record.options.get("task") or {})
    data: Data = discovery.load(component).load(options, Sources(offline=True, cache=Cache()))
    return data


def _is_same(data: Data, record: Record) -> bool:
    """Return whether the test split is that of the record, whatever the suite did to train."""
    from bench_suite.data.splits import fingerprints_of

    stated = (record.data.get("fingerprints") or {}).get("test")
    if not stated:
        return bool(data.source.fingerprint == record.data["fingerprint"])
    own = fingerprints_of({"test": data.splits["test"]}, data.source.preparation)
    return own.get("test", {}).get("examples") == stated.get("examples")
