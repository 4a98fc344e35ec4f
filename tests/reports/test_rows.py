"""Which cells share a row, and what tells rows of one model apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench_suite.contracts import Record
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_axes_and_options_tell_rows_apart_only_where_they_differ(make_run: Make, record: Make_record) -> None:
    run = make_run(
        record(axes={"fraction": 0.1}),
        record(axes={"fraction": 1.0}),
        record(model="other", axes={"fraction": 1.0}),
        record(model="tuned", options={"train": {"learning_rate": 0.1}}, id="x"),
        record(model="tuned", options={"train": {"learning_rate": 0.2}}, id="y"),
    )
    [table] = tables([run])
    assert sorted(row.label for row in table.rows if row.model == "minilm") == [
        "minilm (fraction=0.1)",
        "minilm (fraction=1.0)",
    ]
    assert sorted(row.label for row in table.rows if row.model == "tuned") == [
        "tuned (train.learning_rate=0.1)",
        "tuned (train.learning_rate=0.2)",
    ]


def test_a_label_holds_only_what_tells_it_from_rows_of_its_own_model(make_run: Make, record: Make_record) -> None:
    fitted = {"task": "imdb", "model": "forest", "engine": None, "precision": None, "seed": 0}
    run = make_run(
        record(axes={"precision": "32-true"}, id="a"),
        record(axes={"precision": "bf16-mixed"}, id="b"),
        record(cell=fitted, options={"train": {"epochs": None}, "model": {"trees": 3}}, id="c"),
        record(model="alone", options={"train": {"epochs": 9}}, id="d"),
        record(model="pair", options={"train": {"patience": None}}, id="e"),
        record(model="pair", options={"train": {"patience": 2}}, id="f"),
    )
    [table] = tables([run])
    assert sorted(row.label for row in table.rows) == [
        "alone",
        "forest",
        "minilm (precision=32-true)",
        "minilm (precision=bf16-mixed)",
        "pair",
        "pair (train.patience=2)",
    ]


def test_seeds_of_different_files_are_rows_of_their_own(make_run: Make, record: Make_record) -> None:
    old = {"task": "t", "model": "m", "model.pretrained": "3f2a1b2c99"}
    new = {**old, "model.pretrained": "41d0aa1177"}
    before = make_run(*(record(seed=seed, accuracy=0.5, sources=old) for seed in (0, 1)))
    after = make_run(*(record(seed=seed, accuracy=0.9, sources=new) for seed in (0, 2, 3)))
    [table] = tables([after, before])
    assert [(row.label, len(row.cells), row.values[table.columns[0]].value) for row in table.rows] == [
        ("minilm (files=41d0aa11)", 3, pytest.approx(0.9)),
        ("minilm (files=3f2a1b2c)", 1, pytest.approx(0.5)),
    ]
    note = "the cells of this label differ in the pretrained weights, so they are not averaged together"
    assert {row.note for row in table.rows} == {note}


def test_seeds_of_equal_files_are_one_row_and_need_no_note(make_run: Make, record: Make_record) -> None:
    sources = {"task": "t", "model": "m"}
    runs = [make_run(record(seed=seed, sources=sources)) for seed in (0, 1)]
    [row] = tables(runs)[0].rows
    assert (row.label, len(row.cells), row.note) == ("minilm", 2, None)


def test_records_without_hashes_do_not_join_those_that_have_them(make_run: Make, record: Make_record) -> None:
    old, new = make_run(record(seed=0)), make_run(record(seed=1, sources={"task": "t", "model": "m"}))
    rows = tables([new, old])[0].rows
    assert {row.axes["files"] for row in rows} > {"not recorded"}
    assert all("the file of the task and the file of the model" in str(row.note) for row in rows)
