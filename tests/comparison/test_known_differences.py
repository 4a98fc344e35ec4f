"""Differences that an earlier command has found are read, unless anything that they depend on has changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.comparison.conftest import Runs

from bench_suite.comparison import between, known_differences
from bench_suite.comparison.between import Configuration, PairedDifference, PredictionCache
from bench_suite.comparison.known_differences import differences
from bench_suite.contracts import Interval, MetricRow
from bench_suite.store.derived import FOLDER, Derived
from bench_suite.store.runs import Run

ACCURACY = ("quality/accuracy", ())
PAIRS = [(0, 1), (0, 2), (1, 2)]
SHARES = {"a": (0.80, 0.81), "b": (0.83, 0.84), "c": (0.83, 0.84)}


def configurations(run: Run) -> list[Configuration]:
    """Return a configuration for each model of a run, which is opened anew."""
    run = Run(run.path)
    models = dict.fromkeys(record.cell["model"] for record in run.records())
    return [
        Configuration(model, tuple((run, record) for record in run.records() if record.cell["model"] == model))
        for model in models
    ]


@pytest.fixture
def run(runs: Runs) -> Run:
    return runs.make([
        (runs.cell(seed, model), runs.predictions(share, seed))
        for model, shares in SHARES.items()
        for seed, share in enumerate(shares)
    ])  # fmt: skip


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the files of predictions that were read."""
    files: list[str] = []
    original = Run.read_predictions

    def counted(self: Run, row: Any) -> Any:
        files.append(row.file)
        return original(self, row)

    monkeypatch.setattr(Run, "read_predictions", counted)
    return files


def find(run: Run, **options: Any) -> list[PairedDifference]:
    return differences(configurations(run), PAIRS, [ACCURACY], **options)


def files_of(run: Run) -> list[Path]:
    return sorted((run.path / FOLDER).glob("*"))


def test_they_are_found_once_and_equal_those_that_are_computed(run: Run, reads: list[str]) -> None:
    computed = between.differences(configurations(run), PAIRS, [ACCURACY])
    reads.clear()
    assert find(run) == computed
    assert len(reads) == 6
    reads.clear()
    known = find(run)
    assert reads == []
    assert known == computed
    assert {one.row.verdict for one in known} == {"better", "no difference found"}


def test_without_the_file_they_are_found_again(run: Run, reads: list[str]) -> None:
    first = find(run)
    shutil.rmtree(run.path / FOLDER)
    reads.clear()
    assert find(run) == first
    assert len(reads) == 6


def change_predictions(run: Run) -> None:
    """Write predictions again, and set the time back to that before."""
    record = run.records()[0]
    path = run.path / record.artifacts[0].file
    status = path.stat()
    content = path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def change_record(run: Run) -> None:
    record = run.records()[0]
    row = record.metrics[0]
    with run.writer() as writer:
        writer.write(replace(record, metrics=(replace(row, n=1999), *record.metrics[1:])))


def remove_predictions(run: Run) -> None:
    (run.path / run.records()[0].artifacts[0].file).unlink()


def change_machine(run: Run) -> None:
    (path,) = (run.path / "environments").iterdir()
    path.write_text(json.dumps({"hardware": {"cpu": "another", "usable_cores": 2}}))


@pytest.mark.parametrize("change", [change_predictions, change_record, remove_predictions, change_machine])
def test_a_change_of_what_they_depend_on_leads_to_a_new_computation(
    run: Run, reads: list[str], change: Callable[[Run], None]
) -> None:
    find(run)
    change(run)
    reads.clear()
    assert find(run) == between.differences(configurations(run), PAIRS, [ACCURACY])
    assert reads
    assert len(files_of(run)) <= 2, "a newer answer replaces the older one"


@pytest.mark.parametrize(("name", "value"), [("VERSION", -1), ("__version__", "0"), ("_sources", list)])
def test_another_version_of_the_program_finds_them_again(
    run: Run, reads: list[str], monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    find(run)
    monkeypatch.setattr(known_differences, name, value)
    reads.clear()
    find(run)
    assert len(reads) == 6
    assert len(files_of(run)) == 1


def test_other_questions_have_other_answers(run: Run, reads: list[str]) -> None:
    find(run)
    reads.clear()
    (one,) = differences(configurations(run), [(1, 0)], [ACCURACY])
    assert (one.base, one.head) == (1, 0)
    assert reads
    swapped = differences(configurations(run)[::-1], PAIRS, [ACCURACY])
    assert swapped == between.differences(configurations(run)[::-1], PAIRS, [ACCURACY])


HOSTILE: list[Any] = [
    {}, 1, "text", [1], [[]], [[0, 1, 0]], [[0, 1, 0, *[None] * 26]], [[5, 1, 0, *[1] * 26]],
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_what_has_not_the_form_of_differences_is_ignored(run: Run, reads: list[str], value: Any) -> None:
    first = find(run)
    (path,) = files_of(run)
    digest = path.read_bytes().split()[0].decode()
    Derived(run.path).write(path.stem, digest, value)
    reads.clear()
    assert find(run) == first
    assert len(reads) == 6


def test_each_field_is_checked(run: Run) -> None:
    first = find(run)
    plain = known_differences._to_plain(first, [ACCURACY])
    assert known_differences._from_plain(plain, PAIRS, [ACCURACY]) == first
    for position in range(len(plain[0])):
        for other in ({}, [[]], ["x"], b""):
            changed = [[*plain[0][:position], other, *plain[0][position + 1 :]]]
            assert known_differences._from_plain(changed, PAIRS, [ACCURACY]) is None, position


def test_an_error_of_reading_is_not_remembered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = run.path / run.records()[0].artifacts[0].file
    content = path.read_bytes()
    path.write_bytes(b"damaged")
    notes = [one.row.note for one in find(run)]
    assert any("readable" in note for note in notes)
    assert files_of(run) == []
    path.write_bytes(content)
    assert find(run) == between.differences(configurations(run), PAIRS, [ACCURACY])


def test_a_file_that_changes_meanwhile_is_not_remembered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    original = between.differences

    def slow(*arguments: Any, **options: Any) -> list[PairedDifference]:
        computed = original(*arguments, **options)
        change_predictions(run)
        return computed

    monkeypatch.setattr(between, "differences", slow)
    find(run)
    assert files_of(run) == []


def test_predictions_in_memory_are_read_again_once_their_file_changed(run: Run, reads: list[str]) -> None:
    cache = PredictionCache()
    find(run, cache=cache)
    shutil.rmtree(run.path / FOLDER)
    change_predictions(run)
    reads.clear()
    find(run, cache=cache)
    assert len(reads) == 1


def test_rows_without_predictions_are_compared_each_time(runs: Runs) -> None:
    row = MetricRow("quality/accuracy", 0.8, "fraction", "higher", interval=Interval(0.7, 0.9), n=500)
    run = runs.make([(runs.cell(seed, model, metrics=(row,)), None) for model in "abc" for seed in (0, 1)])
    assert find(run) == between.differences(configurations(run), PAIRS, [ACCURACY])
    assert files_of(run) == []


def test_a_metric_of_a_file_outside_the_program_is_computed_each_time(
    run: Run, runs: Runs, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = runs.make(
        [(runs.cell(seed, model), runs.predictions(0.8, seed)) for model in "abc" for seed in (0, 1)],
        metric_files={"quality/accuracy": {"file": "accuracy.py", "hash": "0"}},
    )
    find(named, trust=True)
    assert files_of(named) == []
    find(named)
    assert len(files_of(named)) == 1


def test_several_runs_store_them_beside_the_newest(runs: Runs, reads: list[str]) -> None:
    both = [runs.make([(runs.cell(s, m), runs.predictions(0.8, s)) for s in (0, 1)]) for m in "ab"]
    older, newest = sorted(both, key=lambda run: (run.info["started"], run.name))
    rows = [configuration for run in both for configuration in configurations(run)]
    first = differences(rows, [(0, 1)], [ACCURACY])
    assert (len(files_of(older)), len(files_of(newest))) == (0, 1)
    reads.clear()
    rows = [configuration for run in both for configuration in configurations(run)]
    assert differences(rows, [(0, 1)], [ACCURACY]) == first
    assert reads == []
