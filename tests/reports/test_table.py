"""The typed table: which values share a row, a column and a rank."""

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from statistics import quantiles
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.reports.leaderboard import leaderboard
from bench_suite.reports.markdown import report
from bench_suite.reports.table import kind_in_words, pooled_median, superseded, tables
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


@pytest.mark.parametrize(
    ("unit", "better", "ideal", "value", "bounds"),
    [
        ("fraction", "higher", 1.0, 0.995, (0.98, 1.0)),
        ("fraction", "lower", None, 0.995, (0.98, 1.0)),
        ("fraction", "lower", None, 0.001, (-0.01, 0.02)),  # a gap may be negative
        ("fraction", "lower", 0.0, 0.001, (0.0, 0.02)),
        ("fraction", "none", None, 0.001, (0.0, 0.02)),
        ("nats", "lower", 0.0, 0.995, (0.98, 1.01)),
        ("ratio", "none", None, 0.995, (0.98, 1.01)),
        ("ratio", "higher", 1.0, 1.02, (1.01, 1.02)),  # measured values stay inside the interval
    ],
)
def test_no_interval_goes_beyond_what_a_metric_can_be(
    make_run: Make, record: Make_record, unit: str, better: str, ideal: float | None, value: float, bounds: Any
) -> None:
    def seed(number: int) -> Record:
        row = MetricRow(
            "quality/accuracy", value, unit, better, interval=Interval(value - 0.015, value + 0.015), ideal=ideal
        )
        return record(seed=number, metrics=(row,))

    [table] = tables([make_run(seed(0), seed(1))])
    interval = table.rows[0].values[table.columns[0]].interval
    assert (round(interval.low, 2), round(interval.high, 2)) == bounds


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


def test_a_value_that_some_seeds_of_its_row_lack_has_a_footnote(make_run: Make, record: Make_record) -> None:
    def lacking(seed: int, reason: str | None) -> Record:
        cell = record(seed=seed)
        absent = [replace(cell.metrics[0], value=None, interval=None, reason=reason)] if reason else []
        probes = {**cell.probes, "quality": ProbeRow("failed", "k", "RuntimeError: lost")}
        return replace(cell, metrics=(*absent, *cell.metrics[2:]), probes=probes)

    run = make_run(record(seed=0), record(seed=1), lacking(2, None), lacking(3, "one class only"))
    [table] = tables([run])
    accuracy, throughput = (table.rows[0].values[column] for column in table.columns[:2])
    note = "2 of 4 seeds: quality failed: RuntimeError: lost; one class only"
    assert (accuracy.seeds, accuracy.partial, accuracy.note) == (2, note, note)
    assert (throughput.seeds, throughput.partial) == (4, None)
    for text in (terminal_table(run, 200), leaderboard([run]), report(run)):
        assert f"¹ {note}" in text
        assert any("¹" in line and "0.900 ± 0.0" in line for line in text.splitlines())
    [whole] = tables([make_run(record(seed=0), record(seed=1))])
    assert [value.partial for value in whole.rows[0].values.values()] == [None, None]


def test_timings_have_a_spread_and_no_interval(make_run: Make, record: Make_record) -> None:
    [table] = tables([make_run(record(seed=0), record(seed=1))])
    value = table.rows[0].values[table.columns[1]]
    assert value.interval is None
    assert value.spread is not None
    assert 8712 <= value.spread[0] < 8935 < value.spread[1] <= 9080
    assert value.reason is None


def test_a_seed_that_took_longer_does_not_weigh_more() -> None:
    assert pooled_median([[10.0] * 1000, [20.0]]) == (15.0, (10.0, 20.0))
    assert pooled_median([[1.0]]) == (1.0, None)
    assert pooled_median([[1.0, 1.0], [1.0]]) == (1.0, None)
    assert pooled_median([[1.0, 2.0, 3.0, 4.0, 5.0]]) == (3.0, (2.0, 4.0))


@pytest.mark.parametrize(
    ("kind", "words"), [("estimate", []), ("exact", ["exact count"]), ("single", ["one observation"])]
)
@pytest.mark.parametrize("reason", [None, "an exact count", "exactly one example was positive", "one observation"])
def test_the_kind_of_a_metric_and_not_its_reason_says_what_it_is(
    kind: Any, words: list[str], reason: str | None
) -> None:
    rows = [MetricRow("quality/errors", value, "count", "lower", reason, kind=kind) for value in (3.0, 4.0)]
    assert kind_in_words(rows) == words


def test_one_single_observation_among_counts_is_named() -> None:
    exact, single = (MetricRow("quality/errors", 3.0, "count", "lower", kind=kind) for kind in ("exact", "single"))
    assert kind_in_words([exact, exact]) == ["exact count"]
    assert kind_in_words([exact, single]) == ["one observation"]
    assert kind_in_words([exact, replace(exact, kind="estimate")]) == []


@pytest.mark.parametrize(("kind", "reason"), [("exact", "exact count"), ("single", "one observation")])
def test_a_value_without_interval_says_of_what_kind_it_is(
    make_run: Make, record: Make_record, kind: Any, reason: str
) -> None:
    row = MetricRow("quality/accuracy", 0.9, "fraction", "higher", kind=kind)
    [table] = tables([make_run(record(metrics=(row,)))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.value, value.interval, value.spread, value.reason) == (0.9, None, None, reason)


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), min_size=1, max_size=5))
def test_the_median_is_always_inside_its_bracket(samples: list[list[float]]) -> None:
    value, spread = pooled_median(samples)
    assert spread is None or spread[0] <= value <= spread[1]


@given(st.lists(st.lists(st.floats(-1e6, 1e6) | st.integers(-9, 9), min_size=1, max_size=70), min_size=1, max_size=3))
def test_the_pooled_median_is_that_of_the_quantiles_of_the_standard_library(samples: list[list[float]]) -> None:
    seeds = [
        (min(seed), *quantiles(seed, n=64, method="inclusive"), max(seed)) if len(seed) > 1 else tuple(seed) * 65
        for seed in samples
    ]
    low, _, high = quantiles([sample for seed in seeds for sample in seed], n=4, method="inclusive")
    _, bracket = pooled_median(samples)
    assert bracket is None or bracket == (low, high)


def test_value_and_bracket_are_of_the_same_samples(make_run: Make, record: Make_record) -> None:
    """One seed of five had a stall: its value is no sample of the others, and changes neither median nor interval."""

    def latency(seed: int, *samples: float, value: float | None = None) -> Record:
        row = MetricRow("t/p99", samples[0] if value is None else value, "ms", "lower", samples=samples)
        return record(seed=seed, id=str(seed), metrics=(row,))

    quick = [latency(seed, 24.0, 25.0, 26.0) for seed in range(4)]
    [table] = tables([make_run(*quick, latency(4, 130.0, 140.0, 150.0))])
    value = table.rows[0].values[table.columns[0]]
    assert value.spread is not None
    assert value.value is not None
    assert value.spread[0] <= value.value <= value.spread[1]
    assert value.value < 30
    assert value.seeds == 5


def test_a_seed_without_samples_counts_as_one_sample_of_its_value(make_run: Make, record: Make_record) -> None:
    def memory(seed: int, value: float, samples: tuple[float, ...] = ()) -> Record:
        reason, kind = (None, "estimate") if samples else ("the process's peak", "single")
        row = MetricRow("t/memory", value, "MiB", "lower", reason=reason, samples=samples, kind=kind)
        return record(seed=seed, id=str(seed), metrics=(row,))

    [table] = tables([make_run(memory(0, 1.0), memory(1, 2.0), memory(2, 6.0))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.value, value.spread) == (2.0, (1.0, 6.0))
    assert value.reason == "the process's peak; one observation per seed"
    [table] = tables([make_run(memory(0, 1.0))])
    value = table.rows[0].values[table.columns[0]]
    assert (value.spread, value.reason) == (None, "the process's peak; one observation")
    [table] = tables([make_run(memory(0, 1.0), memory(1, 2.0, (2.0, 3.0)))])
    reason = table.rows[0].values[table.columns[0]].reason
    assert reason == "the process's peak; one observation in 1 of 2 seeds"


def test_a_sample_and_the_full_data_never_share_a_table(make_run: Make, record: Make_record) -> None:
    sample = record(task="mnist", id="a")
    full = record(task="mnist", id="b", data={**sample.data, "name": "mnist"})
    changed = record(task="mnist", id="c", data={**sample.data, "fingerprint": "other"})
    by_data = tables([make_run(sample, full, changed)])
    assert [table.data["name"] for table in by_data] == ["mnist-25k", "mnist", "mnist-25k"]
    assert all(len(table.rows) == 1 for table in by_data)
    assert [table.variant for table in by_data] == ["data ffffffff", "", "data other"]


def test_the_same_examples_in_another_order_share_a_table(make_run: Make, record: Make_record) -> None:
    def data(fingerprint: str, test: str = "x") -> dict[str, Any]:
        splits = {"train": {"examples": "t", "order": fingerprint}, "test": {"examples": test, "order": fingerprint}}
        return {"name": "imdb-25k", "fingerprint": fingerprint, "fingerprints": splits}

    older = {name: value for name, value in data("first").items() if name != "fingerprints"}
    cells = [data("first"), data("second"), older, data("third", test="y")]
    run = make_run(*(record(model=name, id=name, data=known) for name, known in zip("abcd", cells)))
    one, other = tables([run])
    assert [row.model for table in (one, other) for row in table.rows] == ["a", "b", "c", "d"]
    assert [table.variant for table in (one, other)] == ["data first", "data third"]
    there = make_run(record(model="e", data=data("second")), hardware={"cpu": "Another"})
    variants = [table.variant for table in tables([make_run(record(data=data("first"))), there])]
    assert sorted(variants) == ["on Another", "on Example Processor, 2 cores"]


def test_two_machines_never_share_a_table(make_run: Make, record: Make_record) -> None:
    one = make_run(record(model="a"))
    other = make_run(record(model="b"), hardware={"cpu": "Another"})
    assert [table.hardware["cpu"] for table in tables([other, one])] == ["Another", "Example Processor"]
    assert tables([other])[0].variant == ""
    assert [table.variant for table in tables([one, other])] == ["on Another", "on Example Processor, 2 cores"]


def test_one_cell_on_two_machines_is_in_both_tables_and_supersedes_nothing(make_run: Make, record: Make_record) -> None:
    older, newer = make_run(record(accuracy=0.5)), make_run(record(accuracy=0.9), hardware={"cpu": "Another"})
    for order in ([older, newer], [newer, older]):
        by_machine = {table.hardware["cpu"]: table.rows[0].values[table.columns[0]].value for table in tables(order)}
        assert by_machine == {"Another": 0.9, "Example Processor": 0.5}
        assert superseded(order) == []


def test_of_a_cell_in_several_runs_the_newest_counts_in_any_order(make_run: Make, record: Make_record) -> None:
    old, new = make_run(record(accuracy=0.5), record(seed=1)), make_run(record(accuracy=0.9))
    for order in ([new, old], [old, new]):
        [table] = tables(order)
        first = table.rows[0].cells[0]
        assert (first.cell["seed"], first.metrics[0].value) == (0, 0.9)
        assert len(table.rows[0].cells) == 2
        assert superseded(order) == [(old.name, new.name, 1)]


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


def test_what_has_no_value_has_a_reason(make_run: Make, record: Make_record) -> None:
    failed = record(
        model="b", metrics=(MetricRow("throughput/train", 1.0, "samples/s", "higher", samples=(1.0, 2.0)),),
        probes={"quality": ProbeRow("failed", "k", "ValueError: oh"), "throughput": ProbeRow("ok", "k")},
    )  # fmt: skip
    [table] = tables([make_run(record(model="a"), failed)])
    row = next(row for row in table.rows if row.model == "b")
    value = row.values[table.columns[0]]
    assert (value.value, value.reason) == (None, "quality failed: ValueError: oh")
    assert row.rank is None


def test_failed_cells_are_in_no_table(make_run: Make, record: Make_record) -> None:
    assert tables([make_run(record(status="failed", reason="oh", metrics=()))]) == []
    assert tables([make_run()]) == []


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


def test_a_ranked_row_has_all_that_it_had_before(make_run: Make, record: Make_record) -> None:
    first, second = (make_run(record(seed=seed, sources={"model": str(seed)})) for seed in (0, 1))
    assert all(row.rank == 1 and row.tied and row.note for row in tables([second, first])[0].rows)


# ── folds ───────────────────────────────────────────────────────────────────────────────────────


def of_fold(record: Make_record, fold: int, seed: int = 0, **changes: Any) -> Record:
    facts = {"fold": fold, "folds": 5, "repeats": 1, "fingerprint": "whole", "examples": 500}
    data = {"name": "churn", "source": "files:churn.csv", "fingerprint": f"f{fold}", "train": 360, "validation": 40}
    options = {"task": {"split": {"folds": 5}, "fold": fold}, "train": {"epochs": 3}}
    return record(
        seed=seed, id=f"{fold}-{seed}", axes={"fold": fold}, options=options,
        data={**data, "test": 100, "folds": facts}, accuracy=0.8 + 0.01 * fold, **changes,
    )  # fmt: skip


def test_folds_are_one_row_of_one_table_with_an_interval_over_folds(make_run: Make, record: Make_record) -> None:
    run = make_run(*(of_fold(record, fold, seed) for fold in range(5) for seed in (0, 1)))
    [table] = tables([run])
    [row] = table.rows
    value = row.values[table.columns[0]]
    assert (row.label, row.folds, row.seeds, len(row.cells)) == ("minilm", 5, 2, 10)
    assert value.value == pytest.approx(0.82)
    assert value.interval is not None
    assert value.interval.over == "folds"
    half = 2.7764 * ((1 / 5 + 1 / 4) * 0.00025) ** 0.5  # Nadeau and Bengio, with 4 degrees of freedom
    assert value.interval.high - value.interval.low == pytest.approx(2 * half, rel=1e-3)


def test_a_leaderboard_counts_folds_and_seeds_apart(make_run: Make, record: Make_record) -> None:
    text = leaderboard([make_run(*(of_fold(record, fold, seed) for fold in range(5) for seed in (0, 1)))])
    assert "500 examples in 5 folds; " in text
    header, _, line = (one for one in text.splitlines() if one.startswith("|"))
    assert [cell.strip() for cell in header.split("|")][-3:-1] == ["Folds", "Seeds"]
    assert [cell.strip() for cell in line.split("|")][-3:-1] == ["5", "2"]
    assert "Nadeau and Bengio 2003" in text


def test_a_fold_that_failed_is_counted(make_run: Make, record: Make_record) -> None:
    failed = of_fold(record, 4, metrics=(MetricRow("quality/accuracy", None, "fraction", "higher", "no scores"),))
    [table] = tables([make_run(*(of_fold(record, fold) for fold in range(4)), failed)])
    assert table.rows[0].values[table.columns[0]].partial == "4 of 5 folds: no scores"


def test_a_table_without_folds_has_no_column_of_folds(make_run: Make, record: Make_record) -> None:
    assert "Folds" not in leaderboard([make_run(record(seed=0), record(seed=1))])


# ── clusters ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("over", ["clusters", "examples"])
def test_reports_say_whether_intervals_are_over_clusters(make_run: Make, record: Make_record, over: Any) -> None:
    rows = [
        MetricRow("quality/accuracy", 0.8, "fraction", "higher", interval=Interval(0.7, 0.9, over=over)),
        MetricRow("quality/roc_auc", None, "fraction", "higher", "one class"),
    ]
    run = make_run(*(record(seed=seed, metrics=tuple(rows)) for seed in (0, 1)))
    [table] = tables([run])
    value = table.rows[0].values[table.columns[0]]
    assert value.interval is not None
    assert (value.interval.over, value.over_clusters) == ("seeds", over == "clusters")
    for text in (leaderboard([run]), terminal_table(run), report(run)):
        assert ("over clusters" in " ".join(text.split())) == (over == "clusters")
