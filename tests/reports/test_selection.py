"""Configurations of a model are chosen on validation, and a table that ranks them by test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.pairwise import matrices
from bench_suite.reports.table import tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run

Make = Callable[..., Run]
MakeRecord = Callable[..., Record]
RATE = "train.learning_rate"


def sweep(make_run: Make, record: MakeRecord, losses: dict[float, float | None], **info: Any) -> Run:
    """Return a run of a sweep: the rate 0.1 is best on test; `losses` are those on validation, by rate."""
    accuracies = {0.001: 0.85, 0.01: 0.88, 0.1: 0.95}
    cells = []
    for rate, loss in losses.items():
        for seed in range(2):
            known = record(model="mlp", axes={RATE: rate}, accuracy=accuracies[rate], seed=seed)
            reason = "there is no validation split" if loss is None else None
            row = MetricRow("validation/log_loss", loss, "nats", "lower", reason, kind="single")
            cells.append(Record(**{**vars(known), "metrics": (*known.metrics, row)}))
    return make_run(*cells, record(model="trees", accuracy=0.8), **info)


def test_the_configuration_is_chosen_on_validation_and_its_test_value_stands_once(
    make_run: Make, record: MakeRecord
) -> None:
    losses: dict[float, float | None] = {0.001: 0.5, 0.01: 0.3, 0.1: 0.4}
    run = sweep(make_run, record, losses, report={"select": "validation/log_loss"})
    (table,) = tables([run])
    assert [row.label for row in table.rows] == [f"mlp ({RATE}=0.01)", "trees"]
    assert table.rows[0].chosen == "chosen by validation/log_loss among 3 configurations"
    assert table.rows[1].chosen == ""
    assert table.notes == ()
    assert [column.name for column in table.columns][-1] == "validation/log_loss"
    assert table.sort is not None
    assert table.sort.name == "quality/accuracy"
    for text in (" ".join(shown.split()) for shown in (leaderboard([run]), terminal_table([run], 80))):
        assert "chosen by validation/log_loss among 3 configurations" in text
        assert "0.950" not in text  # the best on test was not chosen


def test_configurations_are_compared_with_one_another_although_one_is_chosen(
    make_run: Make, record: MakeRecord
) -> None:
    run = sweep(make_run, record, {0.001: 0.5, 0.01: 0.3, 0.1: 0.4}, report={"select": "validation/log_loss"})
    (matrix,) = matrices(run, RATE, ["quality/accuracy"])
    assert len(matrix.labels) == 3
    (of_models,) = matrices(run, "model", ["quality/accuracy"])
    assert len(of_models.labels) == 2


def test_a_table_that_ranks_a_sweep_by_test_says_so(make_run: Make, record: MakeRecord) -> None:
    run = sweep(make_run, record, {0.01: 0.3, 0.1: 0.4})
    (table,) = tables([run])
    assert len(table.rows) == 3
    assert table.notes[0].startswith("several configurations of mlp are ranked by test examples")
    for text in (leaderboard([run]), terminal_table([run], 80)):
        assert "several configurations of mlp" in text


def test_axes_that_are_not_tuned_keep_their_rows(make_run: Make, record: MakeRecord) -> None:
    cells = [record(model="mlp", axes={"fraction": share}, accuracy=share) for share in (0.5, 0.9)]
    (table,) = tables([make_run(*cells)])
    assert table.notes == ()
    assert len(table.rows) == 2


def test_options_of_different_suites_are_no_sweep(make_run: Make, record: MakeRecord) -> None:
    runs = [
        make_run(record(model="mlp", id=f"{n}", options={"train": {"epochs": n}}), suite=f"suite{n}") for n in (3, 9)
    ]
    (table,) = tables(runs)
    assert sorted(row.label for row in table.rows) == ["mlp (train.epochs=3)", "mlp (train.epochs=9)"]
    assert table.notes == ()


def test_configurations_without_a_value_cannot_be_chosen(make_run: Make, record: MakeRecord) -> None:
    report = {"select": "validation/log_loss"}
    (table,) = tables([sweep(make_run, record, {0.01: None, 0.1: 0.4}, report=report)])
    assert table.rows[0].chosen == "chosen by validation/log_loss among 2 configurations; 1 without a value"
    (table,) = tables([sweep(make_run, record, {0.01: None, 0.1: None}, report=report)])
    assert len(table.rows) == 3
    assert table.rows[0].chosen == (
        "not chosen: no configuration has a value of validation/log_loss: there is no validation split"
    )
