"""Which runs `last:N` takes and which it skips, and what it says about both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench_suite.comparison.base_runs.last_runs import LastRuns, last_runs
from bench_suite.comparison.baselines import base_for, base_run
from bench_suite.comparison.preconditions import NoBaseline, check_common
from bench_suite.contracts import BenchError, ProbeRow

MAIN = {"commit": "a" * 40, "branch": "main", "dirty": False}


def git(**changes: Any) -> dict[str, Any]:
    return {"git": {**MAIN, **changes}}


def test_the_newest_runs_of_the_main_branch_before_head_are_taken(runs) -> None:
    first, second, third = (runs.of(0.9, **git(branch=branch)) for branch in ("main", "master", None))
    head = runs.of(0.9, **git(branch="feature"))
    runs.of(0.9, **git())
    base = base_for(runs.store, "last:2", head)
    assert isinstance(base, LastRuns)
    assert [run.name for run in base.runs] == [third.name, second.name]
    assert base.name == f"last:2 ({second.name} … {third.name})"
    assert [run.name for run in last_runs(runs.store, "last:5", "s", before=head).runs][-1] == first.name


def test_runs_that_are_no_state_of_the_branch_are_skipped_with_their_reason(runs) -> None:
    runs.of(0.9, **git())
    cells = [(runs.cell(), runs.predictions(0.9))]
    skipped = {
        runs.of(0.9, **git(branch="feature")).name: ("other branch", "feature"),
        runs.of(0.9, **git(dirty=True)).name: ("dirty", ""),
        runs.of(0.9, **git(), resumed_git=[{**MAIN, "commit": "b" * 40}]).name: ("several commits", ""),
        runs.of(0.9, **git(), resumed_git=[{**MAIN, "dirty": True}]).name: ("dirty", ""),
        runs.of(0.9, **git(), only=["model=mlp"]).name: ("partial", "--only model=mlp"),
        runs.of(0.9, **git(), planned={"mlp0": "a", "mlp1": "b"}).name: ("partial", "1 of 2 cells missing"),
        runs.make([(runs.cell(1, status="failed", reason="it raised"), None), *cells], **git()).name: (
            "failed", "mlp1",
        ),
        runs.make([(runs.cell(probes={"quality": ProbeRow("failed", "k", "no")}), None)], **git()).name: (
            "failed", "quality in mlp0",
        ),
        runs.of(0.9, **git(), overrides=["train.epochs=9"]).name: ("other --set", ""),
    }  # fmt: skip
    runs.of(0.9, **git(), smoke=True)
    runs.of(0.9, **git(), overrides=["report.columns=[]"])
    base = last_runs(runs.store, "last:3", "s")
    taken = [listed.run for listed in base.listed if listed.skipped is None]
    assert len(taken) == 2
    assert {one.run: (one.skipped, one.detail) for one in base.listed if one.skipped} == skipped
    notes = list(base.notes())
    assert notes[0].startswith("base: the mean of 2 runs, not 3: there are no more: ")
    assert f"{taken[0]} (aaaaaaa, main)" in notes[0]
    feature = next(iter(skipped))
    assert f"skipped: 1 of another branch: {feature} (feature)" in notes
    assert len([note for note in notes if "with uncommitted changes" in note]) == 1


def test_runs_of_one_set_are_the_base_of_runs_of_that_set(runs) -> None:
    names = [runs.of(0.9, **git(), overrides=["train.epochs=9"]).name for _ in "12"]
    runs.of(0.9, **git())
    head = runs.of(0.9, **git(), overrides=["train.epochs=9"])
    base = base_for(runs.store, "last:2", head)
    assert [run.name for run in base.runs] == names[::-1]


def test_another_branch_can_be_named(runs) -> None:
    names = [runs.of(0.9, **git(branch="release/1.x")).name for _ in "12"]
    runs.of(0.9, **git())
    base = base_run(runs.store, "last:2@release/1.x", "s")
    assert [run.name for run in base.runs] == names[::-1]


def test_too_few_runs_are_no_baseline_and_the_message_says_what_to_do(runs) -> None:
    with pytest.raises(NoBaseline, match=r"^last:5: there is no earlier run of s on main or master in ") as error:
        base_run(runs.store, "last:5", "s")
    assert error.value.exit_status == 4
    dirty = runs.of(0.9, **git(dirty=True))
    runs.of(0.9, **git())
    with pytest.raises(NoBaseline) as error:
        base_run(runs.store, "last:5", "s")
    lines = str(error.value).splitlines()
    assert "there is only one earlier run of s" in lines[0]
    assert lines[1] == f"  skipped: 1 with uncommitted changes: {dirty.name}"
    assert lines[2].startswith(
        f"  make runs of that branch with: bench run s --results {runs.store.root}; or compare with one run: --against"
    )
    assert len(base_run(runs.store, "last:1", "s").runs) == 1, "one run is the comparison with it"


@pytest.mark.parametrize("name", ["last:0", "last:x", "last:", "last:-1", "last:2@", "last:1e3", "last:101", "last:٥"])
def test_a_word_of_another_form_is_refused_with_the_right_one(runs, name: str) -> None:
    with pytest.raises(
        BenchError, match="write last:N, the newest N runs of the main branch, with N from 1 to 100"
    ) as e:
        base_run(runs.store, name, "s")
    assert e.value.exit_status == 2


def test_skipped_runs_of_one_reason_are_counted_from_the_sixth_on(runs) -> None:
    names = [runs.of(0.9, **git()).name for _ in "12"]
    for _ in range(7):
        runs.of(0.9, **git(dirty=True))
    base = last_runs(runs.store, "last:2", "s")
    (note,) = [note for note in base.notes() if note.startswith("skipped")]
    assert note.startswith("skipped: 7 with uncommitted changes: ")
    assert note.endswith(", 2 more")
    assert [run.name for run in base.runs] == names[::-1]


def test_a_base_has_the_cells_of_its_runs(runs) -> None:
    for _ in "12":
        runs.of(0.9, **git())
    base = last_runs(runs.store, "last:2", "s")
    check_common(base, ["mlp0"])
    with pytest.raises(BenchError, match=r"^last:2 \(.* … .*\) has none of these cells"):
        check_common(base, ["cnn0"])
    assert len(base.records()) == 2
    assert replace(base, runs=base.runs[:1]).damages == ()
