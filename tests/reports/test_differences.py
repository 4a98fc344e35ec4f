"""Ranks from all pairs, and columns against a reference, in tables, on terminals and in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from bench_suite.comparison.preconditions import ComparisonError
from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports import differences
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.markdown import report
from bench_suite.reports.table import check_reference, tables
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run

Make = Callable[..., Run]
MakeRecord = Callable[..., Record]


def three(make_run: Make, record: MakeRecord, **info: Any) -> Run:
    """Return a run of three models: the first two are closer than their intervals can tell."""
    shares = {"a": 0.90, "b": 0.895, "c": 0.80}
    cells = (record(model=model, accuracy=share, seed=seed) for model, share in shares.items() for seed in range(3))
    return make_run(*cells, **info)


def test_ranks_and_letters_come_from_all_pairs(make_run: Make, record: MakeRecord) -> None:
    (table,) = tables([three(make_run, record)])
    assert [(row.model, row.rank, row.tied, row.letters) for row in table.rows] == [
        ("a", 1, True, "a"), ("b", 1, True, "a"), ("c", 3, False, "b"),
    ]  # fmt: skip
    assert [row.beats for row in table.rows] == [frozenset("c"), frozenset("c"), frozenset()]
    assert table.ranked_by == "pairs"


def test_a_pair_without_a_known_difference_is_decided_by_intervals(make_run: Make, record: MakeRecord) -> None:
    """Timings of one process have samples and no interval: quartiles that do not overlap tell them apart."""

    def timed(model: str, rate: float) -> Record:
        samples = (rate - 1, rate, rate + 1)
        return record(
            model=model, metrics=(MetricRow("throughput/train", rate, "samples/s", "higher", samples=samples),)
        )

    (table,) = tables([make_run(timed("slow", 10), timed("fast", 20), timed("equal", 20.5))])
    assert [(row.model, row.rank) for row in table.rows] == [("equal", 1), ("fast", 1), ("slow", 3)]
    assert table.ranked_by == "intervals"
    assert {row.letters for row in table.rows} == {""}


def test_large_tables_are_ranked_by_intervals(
    make_run: Make, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench_suite.reports.table.MAX_PAIRED_ROWS", 2)
    (table,) = tables([three(make_run, record)])
    assert table.ranked_by == "intervals"
    assert [row.rank for row in table.rows] == [1, 1, 3]
    assert [row.beats for row in table.rows] == [frozenset("c"), frozenset("c"), frozenset()]


def test_a_column_has_the_differences_from_the_reference(make_run: Make, record: MakeRecord) -> None:
    run = three(make_run, record, report={"columns": ["quality/accuracy"], "sort": None, "reference": "c"})
    (table,) = tables([run])
    metric, difference = table.columns
    assert (metric.reference, difference.reference) == ("", "c")
    a, b, c = (row.values[difference] for row in table.rows)
    assert a.value == pytest.approx(0.1)
    assert a.interval is not None
    assert a.interval.low < 0.1 < a.interval.high
    assert (a.verdict, b.verdict, c.is_reference) == ("better", "better", True)
    assert a.p is not None
    assert a.p < 0.001
    text = re.sub(r" +", " ", leaderboard([run]))
    assert "| quality/<br>accuracy ↑<br>− c |" in text
    assert "| 1= a | a | **0.900 ± 0.012** | +0.100 ± 0.0" in text
    assert "better p<.001" in text
    assert "| reference |" in text
    assert "A column `− MODEL` contains the difference from that model" in text
    shown = terminal_table([run], 80)
    assert re.search(r"a a +0\.900 ± 0\.012 +\+0\.100 ± 0\.\d+ better p<\.001", shown)
    assert max(map(len, shown.splitlines())) <= 80
    assert "− c" in report(run)


def test_the_reference_of_a_command_overrides_that_of_the_suite(make_run: Make, record: MakeRecord) -> None:
    run = three(make_run, record, report={"reference": "c"})
    assert {column.reference for column in tables([run], "b")[0].columns} == {"", "b"}


def test_best_is_the_first_row_and_pays_for_its_choice(make_run: Make, record: MakeRecord) -> None:
    """The best row was chosen by the same data, so its p-values are corrected for all pairs, not only for its own."""
    run = three(make_run, record)
    named, best = (tables([run], reference)[0] for reference in ("a", "best"))
    for number in (1, 2):
        (of_named, of_best) = (
            next(v for c, v in table.rows[number].values.items() if c.reference) for table in (named, best)
        )
        assert of_best.value == of_named.value
        assert of_best.interval is not None
        assert of_named.interval is not None
        assert of_best.interval.high - of_best.interval.low >= of_named.interval.high - of_named.interval.low
    assert next(c.reference for c in best.columns if c.reference) == "a"


def test_best_is_refused_where_not_all_pairs_are_compared(
    make_run: Make, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "MAX_PAIRED_ROWS", 2)
    (table,) = tables([three(make_run, record)], "best")
    assert table.notes == ("the reference best is for tables of up to 2 rows: name a model",)
    assert not any(column.reference for column in table.columns)
    assert any(column.reference for column in tables([three(make_run, record)], "a")[0].columns)


def test_a_reference_with_axes_is_that_of_the_same_axes(make_run: Make, record: MakeRecord) -> None:
    cells = [
        record(model=model, axes={"fraction": fraction}, accuracy=share, seed=seed)
        for model, fraction, share in (("a", 0.1, 0.7), ("a", 1.0, 0.9), ("b", 0.1, 0.6), ("b", 1.0, 0.85))
        for seed in range(2)
    ]
    (table,) = tables([make_run(*cells)], "b")
    column = next(c for c in table.columns if c.reference)
    values = {row.label: row.values[column] for row in table.rows}
    assert values["a (fraction=0.1)"].value == pytest.approx(0.1)
    assert values["a (fraction=1.0)"].value == pytest.approx(0.05)
    assert values["b (fraction=1.0)"].is_reference


def test_a_table_without_the_reference_says_so(make_run: Make, record: MakeRecord) -> None:
    run = make_run(record(model="a"), record(model="b", task="loans"), report={"reference": "b"})
    notes = {table.task: table.notes for table in tables([run])}
    assert notes == {"imdb": ("the reference b has no row here",), "loans": ()}
    assert "the reference b has no row here" in leaderboard([run])
    assert "the reference b has no row here" in terminal_table([run], 80)


def test_what_cannot_be_compared_has_no_column_of_differences(make_run: Make, record: MakeRecord) -> None:
    names = ["quality/accuracy", "throughput/train"]
    (table,) = tables([three(make_run, record, report={"columns": names, "reference": "a"})])
    assert [(column.name, column.reference) for column in table.columns] == [
        ("quality/accuracy", ""), ("quality/accuracy", "a"), ("throughput/train", ""),
    ]  # fmt: skip


def test_an_unknown_reference_is_refused_with_the_nearest_name(make_run: Make, record: MakeRecord) -> None:
    run = make_run(record(model="minilm"))
    with pytest.raises(ComparisonError, match=r'no such model; did you mean "minilm"\?'):
        check_reference("minilmm", [run])
    check_reference("best", [run])
    check_reference(None, [run])


def test_a_smoke_run_has_neither_ranks_nor_differences(make_run: Make, record: MakeRecord) -> None:
    run = make_run(record(model="a", smoke=True), record(model="b", smoke=True), smoke=True, report={"reference": "a"})
    (table,) = tables([run])
    assert {row.rank for row in table.rows} == {None}
    assert not any(column.reference for column in table.columns)


def test_a_relative_difference_is_in_percent(make_run: Make, record: MakeRecord) -> None:
    def timed(model: str, rate: float) -> Record:
        samples = tuple(rate * (1 + 0.001 * number) for number in range(6))
        interval = Interval(rate * 0.99, rate * 1.01, over="processes")
        row = MetricRow(
            "throughput/train", rate, "samples/s", "higher", samples=samples, interval=interval, timing=True
        )
        return record(model=model, metrics=(row,))

    (table,) = tables([make_run(timed("slow", 100), timed("fast", 150))], "slow")
    column = next(c for c in table.columns if c.reference)
    assert column.unit == differences.SHARE
    assert table.rows[0].values[column].value == pytest.approx(50, abs=0.1)
    assert "(%)" in leaderboard([make_run(timed("slow", 100), timed("fast", 150), report={"reference": "slow"})])
