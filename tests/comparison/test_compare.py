"""Claims about comparisons of two stored runs: metrics judged, evidence used, and cases that never count as passed."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import bench_suite
from bench_suite.comparison import rescoring
from bench_suite.comparison.baselines import NoBaseline, base_run, baselines, head_run, set_baseline
from bench_suite.comparison.compare import Comparison, ComparisonError, check_common, compare
from bench_suite.comparison.error_rates import Setting, settings_of, simulate
from bench_suite.comparison.verdicts import Row
from bench_suite.components import discovery
from bench_suite.contracts import History, Interval, MetricRow, Predictions, ProbeRow, Record
from bench_suite.exporters.junit import export
from bench_suite.probes import target
from bench_suite.reports.comparison import as_markdown, as_text, title, what_next
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.store.atomic import StoreError
from bench_suite.store.runs import Run, Store
from bench_suite.suite.spec import ComponentUse, metrics_of

N = 2000
HERE = {"hardware": {"cpu": "a processor", "usable_cores": 2}, "packages": {"torch": "2.6"}}
GATE = {"quality/accuracy": {"tolerance": 0.01}}
INFO: dict[str, Any] = {"gate": GATE, "git": {"commit": "0123456789", "dirty": False}, "version": "0.1.0"}


def right(share: float, seed: int = 0, n: int = N) -> np.ndarray:
    """Return which of n examples a model predicts correctly: the easiest ones, except a few chosen at random."""
    hard = np.random.default_rng(1).random(n)
    return hard + np.random.default_rng(seed).normal(0, 0.01, n) < share


def predicted(correct: np.ndarray, n: int = N) -> Predictions:
    """Return predictions of two classes, correct if `correct` is 1."""
    targets = np.arange(n) % 2
    scores = np.where(np.arange(2) == np.where(correct, targets, 1 - targets)[:, None], 0.9, 0.1).astype(np.float32)
    columns = {"targets": targets, "predictions": scores.argmax(axis=1), "scores": scores}
    return Predictions("test", np.arange(n) * 7, columns)


def cell(seed: int = 0, model: str = "mlp", **changes: Any) -> Record:
    """Return a cell of the task `loans` without measurements."""
    labels = {"task": "loans", "model": model, "engine": "native", "precision": "32-true", "seed": seed}
    options = {"train": {"epochs": 3}, "placement": {"device": "cpu", "threads": 1}}
    known = Record(
        "", "s", f"{model}{seed}", "", labels, options, "ok", None, {"quality": ProbeRow("ok", "k")},
        {"name": "loans", "fingerprint": "aaaaaaaaaa"},
    )  # fmt: skip
    return replace(known, **changes)


def rows_of(predictions: Predictions) -> tuple[MetricRow, ...]:
    """Return accuracy with its interval, in the form that `quality` gives it."""
    correct = predictions["targets"] == predictions["predictions"]
    interval, reason = bootstrap_interval(lambda correct: float(correct.mean()), {"correct": correct}, resamples=200)
    value = float(correct.mean())
    row = MetricRow("quality/accuracy", value, "fraction", "higher", reason, interval=interval, n=len(correct))
    return (replace(row, of_predictions=True),)


class Runs:
    """Runs in the test's own store."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "results")

    def make(self, cells: dict[Record, Predictions | None] | list, environment=HERE, **info: Any) -> Run:
        """Write a run of these cells with these predictions; a record that already has metrics keeps them."""
        run = self.store.create("s", {**INFO, **info})
        where = run.add_environment(environment)
        with run.writer() as writer:
            for record, predictions in cells:
                record = replace(record, run=run.name, environment=where)
                if predictions is not None:
                    row = run.write_predictions(record.id, "test", predictions)
                    metrics = record.metrics or rows_of(predictions)
                    record = replace(record, artifacts=(row,), metrics=metrics)
                writer.write(record)
        return run

    def of(self, *shares: float, noise: int = 0, **info: Any) -> Run:
        """Write a run of one model with these accuracies, one for each seed."""
        return self.make([(cell(s), predicted(right(share, noise + s))) for s, share in enumerate(shares)], **info)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def only(comparison: Comparison) -> Row:
    (row,) = [row for row in comparison.rows if row.gated]
    return row


# ── verdicts ────────────────────────────────────────────────────────────────────────────────────


def test_a_planted_drop_is_found_and_ends_with_1(runs: Runs) -> None:
    comparison = compare(runs.of(0.9, 0.9, 0.9), runs.of(0.86, 0.86, 0.86, noise=10))
    row = only(comparison)
    assert (row.verdict, comparison.status) == ("regressed", 1)
    assert row.difference == pytest.approx(-0.04, abs=0.01)
    assert row.interval is not None
    assert row.interval[0] < row.difference < row.interval[1] < -0.01
    assert row.smallest is not None
    assert 0.01 < row.smallest < 0.07
    assert (row.seeds, row.examples, row.sample_unit, row.method) == (3, N, "test examples", "examples")


def test_a_harmless_change_of_chance_alone_is_not_worse(runs: Runs) -> None:
    comparison = compare(runs.of(0.9, 0.9, 0.9), runs.of(0.9, 0.9, 0.9, noise=10))
    assert only(comparison).difference != 0
    assert (only(comparison).verdict, comparison.status) == ("not worse than the tolerance", 0)


def test_the_same_predictions_are_not_worse_whatever_their_number(runs: Runs) -> None:
    few = [(cell(), predicted(right(0.8, n=20), 20))]
    row = only(compare(runs.make(few), runs.make(few)))
    assert (row.verdict, row.method, row.difference) == ("not worse than the tolerance", "same predictions", 0.0)


@pytest.mark.parametrize("sides", [(1, 0), (0, 1)])
def test_a_handful_of_examples_proves_neither_a_drop_nor_that_there_is_none(runs: Runs, sides: tuple[int, int]) -> None:
    """All examples got worse, or all got better, so their differences have no variance."""
    both = [[(cell(), predicted(np.full(5, bool(side)), 5))] for side in sides]
    for run in both:
        interval = Interval(0.0, 1.0)
        value = float(run[0][1]["predictions"][0] == run[0][1]["targets"][0])
        run[0] = (
            cell(metrics=(MetricRow("quality/accuracy", value, "", "higher", interval=interval, n=5),)),
            run[0][1],
        )
    comparison = compare(*map(runs.make, both))
    assert (only(comparison).verdict, comparison.status) == ("cannot tell", 4)
    assert only(comparison).note == "5 test examples are too few; at least 10 are needed"


def test_a_tolerance_that_is_a_share_of_nothing_is_said_to_be_none(runs: Runs) -> None:
    row = MetricRow("quality/x", 0.0, "", "higher", interval=Interval(-0.1, 0.1))
    base, head = (runs.make([(cell(metrics=(row,)), None)], gate={"quality/x": {"tolerance": "5%"}}) for _ in "12")
    assert only(compare(base, head)).note.startswith(
        "the baseline is 0, so the relative tolerance 5% cannot be applied"
    )


def test_what_cannot_be_told_says_what_would_decide_and_ends_with_4(runs: Runs) -> None:
    few = [[(cell(), predicted(right(0.8, seed, n=100), 100))] for seed in (0, 1)]
    comparison = compare(*map(runs.make, few))
    assert (only(comparison).verdict, comparison.status) == ("cannot tell", 4)
    assert "test examples and one seed would decide, not 100 and 1" in only(comparison).note


def test_where_seeds_are_what_is_lacking_it_says_how_many_would_decide(runs: Runs) -> None:
    gate = {"quality/accuracy": {"tolerance": 0.03}}
    comparison = compare(runs.of(0.90, 0.88, 0.89, gate=gate), runs.of(0.88, 0.90, 0.90, noise=5, gate=gate))
    assert only(comparison).verdict == "cannot tell"
    many, few = map(int, re.findall(r"(\d+) seeds would decide, not (\d+)", only(comparison).note)[0])
    assert 3 == few < many < 20


@pytest.mark.parametrize(("head", "verdict", "status"), [(0.9, "no regression found", 0), (0.8, "regressed", 1)])
def test_a_gate_without_a_tolerance_never_ends_with_4(runs: Runs, head: float, verdict: str, status: int) -> None:
    info = {"gate": {"quality/accuracy": {"min": 0.5}}}
    comparison = compare(runs.of(0.9, **info), runs.of(head, noise=10, **info))
    assert (only(comparison).verdict, comparison.status) == (verdict, status)


def test_a_tolerance_in_percent_is_a_share_of_base(runs: Runs) -> None:
    comparison = compare(runs.of(0.8), runs.of(0.8, noise=5, gate={"quality/accuracy": {"tolerance": "5%"}}))
    assert only(comparison).tolerance == pytest.approx(0.04, abs=0.001)
    assert "the suites' gates differ: those of head are judged" in comparison.notes


def test_of_one_seed_it_is_said_that_it_speaks_of_these_models(runs: Runs) -> None:
    assert (
        "this describes these trained models, not the method" in only(compare(runs.of(0.9), runs.of(0.8, noise=5))).note
    )
    assert "two seeds are few" in only(compare(runs.of(0.9, 0.9), runs.of(0.9, 0.9, noise=5))).note


def test_a_suite_without_gates_judges_nothing_and_says_so(runs: Runs) -> None:
    comparison = compare(runs.of(0.9, gate={}), runs.of(0.7, noise=5, gate={}))
    assert [(row.verdict, row.gated) for row in comparison.rows] == [("worse", False)]
    assert comparison.status == 0
    assert "gates no metric" in title(comparison)
    assert "[gate]" in what_next(comparison)


def test_metrics_that_are_not_gated_are_findings_and_no_exit_status(runs: Runs) -> None:
    values = {"a": 0.9, "b": 0.5, "c": 0.7}

    def measured(shift: float) -> tuple[MetricRow, ...]:
        return tuple(
            MetricRow(f"quality/{name}", v + shift, "", "lower", interval=Interval(v + shift - 0.01, v + shift + 0.01))
            for name, v in values.items()
        )

    base = runs.make([(cell(metrics=measured(0.0)), None)], gate={})
    head = runs.make([(cell(metrics=measured(0.05)), None)], gate={})
    comparison = compare(base, head)
    assert {row.verdict for row in comparison.rows} == {"worse"}, "lower is better"
    assert {row.method for row in comparison.rows} == {"intervals"}
    assert comparison.status == 0


# ── evidence ────────────────────────────────────────────────────────────────────────────────────


def measured(name: str, predictions: Predictions, function: Callable[..., float]) -> MetricRow:
    columns = {"targets": predictions["targets"], "scores": predictions["scores"]}
    row = MetricRow(f"quality/{name}", function(**columns), "", "higher", "no interval", n=len(predictions))
    return replace(row, of_predictions=True)


def test_metrics_of_the_whole_set_are_resampled_and_means_are_paired_by_example(runs: Runs) -> None:
    from bench_suite.metrics.log_loss import log_loss
    from bench_suite.metrics.roc_auc import roc_auc

    def run(seed: int) -> Run:
        predictions = predicted(right(0.8, seed))
        metrics = (measured("roc_auc", predictions, roc_auc), measured("log_loss", predictions, log_loss))
        return runs.make([(cell(metrics=metrics), predictions)])

    rows = {row.metric: row for row in compare(run(0), run(1)).rows}
    assert rows["quality/roc_auc"].method == "resampling"
    assert rows["quality/log_loss"].method == "examples"
    assert all(row.interval is not None for name, row in rows.items() if name != "quality/accuracy")


def test_a_metric_that_predictions_do_not_give_is_compared_by_its_intervals(runs: Runs) -> None:
    """For example, a metric of another file with the name of a built-in metric."""
    other = (MetricRow("quality/accuracy", 0.5, "fraction", "higher", interval=Interval(0.48, 0.52), n=N),)
    both = [[(cell(metrics=other), predicted(right(0.9, seed)))] for seed in (0, 1)]
    row = only(compare(*map(runs.make, both)))
    assert row.method == "intervals"
    assert row.interval is not None
    assert row.interval[1] == pytest.approx(0.02 * math.sqrt(2), rel=0.01)


def test_a_run_without_predictions_is_compared_by_intervals(runs: Runs) -> None:
    bare = [(cell(metrics=rows_of(predicted(right(0.9)))), None)]
    comparison = compare(runs.make(bare), runs.of(0.9, noise=3))
    assert only(comparison).method == "intervals"
    note = "compared by their intervals: base has no stored predictions"
    assert note in only(comparison).note
    assert all(note in text for text in (as_text(comparison), as_markdown(comparison), export(comparison).decode()))


def test_damaged_predictions_are_said_to_be_so(runs: Runs) -> None:
    base, head = runs.of(0.9), runs.of(0.9, noise=3)
    next(head.path.glob("cells/*/*.parquet")).write_bytes(b"torn")
    assert "compared by their intervals: head has no readable predictions: " in only(compare(base, head)).note


def test_a_column_of_clusters_among_the_predictions_is_heeded(runs: Runs) -> None:
    def run(seed: int) -> Run:
        one = predicted(right(0.9, seed))
        columns = {**one.columns, "cluster": np.arange(N) // 100}
        return runs.make([(cell(), replace(one, columns=columns))])

    row = only(compare(run(0), run(1)))
    assert (row.method, row.sample_unit, row.examples) == ("examples", "clusters", N // 100)


def test_metrics_of_the_whole_set_are_resampled_by_cluster_too(runs: Runs) -> None:
    """Two of 40 clusters are lost: significant for 2,000 independent examples, but not for 40 clusters."""
    from bench_suite.metrics.macro_f1 import macro_f1

    def run(lost: int) -> Run:
        one = predicted(np.arange(N) // 50 >= lost)
        one = replace(one, columns={**one.columns, "cluster": np.arange(N) // 50})
        row = replace(measured("macro_f1", one, lambda scores, targets: macro_f1(one["predictions"], targets)))
        return runs.make([(cell(metrics=(row,)), one)], gate={"quality/macro_f1": {"tolerance": 0.01}})

    row = only(compare(run(0), run(2)))
    assert (row.method, row.sample_unit, row.examples, row.verdict) == ("resampling", "clusters", 40, "cannot tell")
    assert row.interval is not None
    assert row.interval[0] < -0.1 < 0 < row.interval[1]
    assert "clusters of test examples" in row.note


def test_a_probes_own_metric_is_not_taken_for_that_of_the_test_split(runs: Runs) -> None:
    """Its name and almost its value equal the accuracy, but of other examples; an edited number is also rejected."""

    def run(value: float, *, stated: bool) -> Run:
        interval = Interval(value - 0.01, value + 0.01)
        row = MetricRow("quality/accuracy", value, "fraction", "higher", interval=interval, of_predictions=stated)
        return runs.make([(cell(metrics=(row,)), predicted(right(0.95)))])

    for stated, why in (
        (False, "its probe does not state that the predictions of the test split alone make it"),
        (True, "the record has 0.95"),
    ):
        row = only(compare(run(0.95, stated=stated), run(0.935, stated=stated)))
        assert row.difference == pytest.approx(-0.015)
        assert row.method == "intervals"
        assert why in row.note


def test_equal_values_alone_prove_nothing_but_of_exact_counts(runs: Runs) -> None:
    """All resamples give an accuracy of 1, so there is no interval."""
    both = [predicted(np.ones(100, dtype=bool), 100) for _ in range(2)]
    row = MetricRow("quality/accuracy", 1.0, "fraction", "higher", "all resamples agree", of_predictions=True, n=100)
    base, head = (runs.make([(cell(metrics=(row,)), predictions)]) for predictions in both)
    next(base.path.glob("cells/*/*.parquet")).unlink()
    compared_row = only(compare(base, head))
    assert (compared_row.verdict, compared_row.note.split(";")[0]) == (
        "cannot tell",
        "one observation on each side, without an interval",
    )


@pytest.mark.parametrize("name", ["macro_f1", "balanced_accuracy"])
def test_a_few_examples_without_a_difference_prove_nothing_of_a_resampled_metric_either(runs: Runs, name: str) -> None:
    from bench_suite.metrics.balanced_accuracy import balanced_accuracy
    from bench_suite.metrics.macro_f1 import macro_f1

    function = {"macro_f1": macro_f1, "balanced_accuracy": balanced_accuracy}[name]

    def run(n: int, score: float) -> Run:
        one = predicted(np.ones(n, dtype=bool), n)
        one = replace(one, columns={**one.columns, "scores": np.abs(one["scores"] - score).astype(np.float32)})
        row = measured(name, one, lambda scores, targets: function(one["predictions"], targets))
        return runs.make([(cell(metrics=(row,)), one)], gate={f"quality/{name}": {"tolerance": 0.01}})

    few, many = (only(compare(run(n, 0.0), run(n, 0.05))) for n in (20, 20_000))
    assert (few.verdict, many.verdict) == ("cannot tell", "not worse than the tolerance")
    assert few.smallest is not None
    assert few.smallest > 0.1


def test_a_metric_that_weighs_classes_is_known_no_better_than_by_the_rarest() -> None:
    """Satterthwaite's degrees of freedom: 1/n_c for each class, 2/(C n_c) for one lost answer of the rarest."""
    df, weight = rescoring._class_weights(np.repeat([0, 1], [195, 5]))
    assert df == pytest.approx((1 / 195 + 1 / 5) ** 2 / (1 / 195**2 / 194 + 1 / 5**2 / 4))
    assert weight == 2 / (2 * 5)
    df, weight = rescoring._class_weights(np.repeat(np.arange(100), 10))
    assert (df, weight) == (pytest.approx(900), 2 / (100 * 10))
    assert rescoring._class_weights(np.linspace(0, 1, 50)) == (49, 0.0)


PARITY = {"fairness/demographic_parity_difference": {"tolerance": 0.02}}


def parity(
    runs: Runs, predictions: Predictions, *, value=0.1, of_predictions: bool = True, key: str = "k", gate=PARITY
) -> Run:
    """Write a run of two seeds whose gate is on a metric with a coordinate that no built-in file computes."""
    rows = [
        MetricRow(
            "fairness/demographic_parity_difference", value, "fraction", "lower", at={"attribute": "sex"},
            interval=Interval(0.0, 0.2), n=N, of_predictions=of_predictions,
        )
    ]  # fmt: skip
    probes = {"fairness": ProbeRow("ok", key)}
    return runs.make([(cell(s, metrics=tuple(rows), probes=probes), predictions) for s in (0, 1)], gate=gate)


def grouped(seed: int = 0) -> Predictions:
    return replace(predicted(right(0.9, seed)), groups={"sex": np.array(["f", "m"])[np.arange(N) // 7 % 2]})


@pytest.mark.parametrize(("gate", "verdict"), [
    (PARITY, "not worse than the tolerance"),
    ({name: {"max": 0.3} for name in PARITY}, "no regression found"),
])  # fmt: skip
def test_what_is_made_of_the_same_predictions_alone_is_not_worse_and_that_is_said(runs: Runs, gate, verdict) -> None:
    shuffled = np.random.default_rng(0).permutation(N)
    other = grouped()
    other = replace(
        other, ids=other.ids[shuffled], columns={name: values[shuffled] for name, values in other.columns.items()},
        groups={"sex": other.groups["sex"][shuffled]},
    )  # fmt: skip
    comparison = compare(parity(runs, grouped(), gate=gate), parity(runs, other, gate=gate))
    row = only(comparison)
    assert (row.verdict, row.method, row.difference, comparison.status) == (verdict, "same predictions", 0.0, 0)
    assert "the same predictions, one by one" in row.note
    assert row.smallest is None
    assert "finds" not in as_text(comparison)


def test_a_difference_of_0_proves_nothing_where_predictions_differ_or_are_not_all_that_it_is_made_of(
    runs: Runs,
) -> None:
    one, flipped = grouped(), grouped()
    flipped["predictions"][0] ^= 1
    moved = replace(one, groups={"sex": one.groups["sex"][::-1].copy()})
    rounded = replace(one, columns={**one.columns, "scores": one["scores"] * np.float32(0.99)})
    for head in (flipped, moved, rounded):
        assert only(compare(parity(runs, one), parity(runs, head))).verdict == "cannot tell"
    changed = only(compare(parity(runs, one), parity(runs, one, value=0.101)))
    assert (changed.verdict, changed.difference) == ("cannot tell", pytest.approx(0.001))
    alike = [parity(runs, one, of_predictions=False) for _ in "12"]
    assert only(compare(*alike)).verdict == "cannot tell"
    bare = compare(
        parity(runs, one), runs.make([(record, None) for record in parity(runs, one).records()], gate=PARITY)
    )
    assert only(bare).method != "same predictions"
    other = compare(parity(runs, one), parity(runs, one, key="other options"))
    assert (only(other).verdict, only(other).note) == ("cannot tell", "the options of its probe differ")


def test_what_has_no_direction_is_bounded_by_each_run_and_no_gate_of_a_comparison(runs: Runs) -> None:
    row = MetricRow("fairness/selection_rate", 0.5, "fraction", "none", interval=Interval(0.4, 0.6), n=N)
    bounded, tolerant = (
        compare(*(runs.make([(cell(metrics=(row,)), None)], gate={row.name: rules}) for _ in "12"))
        for rules in ({"max": 0.9}, {"tolerance": 0.1})
    )
    assert [(row.verdict, row.gated) for row in bounded.rows] == [("no difference found", False)]
    assert bounded.status == 0
    assert (only(tolerant).verdict, tolerant.status) == ("cannot tell", 4)
    assert "no better direction" in only(tolerant).note


def test_probes_state_which_of_their_metrics_stored_predictions_make() -> None:
    def stated(probe: str) -> set[str]:
        choice = ComponentUse(discovery.find("probes", probe, Path()), probe, {})
        problem = discovery.find("problems", "classification", Path())
        return {name for name, facts in metrics_of(choice, [problem]).items() if facts.get("of_predictions")}

    assert "accuracy" in stated("quality")
    assert {"demographic_parity_difference", "class_recall"} <= stated("fairness")
    assert not {"flip_rate", "score_shift"} & stated("fairness"), "they are of texts whose words were swapped"
    assert not any(map(stated, ("attribution", "throughput", "compute", "generalization")))


def test_one_observation_a_side_tells_nothing_and_an_exact_count_everything(runs: Runs) -> None:
    def run(memory: float, parameters: float) -> Run:
        rows = (
            MetricRow("throughput/peak_memory", memory, "MiB", "lower", kind="single"),
            MetricRow("compute/parameters", parameters, "", "lower", kind="exact"),
        )
        gate = {"throughput/peak_memory": {"tolerance": 5}, "compute/parameters": {"tolerance": "10%"}}
        return runs.make([(cell(metrics=rows), None)], gate=gate)

    verdicts = {row.metric: (row.verdict, row.note) for row in compare(run(100, 1000), run(101, 1200)).rows}
    assert verdicts["throughput/peak_memory"] == ("cannot tell", "one observation on each side, without an interval")
    assert verdicts["compute/parameters"][0] == "regressed"
    assert {row.verdict for row in compare(run(100, 1000), run(100, 1050)).rows} == {"not worse than the tolerance"}


def test_the_kind_of_a_metric_makes_a_value_exact_and_no_wording_of_a_reason_does(runs: Runs) -> None:
    """Both reasons name an exact number and both values changed; only the metric of kind `exact` can be judged."""

    def run(value: float, kind: str) -> Run:
        reason = "exactly one example was positive"
        row = MetricRow("quality/recall", value, "fraction", "higher", reason, kind=kind)
        return runs.make([(cell(metrics=(row,)), None)], gate={row.name: {"tolerance": 0.01}})

    for kind in ("estimate", "single"):
        row = only(compare(run(0.9, kind), run(0.8, kind)))
        assert (row.verdict, row.method, row.note) == (
            "cannot tell", None, "one observation on each side, without an interval",
        )  # fmt: skip
    assert only(compare(run(0.9, "exact"), run(0.9, "estimate"))).verdict == "cannot tell", "of both sides"
    exact = only(compare(run(0.9, "exact"), run(0.8, "exact")))
    assert (exact.verdict, exact.method) == ("regressed", "exact values")


def test_intervals_of_sides_of_different_size_count_the_smaller_one(runs: Runs) -> None:
    """The same holds for each seed: 40 examples are the minimum of 2,000 and 40, 300 and 500."""
    sizes = ((2000, 300), (40, 500))

    def run(side: int) -> Run:
        rows = [MetricRow("q/x", 0.8, "fraction", "higher", interval=Interval(0.7, 0.9), n=n) for n in sizes[side]]
        gate = {"q/x": {"tolerance": 0.01}}
        return runs.make([(cell(seed, metrics=(row,)), None) for seed, row in enumerate(rows)], gate=gate)

    for base, head in ((0, 1), (1, 0)):
        row = only(compare(run(base), run(head)))
        assert (row.method, row.examples) == ("intervals", 40)


def test_what_a_training_took_to_its_target_is_no_exact_count(runs: Runs) -> None:
    """Another random order takes another number of epochs, so one training for each side proves nothing."""
    reached_target = {"metric": "quality/accuracy", "wanted": 0.9, "reached": True, "seconds": 1.0}
    network = SimpleNamespace()

    def run(epochs: int) -> Run:
        history = History(
            epochs=({"epoch": 1.0},), target={**reached_target, "epochs": epochs, "samples": 100 * epochs}
        )
        rows = [
            MetricRow(f"target/{metric.name}", metric.value, "", "lower", metric.reason, kind=metric.kind)
            for metric in target.probe(SimpleNamespace(history=history, network=network), None)
            if metric.name != "seconds"
        ]
        return runs.make([(cell(metrics=tuple(rows)), None)], gate={row.name: {"tolerance": "5%"} for row in rows})

    assert {row.verdict for row in compare(run(7), run(10)).rows} == {"cannot tell"}
    assert {row.verdict for row in compare(run(7), run(7)).rows} == {"not worse than the tolerance"}


def test_values_without_intervals_are_judged_by_their_seeds_if_there_are_enough(runs: Runs) -> None:
    def run(shift: float, seeds: int) -> Run:
        rows = [(MetricRow("q/x", 0.1 * s + shift * (1 + s / 10), "", "higher", "nothing"),) for s in range(seeds)]
        return runs.make([(cell(s, metrics=row), None) for s, row in enumerate(rows)], gate={"q/x": {"tolerance": 0.1}})

    few, many = (only(compare(run(0.0, seeds), run(-1.0, seeds))) for seeds in (3, 8))
    assert (few.verdict, few.smallest) == ("cannot tell", None)
    assert "7 or more seeds would decide, not 3" in few.note
    assert (many.verdict, many.method) == ("regressed", "seeds")


def test_a_metric_of_some_seeds_only_says_under_how_many_it_is_missing(runs: Runs) -> None:
    row = MetricRow("q/x", 0.5, "fraction", "higher", kind="exact")
    gate = {"q/x": {"tolerance": 0.01}}

    def run(*seeds: bool, **changes: Any) -> Run:
        cells = [cell(s, metrics=(row,) if has else (), **changes) for s, has in enumerate(seeds)]
        return runs.make([(record, None) for record in cells], gate=gate)

    whole = run(True, True, True)
    assert only(compare(whole, run(True, False, False))).note == (
        "head has no value under 2 of 3 seeds: it was not measured"
    )
    assert only(compare(run(False, True, True), whole)).note == (
        "base has no value under 1 of 3 seeds: it was not measured"
    )
    assert only(compare(run(False, True, True), run(True, True, False))).note.startswith("head has no value under 1 of")
    skipped = {"probes": {"q": ProbeRow("skipped", "k", "no time")}}
    assert only(compare(whole, run(True, True, False, **skipped))).note == (
        "head has no value under 1 of 3 seeds: probe skipped: no time"
    )
    again = only(compare(whole, run(True, True, True)))
    assert (again.note, again.seeds) == ("", 3)
    nothing = only(compare(run(False), run(False)))
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
def test_values_that_cannot_be_subtracted_are_not(runs: Runs, change: dict[str, Any], note: str) -> None:
    row = MetricRow("q/x", 0.5, "fraction", "higher", kind="exact")
    both = [
        runs.make([(cell(metrics=(metric_row,)), None)], gate={"q/x": {}})
        for metric_row in (row, replace(row, **change))
    ]
    compared_row = only(compare(*both))
    assert (compared_row.note, compared_row.difference is None) == (note, bool(note))
    assert (compared_row.base, compared_row.head) == (0.5, change.get("value", 0.5))


def test_an_interval_at_a_coordinate_is_compared_without_a_word_on_predictions(runs: Runs) -> None:
    row = MetricRow("q/x", 0.5, "u", "higher", at={"group": "a", "by": 3}, interval=Interval(0.4, 0.6), n=50)
    head = replace(row, value=0.7, interval=Interval(0.6, 0.8), of_predictions=True)
    one = predicted(right(0.9))
    probes = {"q": ProbeRow("ok", "k"), "other": ProbeRow("ok", "k")}
    base = runs.make([(cell(metrics=(row,), probes={"q": ProbeRow("ok", "k")}), one)], gate={})
    (compared_row,) = compare(base, runs.make([(cell(metrics=(head,), probes=probes), one)], gate={})).rows
    assert (compared_row.metric, compared_row.coordinates, compared_row.unit, compared_row.method) == (
        "q/x",
        "by 3, group a",
        "u",
        "intervals",
    )
    assert compared_row.note == "one seed: this describes these trained models, not the method"
    assert (compared_row.base, compared_row.head, compared_row.difference) == (0.5, 0.7, pytest.approx(0.2))
    assert compared_row.interval is not None
    assert sum(compared_row.interval) == pytest.approx(0.4)
    assert (compared_row.examples, compared_row.tolerance, compared_row.relative, compared_row.seeds) == (
        50,
        None,
        False,
        1,
    )


def test_a_metric_of_the_whole_run_is_compared_by_its_interval_and_says_so(runs: Runs) -> None:
    row = MetricRow("all/x", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=50)
    gate = {"all/x": {"tolerance": 0.3}}
    base, head, part = (
        runs.make([(cell(model=model), predicted(right(0.9))) for model in models], gate=gate)
        for models in (("mlp", "cnn"), ("mlp", "cnn"), ("mlp",))
    )
    for run in (base, head, part):
        run.write_summaries([row], [])
    whole, some = only(compare(base, head)), only(compare(base, part))
    assert (whole.where, whole.difference, whole.tolerance) == ("all cells", 0.0, 0.3)
    assert "compared by their intervals: it is a metric of the whole run" in whole.note
    assert some.note == "it summarises the whole run, and not all of its cells are compared"
    assert (some.difference, some.interval, some.tolerance) == (None, None, None)
    assert (some.base, some.head, some.verdict) == (0.5, 0.5, "cannot tell")
    head.write_summaries([replace(row, name="all/y")], [])
    gone = compare(base, head)
    assert only(gone).note == "head has no value under 1 of 1 seeds: it was not measured"
    assert [row.metric for row in gone.rows if row.where == "all cells"] == ["all/x"]


def test_a_probe_that_failed_does_not_keep_a_metric_of_the_whole_run_from_being_compared(runs: Runs) -> None:
    row = MetricRow("all/x", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=50)
    failed = {"probes": {"quality": ProbeRow("ok", "k"), "other": ProbeRow("failed", "k", "it raised")}}
    base, head = (runs.make([(cell(**changes), predicted(right(0.9)))], gate={}) for changes in ({}, failed))
    for run in (base, head):
        run.write_summaries([row], [])
    comparison = compare(base, head)
    assert [cell.reason_code for cell in comparison.uncompared] == ["failed probe"]
    (whole,) = [row for row in comparison.rows if row.where == "all cells"]
    assert (whole.verdict, whole.difference) == ("no difference found", 0.0)


def test_the_same_predictions_of_a_handful_of_examples_are_enough(runs: Runs) -> None:
    few = [(cell(), predicted(right(0.8, n=5), 5))]
    row = only(compare(runs.make(few), runs.make(few)))
    assert (row.verdict, row.method, row.examples) == ("not worse than the tolerance", "same predictions", 5)


def test_a_base_has_a_cell_only_if_it_ended_well(runs: Runs) -> None:
    base = runs.make([(cell(), predicted(right(0.9))), (cell(1, status="failed", reason="no memory"), None)])
    check_common(base, ["mlp0", "other"])
    for ids in (["mlp1"], ["other"], []):
        with pytest.raises(ComparisonError, match="has none of these cells: its suite, its options or a component"):
            check_common(base, ids)
    with pytest.raises(ComparisonError, match="smoke run"):
        check_common(runs.of(0.9, smoke=True), ["mlp0"])


# ── timings ─────────────────────────────────────────────────────────────────────────────────────


def timed(
    runs: Runs, samples: tuple[float, ...], over: str | None = "processes", environment=HERE, better="higher"
) -> Run:
    interval = Interval(min(samples), max(samples), 0.95, "processes") if over else None
    row = MetricRow(
        "throughput/train", float(np.median(samples)), "samples/s", better, interval=interval, samples=samples
    )
    gate = {"throughput/train": {"tolerance": "5%"}}
    return runs.make([(cell(metrics=(row,)), None)], environment, gate=gate)


FIVE = (100.0, 101.0, 99.0, 100.5, 99.5)


@pytest.mark.parametrize(
    ("factor", "better", "verdict", "change"),
    [
        (0.8, "higher", "regressed", -0.2),
        (1.0, "higher", "not worse than the tolerance", 0.0),
        (1.2, "lower", "regressed", 0.2),
        (0.95, "higher", "cannot tell", -0.05),
    ],
)
def test_timings_are_compared_by_ratio_over_processes(runs: Runs, factor, better, verdict, change) -> None:
    slower = tuple(factor * sample for sample in FIVE)
    row = only(compare(timed(runs, FIVE, better=better), timed(runs, slower, better=better)))
    assert (row.verdict, row.method) == (verdict, "processes")
    assert row.difference == pytest.approx(change)
    assert row.tolerance == pytest.approx(0.05)
    if verdict == "cannot tell":
        assert "processes a side would decide" in row.note


@pytest.mark.parametrize("tolerance", [10, 10.0, "10%", "10 %"])
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_a_tolerance_of_a_timing_in_its_unit_is_a_share_of_base_too(runs: Runs, tolerance: Any, better: Any) -> None:
    interval = Interval(99.0, 101.0, 0.95, "processes")
    row = MetricRow("t/x", 100.0, "samples/s", better, interval=interval, samples=FIVE)
    gate = {"t/x": {"tolerance": tolerance}}
    one, other = (runs.make([(cell(metrics=(row,)), None)], gate=gate) for _ in "12")
    compared_row = only(compare(one, other))
    assert (compared_row.verdict, compared_row.relative, compared_row.tolerance) == (
        "not worse than the tolerance", True, pytest.approx(0.1),
    )  # fmt: skip
    assert compared_row.smallest is not None
    assert 0.1 < compared_row.smallest < 0.15
    gate["t/x"]["tolerance"] = 1000 if better == "higher" else 0
    wide = only(compare(one, runs.make([(cell(metrics=(row,)), None)], gate=gate)))
    assert wide.tolerance == (pytest.approx(0.999) if better == "higher" else None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"environment": {"hardware": {"cpu": "another", "usable_cores": 2}}}, "the hardware differs or is not known"),
        ({"over": None}, "no interval over processes"),
        ({"samples": FIVE[:4]}, "a side has 4 processes; at least 5 are needed"),
        ({"samples": (*FIVE[:4], 0.0)}, "not a positive number"),
    ],
)
def test_timings_that_cannot_be_compared_say_why_and_are_never_fine(runs: Runs, change, reason: str) -> None:
    comparison = compare(timed(runs, FIVE), timed(runs, **{"samples": FIVE, **change}))
    assert only(comparison).verdict == "cannot tell"
    assert reason in only(comparison).note
    assert comparison.status == 4


def test_each_pair_of_cells_is_asked_for_its_hardware_and_an_unknown_one_is_never_the_same(runs: Runs) -> None:
    elsewhere = {"hardware": {"cpu": "another", "usable_cores": 2}}
    rows = timed(runs, FIVE).records()[0].metrics
    gate = {"throughput/train": {"tolerance": "5%"}}

    def run(first: dict[str, Any], second: dict[str, Any]) -> Run:
        new_run = runs.make([], gate=gate)
        with new_run.writer() as writer:
            for model, where in (("mlp", first), ("cnn", second)):
                writer.write(replace(cell(model=model, metrics=rows), environment=new_run.add_environment(where)))
        return new_run

    swapped = ((HERE, elsewhere), (elsewhere, HERE), "differs or is not known for loans, mlp; loans, cnn")
    for base, there, text in (swapped, (({}, {}), ({}, {}), "not known")):
        comparison = compare(run(*base), run(*there))
        assert [row.verdict for row in comparison.rows] == ["cannot tell"] * 2
        assert any(note.startswith("hardware") and text in note for note in comparison.notes)
    assert {row.verdict for row in compare(run(HERE, elsewhere), run(HERE, elsewhere)).rows} == {
        "not worse than the tolerance"
    }


def test_differences_and_tolerances_are_in_the_unit_of_the_values(runs: Runs) -> None:
    def run(size: float) -> Run:
        row = MetricRow("compute/model_size", size, "MiB", "lower", kind="exact")
        return runs.make([(cell(metrics=(row,)), None)], gate={"compute/model_size": {"tolerance": "5%"}})

    text = as_text(compare(run(16 / 1024), run(20 / 1024)))
    assert "16 → 20 KiB, difference 4, allowed 0.80, finds 0.80" in text


# ── cells that are not compared ─────────────────────────────────────────────────────────────────


def test_odd_cells_are_listed_as_what_they_are_and_never_counted_as_fine(runs: Runs) -> None:
    good = predicted(right(0.9))
    names = ("same", "broke", "unbroke", "data", "place", "gone")
    base = {name: cell(model=name) for name in names}
    head = {name: record for name, record in base.items() if name != "gone"} | {"new": cell(model="new")}
    base["unbroke"] = replace(base["unbroke"], status="failed", reason="no memory")
    head["broke"] = replace(head["broke"], status="failed", reason="a loss that is no number")
    head["data"] = replace(head["data"], data={"name": "loans", "fingerprint": "bbbbbbbbbb"})
    head["place"] = replace(head["place"], options={**cell().options, "placement": {"device": "cpu", "threads": 4}})
    other = replace(cell(model="tuned"), options={"train": {"epochs": 3}})
    base["tuned"], head["tuned"] = other, replace(other, id="another", options={"train": {"epochs": 5}})
    sides = [runs.make([(r, good if r.status == "ok" else None) for r in side.values()]) for side in (base, head)]
    comparison = compare(*sides)
    assert {(cell.reason_code, cell.where.split(",")[1].strip(), cell.detail) for cell in comparison.uncompared} == {
        ("failed", "broke", "failed: a loss that is no number"),
        ("failed in base", "unbroke", "failed: no memory"),
        ("other data", "data", "loans aaaaaaaa → loans bbbbbbbb"),
        ("other placement", "place", "placement.threads 1 → 4"),
        ("other options", "tuned", "train.epochs 3 → 5"),
        ("new", "new", "base has no such cell"),
        ("missing", "gone", "head lacks it"),
    }
    assert only(comparison).where == "loans, same"
    assert comparison.status == 3
    assert all(
        f"{cell.reason_code}: {cell.where}\n    {cell.detail}" in as_text(comparison) for cell in comparison.uncompared
    )


@pytest.mark.parametrize("odd", ["new", "missing", "left out"])
def test_a_cell_of_one_side_only_ends_with_4_unless_it_was_left_out_on_purpose(runs: Runs, odd: str) -> None:
    one = [(cell(), predicted(right(0.9)))]
    two = [*one, (cell(model="cnn"), predicted(right(0.9)))]
    base, head = (one, two) if odd == "new" else (two, one)
    only_ = ["model=mlp"] if odd == "left out" else []
    comparison = compare(runs.make(base), runs.make(head, only=only_))
    assert [cell.reason_code for cell in comparison.uncompared] == [odd]
    assert comparison.status == (0 if odd == "left out" else 4)


@pytest.mark.parametrize(
    ("only", "why"),
    [
        (["task=loans"], "missing"),
        (["task=loans", "-k cnn and seed=0"], "missing"),
        (["model=mlp", "model=cnn"], "missing"),
        (["model=mlp,cnn"], "missing"),
        (["task=loans", "-k not cnn"], "left out"),
        (["seed=1"], "left out"),
        (["--lf"], "left out"),  # of a run that does not record its selection of cells
    ],
)
def test_a_cell_that_head_was_asked_for_is_missing_and_not_left_out(runs: Runs, only: list[str], why: str) -> None:
    one = [(cell(), predicted(right(0.9)))]
    comparison = compare(runs.make([*one, (cell(model="cnn"), predicted(right(0.9)))]), runs.make(one, only=only))
    assert ([cell.reason_code for cell in comparison.uncompared], comparison.status) == (
        [why],
        4 if why == "missing" else 0,
    )
    kind = "error" if why == "missing" else "skipped"
    assert ("loans, cnn, seed 0", "compared", kind) in [case[:3] for case in cases_in(comparison)]


@pytest.mark.parametrize(("head", "why"), [(("mlp", "cnn"), "new"), (("mlp",), "missing")])
def test_a_cell_that_was_planned_and_never_done_is_not_fine_even_if_neither_run_has_it(runs: Runs, head, why) -> None:
    planned = {"mlp0": "loans, mlp, seed 0", "cnn0": "loans, cnn, seed 0"}
    cells = {model: (cell(model=model), predicted(right(0.9))) for model in ("mlp", "cnn")}
    killed = runs.make([cells["mlp"]], planned=planned)
    comparison = compare(killed, runs.make([cells[model] for model in head], planned=planned))
    assert [(cell.reason_code, cell.where) for cell in comparison.uncompared] == [(why, "loans, cnn, seed 0")]
    assert comparison.status == 4
    assert {"new": "baseline set", "missing": "--resume"}[why] in what_next(comparison)
    assert next(row.verdict for row in comparison.rows if row.gated) == "not worse than the tolerance"


def test_cells_that_a_resumed_suite_no_longer_asks_for_are_left_aside(runs: Runs) -> None:
    now = {"new": "loans, mlp, seed 0"}
    older, newer = cell(), replace(cell(), id="new", options={"train": {"epochs": 5}})
    head = runs.make([(older, predicted(right(0.5))), (newer, predicted(right(0.9)))], planned=now)
    base = runs.make([(older, predicted(right(0.9))), (newer, predicted(right(0.9)))], planned=now)
    comparison = compare(base, head)
    assert (only(comparison).verdict, only(comparison).seeds, comparison.status) == (
        "not worse than the tolerance",
        1,
        0,
    )
    assert "head has 1 cell that its suite no longer contains: ignored" in comparison.notes


def test_a_metric_of_the_whole_run_is_compared_only_where_all_its_cells_are(runs: Runs) -> None:
    row = MetricRow("worst/worst", 0.9, "fraction", "higher", "the least", kind="exact")
    cells = [(cell(model=model), predicted(right(0.9))) for model in ("mlp", "cnn")]
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
    runs: Runs,
) -> None:
    rates = [
        MetricRow("fairness/accuracy", 0.5, "fraction", "higher", at={"group": "many"}, of_predictions=True),
        MetricRow("fairness/accuracy", None, "fraction", "higher", "too few: 2 of 10", at={"group": "few"}),
    ]
    gate = {"fairness/accuracy": {"tolerance": 0.05}}
    two = [runs.make([(cell(metrics=tuple(rates)), predicted(right(0.9)))], gate=gate) for _ in range(2)]
    comparison = compare(*two)
    assert comparison.status == 0
    assert "no value on either side: fairness/accuracy (group few) in loans, mlp: too few: 2 of 10" in comparison.notes
    none = [replace(rate, value=None, reason="no finite scores") for rate in rates]
    twice = [runs.make([(cell(metrics=tuple(none)), predicted(right(0.9)))], gate=gate) for _ in range(2)]
    assert compare(*twice).status == 4, "a metric without any value is never fine"
    gone = replace(rates[0], value=None, reason="damaged")
    comparison = compare(two[0], runs.make([(cell(metrics=(gone, rates[1])), predicted(right(0.9)))], gate=gate))
    assert comparison.status == 4


def test_other_versions_hardware_and_code_are_named(runs: Runs) -> None:
    there = {"hardware": {"cpu": "another", "usable_cores": 8, "gpu": [{"name": "G"}]}, "packages": {"torch": "2.7"}}
    head = runs.make([(cell(), predicted(right(0.9)))], there, git={"commit": "abcdef0123", "dirty": True})
    notes = compare(runs.of(0.9), head).notes
    assert "code: 0123456 → abcdef0 with uncommitted changes" in notes
    changed = [{"commit": "0123456789", "dirty": True, "changes": digest} for digest in ("aaaaaaaa", "bbbbbbbb")]
    sides = [runs.of(0.9, git=git) for git in changed]
    note = "code: 0123456 with uncommitted changes aaaaaaaa → 0123456 with uncommitted changes bbbbbbbb"
    assert note in compare(*sides).notes
    assert "torch 2.6 → 2.7" in notes
    assert "hardware: a processor, 2 cores → another, 8 cores, G: timings are not compared" in notes


def test_all_versions_and_commits_of_a_run_that_was_resumed_are_named(runs: Runs) -> None:
    head = runs.of(0.9, 0.9)
    older = head.add_environment({**HERE, "packages": {"torch": "2.0"}})
    with head.writer() as writer:
        writer.write(replace(head.records()[0], environment=older))
    head.update({"resumed_git": [{"commit": "fedcba9876", "dirty": False}]})
    notes = compare(runs.of(0.9, 0.9), head).notes
    assert "torch 2.6 → 2.0, 2.6" in notes
    assert "code: 0123456 → 0123456, resumed with fedcba9" in notes


@pytest.mark.parametrize(
    ("change", "reason"),
    [("ids", "the test splits hold different examples"), ("targets", "the targets of the test splits differ")],
)
def test_different_test_sets_are_never_compared(runs: Runs, change: str, reason: str) -> None:
    one = predicted(right(0.9))
    other = replace(one, ids=one.ids + 1)
    if change == "targets":
        other = replace(one, columns={**one.columns, "targets": 1 - one["targets"]})
    comparison = compare(runs.make([(cell(), one)]), runs.make([(cell(), other)]))
    assert (only(comparison).verdict, only(comparison).note, comparison.status) == ("cannot tell", reason, 4)


def test_a_different_order_of_examples_is_no_difference(runs: Runs) -> None:
    one = predicted(right(0.9))
    order = np.random.default_rng(0).permutation(N)
    shuffled = replace(one, ids=one.ids[order], columns={name: values[order] for name, values in one.columns.items()})
    assert only(compare(runs.make([(cell(), one)]), runs.make([(cell(), shuffled)]))).method == "same predictions"


def test_a_metric_without_a_value_is_absent_with_its_reason(runs: Runs) -> None:
    undefined = (MetricRow("quality/accuracy", None, "fraction", "higher", "not a finite number: nan"),)
    head = runs.make([(cell(metrics=undefined), predicted(right(0.9)))])
    row = only(compare(runs.of(0.9), head))
    assert (row.verdict, row.note) == ("cannot tell", "head has no value under 1 of 1 seeds: not a finite number: nan")


def test_a_probe_that_failed_in_head_ends_with_3(runs: Runs) -> None:
    failed = cell(probes={"quality": ProbeRow("failed", "k", "it raised")})
    other = MetricRow("other/x", 1.0, "", "higher", kind="exact")
    comparison = compare(runs.of(0.9), runs.make([(replace(failed, metrics=(other,)), None)]))
    assert comparison.status == 3
    assert "only head has other/x" in comparison.notes
    assert only(comparison).verdict == "cannot tell"
    assert only(comparison).note == "head has no value under 1 of 1 seeds: probe failed: it raised"
    assert "failed probe: loans, mlp, seed 0\n    quality: it raised" in as_text(comparison)
    assert as_text(comparison).endswith("failed: quality in loans, mlp, seed 0")
    assert re.search(r"\| not compared +\| quality +\| loans, mlp, seed 0 ", as_markdown(comparison))
    assert ("loans, mlp, seed 0", "probe quality", "error", "it raised") in cases_in(comparison)


def test_a_metric_that_one_run_lacks_somewhere_only_is_listed_with_its_place(runs: Runs) -> None:
    def rows(*groups: str) -> tuple[MetricRow, ...]:
        return tuple(MetricRow("my/other", 1.0, "", "higher", kind="exact", at={"group": group}) for group in groups)

    base = runs.make([(cell(metrics=rows("a", "b")), None), (cell(model="cnn", metrics=rows("a")), None)], gate={})
    head = runs.make([(cell(metrics=rows("a")), None), (cell(model="cnn"), None)], gate={})
    notes = compare(base, head).notes
    assert "only base has my/other (group b) in loans, mlp, my/other (group a) in loans, cnn" in notes
    assert "only head has my/other (group b) in loans, mlp, my/other in loans, cnn" not in notes


def test_a_probe_that_failed_on_both_sides_says_so_where_its_gate_has_nothing(runs: Runs) -> None:
    both = [(cell(probes={"quality": ProbeRow("failed", "k", "it raised")}), None)]
    comparison = compare(runs.make(both), runs.make(both))
    assert only(comparison).note == "no cell that both runs have measures it: probe failed: it raised"


def test_failures_are_errors_without_a_gate_too_and_what_is_new_is_only_listed(runs: Runs) -> None:
    good = (cell(), predicted(right(0.9)))
    base = runs.make([good], gate={})
    broken = cell(model="broken", status="failed", reason="no memory")
    head = [good, (cell(model="cnn"), predicted(right(0.9))), (broken, None)]
    comparison = compare(base, runs.make(head, gate={}))
    assert comparison.status == 3
    assert {(cell.reason_code, cell.detail) for cell in comparison.uncompared} == {
        ("new", "base has no such cell"),
        ("failed", "failed: no memory; base has no such cell"),
    }
    assert set(cases_in(comparison)) == {
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
def test_where_no_cell_can_be_compared_it_is_listed_all_the_same(runs: Runs, gate, change, why, status) -> None:
    head = runs.make([(cell(**change), predicted(right(0.9)))], gate=gate)
    comparison = compare(runs.of(0.9, gate=gate), head)
    assert ([cell.reason_code for cell in comparison.uncompared], comparison.status) == ([why], status)
    assert [row.verdict for row in comparison.rows] == ["cannot tell"] * len(gate)
    assert why in as_markdown(comparison)
    assert any(kind == "error" for _, _, kind, _ in cases_in(comparison))
    assert "[gate]" not in what_next(comparison)


def cases_in(comparison: Comparison) -> list[tuple[str | None, ...]]:
    """Return the tests of the JUnit file: class, name, result and message."""
    suite = ElementTree.fromstring(export(comparison))[0]
    return [(test.get("classname"), test.get("name"), test[0].tag, test[0].get("message")) for test in suite]


def test_other_options_of_a_probe_bar_all_that_predictions_do_not_give(runs: Runs) -> None:
    def run(key: str) -> Run:
        rows = (*rows_of(predicted(right(0.9))), MetricRow("quality/x", 1.0, "", "higher", interval=Interval(0.9, 1.1)))
        return runs.make([(cell(metrics=rows, probes={"quality": ProbeRow("ok", key)}), predicted(right(0.9)))])

    rows = {row.metric: row for row in compare(run("k"), run("other")).rows}
    assert rows["quality/accuracy"].verdict == "not worse than the tolerance"
    assert (rows["quality/x"].verdict, rows["quality/x"].note) == ("not compared", "the options of its probe differ")
    text = as_text(compare(run("k"), run("other")))
    assert "not gated: 1 not compared\n    quality/x, loans, mlp: the options of its probe differ\n" in text


@pytest.mark.parametrize("gate", [{"quality/accuracy": {"tolerance": "x"}}, {"quality/accuracy": None}])
def test_a_damaged_gate_is_wrong_input(runs: Runs, gate) -> None:
    with pytest.raises(ComparisonError, match=r"run\.json is damaged: the gate on quality/accuracy is "):
        compare(runs.of(0.9), runs.of(0.9, gate=gate))


def test_values_too_large_to_reckon_with_are_told_to_be_so(runs: Runs) -> None:
    def run(value: float) -> Run:
        rows = (MetricRow("q/x", value, "", "lower", interval=Interval(value / 2, value)),)
        return runs.make([(cell(s, metrics=rows), None) for s in range(2)], gate={"q/x": {"tolerance": 1}})

    assert only(compare(run(1e308), run(1e308))).note == "its values are too large to compute with"


@pytest.mark.parametrize("side", ["base", "head"])
def test_smoke_runs_are_refused(runs: Runs, side: str) -> None:
    smoke, whole = runs.of(0.9, smoke=True), runs.of(0.9)
    with pytest.raises(ComparisonError, match=r"smoke run, which is never compared"):
        compare(*((smoke, whole) if side == "base" else (whole, smoke)))


def test_a_run_is_never_compared_with_itself(runs: Runs) -> None:
    run = runs.of(0.9)
    with pytest.raises(ComparisonError, match="HEAD is the run that the baseline was made from: run the suite first"):
        compare(set_baseline(runs.store, run).run, run)
    with pytest.raises(ComparisonError, match="BASE and HEAD are the same run") as error:
        compare(run, run)
    assert error.value.exit_status == 2


def test_the_newest_run_is_the_newest_that_is_no_smoke_run(runs: Runs) -> None:
    whole, smoke = runs.of(0.9), runs.of(0.9, smoke=True)
    assert head_run(runs.store, "latest").name == whole.name
    assert head_run(runs.store, smoke.name).name == smoke.name
    shutil.rmtree(whole.path)
    assert head_run(runs.store, "latest").name == smoke.name, "refused with its reason, not as a run that is not there"


def test_runs_without_a_common_cell_are_wrong_input_and_say_what_they_have(runs: Runs) -> None:
    base = runs.of(0.9)
    head = runs.make([(cell(model="cnn"), predicted(right(0.9)))])
    with pytest.raises(ComparisonError, match=r"no cell in common\n  loans, cnn, seed 0: new") as error:
        compare(base, head)
    assert error.value.exit_status == 2
    with pytest.raises(ComparisonError, match="has none of these cells"):
        check_common(base, ["cnn0"])


@pytest.mark.parametrize(("number", "text"), [(1, "1 kind of cell not"), (2, "2 kinds of cells not")])
def test_kinds_of_cells_are_counted_in_words(runs: Runs, number: int, text: str) -> None:
    comparison = mixed(runs)
    assert title(replace(comparison, uncompared=comparison.uncompared * number)).endswith(f"; {text} compared")


# ── from Python ─────────────────────────────────────────────────────────────────────────────────


def test_from_python_two_runs_are_given_as_runs_as_names_or_by_word(runs: Runs) -> None:
    base, head = runs.of(0.9, 0.9, 0.9), runs.of(0.86, 0.86, 0.86, noise=10)
    set_baseline(runs.store, base)
    comparison = bench_suite.compare(base, head)
    assert (comparison.verdict, comparison.status, comparison.rows) == ("regressed", 1, compare(base, head).rows)
    assert (comparison.markdown(), str(comparison)) == (as_markdown(compare(base, head)), as_text(compare(base, head)))
    for name in (base.name, base.path, "latest", "baseline", "s"):
        assert bench_suite.compare(name, results=runs.store.root).rows == comparison.rows
    with pytest.raises(StoreError, match="no run '2019'"):
        bench_suite.compare("2019", results=runs.store.root)


def test_from_python_the_rows_are_a_frame_worst_first(runs: Runs) -> None:
    comparison = bench_suite.compare(runs.of(0.9), runs.of(0.8, noise=5))
    frame = comparison.frame()
    row = frame.iloc[0]
    assert (row.metric, row.verdict, row.gated) == ("quality/accuracy", "regressed", True)
    assert (row.low, row.high) == only(comparison).interval
    assert list(frame.verdict) == [row.verdict for row in comparison.rows]
    nothing = bench_suite.compare(runs.make([(cell(), None)], gate={}), runs.make([(cell(), None)], gate={}))
    assert "verdict" in nothing.frame()
    assert len(nothing.frame()) == 0


@pytest.mark.parametrize(
    ("head", "info", "verdict"),
    [(0.9, {}, "not worse"), (0.5, {"gate": {}}, "not judged"), (0.89, {"gate": GATE}, "cannot tell")],
)
def test_from_python_the_verdict_says_the_exit_status_in_words(runs: Runs, head: float, info, verdict: str) -> None:
    assert bench_suite.compare(runs.of(0.9), runs.of(head, **info)).verdict == verdict


# ── baselines ───────────────────────────────────────────────────────────────────────────────────


def test_a_baseline_holds_what_a_comparison_needs_and_nothing_else(runs: Runs) -> None:
    run = runs.of(0.9, 0.9)
    run.write_predictions("mlp0", "train", predicted(right(0.9)))
    head = runs.of(0.8, 0.8, noise=5)
    baseline = set_baseline(runs.store, run)
    files = sorted(
        path.relative_to(baseline.run.path).as_posix() for path in baseline.run.path.rglob("*") if path.is_file()
    )
    assert [name for name in files if "environments" not in name] == [
        "cells/mlp0/predictions-test.parquet", "cells/mlp1/predictions-test.parquet", "records/00001.jsonl", "run.json",
    ]  # fmt: skip
    assert compare(baseline.run, head).rows == compare(run, head).rows
    assert [listed.suite for listed in baselines(runs.store)] == ["s"]
    assert baseline.size < 200_000


def test_a_newer_baseline_takes_the_place_of_the_older_and_leaves_nothing_behind(runs: Runs) -> None:
    set_baseline(runs.store, runs.of(0.9, 0.9))
    second = runs.of(0.8)
    set_baseline(runs.store, second)
    assert base_run(runs.store, "baseline", "s").name == second.name
    assert [path.name for path in (runs.store.root / "baselines").iterdir()] == ["s"]


def test_a_base_is_found_by_word_name_and_run(runs: Runs) -> None:
    first, second = runs.of(0.9), runs.of(0.9)
    with pytest.raises(NoBaseline, match="bench baseline set RUN") as error:
        base_run(runs.store, "baseline", "s")
    assert error.value.exit_status == 4
    set_baseline(runs.store, first)
    assert base_run(runs.store, "s", "s").name == first.name
    assert base_run(runs.store, "latest", "s").name == second.name
    assert base_run(runs.store, "latest", "s", before=second).name == first.name
    with pytest.raises(NoBaseline, match="no earlier run of s"):
        base_run(runs.store, "latest", "s", before=first)
    with pytest.raises(NoBaseline, match="no earlier run of t"):
        base_run(runs.store, "latest", "t")
    with pytest.raises(StoreError, match='did you mean "baseline"'):
        base_run(runs.store, "basline", "s")


@pytest.mark.parametrize("info", [{"smoke": True}, {}])
def test_a_run_that_says_nothing_is_no_baseline(runs: Runs, info: dict[str, bool]) -> None:
    run = runs.make([(cell(status="failed", reason="no memory"), None)], **info)
    with pytest.raises(StoreError, match=r"smoke run|no cell that ended well"):
        set_baseline(runs.store, run)


# ── output ──────────────────────────────────────────────────────────────────────────────────────


def mixed(runs: Runs) -> Comparison:
    good, bad = predicted(right(0.9)), predicted(right(0.8, 5))
    base = [(cell(model=name), good) for name in ("a|b", "fine", "gone")]
    return compare(runs.make(base), runs.make([(cell(model="a|b"), bad), (cell(model="fine"), good)]))


def test_the_markdown_is_one_table_worst_first_with_verdicts_in_words(runs: Runs) -> None:
    text = as_markdown(mixed(runs))
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    verdicts = [line.split("|")[1].strip() for line in lines if not line.startswith("| --")]
    assert verdicts == ["**regressed**", "not compared", "not worse than the tolerance"]
    assert r"a\|b" in text
    assert "missing: head lacks it" in text
    assert "False" not in text
    assert "nan" not in text


def test_junit_has_failures_for_regressions_and_errors_for_what_is_not_known(runs: Runs) -> None:
    suite = ElementTree.fromstring(export(mixed(runs)))[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3", "failures": "1", "errors": "1", "skipped": "0",
    }  # fmt: skip
    kinds = {test.get("classname"): [child.tag for child in test] for test in suite}
    assert kinds == {"loans, a|b": ["failure"], "loans, fine": ["system-out"], "loans, gone, seed 0": ["error"]}


def test_junit_holds_whatever_a_name_holds(runs: Runs) -> None:
    hostile = "a\x00\x1b]0;<&>\ud800"
    odd = compare(runs.of(0.9), runs.of(0.9))
    row = replace(odd.rows[0], where=hostile, note=hostile)
    assert ElementTree.fromstring(export(replace(odd, rows=(row,)))) is not None


# ── error rates ─────────────────────────────────────────────────────────────────────────────────


def test_a_suite_alarms_for_nothing_in_at_most_one_of_a_hundred_and_finds_a_drop_of_a_point() -> None:
    """10,000 paired examples of which 5 % differ, one model for each side, one gate."""
    settings = [Setting()]
    assert simulate(settings, 0.0, trials=500).alarms <= 0.025
    rates = simulate([replace(settings[0], tolerance=0.01)], 0.01, trials=200)
    assert rates.detected >= 0.95
    assert rates.finds == pytest.approx(0.0089, abs=0.0005)


def test_error_rates_of_two_runs_are_of_their_own_gates(runs: Runs) -> None:
    (setting,) = settings_of(runs.of(0.9, 0.9), runs.of(0.9, 0.9, noise=5))
    assert (setting.n, setting.seeds, setting.tolerance) == (N, 2, 0.01)
    assert setting.differing is not None
    assert 0 < setting.differing < 0.05
    assert simulate([setting, replace(setting, differing=None)], 0.0, trials=20).alarms <= 0.1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_suites_of_many_gates_and_few_seeds_alarm_for_nothing_in_at_most_one_of_a_hundred() -> None:
    """`pytest -m slow tests/comparison/test_compare.py -s` prints 0.009, 0.010, 0.013, 0.007 (± 0.003); found 0.986."""
    print("\ngates  seeds  spread  false alarms")
    for gates, seeds, spread in ((1, 1, 0.0), (20, 1, 0.0), (20, 2, 0.005), (10, 3, 0.005)):
        rates = simulate([Setting(seeds=seeds, spread=spread)] * gates, 0.0, trials=1000)
        print(f"{gates:5}  {seeds:5}  {spread:6}  {rates.alarms:12.4f}", flush=True)
        assert rates.alarms <= 0.0195  # 0.01 and three standard errors
    rates = simulate([Setting(tolerance=0.01)], trials=1000)
    print(f"a drop of a point beyond the tolerance is found in {rates.detected:.3f}")
    assert rates.detected >= 0.95
