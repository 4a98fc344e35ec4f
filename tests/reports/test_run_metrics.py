"""A metric of the whole run is a column of each table, in the rows of the models that it belongs to."""

from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.formatting import scale_for, short
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.table import Table, tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]
REPORT = {"columns": ["quality/accuracy", "stability/churn"]}


def churn(value: float | None, reason: str | None = None, **at: Any) -> MetricRow:
    interval = None if value is None else Interval(value - 0.01, value + 0.01, over="seeds")
    return MetricRow("stability/churn", value, "fraction", "lower", reason, at, interval, n=100)


def values(table: Table) -> dict[str, float | None]:
    [column] = [column for column in table.columns if column.name == "stability/churn"]
    return {row.label: row.values[column].value for row in table.rows}


def test_each_row_has_the_value_of_its_task_and_model(make_run: Make, record: Make_record) -> None:
    records = [record(task, model, seed) for task in ("a", "b") for model in ("m", "n") for seed in (0, 1)]
    run = make_run(*records, report=REPORT)
    rows = [churn(0.1, task="a", model="m"), churn(0.2, task="a", model="n"), churn(0.3, task="b", model="m")]
    run.write_summaries(rows, [])
    first, second = tables([run])
    assert [column.name for column in first.columns] == ["quality/accuracy", "stability/churn"]
    assert values(first) == {"m": 0.1, "n": 0.2}
    assert values(second) == {"m": 0.3, "n": None}
    text = leaderboard([run])
    assert text.count("stability/<br>churn") == 2
    assert "the run has none for these cells" in text


def test_a_reason_for_the_whole_run_is_that_of_every_row(make_run: Make, record: Make_record) -> None:
    run = make_run(record(model="m"), record(model="n"), report=REPORT)
    run.write_summaries([churn(None, "no two cells differ only in their seed")], [])
    [table] = tables([run])
    assert values(table) == {"m": None, "n": None}
    assert leaderboard([run]).count("no two cells differ only in their seed") == 1, "one footnote"


def test_other_axes_choose_the_row_and_other_coordinates_the_column(make_run: Make, record: Make_record) -> None:
    records = [record(seed=seed, axes={"train.lr": lr}) for lr in (0.1, None) for seed in (0, 1)]
    run = make_run(*records, report={"columns": ["stability/churn", "r/ratio?corruption=blur"]})
    at = {"task": "imdb", "model": "minilm"}
    ratios = [
        MetricRow("r/ratio", value, "ratio", "lower", "x", {**at, "corruption": name, "train.lr": "0.1"}, kind="exact")
        for name, value in (("blur", 0.5), ("noise", 0.7))
    ]
    run.write_summaries([churn(0.1, **at), churn(0.2, **at, **{"train.lr": 0.1}), *ratios], [])
    [table] = tables([run])
    assert [(column.name, column.at) for column in table.columns] == [
        ("stability/churn", ()), ("r/ratio", (("corruption", "blur"),)),
    ]  # fmt: skip
    by_axis = {row.axes.get("train.lr"): [value.value for value in row.values.values()] for row in table.rows}
    assert by_axis == {0.1: [0.2, 0.5], None: [0.1, None]}


def test_values_of_single_folds_are_averaged_in_the_row_of_all_folds(make_run: Make, record: Make_record) -> None:
    records = [record(seed=seed, axes={"fold": fold}) for fold in (0, 1) for seed in (0, 1)]
    run = make_run(*records, report=REPORT)
    run.write_summaries([churn(0.1 + 0.1 * fold, task="imdb", model="minilm", fold=float(fold)) for fold in (0, 1)], [])
    [table] = tables([run])
    assert values(table) == {"minilm": pytest.approx(0.15)}


def test_it_ranks_and_its_interval_shows(make_run: Make, record: Make_record) -> None:
    run = make_run(record(model="m"), record(model="n"), report={**REPORT, "sort": "stability/churn"})
    run.write_summaries([churn(0.3, task="imdb", model="m"), churn(0.1, task="imdb", model="n")], [])
    [table] = tables([run])
    assert [(row.model, row.rank) for row in table.rows] == [("n", 1), ("m", 2)]
    assert table.sort is not None
    value = table.rows[0].values[table.sort]
    assert value.interval is not None
    assert value.interval.high == pytest.approx(0.11)
    assert "±" in short(value, scale_for([value.value], table.sort.unit))


def test_without_stated_columns_only_a_gate_adds_it(make_run: Make, record: Make_record) -> None:
    rows = [churn(0.1, task="imdb", model="minilm")]
    for gate, count in (({}, 0), ({"stability/churn": {"max": 0.2}}, 1)):
        run = make_run(record(), report={"columns": [], "sort": None}, gate=gate)
        run.write_summaries(rows, [])
        [table] = tables([run])
        assert [column.name for column in table.columns].count("stability/churn") == count


def test_a_newer_run_of_some_cells_leaves_the_value_of_the_older_one(make_run: Make, record: Make_record) -> None:
    old = make_run(*(record(seed=seed) for seed in (0, 1)), report=REPORT, started="2026-01-01")
    old.write_summaries([churn(0.1, task="imdb", model="minilm")], [])
    new = make_run(record(seed=0), report=REPORT, started="2026-01-02")
    new.write_summaries([churn(None, "no two cells differ only in their seed")], [])
    [table] = tables([new, old])
    [column] = [column for column in table.columns if column.name == "stability/churn"]
    [row] = table.rows
    assert row.values[column].value == 0.1
    assert row.values[column].partial == f"of 1 of 2 cells: run {old.name}"
