"""Rescoring: stored predictions are compared example by example, or not at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from bench_suite.comparison import rescoring
from bench_suite.comparison.common_examples import SplitChange, rows_of
from bench_suite.comparison.compare import compare
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.pairing import Group, Pair
from bench_suite.comparison.rescoring import Examples, Unpaired, difference_of, examples_of, values_on_common
from bench_suite.comparison.strategies import with_seeds
from bench_suite.contracts import MetricRow, Predictions, Record
from bench_suite.exporters.junit import export
from bench_suite.metrics.accuracy import accuracy
from bench_suite.metrics.balanced_accuracy import balanced_accuracy
from bench_suite.metrics.brier_score import brier_score
from bench_suite.metrics.expected_calibration_error import expected_calibration_error
from bench_suite.metrics.log_loss import log_loss
from bench_suite.metrics.macro_f1 import macro_f1
from bench_suite.metrics.roc_auc import roc_auc
from bench_suite.reports.comparison import as_markdown, as_text
from bench_suite.stats.paired import Difference, nested_difference, resampled_difference
from bench_suite.store.runs import Run, Store

N = 200


def predictions(seed: int = 0, **columns: Any) -> Predictions:
    random = np.random.default_rng(seed)
    targets = np.arange(N) % 2
    scores = np.clip(random.normal(0.35 + 0.3 * targets, 0.25), 0.01, 0.99).round(2)
    default_columns = {
        "targets": targets,
        "predictions": (scores > 0.5).astype(int),
        "scores": np.stack([1 - scores, scores], 1),
    }
    groups = {"sex": np.array(["f", "m"])[np.arange(N) // 7 % 2]}
    return Predictions("test", np.arange(N) * 3 + 5, {**default_columns, **columns}, groups)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[list[Predictions | None], list[Predictions | None]], Examples]:
    """Return a function that stores the predictions of both sides, one for each seed, and reads them as a group."""

    def examples(*sides: list[Predictions | None]) -> Examples:
        runs = [Store(tmp_path / "results").create("s", {}) for _ in sides]

        def record(run: Run, seed: int, stored: Predictions | None) -> Record:
            known = Record(run.name, "s", f"m{seed}", "", {}, {}, "ok")
            if stored is None:
                return known
            train = run.write_predictions(known.id, "train", replace(stored, ids=stored.ids[::-1]))
            return replace(known, artifacts=(train, run.write_predictions(known.id, "test", stored)))

        pairs = tuple(
            Pair(*(record(run, seed, stored) for run, stored in zip(runs, both)))
            for seed, both in enumerate(zip(*sides))
        )
        return examples_of(Group("loans, mlp", pairs, True), *runs)

    return examples


def shuffled(one: Predictions, seed: int = 1) -> Predictions:
    order = np.random.default_rng(seed).permutation(len(one))
    columns = {
        name: values[order] if isinstance(values, np.ndarray) else [values[row] for row in order]
        for name, values in one.columns.items()
    }
    groups = {name: values[order] for name, values in one.groups.items()}
    return replace(one, ids=one.ids[order], columns=columns, groups=groups)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def test_examples_of_all_seeds_and_sides_are_in_the_order_of_their_ids(read) -> None:
    words = [["a"] * (row % 3 + 1) for row in range(N)]
    one = predictions(words=words)
    examples = read([one, shuffled(one)], [shuffled(one, 2), shuffled(one, 3)])
    assert (len(examples), len(examples.base), len(examples.head)) == (N, 2, 2)
    for side in (*examples.base, *examples.head):
        assert np.array_equal(side.ids, one.ids)
        assert np.array_equal(side["targets"], one["targets"])
        assert [list(row) for row in side["words"]] == words
        assert np.array_equal(side.groups["sex"], one.groups["sex"])
    assert examples.identical
    assert examples.no_difference() == replace(nested_difference(np.zeros((2, N))), variance_per_loss=0, differing=None)


@pytest.mark.parametrize("change", ["column", "nested", "group", "seed", "more"])
def test_predictions_that_differ_anywhere_are_not_the_same(read, change: str) -> None:
    one = predictions(words=[["a"]] * (N - 1) + [["a", "b"]])
    other = replace(
        one, columns={name: np.copy(v) if isinstance(v, np.ndarray) else v for name, v in one.columns.items()}
    )
    if change in ("column", "seed"):
        other.columns["predictions"][7] ^= 1
    elif change == "nested":
        other.columns["words"] = [["a"]] * (N - 1) + [["a", "c"]]
    elif change == "more":
        other.columns["losses"] = np.zeros(N)
    else:
        other = replace(other, groups={"sex": one.groups["sex"][::-1]})
    heads = [one, other] if change == "seed" else [other, other]
    assert not read([one, one], heads).identical
    assert read([other], [other]).identical


def test_numbers_that_are_not_there_on_both_sides_are_the_same(read) -> None:
    gaps = predictions(losses=np.where(np.arange(N) % 5, 0.5, np.nan))
    assert read([gaps], [gaps]).identical
    assert read([gaps], [gaps]).change is None
    numbers, texts = predictions(targets=np.zeros(N)), predictions(targets=np.array(["0"] * N))
    assert read([numbers], [texts]).change == SplitChange(0, relabelled=N)


@pytest.mark.parametrize("side", ["base", "head"])
def test_what_keeps_predictions_from_being_read_names_the_side(read, side: str) -> None:
    def both(odd: Predictions | None) -> Examples:
        return read(*([predictions(), odd], [predictions(), predictions()])[:: 1 if side == "base" else -1])

    with pytest.raises(Unpaired, match=f"^{side} has no stored predictions$"):
        both(None)
    bare = predictions()
    del bare.columns["targets"]
    with pytest.raises(Unpaired, match=f"^the predictions of {side} have no targets$"):
        both(bare)


def test_ids_that_repeat_do_not_pair(read) -> None:
    one = predictions()
    repeated = replace(one, ids=one.ids // 4)
    for sides in ((repeated, repeated), (one, repeated)):
        with pytest.raises(Unpaired, match="no distinct ids"):
            read(*([side] for side in sides))


def test_seeds_of_one_side_with_different_examples_are_a_mismatch(read) -> None:
    one = predictions()
    for odd in (replace(one, ids=one.ids + 1), predictions(targets=1 - one["targets"])):
        assert len(read([one], [odd])) == 0
        with pytest.raises(rescoring.TestSetMismatch, match=r"^the seeds of base were tested on different examples: 2"):
            read([one, odd], [one, one])
        with pytest.raises(rescoring.TestSetMismatch, match=r"^the seeds of head"):
            read([one, one], [odd, one])


def test_the_common_examples_of_all_seeds_are_in_the_order_of_the_ids_of_base(read) -> None:
    one, other = predictions(1), predictions(2)
    rest = np.arange(N) % 10 != 3
    base, head = [one, shuffled(other)], [shuffled(rows_of(seed, np.flatnonzero(rest)), 2) for seed in (one, other)]
    examples = read(base, head)
    assert examples.change == SplitChange(180, lost=20)
    assert (len(examples), len(examples.all_of_base[1]), len(examples.all_of_head[1])) == (180, 200, 180)
    for side in (examples.base, examples.head):
        for seed, expected in zip(side, (one, other)):
            assert np.array_equal(seed.ids, one.ids[rest])
            assert np.array_equal(seed["predictions"], expected["predictions"][rest])
            assert np.array_equal(seed.groups["sex"], one.groups["sex"][rest])


def test_a_metric_is_computed_again_for_the_common_examples_only_if_all_of_them_give_what_is_recorded(read) -> None:
    one, head = predictions(1), rows_of(predictions(2), np.arange(20, N))
    examples = read([one], [head])
    scores = [macro_f1(side["predictions"], side["targets"]) for side in (one, head)]
    rows = [tuple(MetricRow("quality/macro_f1", score, "", "higher", n=9) for score in scores)]
    [(mine, theirs)] = values_on_common("quality/macro_f1", rows, examples)
    assert mine.value == macro_f1(one["predictions"][20:], one["targets"][20:]) != scores[0]
    assert (theirs.value, mine.n, theirs.n, mine.interval) == (scores[1], 180, 180, None)
    on_common = [(replace(mine, value=mine.value), theirs)]
    with pytest.raises(Unpaired, match=r"stored predictions give a macro_f1 of .*, the record has"):
        values_on_common("quality/macro_f1", on_common, examples)
    with pytest.raises(Unpaired, match="demographic_parity is no metric of single predictions"):
        values_on_common("quality/demographic_parity", rows, examples)
    single = read([one], [rows_of(one, np.flatnonzero(one["targets"] == 0))])
    rows = [
        tuple(
            MetricRow("quality/roc_auc", score, "", "higher") for score in (roc_auc(one["targets"], one["scores"]), 0.5)
        )
    ]
    with pytest.raises(Unpaired):  # an area that the common examples, of one class, do not define
        values_on_common("quality/roc_auc", rows, single)


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────


def both(**columns: Any) -> Examples:
    return Examples((predictions(1, **columns), predictions(2, **columns)), (predictions(3, **columns),
                                                                           predictions(4, **columns)))  # fmt: skip


def values_of(function: Callable[..., float], examples: Examples, column: str) -> list[tuple[float, float]]:
    return [tuple(function(one["targets"], one[column]) for one in pair) for pair in zip(examples.base, examples.head)]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_mean_over_examples_is_compared_by_its_examples(sign: float) -> None:
    examples = both()
    correct = [np.stack([one["targets"] == one["predictions"] for one in side]).astype(float)
               for side in (examples.base, examples.head)]  # fmt: skip
    values = values_of(accuracy, examples, "predictions")
    assert difference_of("quality/accuracy", examples, values, sign) == (
        nested_difference(sign * (correct[1] - correct[0])), "examples",
    )  # fmt: skip
    clusters = np.arange(N) // 10
    difference, _ = difference_of("quality/accuracy", both(cluster=clusters), values, sign)
    assert difference == nested_difference(sign * (correct[1] - correct[0]), clusters)
    twins = Examples(examples.base, examples.base)
    assert difference_of("quality/accuracy", twins, [(a, a) for a, _ in values], sign) == (
        examples.no_difference(), "same predictions",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(expected_calibration_error, "resampling"), (brier_score, "examples"), (log_loss, "examples")],
)
def test_errors_of_the_probe_calibration_are_compared_on_the_same_examples(
    metric: Callable[..., float], expected: str
) -> None:
    examples = both()
    values = values_of(metric, examples, "scores")
    difference, method = difference_of(f"calibration/{metric.__name__}", examples, values, -1.0)
    assert method == expected
    assert difference.value == pytest.approx(-np.mean([head - base for base, head in values]))
    assert difference.variance > 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_other_metrics_are_compared_by_resampling_with_the_spread_that_their_examples_have(sign: float) -> None:
    examples = both()
    values = values_of(macro_f1, examples, "predictions")
    difference, method = difference_of("quality/macro_f1", examples, values, sign)
    assert method == "resampling"
    assert difference.value == pytest.approx(sign * np.mean([head - base for base, head in values]))
    alike = nested_difference(np.stack([
        sign * ((head["targets"] == head["predictions"]).astype(float) - (base["targets"] == base["predictions"]))
        for base, head in zip(examples.base, examples.head)
    ]))  # fmt: skip
    assert difference.examples == pytest.approx(alike.examples, rel=0.2), (
        "of two equal classes it is nearly the accuracy"
    )
    assert (difference.n, difference.count, difference.sample_unit) == (N, 2, "test examples")
    assert difference.variance_per_loss == pytest.approx(2 / (2 * 100) / 2)
    assert difference_of("quality/macro_f1", examples, values, sign) == (difference, method), (
        "the same resamples each time"
    )


def test_whole_clusters_are_resampled() -> None:
    """Copies in a cluster add no information: 20 clusters of ten equal examples are as uncertain as 20 examples."""
    rows = np.repeat(np.arange(20), 10)

    def copied(seed: int, rows: np.ndarray, **columns: Any) -> Predictions:
        one = predictions(seed)
        return replace(one, ids=np.arange(len(rows)), groups={},
                       columns={**{name: values[rows] for name, values in one.columns.items()}, **columns})  # fmt: skip

    single = Examples((copied(1, np.arange(20)),), (copied(3, np.arange(20)),))
    many = Examples((copied(1, rows, cluster=rows),), (copied(3, rows, cluster=rows),))
    values = values_of(macro_f1, single, "predictions")
    one, _ = difference_of("quality/macro_f1", single, values, 1.0)
    difference, _ = difference_of("quality/macro_f1", many, values, 1.0)
    assert (difference.n, difference.sample_unit, difference.df) == (20, "clusters", 19)
    assert difference.examples == pytest.approx(one.examples)
    assert difference.value == pytest.approx(one.value)


def test_a_metric_that_the_predictions_do_not_give_is_not_paired() -> None:
    examples = both()
    values = values_of(accuracy, examples, "predictions")
    wrong = [values[0], (values[1][0], values[1][1] + 1e-4)]
    recorded = f"{wrong[1][1]:.4g}"
    with pytest.raises(Unpaired, match=rf"^stored predictions give a accuracy of .*, the record has {recorded}$"):
        difference_of("quality/accuracy", examples, wrong, 1.0)
    rounded = [values[0], (values[1][0], values[1][1] + 1e-6)]
    assert difference_of("quality/accuracy", examples, rounded, 1.0)[1] == "examples"
    areas = values_of(lambda targets, scores: roc_auc(targets, scores), examples, "scores")
    near = [(base * 1.01, head * 0.99) for base, head in areas]
    older = Examples(*([replace(one, rounded_scores=True) for one in side] for side in (examples.base, examples.head)))
    assert difference_of("quality/roc_auc", older, near, 1.0)[1] == "resampling", "older scores have three digits"
    for some, factor in ((examples, 1.001), (older, 1.05)):
        with pytest.raises(Unpaired, match="the record has"):
            difference_of("quality/roc_auc", some, [(base * factor, head) for base, head in areas], 1.0)
    for name in ("no_such_metric", "demographic_parity"):
        with pytest.raises(Unpaired, match=f"^{name} is no metric of single predictions$"):
            difference_of(f"quality/{name}", examples, values, 1.0)


def confident(loss: float) -> Predictions:
    """Return predictions that give the true class exp(−loss), a little more or less from example to example."""
    one = predictions()
    right = np.exp(-loss * (1 + 0.2 * np.sin(np.arange(N))))
    scores = np.where(np.arange(2) == one["targets"][:, None], right[:, None], 1 - right[:, None])
    return replace(one, columns={**one.columns, "scores": scores.astype(np.float32)})


def test_the_log_loss_of_a_confident_model_is_compared_exactly_by_example(runs) -> None:
    """In float16, 0.9999 and 0.9998 are both 1."""

    def run(loss: float) -> Run:
        row = measured("log_loss", confident(loss), lambda scores, targets: log_loss(targets, scores))
        row = replace(row, better="lower", unit="nats", ideal=0.0)
        return runs.make([(runs.cell(metrics=(row,)), confident(loss))], gate={"quality/log_loss": {"tolerance": 1e-5}})

    comparison = compare(run(0.0001), run(0.0002))
    row = runs.gated_row(comparison)
    assert "0.0001001 → 0.0002002 nats, difference 0.0001001 [" in as_text(comparison)
    assert (row.method, row.verdict) == ("examples", "regressed")
    assert row.difference == pytest.approx(0.0001, rel=1e-2)
    assert row.interval is not None
    assert 0.00009 < row.interval[0] < row.interval[1] < 0.00011


def test_scores_of_an_older_run_are_compared_with_scores_of_three_digits(read, monkeypatch) -> None:
    exact = confident(0.0001)
    older = replace(exact, columns={**exact.columns, "scores": exact["scores"].astype(np.float16).astype(np.float32)})
    whole = rescoring._read
    monkeypatch.setattr(
        rescoring, "_read", lambda run, record, side: replace(whole(run, record, side), rounded_scores=side == "base")
    )
    examples = read([older], [exact])
    assert examples.identical
    assert examples.head[0].rounded_scores


def test_a_metric_that_many_resamples_leave_undefined_is_not_paired() -> None:
    targets = np.zeros(N, int)
    targets[0] = 1  # without it, 37 % of the resamples contain only one class
    examples = both(targets=targets)
    values = values_of(lambda targets, scores: roc_auc(targets, scores), examples, "scores")
    with pytest.raises(Unpaired, match=r"^undefined in 3\d% of the resamples: "):
        difference_of("quality/roc_auc", examples, values, 1.0)


def test_the_weight_of_one_answer_of_one_class_is_its_share() -> None:
    for targets in (np.zeros(40, int), np.zeros(40, bool)):
        assert rescoring.class_weights(targets) == (39, 1 / 40)
    assert rescoring.class_weights(np.zeros((40, 2), int)) == (39, 0.0)
    assert rescoring.class_weights(np.linspace(0, 1, 40)) == (39, 0.0)
    df, weight = rescoring.class_weights(np.array([0, 1, 1, 1]))
    assert df == pytest.approx(max(1.0, (1 + 1 / 3) ** 2 / (1 / 0.5 + 1 / 9 / 2)))
    assert weight == 2 / 2
    assert math.isclose(rescoring.class_weights(np.arange(4) % 2)[0], 2.0)


# ── stored runs ─────────────────────────────────────────────────────────────────────────────────


def measured(name: str, predictions: Predictions, function: Callable[..., float]) -> MetricRow:
    columns = {"targets": predictions["targets"], "scores": predictions["scores"]}
    row = MetricRow(f"quality/{name}", function(**columns), "", "higher", "no interval", n=len(predictions))
    return replace(row, of_predictions=True)


def test_metrics_of_the_whole_set_are_resampled_and_means_are_paired_by_example(runs) -> None:
    def run(seed: int) -> Run:
        predictions = runs.predictions(0.8, seed)
        metrics = (measured("roc_auc", predictions, roc_auc), measured("log_loss", predictions, log_loss))
        return runs.make([(runs.cell(metrics=metrics), predictions)])

    rows = {row.metric: row for row in compare(run(0), run(1)).rows}
    assert rows["quality/roc_auc"].method == "resampling"
    assert rows["quality/log_loss"].method == "examples"
    assert all(row.interval is not None for name, row in rows.items() if name != "quality/accuracy")


def test_a_run_without_predictions_is_compared_by_intervals(runs) -> None:
    bare = [(runs.cell(metrics=runs.accuracy_of(runs.predictions(0.9))), None)]
    comparison = compare(runs.make(bare), runs.of(0.9, noise=3))
    assert runs.gated_row(comparison).method == "intervals"
    note = "compared by their intervals: base has no stored predictions"
    assert note in runs.gated_row(comparison).note
    assert all(note in text for text in (as_text(comparison), as_markdown(comparison), export(comparison).decode()))


def test_damaged_predictions_are_said_to_be_so(runs) -> None:
    base, head = runs.of(0.9), runs.of(0.9, noise=3)
    next(head.path.glob("cells/*/*.parquet")).write_bytes(b"torn")
    assert "compared by their intervals: head has no readable predictions: " in runs.gated_row(compare(base, head)).note


def test_a_column_of_clusters_among_the_predictions_is_heeded(runs) -> None:
    def run(seed: int) -> Run:
        one = runs.predictions(0.9, seed)
        columns = {**one.columns, "cluster": np.arange(runs.n) // 100}
        return runs.make([(runs.cell(), replace(one, columns=columns))])

    row = runs.gated_row(compare(run(0), run(1)))
    assert (row.method, row.sample_unit, row.examples) == ("examples", "clusters", runs.n // 100)


def test_metrics_of_the_whole_set_are_resampled_by_cluster_too(runs) -> None:
    """Two of 40 clusters are lost: significant for 2,000 independent examples, but not for 40 clusters."""

    def run(lost: int) -> Run:
        one = runs.predictions_of(np.arange(runs.n) // 50 >= lost)
        one = replace(one, columns={**one.columns, "cluster": np.arange(runs.n) // 50})
        row = replace(measured("macro_f1", one, lambda scores, targets: macro_f1(one["predictions"], targets)))
        return runs.make([(runs.cell(metrics=(row,)), one)], gate={"quality/macro_f1": {"tolerance": 0.01}})

    row = runs.gated_row(compare(run(0), run(2)))
    assert (row.method, row.sample_unit, row.examples, row.verdict) == ("resampling", "clusters", 40, "cannot tell")
    assert row.interval is not None
    assert row.interval[0] < -0.1 < 0 < row.interval[1]
    assert "clusters of test examples" in row.note


@pytest.mark.parametrize("name", ["macro_f1", "balanced_accuracy"])
def test_a_few_examples_without_a_difference_prove_nothing_of_a_resampled_metric_either(runs, name: str) -> None:
    function = {"macro_f1": macro_f1, "balanced_accuracy": balanced_accuracy}[name]

    def run(n: int, score: float) -> Run:
        one = runs.predictions_of(np.ones(n, dtype=bool))
        one = replace(one, columns={**one.columns, "scores": np.abs(one["scores"] - score).astype(np.float32)})
        row = measured(name, one, lambda scores, targets: function(one["predictions"], targets))
        return runs.make([(runs.cell(metrics=(row,)), one)], gate={f"quality/{name}": {"tolerance": 0.01}})

    few, many = (runs.gated_row(compare(run(n, 0.0), run(n, 0.05))) for n in (20, 20_000))
    assert (few.verdict, many.verdict) == ("cannot tell", "not worse than the tolerance")
    assert few.smallest is not None
    assert few.smallest > 0.1


def test_a_metric_that_weighs_classes_is_known_no_better_than_by_the_rarest() -> None:
    """Satterthwaite's degrees of freedom: 1/n_c for each class, 2/(C n_c) for one lost answer of the rarest."""
    df, weight = rescoring.class_weights(np.repeat([0, 1], [195, 5]))
    assert df == pytest.approx((1 / 195 + 1 / 5) ** 2 / (1 / 195**2 / 194 + 1 / 5**2 / 4))
    assert weight == 2 / (2 * 5)
    df, weight = rescoring.class_weights(np.repeat(np.arange(100), 10))
    assert (df, weight) == (pytest.approx(900), 2 / (100 * 10))
    assert rescoring.class_weights(np.linspace(0, 1, 50)) == (49, 0.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [("ids", "2,000 lost, 2,000 gained"), ("targets", "2,000 relabelled")],
)
def test_different_test_sets_are_never_compared(runs, change: str, reason: str) -> None:
    one = runs.predictions(0.9)
    other = replace(one, ids=one.ids + 1)
    if change == "targets":
        other = replace(one, columns={**one.columns, "targets": 1 - one["targets"]})
    comparison = compare(runs.make([(runs.cell(), one)]), runs.make([(runs.cell(), other)]))
    note = "the examples of test differ: 0 are common; at least 10 are needed"
    row = runs.gated_row(comparison)
    assert (row.verdict, row.note, row.difference, comparison.status) == ("cannot tell", note, None, 4)
    assert comparison.notes[-1] == (
        f"loans: the examples of test differ ({reason}): the 0 common test examples are too few to compare; at least "
        "10 are needed"
    )


def test_a_different_order_of_examples_is_no_difference(runs) -> None:
    one = runs.predictions(0.9)
    order = np.random.default_rng(0).permutation(runs.n)
    shuffled = replace(one, ids=one.ids[order], columns={name: values[order] for name, values in one.columns.items()})
    assert (
        runs.gated_row(compare(runs.make([(runs.cell(), one)]), runs.make([(runs.cell(), shuffled)]))).method
        == "same predictions"
    )


@pytest.mark.parametrize("name", ["macro_f1", "roc_auc"])
@pytest.mark.parametrize("clusters", [None, np.arange(N) ** 2 // 900])
def test_resamples_by_weights_give_the_differences_of_rows(
    name: str, clusters: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = "scores" if name == "roc_auc" else "predictions"
    function: Callable[..., float] = {"macro_f1": macro_f1, "roc_auc": roc_auc}[name]
    targets = (np.arange(N) % 40 == 0).astype(int)  # some resamples of clusters lack the rare class
    examples = both(targets=targets, **({} if clusters is None else {"cluster": clusters}))
    values = values_of(function, examples, column)
    drawn, method = difference_of(f"quality/{name}", examples, values, 1.0)
    assert method == "resampling"
    monkeypatch.setattr(rescoring, "weighted_metric", lambda *_: None)
    by_rows, _ = difference_of(f"quality/{name}", examples, values, 1.0)
    for part in ("value", "examples", "seeds", "variance", "df"):
        assert math.isclose(getattr(drawn, part), getattr(by_rows, part), rel_tol=1e-12), part


@pytest.mark.parametrize("positive", [0, 1])
def test_metrics_of_the_positive_class_are_recomputed_for_the_class_that_the_suite_states(positive: int) -> None:
    base, head = predictions(1), predictions(2)
    true = [(side["targets"] == positive, side["predictions"] == positive) for side in (base, head)]
    values = [tuple(2 * (t & p).sum() / (t.sum() + p.sum()) for t, p in true)]
    difference, method = difference_of(
        "quality/binary_f1", Examples((base,), (head,), spec={"positive": positive}), values, 1.0
    )
    assert method == "resampling"
    assert difference.value == pytest.approx(values[0][1] - values[0][0])
    with pytest.raises(Unpaired, match="the record has"):
        difference_of("quality/binary_f1", Examples((base,), (head,), spec={"positive": 1 - positive}), values, 1.0)


def test_the_positive_class_is_read_from_the_records(tmp_path: Path) -> None:
    run = Store(tmp_path / "results").create("s", {})
    known = Record(run.name, "s", "m", "", {}, {}, "ok", data={"positive": 0})
    stored = replace(known, artifacts=(run.write_predictions(known.id, "test", predictions()),))
    assert examples_of(Group("loans, mlp", (Pair(stored, stored),), True), run, run).spec == {"positive": 0}


# ── trials: the resampled difference against the truth ──────────────────────────────────────────

RESAMPLES_OF_TRIALS = 120
"Fewer than the program's, whose variances are more exact."
SEPARATION, NOISE, SPREAD = 2.0, 0.7, 0.1
"""Distance between the mean scores of the classes, whose standard deviation is 1; standard deviation of a model's own
part of each score; standard deviation of the distance between seeds."""
Weighted = dict[str, np.ndarray]
"Metrics by name, under B weights of the examples: (B,)."


def weighted_metrics(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> Weighted:
    """Return ROC AUC, average precision and macro F1 of scores without ties, under weights (B, n)."""
    order = np.argsort(-scores)
    weights, positive, scores = weights[:, order], positive[order], scores[order]
    of_positives = weights * positive
    total, true = weights.cumsum(axis=1), of_positives.cumsum(axis=1)
    all_true = true[:, -1]
    negatives = total[:, -1] - all_true
    below = negatives[:, None] - total + true
    share = np.clip(positive.mean(), 0.01, 0.99)
    # The threshold of equal posterior odds; the examples above it come first.
    guesses = int((scores > SEPARATION / 2 + math.log((1 - share) / share) / SEPARATION).sum())
    hits, guessed = (sums[:, guesses - 1] if guesses else np.zeros(len(weights)) for sums in (true, total))
    rest = negatives - guessed + hits
    f1 = [2 * hits / (guessed + all_true), 2 * rest / (total[:, -1] - guessed + negatives)]
    return {
        "roc_auc": (of_positives * below).sum(axis=1) / (all_true * negatives),
        "average_precision": (of_positives * true / np.maximum(total, 1)).sum(axis=1) / all_true,
        "macro_f1": np.mean(f1, axis=0),
    }


def delong_error(base: np.ndarray, head: np.ndarray, positive: np.ndarray) -> float:
    """Return the standard error of the difference of two areas (DeLong et al. 1988, doi 10.2307/2531595)."""
    sides = []
    for scores in (base, head):
        ranks, own = stats.rankdata(scores), np.empty(len(scores))
        own[positive], own[~positive] = stats.rankdata(scores[positive]), stats.rankdata(scores[~positive])
        sides.append((ranks - own) / np.where(positive, (~positive).sum(), -positive.sum()))
    d = sides[1] - sides[0]
    return math.sqrt(sum(d[side].var(ddof=1) / side.sum() for side in (positive, ~positive)))


@dataclass
class Trials:
    """Results of one metric in one setting."""

    differences: list[Difference] = field(default_factory=list)
    alarms_alone: list[bool] = field(default_factory=list)
    "Whether examples and seeds together raise a false alarm at 1 %, in each direction."
    alarms: list[bool] = field(default_factory=list)
    "The same with the rule that the seeds alone must agree."
    delong_ratios: list[float] = field(default_factory=list)
    "Standard errors by resampling, divided by DeLong's, for the area of one seed."

    @property
    def coverage(self) -> float:
        """Return the share of the 95 % intervals of examples and seeds together that contain the truth, 0."""
        return float(np.mean([low <= 0 <= high for low, high in (one.interval() for one in self.differences)]))

    @property
    def error_ratio(self) -> float:
        """Return the root of the mean estimated variance, divided by the standard deviation of the differences."""
        variances = [one.variance for one in self.differences]
        return math.sqrt(float(np.mean(variances))) / float(np.std([one.value for one in self.differences]))


def resampling_trials(n: int, share: float, seeds: int, trials: int) -> dict[str, Trials]:
    """Compare two models of the same quality again and again, on new test examples and new seeds.

    Args:
        n: number of test examples.
        share: share of positive examples.
        seeds: number of seeds.
        trials: number of comparisons.
    """
    random = np.random.default_rng(0)
    results: dict[str, Trials] = defaultdict(Trials)
    for _ in range(trials):
        positive = random.random(n) < share
        if positive.sum() < 2:
            continue
        common = random.normal(0, 1, n)
        spread = random.normal(0, SPREAD, (2, seeds, 1)) if seeds > 1 else 0.0
        scores = common + (SEPARATION + spread) * positive + random.normal(0, NOISE, (2, seeds, n))
        weights = random.multinomial(n, np.full(n, 1 / n), RESAMPLES_OF_TRIALS)
        weights = np.vstack([np.ones(n), weights[weights @ positive > 0]]).astype(np.float32)
        sides = [[weighted_metrics(one, positive, weights) for one in side] for side in scores]
        df, weight = rescoring.class_weights(positive.astype(int))
        for name in sides[0][0]:
            base, head = (np.stack([one[name] for one in side]) for side in sides)
            difference = resampled_difference(
                (head - base)[:, 0], (head - base)[:, 1:].T, n, df=min(df, n - 1), weight=weight
            )
            main, result = Evidence(difference), results[name]
            evidence = with_seeds(difference, list(zip(base[:, 0], head[:, 0])), 1.0)
            result.differences.append(difference)
            result.alarms_alone += [main.p_regressed(0.0) <= 0.01, main.p_not_worse(0.0) <= 0.01]
            result.alarms += [evidence.p_regressed(0.0) <= 0.01, evidence.p_not_worse(0.0) <= 0.01]
            if name == "roc_auc" and seeds == 1:
                result.delong_ratios.append(difference.error / delong_error(scores[0, 0], scores[1, 0], positive))
    return results


def test_the_weighted_metrics_of_the_trials_are_those_of_repeated_examples() -> None:
    random = np.random.default_rng(0)
    scores, positive = random.normal(0, 1, 80), random.random(80) < 0.3
    rows = random.integers(0, 80, 80)
    once = weighted_metrics(scores, positive, np.bincount(rows, minlength=80)[None].astype(float))
    predictions = (scores > SEPARATION / 2 + math.log((1 - positive.mean()) / positive.mean()) / SEPARATION).astype(int)
    assert once["roc_auc"][0] == pytest.approx(roc_auc(positive[rows].astype(int), scores[rows]))
    assert once["macro_f1"][0] == pytest.approx(macro_f1(positive[rows].astype(int), predictions[rows]))
    assert once["average_precision"][0] == pytest.approx(average_precision_score(positive[rows], scores[rows]))


def test_one_seeds_area_has_the_standard_error_of_delong() -> None:
    """The program's own resamples, for a common and a rare class."""
    random = np.random.default_rng(0)
    for n, share in ((300, 0.5), (2000, 0.05)):
        targets = (random.random(n) < share).astype(int)
        common = random.normal(SEPARATION * targets, 1)
        sides = [common + random.normal(0, NOISE, n) for _ in range(2)]
        of_sides = [Predictions("test", np.arange(n), {"targets": targets, "scores": scores}) for scores in sides]
        values = [tuple(roc_auc(targets, scores) for scores in sides)]
        difference, method = difference_of("quality/roc_auc", Examples(*((one,) for one in of_sides)), values, 1.0)
        assert method == "resampling"
        assert difference.error == pytest.approx(delong_error(*sides, targets == 1), rel=0.1)


@pytest.mark.parametrize(("share", "trials"), [(0.5, 60), (0.05, 60)])
def test_resampled_differences_cover_the_truth_quickly(share: float, trials: int) -> None:
    for result in resampling_trials(300, share, 3, trials).values():
        assert result.coverage >= 0.86, "0.95 and three standard errors"
        assert 0.75 <= result.error_ratio <= 1.6


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_coverage_and_false_alarms_of_resampled_differences_as_the_docs_state_them() -> None:
    """Printed by `pytest -m slow tests/comparison/test_rescoring.py -s`, quoted in docs/appendix/comparing.md."""
    print("\nmetric             examples  positive  seeds  coverage  error  main alone  as judged  / DeLong")
    for n, trials in ((300, 500), (2000, 120)):
        for share in (0.5, 0.05):
            for seeds in (1, 3, 5):
                for name, result in resampling_trials(n, share, seeds, trials).items():
                    alone, alarms = np.mean(result.alarms_alone), np.mean(result.alarms)
                    delong = f"{np.mean(result.delong_ratios):8.2f}" if result.delong_ratios else ""
                    print(
                        f"{name:18} {n:8,}  {share:8}  {seeds:5}  {result.coverage:8.3f}  {result.error_ratio:5.2f}  "
                        f"{alone:10.3f}  {alarms:9.3f}  {delong}",
                        flush=True,
                    )
                    assert result.coverage >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials) - 0.01
                    assert alarms <= 0.015 + 3 * math.sqrt(0.01 * 0.99 / (2 * trials))
                    assert not result.delong_ratios or 0.95 <= np.mean(result.delong_ratios) <= 1.05
