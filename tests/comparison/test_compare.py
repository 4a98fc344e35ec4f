"""Claims about the comparison of two stored runs: values, notes, exit status, and cases that never count as passed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import bench_suite
from bench_suite.comparison.baselines import set_baseline
from bench_suite.comparison.compare import Comparison, ComparisonError, check_common, compare
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.reports.comparison import Compared, as_markdown, as_text, title, what_next
from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Run

GATE = {"quality/accuracy": {"tolerance": 0.01}}


# ── verdicts and exit status ────────────────────────────────────────────────────────────────────


def test_a_planted_drop_is_found_and_ends_with_1(runs) -> None:
    comparison = compare(runs.of(0.9, 0.9, 0.9), runs.of(0.86, 0.86, 0.86, noise=10))
    row = runs.gated_row(comparison)
    assert (row.verdict, comparison.status) == ("regressed", 1)
    assert row.difference == pytest.approx(-0.04, abs=0.01)
    assert row.interval is not None
    assert row.interval[0] < row.difference < row.interval[1] < -0.01
    assert row.smallest is not None
    assert 0.01 < row.smallest < 0.07
    assert (row.seeds, row.examples, row.sample_unit, row.method) == (3, runs.n, "test examples", "examples")


def test_a_harmless_change_of_chance_alone_is_not_worse(runs) -> None:
    comparison = compare(runs.of(0.9, 0.9, 0.9), runs.of(0.9, 0.9, 0.9, noise=10))
    assert runs.gated_row(comparison).difference != 0
    assert (runs.gated_row(comparison).verdict, comparison.status) == ("not worse than the tolerance", 0)


@pytest.mark.parametrize("sides", [(1, 0), (0, 1)])
def test_a_handful_of_examples_proves_neither_a_drop_nor_that_there_is_none(runs, sides: tuple[int, int]) -> None:
    """All examples got worse, or all got better, so their differences have no variance."""
    both = [[(runs.cell(), runs.predictions_of(np.full(5, bool(side))))] for side in sides]
    for run in both:
        interval = Interval(0.0, 1.0)
        value = float(run[0][1]["predictions"][0] == run[0][1]["targets"][0])
        run[0] = (
            runs.cell(metrics=(MetricRow("quality/accuracy", value, "", "higher", interval=interval, n=5),)),
            run[0][1],
        )
    comparison = compare(*map(runs.make, both))
    assert (runs.gated_row(comparison).verdict, comparison.status) == ("cannot tell", 4)
    assert runs.gated_row(comparison).note == "5 test examples are too few; at least 10 are needed"


def test_a_tolerance_that_is_a_share_of_nothing_is_said_to_be_none(runs) -> None:
    row = MetricRow("quality/x", 0.0, "", "higher", interval=Interval(-0.1, 0.1))
    base, head = (runs.make([(runs.cell(metrics=(row,)), None)], gate={"quality/x": {"tolerance": "5%"}}) for _ in "12")
    assert runs.gated_row(compare(base, head)).note.startswith(
        "the baseline is 0, so the relative tolerance 5% cannot be applied"
    )


@pytest.mark.parametrize(("head", "verdict", "status"), [(0.9, "no regression found", 0), (0.8, "regressed", 1)])
def test_a_gate_without_a_tolerance_never_ends_with_4(runs, head: float, verdict: str, status: int) -> None:
    info = {"gate": {"quality/accuracy": {"min": 0.5}}}
    comparison = compare(runs.of(0.9, **info), runs.of(head, noise=10, **info))
    assert (runs.gated_row(comparison).verdict, comparison.status) == (verdict, status)


def test_a_tolerance_in_percent_is_a_share_of_base(runs) -> None:
    comparison = compare(runs.of(0.8), runs.of(0.8, noise=5, gate={"quality/accuracy": {"tolerance": "5%"}}))
    assert runs.gated_row(comparison).tolerance == pytest.approx(0.04, abs=0.001)
    assert [str(change) for change in comparison.gate_changes] == ["quality/accuracy: tolerance 0.01 → 5% (changed)"]


def test_of_one_seed_it_is_said_that_it_speaks_of_these_models(runs) -> None:
    assert (
        "this describes these trained models, not the method"
        in runs.gated_row(compare(runs.of(0.9), runs.of(0.8, noise=5))).note
    )
    assert "two seeds are few" in runs.gated_row(compare(runs.of(0.9, 0.9), runs.of(0.9, 0.9, noise=5))).note


def test_a_suite_without_gates_judges_nothing_and_says_so(runs) -> None:
    comparison = compare(runs.of(0.9, gate={}), runs.of(0.7, noise=5, gate={}))
    assert [(row.verdict, row.gated) for row in comparison.rows] == [("worse", False)]
    assert comparison.status == 0
    assert "gates no metric" in title(comparison)
    assert "[gate]" in what_next(comparison)


def test_what_has_no_direction_is_bounded_by_each_run_and_no_gate_of_a_comparison(runs) -> None:
    row = MetricRow("fairness/selection_rate", 0.5, "fraction", "none", interval=Interval(0.4, 0.6), n=runs.n)
    bounded, tolerant = (
        compare(*(runs.make([(runs.cell(metrics=(row,)), None)], gate={row.name: rules}) for _ in "12"))
        for rules in ({"max": 0.9}, {"tolerance": 0.1})
    )
    assert [(row.verdict, row.gated) for row in bounded.rows] == [("no difference found", False)]
    assert bounded.status == 0
    assert (runs.gated_row(tolerant).verdict, tolerant.status) == ("cannot tell", 4)
    assert "no better direction" in runs.gated_row(tolerant).note


# ── values that are missing or do not compare ───────────────────────────────────────────────────


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


def test_a_base_has_a_cell_only_if_it_ended_well(runs) -> None:
    base = runs.make([(runs.cell(), runs.predictions(0.9)), (runs.cell(1, status="failed", reason="no memory"), None)])
    check_common(base, ["mlp0", "other"])
    for ids in (["mlp1"], ["other"], []):
        with pytest.raises(ComparisonError, match="has none of these cells: its suite, its options or a component"):
            check_common(base, ids)
    with pytest.raises(ComparisonError, match="smoke run"):
        check_common(runs.of(0.9, smoke=True), ["mlp0"])


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


def test_a_group_without_a_value_on_either_side_for_one_reason_is_told_and_does_not_keep_a_gate_from_passing(
    runs,
) -> None:
    rates = [
        MetricRow("fairness/accuracy", 0.5, "fraction", "higher", at={"group": "many"}, of_predictions=True),
        MetricRow("fairness/accuracy", None, "fraction", "higher", "too few: 2 of 10", at={"group": "few"}),
    ]
    gate = {"fairness/accuracy": {"tolerance": 0.05}}
    two = [runs.make([(runs.cell(metrics=tuple(rates)), runs.predictions(0.9))], gate=gate) for _ in range(2)]
    comparison = compare(*two)
    assert comparison.status == 0
    assert "no value on either side: fairness/accuracy (group few) in loans, mlp: too few: 2 of 10" in comparison.notes
    none = [replace(rate, value=None, reason="no finite scores") for rate in rates]
    twice = [runs.make([(runs.cell(metrics=tuple(none)), runs.predictions(0.9))], gate=gate) for _ in range(2)]
    assert compare(*twice).status == 4, "a metric without any value is never fine"
    gone = replace(rates[0], value=None, reason="damaged")
    comparison = compare(two[0], runs.make([(runs.cell(metrics=(gone, rates[1])), runs.predictions(0.9))], gate=gate))
    assert comparison.status == 4


def test_a_metric_without_a_value_is_absent_with_its_reason(runs) -> None:
    undefined = (MetricRow("quality/accuracy", None, "fraction", "higher", "not a finite number: nan"),)
    head = runs.make([(runs.cell(metrics=undefined), runs.predictions(0.9))])
    row = runs.gated_row(compare(runs.of(0.9), head))
    assert (row.verdict, row.note) == ("cannot tell", "head has no value under 1 of 1 seeds: not a finite number: nan")


def test_a_probe_that_failed_in_head_ends_with_3(runs) -> None:
    failed = runs.cell(probes={"quality": ProbeRow("failed", "k", "it raised")})
    other = MetricRow("other/x", 1.0, "", "higher", kind="exact")
    comparison = compare(runs.of(0.9), runs.make([(replace(failed, metrics=(other,)), None)]))
    assert comparison.status == 3
    assert "only head has other/x" in comparison.notes
    assert runs.gated_row(comparison).verdict == "cannot tell"
    assert runs.gated_row(comparison).note == "head has no value under 1 of 1 seeds: probe failed: it raised"
    assert "failed probe: loans, mlp, seed 0\n    quality: it raised" in as_text(comparison)
    assert as_text(comparison).endswith("failed: quality in loans, mlp, seed 0")
    assert re.search(r"\| not compared +\| quality +\| loans, mlp, seed 0 ", as_markdown(comparison))
    assert ("loans, mlp, seed 0", "probe quality", "error", "it raised") in runs.junit_cases(comparison)


def test_a_metric_that_one_run_lacks_somewhere_only_is_listed_with_its_place(runs) -> None:
    def rows(*groups: str) -> tuple[MetricRow, ...]:
        return tuple(MetricRow("my/other", 1.0, "", "higher", kind="exact", at={"group": group}) for group in groups)

    base = runs.make(
        [(runs.cell(metrics=rows("a", "b")), None), (runs.cell(model="cnn", metrics=rows("a")), None)], gate={}
    )
    head = runs.make([(runs.cell(metrics=rows("a")), None), (runs.cell(model="cnn"), None)], gate={})
    notes = compare(base, head).notes
    assert "only base has my/other (group b) in loans, mlp, my/other (group a) in loans, cnn" in notes
    assert "only head has my/other (group b) in loans, mlp, my/other in loans, cnn" not in notes


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


def test_a_run_that_states_no_gate_at_all_is_compared(runs) -> None:
    base, head = runs.of(0.9), runs.of(0.9)
    head.info = {key: value for key, value in head.info.items() if key != "gate"}
    comparison = compare(base, head)
    assert (comparison.gated, comparison.status) == (False, 0)


def test_an_older_run_as_head_is_named_since_its_verdicts_are_turned_round(runs) -> None:
    older, newer = runs.of(0.9), runs.of(0.8, noise=3)
    assert newer.info["started"] > older.info["started"]
    note = "HEAD is older than BASE"
    assert [note in text for text in compare(newer, older).notes[:1]] == [True]
    assert not any(note in text for text in compare(older, newer).notes)


@pytest.mark.parametrize(("undecided", "status"), [("exit 4", 4), ("fail", 1), ("warn", 0)])
def test_the_suite_decides_what_a_gate_that_cannot_tell_does_to_the_exit_status(runs, undecided, status) -> None:
    options = {"undecided": undecided, "new": "pass"}
    comparison = compare(runs.of(0.9), runs.of(0.89, gate=GATE, gate_options=options))
    assert (runs.gated_row(comparison).verdict, comparison.status) == ("cannot tell", status)
    assert Compared.of(comparison).verdict == "cannot tell"
    assert "more examples or seeds" in what_next(comparison) or status == 1


def test_failures_are_errors_without_a_gate_too_and_what_is_new_is_only_listed(runs) -> None:
    good = (runs.cell(), runs.predictions(0.9))
    base = runs.make([good], gate={})
    broken = runs.cell(model="broken", status="failed", reason="no memory")
    head = [good, (runs.cell(model="cnn"), runs.predictions(0.9)), (broken, None)]
    comparison = compare(base, runs.make(head, gate={}))
    assert comparison.status == 3
    assert {(cell.reason_code, cell.detail) for cell in comparison.uncompared} == {
        ("new", "base has no such cell"),
        ("failed", "failed: no memory; base has no such cell"),
    }
    assert set(runs.junit_cases(comparison)) == {
        ("loans, broken, seed 0", "compared", "error", "failed: no memory; base has no such cell"),
        ("loans, cnn, seed 0", "compared", "skipped", "new: base has no such cell"),
    }
    assert "failed: loans, broken, seed 0" in as_text(comparison).splitlines()[-1]
    assert "[gate]" not in what_next(comparison)


@pytest.mark.parametrize("gate", [GATE, {}])
@pytest.mark.parametrize(
    ("change", "why", "status"),
    [
        ({"status": "failed", "reason": "no memory"}, "failed", 3),
        ({"data": {"name": "loans", "fingerprint": "bbbbbbbbbb"}}, "other data", 4),
    ],
)
def test_where_no_cell_can_be_compared_it_is_listed_all_the_same(runs, gate, change, why, status) -> None:
    head = runs.make([(runs.cell(**change), runs.predictions(0.9))], gate=gate)
    comparison = compare(runs.of(0.9, gate=gate), head)
    assert ([cell.reason_code for cell in comparison.uncompared], comparison.status) == ([why], status)
    assert [row.verdict for row in comparison.rows] == ["cannot tell"] * len(gate)
    assert why in as_markdown(comparison)
    assert any(kind == "error" for _, _, kind, _ in runs.junit_cases(comparison))
    assert "[gate]" not in what_next(comparison)


@pytest.mark.parametrize(
    "gate",
    [
        {"quality/accuracy": {"tolerance": "x"}},
        {"quality/accuracy": {"tolerance": -1}},
        {"quality/accuracy": {"tolerance": 10**400}},
        {"quality/accuracy": None},
    ],
)
def test_a_damaged_gate_is_wrong_input(runs, gate) -> None:
    with pytest.raises(ComparisonError, match=r"run\.json is damaged: the gate on quality/accuracy is "):
        compare(runs.of(0.9), runs.of(0.9, gate=gate))


def test_values_too_large_to_reckon_with_are_told_to_be_so(runs) -> None:
    def run(value: float) -> Run:
        rows = (MetricRow("q/x", value, "", "lower", interval=Interval(value / 2, value)),)
        return runs.make([(runs.cell(s, metrics=rows), None) for s in range(2)], gate={"q/x": {"tolerance": 1}})

    assert runs.gated_row(compare(run(1e308), run(1e308))).note == "its values are too large to compute with"


@pytest.mark.parametrize("side", ["base", "head"])
def test_smoke_runs_are_refused(runs, side: str) -> None:
    smoke, whole = runs.of(0.9, smoke=True), runs.of(0.9)
    with pytest.raises(ComparisonError, match=r"smoke run, which is never compared"):
        compare(*((smoke, whole) if side == "base" else (whole, smoke)))


def test_a_run_is_never_compared_with_itself(runs) -> None:
    run = runs.of(0.9)
    with pytest.raises(ComparisonError, match="HEAD is the run that the baseline was made from: run the suite first"):
        compare(set_baseline(runs.store, run).run, run)
    with pytest.raises(ComparisonError, match="BASE and HEAD are the same run") as error:
        compare(run, run)
    assert error.value.exit_status == 2


def test_runs_without_a_common_cell_are_wrong_input_and_say_what_they_have(runs) -> None:
    base = runs.of(0.9)
    head = runs.make([(runs.cell(model="cnn"), runs.predictions(0.9))])
    with pytest.raises(ComparisonError, match=r"no cell in common\n  loans, cnn, seed 0: new") as error:
        compare(base, head)
    assert error.value.exit_status == 2
    with pytest.raises(ComparisonError, match="has none of these cells"):
        check_common(base, ["cnn0"])


# ── gates and probes for some cells ─────────────────────────────────────────────────────────────


def gated_rows(comparison: Comparison) -> list[tuple[str, float | None]]:
    """Return cells and tolerance of each gated row."""
    return sorted(((row.where, row.tolerance) for row in comparison.rows if row.gated), key=str)


def test_a_gate_judges_the_cells_that_it_is_for_and_the_others_are_not_gated(runs) -> None:
    cells = [(runs.cell(model=model), runs.predictions(0.9)) for model in ("a", "b")]
    gate = {"quality/accuracy": {"tolerance": 0.01, "only": {"model": ["a"]}}}
    comparison = compare(runs.make(cells, gate=gate), runs.make(cells, gate=gate))
    assert {row.where: row.gated for row in comparison.rows} == {"loans, a": True, "loans, b": False}
    assert comparison.status == 0


def test_each_rule_with_a_tolerance_is_judged_and_rules_without_one_count_once_where_none_has_one(runs) -> None:
    cells = [(runs.cell(model=model), runs.predictions(0.9)) for model in ("a", "b")]
    gate = {
        "quality/accuracy": [
            {"min": 0.1},
            {"max": 1.0},
            {"tolerance": 0.01, "only": {"model": ["a"]}},
            {"tolerance": 0.02, "only": {"model": ["a"]}},
        ]
    }
    comparison = compare(runs.make(cells, gate=gate), runs.make(cells, gate=gate))
    assert gated_rows(comparison) == [("loans, a", 0.01), ("loans, a", 0.02), ("loans, b", None)]
    names = [name for _, name, _, _ in runs.junit_cases(comparison)]
    assert names.count("quality/accuracy, tolerance 0.01") == names.count("quality/accuracy, tolerance 0.02") == 1


def test_a_gate_for_some_seeds_judges_these_and_shows_all_of_them(runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.01, "only": {"seed": [0, 2]}}}
    comparison = compare(runs.of(0.9, 0.9, 0.9, gate=gate), runs.of(0.9, 0.9, 0.9, gate=gate))
    assert {(row.where, row.gated, row.seeds) for row in comparison.rows} == {
        ("loans, mlp, seeds 0, 2", True, 2), ("loans, mlp", False, 3),
    }  # fmt: skip


def test_a_gate_for_cells_that_are_new_or_were_not_asked_for_judges_nothing_and_says_so(runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.01, "only": {"model": ["b"]}}}
    base = runs.make([(runs.cell(model="a"), runs.predictions(0.9))], gate=gate)
    head = [(runs.cell(model=model), runs.predictions(0.9)) for model in ("a", "b")]
    comparison = compare(base, runs.make(head, gate=gate))
    assert comparison.status == 0
    assert "the gate on quality/accuracy for model b judges nothing: no such cell is compared" in comparison.notes
    assert not [row for row in comparison.rows if row.gated]
    both = runs.make(head, gate=gate)
    without = [(runs.cell(model="a"), runs.predictions(0.9)), (runs.cell(model="b", probes={}, metrics=()), None)]
    (row,) = [row for row in compare(both, runs.make(without, gate=gate)).rows if row.gated]
    assert (row.where, row.verdict) == ("loans, b", "cannot tell"), "the cell is compared, and head lacks the metric"


def test_a_cell_that_a_probe_is_not_asked_of_is_no_gap(runs) -> None:
    """`only = { seed = 0 }` of a probe: the other seeds lack its metrics on both sides."""

    def run(gate):
        elsewhere = {"probes": {"other": ProbeRow("ok", "k")}, "metrics": ()}
        second = runs.cell(1, **elsewhere)
        seeds = [(runs.cell(0), runs.predictions(0.9)), (second, None)]
        other = [(runs.cell(0, model="b", **elsewhere), None)]
        return runs.make([*seeds, *other], gate=gate)

    for gate, verdict in ((GATE, "not worse than the tolerance"), ({}, "no difference found")):
        comparison = compare(run(gate), run(gate))
        assert [(row.verdict, row.seeds) for row in comparison.rows] == [(verdict, 1)]
        assert (comparison.uncompared, comparison.status) == ((), 0)
        assert "not compared" not in as_text(comparison)
        assert "no value" not in as_text(comparison)


# ── from Python ─────────────────────────────────────────────────────────────────────────────────


def test_from_python_two_runs_are_given_as_runs_as_names_or_by_word(runs) -> None:
    base, head = runs.of(0.9, 0.9, 0.9), runs.of(0.86, 0.86, 0.86, noise=10)
    set_baseline(runs.store, base)
    comparison = bench_suite.compare(base, head)
    assert (comparison.verdict, comparison.status, comparison.rows) == ("regressed", 1, compare(base, head).rows)
    assert (comparison.markdown(), str(comparison)) == (as_markdown(compare(base, head)), as_text(compare(base, head)))
    for name in (base.name, base.path, "latest", "baseline", "s"):
        assert bench_suite.compare(name, results=runs.store.root).rows == comparison.rows
    with pytest.raises(StoreError, match="no run '2019'"):
        bench_suite.compare("2019", results=runs.store.root)


def test_from_python_the_rows_are_a_frame_worst_first(runs) -> None:
    comparison = bench_suite.compare(runs.of(0.9), runs.of(0.8, noise=5))
    frame = comparison.frame()
    row = frame.iloc[0]
    assert (row.metric, row.verdict, row.gated) == ("quality/accuracy", "regressed", True)
    assert (row.low, row.high) == runs.gated_row(comparison).interval
    assert list(frame.verdict) == [row.verdict for row in comparison.rows]
    nothing = bench_suite.compare(runs.make([(runs.cell(), None)], gate={}), runs.make([(runs.cell(), None)], gate={}))
    assert "verdict" in nothing.frame()
    assert len(nothing.frame()) == 0


@pytest.mark.parametrize(
    ("head", "info", "verdict"),
    [(0.9, {}, "not worse"), (0.5, {"gate": {}}, "not judged"), (0.89, {"gate": GATE}, "cannot tell")],
)
def test_from_python_the_verdict_says_the_exit_status_in_words(runs, head: float, info, verdict: str) -> None:
    assert bench_suite.compare(runs.of(0.9), runs.of(head, **info)).verdict == verdict


# ── folds ───────────────────────────────────────────────────────────────────────────────────────


def of_folds(runs: Any, correct: list[np.ndarray], folds: int = 5, **info: Any) -> Run:
    """Write a run with a cell for each fold; all folds have examples of their own."""
    cells = []
    for fold, answers in enumerate(correct):
        n = len(answers)
        facts = {"fold": fold, "folds": folds, "repeats": 1, "fingerprint": "w", "examples": n * folds}
        data = {"name": "loans", "fingerprint": f"f{fold}", "train": n * (folds - 1), "test": n, "folds": facts}
        record = runs.cell()
        predictions = runs.predictions_of(answers)
        predictions = replace(predictions, ids=predictions.ids + 1_000_000 * fold)
        cells.append((replace(record, id=f"fold{fold}", cell={**record.cell, "fold": fold}, data=data), predictions))
    return runs.make(cells, **info)


def answers(share: float, seed: int, folds: int = 5, n: int = 400) -> list[np.ndarray]:
    """Return right and wrong answers of each fold: the easiest are right, except a few chosen at random."""
    difficulty, random = np.random.default_rng(1).random((folds, n)), np.random.default_rng(seed)
    return list(difficulty + random.normal(0, 0.01, (folds, n)) < share)


def test_folds_are_compared_by_the_corrected_variance_of_their_differences(runs) -> None:
    base, head = answers(0.9, 0), answers(0.9, 1)
    comparison = compare(of_folds(runs, base), of_folds(runs, head, gate={"quality/accuracy": {"tolerance": 0.05}}))
    row = runs.gated_row(comparison)
    differences = [float(mine.mean() - other.mean()) for other, mine in zip(base, head)]
    assert (row.where, row.method, row.examples, row.verdict) == (
        "loans, mlp", "folds", 2000, "not worse than the tolerance",
    )  # fmt: skip
    assert row.difference == pytest.approx(np.mean(differences))
    assert row.note == "5 folds, which share training data"
    naive = (np.var(differences, ddof=1) / 5) ** 0.5 * 3.747  # t(4) at 0.01
    assert row.interval is not None
    assert row.difference - row.interval[0] > 1.4 * naive


def test_a_drop_in_each_fold_is_found(runs) -> None:
    comparison = compare(of_folds(runs, answers(0.9, 0)), of_folds(runs, answers(0.8, 1)))
    assert (runs.gated_row(comparison).verdict, comparison.status) == ("regressed", 1)


def test_a_drop_in_one_fold_alone_is_not_taken_for_five_seeds(runs) -> None:
    base = answers(0.9, 0)
    head = [base[0] & (np.arange(400) % 2 == 0), *base[1:]]
    row = runs.gated_row(compare(of_folds(runs, base), of_folds(runs, head)))
    assert row.difference == pytest.approx(-0.09, abs=0.02)
    assert row.verdict == "cannot tell"
    assert row.note.startswith("more examples, or more repeats of the folds, would decide")


def test_folds_that_agree_by_chance_prove_nothing(runs) -> None:
    """Each fold loses and wins one answer, so that no difference varies."""
    base = [np.arange(20) != 0 for _ in range(5)]
    head = [np.arange(20) != 1 for _ in range(5)]
    row = runs.gated_row(compare(of_folds(runs, base), of_folds(runs, head)))
    assert (row.difference, row.verdict) == (0.0, "cannot tell")


def test_folds_with_the_same_predictions_do_not_differ(runs) -> None:
    row = runs.gated_row(compare(of_folds(runs, answers(0.9, 0)), of_folds(runs, answers(0.9, 0))))
    assert (row.method, row.verdict, row.examples) == ("same predictions", "not worse than the tolerance", 2000)


def test_a_gate_for_one_fold_compares_its_examples(runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.05, "only": {"fold": [1]}}}
    row = runs.gated_row(compare(of_folds(runs, answers(0.9, 0)), of_folds(runs, answers(0.9, 1), gate=gate)))
    assert (row.where, row.method, row.examples) == ("loans, mlp, seed 0, fold 1", "examples", 400)
