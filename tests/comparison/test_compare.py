"""Claims about the comparison of two stored runs: values, notes, exit status, and cases that never count as passed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import bench_suite
from bench_suite.comparison.baselines import set_baseline
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.reports.compared import Compared
from bench_suite.reports.comparison import as_markdown, as_text, title, what_next
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


@pytest.mark.parametrize(("head", "verdict", "status"), [(0.9, "no regression found", 0), (0.8, "regressed", 1)])
def test_a_gate_without_a_tolerance_never_ends_with_4(runs, head: float, verdict: str, status: int) -> None:
    info = {"gate": {"quality/accuracy": {"min": 0.5}}}
    comparison = compare(runs.of(0.9, **info), runs.of(head, noise=10, **info))
    assert (runs.gated_row(comparison).verdict, comparison.status) == (verdict, status)


def test_a_tolerance_in_percent_is_a_share_of_base(runs) -> None:
    comparison = compare(runs.of(0.8), runs.of(0.8, noise=5, gate={"quality/accuracy": {"tolerance": "5%"}}))
    assert runs.gated_row(comparison).tolerance == pytest.approx(0.04, abs=0.001)
    assert [str(change) for change in comparison.gate_changes] == ["quality/accuracy: tolerance 0.01 → 5% (changed)"]


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


# ── cells and probes that failed, and what the suite decides ───────────────────────────────────────────────────


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


def test_a_run_that_states_no_gate_at_all_is_compared(runs) -> None:
    base, head = runs.of(0.9), runs.of(0.9)
    head.info = {key: value for key, value in head.info.items() if key != "gate"}
    comparison = compare(base, head)
    assert (comparison.gated, comparison.status) == (False, 0)


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
