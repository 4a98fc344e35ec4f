"""Curves of trainings, from the histories beside the records."""

from __future__ import annotations

from collections.abc import Callable

from bench_suite.contracts import History, Record
from bench_suite.reports.columns import all_columns
from bench_suite.reports.html.curves import MAX_POINTS, MAX_TABLED, training_figures
from bench_suite.reports.html.view import Figure
from bench_suite.reports.rows import rows_of
from bench_suite.store.histories import write_history
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def figures(make_run: Make, record: Make_record, **histories: History) -> list[Figure]:
    """Return the curves of models with these histories."""
    run = make_run(*(record(model=name, id=f"{number:016x}") for number, name in enumerate(["none", *histories])))
    for number, history in enumerate(histories.values(), 1):
        write_history(run.path, f"{number:016x}", history)
    records = run.records()
    return training_figures(run, rows_of(records, all_columns(records)))


def epochs(count: int, **more: float) -> History:
    return History(
        tuple({"epoch": float(n), "loss": 1 / n, "learning_rate": 0.1, **more} for n in range(1, count + 1)),
        steps=count,
    )


def test_each_quantity_of_the_epochs_has_a_curve_for_each_model(make_run: Make, record: Make_record) -> None:
    shown = figures(make_run, record, a=epochs(3), b=epochs(3, validation_loss=0.5))
    captions = [figure.caption for figure in shown]
    assert [caption.partition(",")[0] for caption in captions] == ["loss by epoch", "validation loss by epoch"]
    loss = shown[0]
    assert loss.content.count('class="line') == 2
    assert "none" not in loss.content


def test_without_a_history_there_is_no_curve(make_run: Make, record: Make_record) -> None:
    assert figures(make_run, record) == []


def test_one_epoch_is_no_curve(make_run: Make, record: Make_record) -> None:
    assert [figure for figure in figures(make_run, record, a=epochs(1)) if "by epoch" in figure.caption] == []


def test_a_long_training_is_thinned(make_run: Make, record: Make_record) -> None:
    [loss] = [one for one in figures(make_run, record, a=epochs(5000)) if one.caption.startswith("loss by epoch")]
    assert len(loss.content) < 40 * MAX_POINTS
    assert loss.table is not None
    assert len(loss.table.rows) <= MAX_TABLED
