"""Values that are missing or cannot be compared, and metrics of the whole run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench_suite.comparison.compare import compare
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.store.runs import Run


def test_a_tolerance_that_is_a_share_of_nothing_is_said_to_be_none(runs) -> None:
    row = MetricRow("quality/x", 0.0, "", "higher", interval=Interval(-0.1, 0.1))
    base, head = (runs.make([(runs.cell(metrics=(row,)), None)], gate={"quality/x": {"tolerance": "5%"}}) for _ in "12")
    assert runs.gated_row(compare(base, head)).note.startswith(
        "the baseline is 0, so the relative tolerance 5% cannot be applied"
    )


def test_of_one_seed_it_is_said_that_it_speaks_of_these_models(runs) -> None:
    assert (
        "this describes these trained models, not the method"
        in runs.gated_row(compare(runs.of(0.9), runs.of(0.8, noise=5))).note
    )
    assert "two seeds are few" in runs.gated_row(compare(runs.of(0.9, 0.9), runs.of(0.9, 0.9, noise=5))).note


def test_a_metric_of_some_seeds_only_says_under_how_many_it_is_missing(runs) -> None:
    row = MetricRow("q/x", 0.5, "fraction", "higher", kind="exact")
    gate = {"q/x": {"tolerance": 0.01}}

    def run(*seeds: bool, **changes: Any) -> Run:
        cells = [runs.cell(s, metrics=(row,) if has else (), **changes) for s, has in enumerate(seeds)]
        return runs.make([(record, None) for record in cells], gate=gate)

    whole = run(True, True, True)
    assert runs.gated_row(compare(whole, run(True, False, False))).note == (
        "head has no value under 2 of 3 seeds: it was not measured"
    )
    assert runs.gated_row(compare(run(False, True, True), whole)).note == (
        "base has no value under 1 of 3 seeds: it was not measured"
    )
    assert runs.gated_row(compare(run(False, True, True), run(True, True, False))).note.startswith(
        "head has no value under 1 of"
    )
    skipped = {"probes": {"q": ProbeRow("skipped", "k", "no time")}}
    assert runs.gated_row(compare(whole, run(True, True, False, **skipped))).note == (
        "head has no value under 1 of 3 seeds: probe skipped: no time"
    )
    again = runs.gated_row(compare(whole, run(True, True, True)))
    assert (again.note, again.seeds) == ("", 3)
    nothing = runs.gated_row(compare(run(False), run(False)))
    assert (nothing.note, nothing.where) == ("no cell that both runs have measures it", "all cells")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"unit": "percent"}, "its unit or direction differs between the runs"),
        ({"better": "lower"}, "its unit or direction differs between the runs"),
        ({"value": 1e150}, ""),
        ({"value": 1.1e150}, "its values are too large to compute with"),
        ({"value": -1.1e150}, "its values are too large to compute with"),
    ],
)
def test_values_that_cannot_be_subtracted_are_not(runs, change: dict[str, Any], note: str) -> None:
    row = MetricRow("q/x", 0.5, "fraction", "higher", kind="exact")
    both = [
        runs.make([(runs.cell(metrics=(metric_row,)), None)], gate={"q/x": {}})
        for metric_row in (row, replace(row, **change))
    ]
    compared_row = runs.gated_row(compare(*both))
    assert (compared_row.note, compared_row.difference is None) == (note, bool(note))
    assert (compared_row.base, compared_row.head) == (0.5, change.get("value", 0.5))


def test_a_metric_of_the_whole_run_is_compared_by_its_interval_and_says_so(runs) -> None:
    row = MetricRow("all/x", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=50)
    gate = {"all/x": {"tolerance": 0.3}}
    base, head, part = (
        runs.make([(runs.cell(model=model), runs.predictions(0.9)) for model in models], gate=gate)
        for models in (("mlp", "cnn"), ("mlp", "cnn"), ("mlp",))
    )
    for run in (base, head, part):
        run.write_summaries([row], [])
    whole, some = runs.gated_row(compare(base, head)), runs.gated_row(compare(base, part))
    assert (whole.where, whole.difference, whole.tolerance) == ("all cells", 0.0, 0.3)
    assert "compared by their intervals: it is a metric of the whole run" in whole.note
    assert some.note == "it summarises the whole run, and not all of its cells are compared"
    assert (some.difference, some.interval, some.tolerance) == (None, None, None)
    assert (some.base, some.head, some.verdict) == (0.5, 0.5, "cannot tell")
    head.write_summaries([replace(row, name="all/y")], [])
    gone = compare(base, head)
    assert runs.gated_row(gone).note == "head has no value under 1 of 1 seeds: it was not measured"
    assert [row.metric for row in gone.rows if row.where == "all cells"] == ["all/x"]


def test_a_probe_that_failed_does_not_keep_a_metric_of_the_whole_run_from_being_compared(runs) -> None:
    row = MetricRow("all/x", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=50)
    failed = {"probes": {"quality": ProbeRow("ok", "k"), "other": ProbeRow("failed", "k", "it raised")}}
    base, head = (runs.make([(runs.cell(**changes), runs.predictions(0.9))], gate={}) for changes in ({}, failed))
    for run in (base, head):
        run.write_summaries([row], [])
    comparison = compare(base, head)
    assert [cell.reason_code for cell in comparison.uncompared] == ["failed probe"]
    (whole,) = [row for row in comparison.rows if row.where == "all cells"]
    assert (whole.verdict, whole.difference) == ("no difference found", 0.0)


def test_a_metric_of_the_whole_run_is_compared_only_where_all_its_cells_are(runs) -> None:
    row = MetricRow("worst/worst", 0.9, "fraction", "higher", "the least", kind="exact")
    cells = [(runs.cell(model=model), runs.predictions(0.9)) for model in ("mlp", "cnn")]
    base, whole, part = (
        runs.make(some, gate={"worst/worst": {"tolerance": 0.01}}, only=asked)
        for some, asked in ((cells, []), (cells, []), (cells[:1], ["model=mlp"]))
    )
    for run in (base, whole, part):
        run.write_summaries([row], [])
    assert compare(base, whole).status == 0
    comparison = compare(base, part)
    assert (comparison.rows[0].verdict, comparison.status) == ("cannot tell", 4)
    assert "not all of its cells are compared" in comparison.rows[0].note


def test_a_metric_without_a_value_is_absent_with_its_reason(runs) -> None:
    undefined = (MetricRow("quality/accuracy", None, "fraction", "higher", "not a finite number: nan"),)
    head = runs.make([(runs.cell(metrics=undefined), runs.predictions(0.9))])
    row = runs.gated_row(compare(runs.of(0.9), head))
    assert (row.verdict, row.note) == ("cannot tell", "head has no value under 1 of 1 seeds: not a finite number: nan")


def test_a_probe_that_failed_on_both_sides_says_so_where_its_gate_has_nothing(runs) -> None:
    both = [(runs.cell(probes={"quality": ProbeRow("failed", "k", "it raised")}), None)]
    comparison = compare(runs.make(both), runs.make(both))
    assert runs.gated_row(comparison).note == "no cell that both runs have measures it: probe failed: it raised"


def test_cells_after_one_with_other_test_examples_are_compared(runs) -> None:
    """The cell is named, and costs its own metrics only."""

    def run(first_id: int):
        other = runs.predictions(0.9)
        other = replace(other, ids=other.ids + first_id)
        return runs.make([(runs.cell(model="a"), other), (runs.cell(model="b"), runs.predictions(0.9))])

    comparison = compare(run(0), run(1))
    assert {row.where: (row.verdict, row.note) for row in comparison.rows} == {
        "loans, a": ("cannot tell", "the examples of test differ: 0 are common; at least 10 are needed"),
        "loans, b": ("not worse than the tolerance", "the same predictions, one by one; one seed: this describes these "
                     "trained models, not the method"),
    }  # fmt: skip


def test_values_too_large_to_reckon_with_are_told_to_be_so(runs) -> None:
    def run(value: float) -> Run:
        rows = (MetricRow("q/x", value, "", "lower", interval=Interval(value / 2, value)),)
        return runs.make([(runs.cell(s, metrics=rows), None) for s in range(2)], gate={"q/x": {"tolerance": 1}})

    assert runs.gated_row(compare(run(1e308), run(1e308))).note == "its values are too large to compute with"
