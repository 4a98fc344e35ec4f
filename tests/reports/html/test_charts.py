"""Charts of metrics, chosen by the form of their coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bench_suite.contracts import Interval, MetricRow, Record
from bench_suite.reports.columns import all_columns
from bench_suite.reports.html.charts import columns_by_probe, cost_figures, metric_figures
from bench_suite.reports.html.view import Figure
from bench_suite.reports.rows import rows_of

Make_record = Callable[..., Record]


def figures(record: Make_record, *metrics: MetricRow, models: tuple[str, ...] = ("a", "b")) -> list[Figure]:
    """Return the figures of some metrics, with values that differ by model."""
    records = [
        record(
            model=model,
            metrics=tuple(
                MetricRow(**{**vars(one), "value": None if one.value is None else one.value + number / 100})
                for one in metrics
            ),
        )
        for number, model in enumerate(models)
    ]
    columns = all_columns(records)
    return metric_figures(rows_of(records, columns), columns, [])


def test_a_metric_without_coordinates_is_a_dot_for_each_model(record: Make_record) -> None:
    [figure] = figures(record, MetricRow("p/accuracy", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6)))
    assert "p/accuracy" in figure.caption
    assert figure.content.count("<title>") == 2
    assert figure.table is not None
    assert [row[0] for row in figure.table.rows] == ["a", "b"]


def test_a_numeric_coordinate_gives_lines_and_another_one_gives_dots(record: Make_record) -> None:
    sizes = [MetricRow("p/rate", 10.0 * size, "samples/s", "higher", at={"batch_size": size}) for size in (1, 64, 256)]
    groups = [MetricRow("p/recall", 0.5, "fraction", "higher", at={"group": name}) for name in ("f", "m")]
    first, second = figures(record, *sizes, *groups)
    assert first.caption.endswith("by batch_size")
    assert 'class="line' in first.content
    assert second.caption.endswith("for each value of “group”")
    assert 'class="line' not in second.content
    assert second.table is not None
    assert [row[0] for row in second.table.rows] == ["f", "m"]


def test_percentiles_share_a_chart(record: Make_record) -> None:
    metrics = [MetricRow(f"p/latency_{name}", 0.01, "s", "lower") for name in ("p50", "p95", "p999")]
    [figure] = figures(record, *metrics)
    assert "percentiles" in figure.caption
    assert figure.table is not None
    assert list(figure.table.header) == ["Model", "p50", "p95", "p99.9"]


def test_a_metric_that_is_the_same_for_all_or_has_no_value_has_no_chart(record: Make_record) -> None:
    none = MetricRow("p/none", None, "fraction", "higher", reason="no score")
    assert figures(record, none) == []
    assert figures(record, MetricRow("p/accuracy", 0.5, "fraction", "higher"), models=("a",)) == []


def test_without_rows_there_are_no_figures() -> None:
    assert metric_figures([], [], []) == []


@pytest.fixture
def costs(record: Make_record) -> Callable[..., list[Figure]]:
    """Return the figures of cost of three models: accuracy, and seconds; c is the worst of them in both."""

    def make(
        seconds: tuple[float, float, float] = (1.0, 2.0, 3.0), half: float = 0.2, clear: bool = True
    ) -> list[Figure]:
        records = [
            record(
                model=model,
                metrics=(
                    MetricRow("quality/accuracy", accuracy, "fraction", "higher"),
                    MetricRow("cost/time", time, "s", "lower", interval=Interval(time - half, time + half)),
                ),
            )
            for model, accuracy, time in zip("abc", (0.8, 0.9, 0.7), seconds)
        ]
        columns = all_columns(records)
        quality, cost = columns
        beats = {"a": frozenset("c"), "b": frozenset("ac")} if clear else {}
        rows = [replace(row, beats=beats.get(row.label, frozenset())) for row in rows_of(records, columns)]
        return cost_figures(rows, quality, [cost])

    return make


def test_the_pareto_front_names_the_models_that_are_clearly_beaten(costs: Callable[..., list[Figure]]) -> None:
    [figure] = costs()
    assert figure.caption.endswith("Clearly beaten in both: c (by a, b).")
    assert 'class="front"' in figure.content
    assert figure.table is not None
    assert {row[0]: row[-1] for row in figure.table.rows} == {"a": "none", "b": "none", "c": "a, b"}


@pytest.mark.parametrize("uncertain", [{"half": 1.5}, {"clear": False}], ids=["cost", "quality"])
def test_a_model_that_cannot_be_told_apart_is_not_called_beaten(
    costs: Callable[..., list[Figure]], uncertain: dict[str, object]
) -> None:
    [figure] = costs(**uncertain)
    assert "beaten" not in figure.caption
    assert figure.caption.endswith("but it cannot be told apart from a model on it in both: c.")
    assert {row[-1] for row in figure.table.rows} == {"none"}


def test_a_cost_without_known_uncertainty_beats_nothing(record: Make_record) -> None:
    records = [
        record(model=model, metrics=(MetricRow("q/a", value, "", "higher"), MetricRow("c/t", value, "/s", "higher")))
        for model, value in (("a", 2.0), ("b", 1.0))
    ]
    columns = all_columns(records)
    rows = [
        replace(row, beats=frozenset("b") if row.label == "a" else frozenset()) for row in rows_of(records, columns)
    ]
    [figure] = cost_figures(rows, columns[0], [columns[1]])
    assert "beaten" not in figure.caption


def test_the_interval_of_a_cost_is_drawn(costs: Callable[..., list[Figure]]) -> None:
    assert costs()[0].content.count("whisker") == 3


def test_a_cost_with_a_remark_says_how_it_was_measured(record: Make_record) -> None:
    records = [
        record(
            model=model,
            metrics=(
                MetricRow("q/a", 1.0, "", "higher"),
                MetricRow("c/rate", 2.0, "/s", "higher", reason=reason),
            ),
        )
        for model, reason in (("a", "the whole training"), ("b", None))
    ]
    columns = all_columns(records)
    [figure] = cost_figures(rows_of(records, columns), columns[0], [columns[1]])
    assert figure.about.startswith("How c/rate was measured. a: the whole training")


def test_a_wide_range_of_cost_has_a_logarithmic_axis(costs: Callable[..., list[Figure]]) -> None:
    [figure] = costs((0.01, 1.0, 100.0))
    assert figure.content.count("<title>") == 4


def test_without_a_metric_that_ranks_nothing_is_drawn_against_cost() -> None:
    assert cost_figures([], None, []) == []


def test_columns_are_grouped_by_probe(record: Make_record) -> None:
    assert list(columns_by_probe(all_columns([record()]))) == ["quality", "throughput"]


def test_a_change_from_one_group_to_others_is_named_in_words(record: Make_record) -> None:
    ends = [("f", "m"), ("f", "x"), ("m", "f"), ("m", "x")]
    rates = [MetricRow("p/flips", 0.1, "fraction", "lower", at={"from": a, "to": b}) for a, b in ends]
    first, second = figures(record, *rates)
    assert first.caption == "p/flips ↓: from “f” to each other one"
    assert second.caption == "p/flips ↓: from “m” to each other one"
    assert [row[0] for row in first.table.rows] == ["m", "x"]


def test_a_metric_at_a_single_coordinate_is_a_dot_for_each_model(record: Make_record) -> None:
    [figure] = figures(record, MetricRow("p/auc", 0.5, "fraction", "higher", at={"method": "gradients"}))
    assert figure.caption == "p/auc, method=gradients ↑"
    assert [row[0] for row in figure.table.rows] == ["a", "b"]
