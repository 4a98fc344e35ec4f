"""Baselines: which files of a run are kept, and which run a name refers to."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.baselines import (
    Baseline,
    IncompleteBaseline,
    NoBaseline,
    base_run,
    baselines,
    damaged_baselines,
    head_run,
    set_baseline,
)
from bench_suite.comparison.compare import compare
from bench_suite.contracts import MetricRow, Predictions, ProbeRow, Record
from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Run, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def run_of(store: Store, suite: str = "nlp", status: Any = "ok", **info: Any) -> Run:
    time.sleep(0.002)  # the millisecond of the start determines the order of runs
    run = store.create(suite, info)
    where = run.add_environment({"hardware": {"cpu": "a"}})
    stored = Predictions("test", np.arange(3), {"targets": np.arange(3)})
    rows = tuple(run.write_predictions("a", split, replace(stored, split=split)) for split in ("train", "test"))
    metrics = (MetricRow("q/x", 0.5, "u", "higher"),)
    with run.writer() as writer:
        writer.write(
            Record(run.name, suite, "a", "", {}, {}, status, metrics=metrics, artifacts=rows, environment=where)
        )
    run.write_summaries([MetricRow("all/x", 1.0, "u", "none")], [])
    return run


def test_a_baseline_is_a_copy_that_a_comparison_reads_like_the_run(store: Store) -> None:
    run = run_of(store, title="a title")
    baseline = set_baseline(store, run)
    assert baseline.run.path == store.root / "baselines" / "nlp"
    assert (baseline.suite, baseline.run.info, baseline.run.name) == ("nlp", run.info, run.name)
    (record,), (original,) = baseline.run.records(), run.records()
    assert [row.name for row in record.artifacts] == ["predictions/test"]
    assert replace(record, artifacts=()) == replace(original, artifacts=())
    assert baseline.run.read_predictions(record.artifacts[0]).split == "test"
    assert baseline.run.environment(record.environment) == {"hardware": {"cpu": "a"}}
    assert baseline.run.summaries() == run.summaries()
    files = [path for path in baseline.run.path.rglob("*") if path.is_file()]
    assert baseline.size == sum(len(path.read_bytes()) for path in files)
    assert len(files) == 5
    assert (baseline.run.path / "run.json").read_bytes() == (run.path / "run.json").read_bytes()


def test_damaged_predictions_are_left_out_of_a_baseline(store: Store) -> None:
    run = run_of(store)
    for path in run.path.glob("cells/*/*.parquet"):
        path.write_bytes(b"torn")
    with pytest.raises(IncompleteBaseline, match=r"predictions-test\.parquet cannot be read"):
        set_baseline(store, run)
    assert baselines(store) == []
    assert [record.artifacts for record in set_baseline(store, run, partial=True).run.records()] == [()]


def test_what_is_no_baseline_says_why(store: Store) -> None:
    with pytest.raises(StoreError, match="is a smoke run, which is never compared\n  run it without --smoke"):
        set_baseline(store, run_of(store, smoke=True))
    with pytest.raises(StoreError, match="has no cell that ended well: there is nothing to compare with"):
        set_baseline(store, run_of(store, status="failed"))
    assert baselines(store) == []


def test_baselines_are_listed_by_suite_without_half_written_ones(store: Store) -> None:
    assert baselines(store) == []
    stored = [set_baseline(store, run_of(store, suite)) for suite in ("vision", "nlp")]
    half = store.root / "baselines" / ".nlp.1-abc"
    half.mkdir()
    (half / "run.json").write_bytes((stored[0].run.path / "run.json").read_bytes())
    (store.root / "baselines" / "other").mkdir()
    listed = baselines(store)
    assert all(isinstance(baseline, Baseline) for baseline in listed)
    assert [(baseline.suite, baseline.run.path, baseline.size) for baseline in listed] == [
        (baseline.suite, baseline.run.path, baseline.size) for baseline in reversed(stored)
    ]


def test_a_folder_that_is_a_run_comes_before_a_baseline_of_its_name(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run_of(store), run_of(store)
    set_baseline(store, first)
    assert base_run(store, "nlp", "other").name == first.name
    for name in ("nlp", "latest"):
        second.path.rename(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        assert head_run(store, name).name == second.name
        (tmp_path / name).rename(second.path)
    second.path.rename(tmp_path / "nlp")
    assert base_run(store, "nlp", "other").name == second.name


def test_the_latest_base_is_the_newest_earlier_run_of_the_suite_that_is_no_smoke_run(store: Store) -> None:
    first, second = run_of(store), run_of(store)
    run_of(store, smoke=True)
    other = run_of(store, "vision")
    assert base_run(store, "latest", "nlp").name == second.name
    assert base_run(store, "latest", "nlp", other).name == second.name
    assert base_run(store, "latest", "nlp", second).name == first.name
    assert base_run(store, "latest", "vision").name == other.name
    with pytest.raises(NoBaseline, match=r"there is no earlier run of nlp in .*\n  make one with: bench run nlp"):
        base_run(store, "latest", "nlp", first)
    with pytest.raises(NoBaseline, match=r"nlp has no baseline in .*baselines\n  set one with: bench baseline set RUN"):
        base_run(store, "baseline", "nlp")
    assert base_run(store, first.name, "nlp").name == first.name
    assert head_run(store, "latest").name == other.name


def test_the_newest_run_is_the_newest_that_is_no_smoke_run(runs) -> None:
    whole, smoke = runs.of(0.9), runs.of(0.9, smoke=True)
    assert head_run(runs.store, "latest").name == whole.name
    assert head_run(runs.store, smoke.name).name == smoke.name
    shutil.rmtree(whole.path)
    assert head_run(runs.store, "latest").name == smoke.name, "refused with its reason, not as a run that is not there"


def test_a_baseline_holds_what_a_comparison_needs_and_nothing_else(runs) -> None:
    run = runs.of(0.9, 0.9)
    run.write_predictions("mlp0", "train", runs.predictions(0.9))
    head = runs.of(0.8, 0.8, noise=5)
    baseline = set_baseline(runs.store, run)
    files = sorted(
        path.relative_to(baseline.run.path).as_posix() for path in baseline.run.path.rglob("*") if path.is_file()
    )
    assert [name for name in files if "environments" not in name] == [
        "cells/mlp0/predictions-test.parquet", "cells/mlp1/predictions-test.parquet", "records/00001.jsonl", "run.json",
    ]  # fmt: skip
    assert compare(baseline.run, head).rows == compare(run, head).rows
    assert [listed.suite for listed in baselines(runs.store)] == ["s"]
    assert baseline.size < 200_000


def test_a_newer_baseline_takes_the_place_of_the_older_and_leaves_nothing_behind(runs) -> None:
    set_baseline(runs.store, runs.of(0.9, 0.9))
    second = runs.of(0.8)
    set_baseline(runs.store, second)
    assert base_run(runs.store, "baseline", "s").name == second.name
    assert [path.name for path in (runs.store.root / "baselines").iterdir()] == ["s"]


def test_a_base_is_found_by_word_name_and_run(runs) -> None:
    first, second = runs.of(0.9), runs.of(0.9)
    with pytest.raises(NoBaseline, match="bench baseline set RUN") as error:
        base_run(runs.store, "baseline", "s")
    assert error.value.exit_status == 4
    set_baseline(runs.store, first)
    assert base_run(runs.store, "s", "s").name == first.name
    assert base_run(runs.store, "latest", "s").name == second.name
    assert base_run(runs.store, "latest", "s", before=second).name == first.name
    with pytest.raises(NoBaseline, match="no earlier run of s"):
        base_run(runs.store, "latest", "s", before=first)
    with pytest.raises(NoBaseline, match="no earlier run of t"):
        base_run(runs.store, "latest", "t")
    with pytest.raises(StoreError, match='did you mean "baseline"'):
        base_run(runs.store, "basline", "s")


@pytest.mark.parametrize("info", [{"smoke": True}, {}])
def test_a_run_that_says_nothing_is_no_baseline(runs, info: dict[str, bool]) -> None:
    run = runs.make([(runs.cell(status="failed", reason="no memory"), None)], **info)
    with pytest.raises(StoreError, match=r"smoke run|no cell that ended well"):
        set_baseline(runs.store, run)


@pytest.mark.parametrize("renames", [0, 1, 2], ids=["before the first", "between the two", "after both"])
def test_a_kill_at_any_rename_keeps_the_old_baseline_or_has_the_new_one(
    store: Store, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    old, new = run_of(store), run_of(store)
    set_baseline(store, old)
    child = os.fork()
    if child == 0:
        rename, count = Path.rename, []

        def killed(path: Path, target: Path) -> Path:
            if len(count) == renames:
                os._exit(9)
            count.append(path)
            return rename(path, target)

        monkeypatch.setattr(Path, "rename", killed)
        monkeypatch.setattr("shutil.rmtree", lambda *_, **__: os._exit(9))
        set_baseline(store, new)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    expected = new if renames == 2 else old
    assert base_run(store, "baseline", "nlp").name == expected.name
    assert [baseline.run.name for baseline in baselines(store)] == [expected.name]
    assert base_run(store, "baseline", "nlp").records()[0].artifacts
    set_baseline(store, new)
    assert base_run(store, "baseline", "nlp").name == new.name
    assert sorted(path.name for path in (store.root / "baselines").iterdir()) == ["nlp"], "leftovers are removed"


FAILED = {"status": "failed", "reason": "oh\nno"}
INCOMPLETE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a cell failed": ({"planned": {"a": "x", "b": "y"}}, FAILED, "y: failed: oh$"),
    "a probe failed": ({}, {"probes": {"q": ProbeRow("failed", "k", "no")}}, "probe q failed: no"),
    "a cell was not run": ({"planned": {"a": "x", "b": "y", "c": "z"}}, {}, "z: not run"),
    "an old run lacks a cell": ({"cells": 3}, {}, "1 of 3 cells: not run"),
    "an old run has all its cells, and one failed": ({"cells": 2}, FAILED, r"lacks:\n  [^\n]*failed: oh\nrun the"),
    "a part was asked for": ({"only": ["model=mlp"]}, {}, "a part of its suite: .*model=mlp"),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_an_incomplete_run_replaces_no_baseline_unless_it_is_accepted(store: Store, case: str) -> None:
    info, changes, message = INCOMPLETE[case]
    good = set_baseline(store, run_of(store)).run.name
    run = run_of(store, **info)
    with run.writer() as writer:
        writer.write(replace(run.records()[0], id="b", artifacts=(), **changes))
    with pytest.raises(IncompleteBaseline, match=f"(?m){message}"):
        set_baseline(store, run)
    assert base_run(store, "baseline", "nlp").name == good
    set_baseline(store, run, partial=True)
    assert base_run(store, "baseline", "nlp").name == run.name


def test_a_damaged_record_makes_a_run_incomplete(store: Store) -> None:
    run = run_of(store)
    with (run.path / "records" / "00001.jsonl").open("a") as file:
        file.write('{"run": 5}\n')
    with pytest.raises(IncompleteBaseline, match=r"records/00001\.jsonl, line 2, field run: it must be text, and is 5"):
        set_baseline(store, run)


def test_a_damaged_baseline_costs_its_own_suite_only(store: Store) -> None:
    run, other = run_of(store), run_of(store, "vision")
    set_baseline(store, run)
    damaged = set_baseline(store, other).run.path / "run.json"
    damaged.write_text('{"run": ["x"]}')
    assert [baseline.suite for baseline in baselines(store)] == ["nlp"]
    assert base_run(store, "baseline", "nlp").name == run.name
    assert base_run(store, "latest", "nlp").name == run.name
    with pytest.raises(StoreError, match=r"baseline of vision is damaged(.|\n)*line 1, field run"):
        base_run(store, "baseline", "vision")
    assert damaged_baselines(store).keys() == {"vision"}
    set_baseline(store, other)
    assert base_run(store, "baseline", "vision").name == other.name


def test_an_incomplete_baseline_lists_some_gaps_and_counts_the_others() -> None:
    gaps = [f"gap {number}" for number in range(100)]
    shown = [line.strip() for line in str(IncompleteBaseline("RUN", gaps)).splitlines()]
    listed = [line for line in shown if line.startswith("gap ")]
    assert listed == gaps[: len(listed)]
    assert f"and {len(gaps) - len(listed)} more" in shown
    assert "more" not in str(IncompleteBaseline("RUN", gaps[: len(listed)]))
