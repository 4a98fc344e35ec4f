"""Claims about the change of a leaderboard since baselines or another run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench_suite.comparison.baselines import set_baseline
from bench_suite.comparison.compare import compare
from bench_suite.contracts import BenchError, Record
from bench_suite.reports.changes import with_changes_since
from bench_suite.reports.gate_verdicts import COLUMN, with_changes
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.ranking import Leaderboard
from bench_suite.reports.table import standings
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run, Store

Make = Callable[..., Run]
Make_record = Callable[..., Record]


@pytest.fixture
def make(make_run: Make, record: Make_record) -> Callable[[float], Run]:
    """Return a function that makes a run of the models `same` and `other`, the latter with the given accuracy."""

    def run(accuracy: float) -> Run:
        same = [record(model="same", seed=seed, half_width=0.005) for seed in (0, 1, 2)]
        return make_run(
            *same, *(record(model="other", seed=seed, accuracy=accuracy, half_width=0.005) for seed in (0, 1, 2))
        )

    return run


def test_the_change_since_the_baseline_is_in_the_table_and_in_markdown(make):
    base, run = make(0.9), make(0.7)
    set_baseline(Store(base.path.parent), base)
    notes: list[str] = []
    ranking = with_changes_since(standings([run]), [run], None, notes.append)
    (column,) = [column for column in ranking.tables[0].columns if column.reference == COLUMN]
    values = {row.model: row.values[column] for row in ranking.tables[0].rows}
    assert values["other"].value == pytest.approx(-0.2)
    assert (values["other"].verdict, values["same"].verdict) == ("worse", "no difference found")
    assert f"− {COLUMN}" in leaderboard([run], ranking)
    text = terminal_table([run], 120, ranking)
    assert f"− {COLUMN}" in text
    assert "change since that run" in text
    assert "− MODEL" not in text
    assert not notes


def test_a_suite_without_a_baseline_has_no_such_column_and_is_not_compared(make, monkeypatch):
    run = make(0.7)
    monkeypatch.setattr("bench_suite.reports.changes.compare", lambda *_: pytest.fail("nothing is to be compared"))
    ranking = standings([run])
    assert with_changes_since(ranking, [run], None, pytest.fail) is ranking


def test_the_baseline_itself_has_no_change(make):
    base = make(0.9)
    set_baseline(Store(base.path.parent), base)
    ranking = standings([base])
    assert with_changes_since(ranking, [base], None, pytest.fail) is ranking


def test_another_run_can_be_named_and_a_wrong_name_is_an_error(make):
    first, run = make(0.9), make(0.8)
    board = Leaderboard.of([run], against=first.name)
    frame = board.frame()
    change = frame[(frame["reference"] == first.name) & (frame["model"] == "other")]
    assert change["value"].item() == pytest.approx(-0.1)
    assert "since that run, over the same test examples" in board.markdown()
    with pytest.raises(BenchError, match="no run 'nope'"):
        Leaderboard.of([run], against="nope")


def test_a_damaged_baseline_is_a_note_and_costs_no_leaderboard(make):
    base, run = make(0.9), make(0.7)
    (set_baseline(Store(base.path.parent), base).run.path / "run.json").write_text("{")
    board = Leaderboard.of([run])
    assert [column.reference for column in board.tables[0].columns] == [""] * len(board.tables[0].columns)
    assert all("not compared" in note for note in board.notes)


@pytest.mark.parametrize("against", ["", "  "])
def test_an_empty_name_is_an_error_and_no_baseline(make, against):
    base, run = make(0.9), make(0.7)
    set_baseline(Store(base.path.parent), base)
    with pytest.raises(BenchError, match="--against is empty"):
        Leaderboard.of([run], against=against)


def test_a_run_is_not_compared_with_itself_and_says_so(make):
    run, later = make(0.9), make(0.7)
    with pytest.raises(BenchError, match=f"{run.name} is the run to compare with"):
        Leaderboard.of([run], against=run.name)
    notes: list[str] = []
    with_changes_since(standings([run, later]), [run, later], run.name, notes.append)
    assert notes == [f"{run.name} is not compared: {run.name} is the run to compare with"]


def test_a_model_called_like_the_run_keeps_its_column(make_run, record):
    def run(accuracy: float) -> Run:
        models = {"latest": accuracy, "b": 0.8}
        return make_run(*(record(model=name, seed=s, accuracy=models[name]) for name in models for s in (0, 1)))

    first, second = run(0.9), run(0.7)
    (table,) = standings([second], "latest").tables
    (changed,) = with_changes([table], compare(first, second), reference="latest")
    assert len({*changed.columns} - {*table.columns}) == 1
    for before, after in zip(table.rows, changed.rows):
        assert {column: after.values[column] for column in table.columns} == dict(before.values)


def test_a_row_of_several_runs_has_no_change(make_run, record):
    base = make_run(*(record(model=model, seed=seed) for model in "ab" for seed in (0, 1)))
    set_baseline(Store(base.path.parent), base)
    first = make_run(*(record(model=model, seed=0) for model in "ab"))
    second = make_run(record(model="a", seed=1, accuracy=0.5))
    rows = standings([first, second]).tables[0].rows
    assert {row.model: len({cell.run for cell in row.cells}) for row in rows} == {"a": 2, "b": 1}
    changed = with_changes_since(standings([first, second]), [first, second], None, pytest.fail).tables[0]
    (column,) = [column for column in changed.columns if column.reference == COLUMN]
    reasons = {row.model: row.values[column].note for row in changed.rows}
    assert "several runs" in reasons["a"]
