"""What metrics mean, from the facts of the components that state them."""

from __future__ import annotations

from collections.abc import Callable

from bench_suite.contracts import ProbeRow, Record
from bench_suite.reports.columns import Column
from bench_suite.reports.markdown import report
from bench_suite.reports.metric_texts import metric_texts, range_text
from bench_suite.store.runs import Run

Make = Callable[..., Run]
Make_record = Callable[..., Record]


def test_a_metric_of_a_probe_of_a_problem_and_of_a_file_is_defined(make_run: Make, record: Make_record) -> None:
    run = make_run(record())
    columns = [
        Column("throughput/latency_p95", (), "ms", "lower"),
        Column("quality/accuracy", (), "fraction", "higher"),
        Column("quality/top_5_accuracy", (), "fraction", "higher"),
    ]
    latency, accuracy, top = metric_texts(run, columns).values()
    assert latency.title == "latency, 95 %"
    assert latency.line.endswith("Lower is better. Unit: ms, 0 or more.")
    assert "predicted class is the true one" in accuracy.about
    assert accuracy.line.endswith("Higher is better. Unit: fraction, from 0 to 1.")
    assert "five likeliest" in top.about


def test_a_label_is_defined_by_the_probe_that_it_uses(make_run: Make, record: Make_record) -> None:
    run = make_run(record(probes={"by_age": ProbeRow("ok", "k")}), text='[probes.by_age]\nuse = "fairness"\n')
    columns = [Column("by_age/selection_rate", (("group", "old"),)), Column("by_age/selection_rate")]
    texts = metric_texts(run, columns)
    assert [*texts] == ["by_age/selection_rate"], "one definition for all coordinates"
    assert texts["by_age/selection_rate"].about


def test_a_metric_of_an_unknown_component_has_its_direction_and_unit(make_run: Make, record: Make_record) -> None:
    [text] = metric_texts(make_run(record()), [Column("mine/shade", (), "lux", "none")]).values()
    assert (text.about, text.title, text.sentence) == ("", "", "")
    assert text.line == "Neither direction is better. Unit: lux."


def test_a_range_is_in_words() -> None:
    assert [range_text(bounds) for bounds in ((-1.0, 1.0), (0.0, None), (None, 1.0), None)] == [
        "from −1 to 1", "0 or more", "1 or less", "",
    ]  # fmt: skip


def test_the_full_report_lists_what_each_metric_means(make_run: Make, record: Make_record) -> None:
    text = report(make_run(record()))
    section = text.partition("## What the metrics mean")[2].partition("\n## ")[0]
    assert section.count("`quality/accuracy`") == 1
    assert "Largest memory during the training." in section
