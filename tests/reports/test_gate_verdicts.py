"""What the gates of a run say: by their bounds, against the baseline, and why not."""

import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.comparison.baselines import set_baseline
from bench_suite.contracts import Record
from bench_suite.reports.gate_verdicts import COLUMN, headline, verdicts_of, with_changes
from bench_suite.reports.leaderboard import leaderboard_table, reading
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run, Store

Make = Callable[..., Run]
Make_record = Callable[..., Record]
BOUND = {"quality/accuracy": {"min": 0.85}}
TOLERANCE = {"quality/accuracy": {"min": 0.85, "tolerance": 0.05}}


@pytest.fixture
def pair(make_run: Make, record: Make_record) -> Callable[..., Run]:
    """Return a run whose baseline has the models `same` and `worse` with an accuracy of 0.9 ± 0.005."""

    def make(worse: float, gate: dict[str, Any] | None = None, **head: Any) -> Run:
        def records(value: float) -> list[Record]:
            return [
                record(model="same", seed=seed, half_width=0.005) for seed in (0, 1, 2)
            ] + [record(model="worse", seed=seed, accuracy=value, half_width=0.005) for seed in (0, 1, 2)]  # fmt: skip

        base = make_run(*records(0.9), gate=gate or {})
        set_baseline(Store(base.path.parent), base)
        return make_run(*records(worse), *head.pop("more", ()), gate=gate or {}, **head)

    return make


def test_bounds_are_judged_without_a_baseline(make_run: Make, record: Make_record) -> None:
    run = make_run(record(model="a"), record(model="b", accuracy=0.5), gate=BOUND)
    verdicts = verdicts_of(run)
    assert (verdicts.base, verdicts.stated, headline(verdicts)) == ("none", True, "1 failed, 1 passed")
    worst = verdicts.gates[0]
    assert (worst.verdict, worst.gate, worst.where) == ("failed", "quality/accuracy", "imdb, b")
    assert "lies outside min 0.85" in worst.evidence


def test_a_tolerance_waits_for_a_baseline(make_run: Make, record: Make_record) -> None:
    verdicts = verdicts_of(make_run(record(), gate={"quality/accuracy": {"tolerance": 0.01}}))
    assert [one.verdict for one in verdicts.gates] == ["not judged"]


def test_a_tolerance_is_judged_against_the_baseline_beside_the_bound(pair: Callable[..., Run]) -> None:
    run = pair(0.7, TOLERANCE)
    verdicts = verdicts_of(run)
    assert verdicts.base == "compared"
    assert [(one.verdict, one.where) for one in verdicts.gates] == [
        ("regressed", "imdb, worse"),
        ("failed", "imdb, worse"),
        ("passed", "imdb, same"),
        ("not worse than the tolerance", "imdb, same"),
    ]
    assert re.match(r"0\.900 → 0\.700, difference −0\.200 \[.*\], allowed −0\.050", verdicts.gates[0].evidence)


def test_the_run_of_the_baseline_is_not_compared_with_itself(make_run: Make, record: Make_record) -> None:
    run = make_run(record(), gate=BOUND)
    set_baseline(Store(run.path.parent), run)
    assert (verdicts_of(run).base, verdicts_of(run).comparison) == ("itself", None)


def test_a_damaged_baseline_has_its_reason(pair: Callable[..., Run]) -> None:
    run = pair(0.9, BOUND)
    (run.path.parent / "baselines" / "nlp" / "run.json").write_text("{")
    verdicts = verdicts_of(run)
    assert verdicts.base == "not compared"
    assert "damaged" in verdicts.reason
    assert headline(verdicts) == "2 passed"


def test_a_baseline_without_a_common_cell_has_its_reason(make_run: Make, record: Make_record) -> None:
    base = make_run(record(model="other"))
    set_baseline(Store(base.path.parent), base)
    verdicts = verdicts_of(make_run(record()))
    assert verdicts.base in ("not compared", "compared")
    assert verdicts.reason or (verdicts.comparison is not None and verdicts.comparison.uncompared)


def test_smoke_runs_are_not_judged(make_run: Make, record: Make_record) -> None:
    verdicts = verdicts_of(make_run(record(smoke=True), smoke=True, gate=BOUND))
    assert (verdicts.base, verdicts.gates) == ("smoke run", ())


def test_a_gate_that_cannot_be_read_is_a_reason(make_run: Make, record: Make_record) -> None:
    verdicts = verdicts_of(make_run(record(), gate={"quality/accuracy": {"min": "x"}}))
    assert verdicts.gates == ()
    assert "cannot be read" in verdicts.reason


def test_gates_for_other_cells_are_left_out(make_run: Make, record: Make_record) -> None:
    gate = {"quality/accuracy": [{"min": 0.85, "only": {"model": ["other"]}}]}
    assert verdicts_of(make_run(record(), gate=gate)).gates == ()


def test_a_board_has_the_change_of_the_ranking_metric_since_the_baseline(
    pair: Callable[..., Run], record: Make_record
) -> None:
    run = pair(0.7, more=[record(model="new", accuracy=0.95, seed=seed) for seed in (0, 1, 2)])
    comparison = verdicts_of(run).comparison
    assert comparison is not None
    before = tables([run])
    [table] = with_changes(before, comparison)
    assert [column.reference for column in table.columns].count(COLUMN) == 1
    change = next(column for column in table.columns if column.reference)
    values = {row.model: row.values[change] for row in table.rows}
    assert values["worse"].verdict == "worse"
    assert values["worse"].value == pytest.approx(-0.2)
    assert values["same"].verdict == "no difference found"
    assert values["new"].value is None
    assert values["new"].reason is not None
    text = re.sub(r" +", " ", leaderboard_table(table))
    assert f"quality/<br>accuracy ↑<br>− {COLUMN} |" in text
    assert re.search(r"−0\.200 ± 0\.0\d+ worse p<\.001", text)
    assert f"− {COLUMN}" in reading([table])
    assert "− MODEL" not in reading([table])
    assert f"− {COLUMN}" not in reading(before)


def test_a_changed_gate_has_its_verdict_in_the_board(pair: Callable[..., Run]) -> None:
    run = pair(0.7, TOLERANCE)
    comparison = verdicts_of(run).comparison
    assert comparison is not None
    [table] = with_changes(tables([run]), comparison)
    change = next(column for column in table.columns if column.reference)
    assert {row.model: row.values[change].verdict for row in table.rows} == {
        "same": "not worse than the tolerance",
        "worse": "regressed",
    }
    assert all(row.values[change].p is None for row in table.rows)


def test_a_run_in_another_folder_has_the_baseline_of_that_folder(pair: Callable[..., Run], tmp_path: Any) -> None:
    run = pair(0.9, BOUND)
    moved = tmp_path / "elsewhere" / run.path.name
    shutil.copytree(run.path, moved)
    assert verdicts_of(Run(moved)).base == "none"
