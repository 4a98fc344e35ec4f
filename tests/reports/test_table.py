"""The typed table: which values share a row, a column and a rank."""

import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.table import tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def names(columns: Iterable[Any]) -> list[str]:
    return [column.name for column in columns]


def test_seeds_are_one_row_with_their_mean_and_an_interval_over_seeds(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(record(seed=0, accuracy=0.88), record(seed=1, accuracy=0.92))])
    [row] = table.rows
    value = row.values[table.columns[0]]
    assert table.columns[0].name == "quality/accuracy"
    assert (value.value, value.seeds, value.n) == (pytest.approx(0.9), 2, 2500)
    assert value.interval is not None
    assert value.interval.over == "seeds"
    assert value.interval.high - value.interval.low > 0.04


def test_intervals_and_ranks_end_at_both_bounds_of_the_metric(make_run: Make, record: Make_record) -> None:
    def cell(model: str, seed: int, value: float) -> Record:
        interval = Interval(value - 0.1, value + 0.1)
        row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=interval, ideal=1.0, range=(0.0, 1.0))
        return record(model=model, seed=seed, metrics=(row,))

    seeds = [cell("a", 0, 0.1), cell("a", 1, 0.9), cell("b", 0, 0.02), cell("b", 1, 0.03)]
    [table] = tables([make_run(*seeds)])
    intervals = [row.values[table.columns[0]].interval for row in table.rows]
    assert [(interval.low, round(interval.high, 2)) for interval in intervals] == [(0.0, 1.0), (0.0, 0.13)]
    assert [row.rank for row in table.rows] == [1, 1]
    for text in (terminal_table(make_run(*seeds)), leaderboard([make_run(*seeds)])):
        assert "0.5 ± 0.5" in text
        assert "−" not in text


def test_a_sample_and_the_full_data_never_share_a_table(make_run: Make, record: Make_record) -> None:
    sample = record(task="mnist", id="a")
    full = record(task="mnist", id="b", data={**sample.data, "name": "mnist"})
    changed = record(task="mnist", id="c", data={**sample.data, "fingerprint": "other"})
    by_data = tables([make_run(sample, full, changed)])
    assert [table.data["name"] for table in by_data] == ["mnist-25k", "mnist", "mnist-25k"]
    assert all(len(table.rows) == 1 for table in by_data)
    assert [table.variant for table in by_data] == ["data ffffffff", "", "data other"]


def test_two_machines_never_share_a_table(make_run: Make, record: Make_record) -> None:
    one = make_run(record(model="a"))
    other = make_run(record(model="b"), hardware={"cpu": "Another"})
    assert [table.hardware["cpu"] for table in tables([other, one])] == ["Another", "Example Processor"]
    assert tables([other])[0].variant == ""
    assert [table.variant for table in tables([one, other])] == ["on Another", "on Example Processor, 2 cores"]


def test_rows_that_the_intervals_cannot_tell_apart_share_a_rank(make_run: Make, record: Make_record) -> None:
    run = make_run(
        record(model="worst", accuracy=0.5),
        record(model="second", accuracy=0.90),
        record(model="first", accuracy=0.91),
        record(model="third", accuracy=0.80),
    )
    [table] = tables([run])
    assert [(row.model, row.rank, row.tied) for row in table.rows] == [
        ("first", 1, True),
        ("second", 1, True),
        ("third", 3, False),
        ("worst", 4, False),
    ]


def test_a_rank_counts_the_rows_that_are_better_by_more_than_the_intervals(make_run: Make, record: Make_record) -> None:
    chance = random.Random(0)
    [table] = tables(
        [
            make_run(
                *(
                    record(model=f"m{number}", accuracy=chance.randrange(40, 60) / 100, half_width=chance.random() / 10)
                    for number in range(40)
                )
            )
        ]
    )
    assert table.sort is not None
    intervals = {row.model: row.values[table.sort].interval for row in table.rows}
    better = {
        model: sum(other.low > one.high for other in intervals.values() if other and one)
        for model, one in intervals.items()
    }
    ranks = [1 + better[row.model] for row in table.rows]
    assert [row.rank for row in table.rows] == ranks
    assert [row.tied for row in table.rows] == [ranks.count(rank) > 1 for rank in ranks]


def test_where_lower_is_better_the_lowest_is_first(make_run: Make, record: Make_record) -> None:
    def loss(model: str, value: float) -> Record:
        row = MetricRow("quality/log_loss", value, "nats", "lower", interval=Interval(value - 0.01, value + 0.01))
        return record(model=model, metrics=(row,))

    [table] = tables([make_run(loss("bad", 0.9), loss("good", 0.1))])
    assert [(row.model, row.rank) for row in table.rows] == [("good", 1), ("bad", 2)]


def test_a_smoke_run_is_marked_and_not_ranked(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(record(model="a", smoke=True), record(model="b", smoke=True), smoke=True)])
    assert table.smoke
    assert [row.rank for row in table.rows] == [None, None]


def test_columns_and_order_are_the_suites(make_run: Make, record: Make_record) -> None:
    stated = {"columns": ["throughput/train", "quality/accuracy", "quality/absent"], "sort": "quality/accuracy"}
    [table] = tables([make_run(record(model="a", accuracy=0.5), record(model="b"), report=stated)])
    assert names(table.columns) == ["throughput/train", "quality/accuracy"]
    assert table.sort is not None
    assert table.sort.name == "quality/accuracy"
    assert [row.model for row in table.rows] == ["b", "a"]


def test_failed_cells_are_in_no_table(make_run: Make, record: Make_record) -> None:
    assert tables([make_run(record(status="failed", reason="oh", metrics=()))]) == []
    assert tables([make_run()]) == []


def test_a_ranked_row_has_all_that_it_had_before(make_run: Make, record: Make_record) -> None:
    first, second = (make_run(record(seed=seed, sources={"model": str(seed)})) for seed in (0, 1))
    assert all(row.rank == 1 and row.tied and row.note for row in tables([second, first])[0].rows)


def test_the_work_for_a_table_grows_with_the_number_of_its_rows_and_not_with_its_square(
    make_run: Make, record: Make_record
) -> None:
    def calls(rows: int) -> int:
        """Return how many functions are called for a table of so many models with two seeds each."""
        cells = [
            record(model=f"model_{number:04d}", seed=seed, accuracy=0.5 + 0.4 * number / rows)
            for number in range(rows)
            for seed in (0, 1)
        ]
        run = make_run(*cells)
        run.records()
        count = 0

        def counted(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counted)
        try:
            [table] = tables([run])
        finally:
            sys.setprofile(None)
        assert (len(table.rows), table.ranked_by) == (rows, "intervals")
        return count

    assert calls(200) < 5 * calls(50)
