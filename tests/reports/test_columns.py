"""The columns of a table: those that its suites state, or else some metrics of each probe."""

from collections.abc import Callable, Iterable
from typing import Any

from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.columns import MAX_COORDINATES, Column, all_columns, chosen_columns
from bench_suite.reports.table import tables
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def names(columns: Iterable[Any]) -> list[str]:
    return [column.name for column in columns]


def test_all_columns_are_in_the_order_of_the_probes_each_once(record: Make_record) -> None:
    late = MetricRow("late/m", 1.0, "s", "lower", kind="single")
    early = MetricRow("early/m", 1.0, "", "none", kind="exact", at={"part": "a"})
    one = record(probes={"early": ProbeRow("ok", "k"), "late": ProbeRow("ok", "k")}, metrics=(late, early))
    two = record(probes={"late": ProbeRow("ok", "k")}, metrics=(late,))
    assert all_columns([one, two]) == [
        Column("early/m", (("part", "a"),), "", "none"),
        Column("late/m", (), "s", "lower"),
    ]


def test_stated_columns_are_shown_in_their_order_without_those_that_are_absent(
    make_run: Make, record: Make_record
) -> None:
    run = make_run(record(), report={"columns": ["throughput/train", "quality/absent", "quality/accuracy"]})
    columns = chosen_columns([(run, record) for record in run.records()])
    assert names(columns) == ["throughput/train", "quality/accuracy"]
    assert columns[0] == Column("throughput/train", (), "samples/s", "higher")


def test_of_many_coordinates_only_the_first_are_columns(make_run: Make, record: Make_record) -> None:
    rows = tuple(MetricRow("t/m", 1.0, "", "higher", kind="exact", at={"n": n}) for n in range(9))
    run = make_run(record(metrics=rows), report={"columns": ["t/m"]})
    columns = chosen_columns([(run, record) for record in run.records()])
    assert [column.at for column in columns] == [(("n", n),) for n in range(MAX_COORDINATES)]


def test_a_stated_coordinate_chooses_its_columns_and_may_rank(make_run: Make, record: Make_record) -> None:
    def rows(first: float, second: float) -> tuple[MetricRow, ...]:
        return tuple(
            MetricRow("t/m", value, "", "higher", kind="exact", at={"n": n, "of": of})
            for n, of, value in [*((n, "a", 0.0) for n in range(1, 5)), (5, "b", first), (6, "b", second)]
        )

    report = {"columns": ["t/m?of=b", "t/m?n=4", "t/m?n=5"], "sort": "t/m?n=6"}
    run = make_run(record(model="a", metrics=rows(1.0, 1.0)), record(model="b", metrics=rows(0.0, 2.0)), report=report)
    [table] = tables([run])
    assert [dict(column.at)["n"] for column in table.columns] == [5, 6, 4]
    assert table.sort is not None
    assert dict(table.sort.at)["n"] == 6
    assert [row.model for row in table.rows] == ["b", "a"]


def test_a_column_that_was_written_by_hand_and_cannot_be_read_is_left_out(make_run: Make, record: Make_record) -> None:
    run = make_run(record(), report={"columns": ["quality/accuracy?", "throughput/train", 7], "sort": "quality/x?"})
    columns = chosen_columns([(run, record) for record in run.records()])
    assert names(columns) == ["throughput/train"]


def test_without_columns_the_first_of_each_probe_are_shown(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(record(), report={"columns": [], "sort": None})])
    assert names(table.columns) == ["quality/accuracy", "throughput/train"]


def test_a_probe_that_failed_in_the_first_cell_still_comes_first(make_run: Make, record: Make_record) -> None:
    """Otherwise a model without any quality metric would be ranked first, by its speed."""
    train = MetricRow("throughput/train", 9e3, "samples/s", "higher", samples=(8e3, 9e3, 1e4))
    probes = {"quality": ProbeRow("failed", "k", "scores are not numbers"), "throughput": ProbeRow("ok", "k")}
    broken = record(model="a", metrics=(train,), probes=probes)
    [table] = tables([make_run(broken, record(model="b"), report={"columns": [], "sort": None})])
    assert names(table.columns) == ["quality/accuracy", "throughput/train"]
    assert [row.model for row in table.rows] == ["b", "a"]


def test_without_columns_every_probe_and_every_named_metric_has_one(make_run: Make, record: Make_record) -> None:
    usual = [MetricRow(f"quality/{name}", 0.5, "", "higher") for name in ("accuracy", "macro_f1", "log_loss", "mine")]
    counts = [MetricRow(f"size/{name}", 3.0, "count", "none", kind="exact") for name in ("all", "trainable")]
    others = [MetricRow(f"p{number}/m", 1.0, "", "higher") for number in range(6)]
    silent = MetricRow("last/m", None, "", "higher", reason="not here")
    run = make_run(
        record(metrics=(*usual, *counts, *others, silent)),
        text='[probes.quality]\nmetrics = ["accuracy", "../metrics/mine.py"]\n[probes.size]\n',
        overrides=['probes.p2.metrics=["absent"]'],
    )
    [table] = tables([run])
    shown = names(table.columns)
    assert shown == ["quality/accuracy", "quality/mine", "size/all", *(f"p{n}/m" for n in range(6)), "last/m"]


def test_a_metric_that_an_override_names_has_a_column(make_run: Make, record: Make_record) -> None:
    rows = tuple(MetricRow(f"quality/{name}", 0.5, "", "higher") for name in "abc")
    [table] = tables([make_run(record(metrics=rows), overrides=['probes.quality.metrics=["c.py"]'])])
    assert names(table.columns) == ["quality/a", "quality/b", "quality/c"]


def test_suites_that_meet_in_a_table_have_the_columns_of_all(make_run: Make, record: Make_record) -> None:
    def of(suite: str, columns: list[str], *measured: str, **changes: object) -> Run:
        rows = tuple(MetricRow(name, 0.5, "", "higher", interval=Interval(0.4, 0.6)) for name in measured)
        probes = {name.partition("/")[0]: ProbeRow("ok", "k") for name in measured}
        run = make_run(record(metrics=rows, probes=probes, **changes), report={"columns": columns}, suite=suite)
        run.update({"suite": suite})
        return run

    one = of("one", ["quality/accuracy", "shift/gap"], "quality/accuracy", "shift/gap")
    two = of("two", ["speed/train", "quality/accuracy"], "quality/accuracy", "speed/train")
    three = of("three", [], "own/m", "quality/accuracy", id="other", model="other")
    [table] = tables([three, two, one])
    assert names(table.columns) == ["speed/train", "quality/accuracy", "shift/gap", "own/m"]
    [row] = [row for row in table.rows if row.model == "minilm"]
    assert [row.values[column].value for column in table.columns] == [0.5, 0.5, 0.5, None]
    changed = of("one", ["shift/gap"], "shift/gap", weights_key="other code")
    newest = of("two", ["speed/train", "quality/accuracy"], "quality/accuracy", "speed/train")
    [table] = tables([newest, changed])
    assert names(table.columns) == ["speed/train", "quality/accuracy"], "other code is not mixed into a row"


def test_a_task_without_the_suites_columns_shows_its_own(make_run: Make, record: Make_record) -> None:
    r2 = MetricRow("quality/r2", 0.4, "", "higher", interval=Interval(0.3, 0.5))
    [table] = tables(
        [make_run(record(metrics=(r2,)), report={"columns": ["quality/accuracy"], "sort": "quality/accuracy"})]
    )
    assert names(table.columns) == ["quality/r2"]


def test_a_metric_at_coordinates_only_is_a_column_for_each(make_run: Make, record: Make_record) -> None:
    rows = [
        MetricRow("t/inference", 1.0 * n, "samples/s", "higher", samples=(1.0, 2.0), at={"batch_size": n})
        for n in (1, 64)
    ]
    [table] = tables([make_run(record(metrics=tuple(rows)), report={"columns": ["t/inference"]})])
    assert [column.at for column in table.columns] == [(("batch_size", 1),), (("batch_size", 64),)]


def test_a_metric_that_is_gated_has_a_column_unless_the_suite_states_its_columns(
    make_run: Make, record: Make_record
) -> None:
    rows = tuple(MetricRow(f"quality/{name}", 0.5, "", "higher") for name in ("accuracy", "a", "b", "c"))
    gate = {"quality/c": {"min": 0.1}}
    [table] = tables([make_run(record(metrics=rows), gate=gate)])
    assert names(table.columns) == ["quality/accuracy", "quality/a", "quality/c"]
    [table] = tables([make_run(record(metrics=rows), gate=gate, report={"columns": ["quality/b"]})])
    assert names(table.columns) == ["quality/b"]
    assert table.gated == {"quality/c"}


def test_the_metric_that_ranks_has_a_column(make_run: Make, record: Make_record) -> None:
    rows = tuple(MetricRow(f"quality/{name}", 0.5, "", "higher") for name in ("accuracy", "a"))
    [table] = tables([make_run(record(metrics=rows), report={"columns": ["quality/accuracy"], "sort": "quality/a"})])
    assert names(table.columns) == ["quality/accuracy", "quality/a"]
    assert table.sort is not None
    assert table.sort.name == "quality/a"
