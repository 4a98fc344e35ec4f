"""The data of a task are read for a page only if they are here, quick to read, and those of the run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench_suite.reports.html import item_data
from bench_suite.reports.html.item_data import DataReader
from bench_suite.store.runs import Run

COLUMNS: dict[str, Any] = {"targets": np.array([0]), "predictions": np.array([0])}


def read(run: Run) -> item_data.TestData:
    return DataReader().read(run, run.records()[0])


@pytest.fixture(scope="module")
def digits(runs_of_examples: SimpleNamespace) -> tuple[Any, dict[str, Any]]:
    return runs_of_examples.load("digits")


def test_the_test_split_of_the_run_is_read_with_the_names_of_the_classes(
    runs_of_examples: SimpleNamespace, tmp_path: Path, digits: tuple[Any, dict[str, Any]]
) -> None:
    data, options = digits
    models = {"a": runs_of_examples.wrong_answers(data, {}, 10)}
    known = read(runs_of_examples.example_run(tmp_path, "digits", models, data=data, options=options))
    assert known.split is not None
    assert np.array_equal(known.split.ids, data.splits["test"].ids)
    assert (known.classes, known.reason) == (tuple("0123456789"), "")


def test_data_that_differ_from_those_of_the_run_are_not_shown(
    runs_of_examples: SimpleNamespace, tmp_path: Path, digits: tuple[Any, dict[str, Any]]
) -> None:
    run = runs_of_examples.example_run(tmp_path, "digits", {"a": {**COLUMNS, "ids": [1]}}, options=digits[1])
    known = read(run)
    assert (known.split, known.reason) == (None, "the data on this machine are not those of the run")
    assert known.classes == tuple("0123456789")  # the task states them


def test_data_that_are_not_on_this_machine_have_the_command_that_gets_them(
    runs_of_examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    run = runs_of_examples.example_run(
        tmp_path, "cifar10", {"a": {**COLUMNS, "ids": [1]}}, options={"data": "full", "groups": None}
    )
    assert read(run).reason.startswith("the data are not on this machine: ")


def test_large_data_and_those_of_smoke_runs_are_not_read(
    runs_of_examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("data were read")

    monkeypatch.setattr(item_data, "_load", refuse)
    models = {"a": {**COLUMNS, "ids": [1]}}
    large = {"name": "d", "fingerprint": "f", "train": 160_000, "test": 10_000, "shift:x": 5}
    run = runs_of_examples.example_run(tmp_path / "large", "digits", models, stated=large)
    assert read(run).reason == "the data have 170,005 examples, and a page reads up to 100,000"
    run = runs_of_examples.example_run(tmp_path / "smoke", "digits", models, smoke=True)
    assert read(run).reason == "a smoke run changes its data"


def test_a_task_that_is_a_file_is_never_run(runs_of_examples: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('it ran')\n")
    run = runs_of_examples.example_run(tmp_path, str(tmp_path / "mine.py"), {"a": {**COLUMNS, "ids": [1]}})
    assert "does not run" in read(run).reason


def test_an_error_of_a_task_is_a_reason_and_no_error_of_the_report(
    runs_of_examples: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("disk <b>on</b> fire\nsecond line")

    monkeypatch.setattr(item_data, "_load", fail)
    run = runs_of_examples.example_run(tmp_path, "digits", {"a": {**COLUMNS, "ids": [1]}})
    assert read(run).reason == "the data cannot be read: RuntimeError: disk <b>on</b> fire"


def test_data_are_read_once_and_not_after_others_took_too_long(
    runs_of_examples: SimpleNamespace,
    tmp_path: Path,
    digits: tuple[Any, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, options = digits
    models = {name: runs_of_examples.wrong_answers(data, {}, 10) for name in "ab"}
    run = runs_of_examples.example_run(tmp_path, "digits", models, data=data, options=options)
    reads = []
    original = item_data._load
    monkeypatch.setattr(item_data, "_load", lambda *one: (reads.append(one), original(*one))[1])
    reader = DataReader()
    assert [reader.read(run, record).reason for record in run.records()] == ["", ""]
    assert len(reads) == 1
    late = DataReader(spent=item_data.MAX_SECONDS + 1)
    assert late.read(run, run.records()[0]).reason == "reading the data of the other tasks took too long"
