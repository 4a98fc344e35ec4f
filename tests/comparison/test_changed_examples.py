"""Runs whose test sets differ: the common examples are compared, and the others are counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.common_examples import rows_of
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, Predictions
from bench_suite.metrics.roc_auc import roc_auc
from bench_suite.reports.comparison import as_text

N = 400


def splits(train: str = "t", test: str = "x", order: str = "1", **more: str) -> dict[str, Any]:
    """Return the facts of a record about data whose splits have these examples."""
    names = {"train": train, "test": test, **more}
    prints = {name: {"examples": examples, "order": examples + order} for name, examples in names.items()}
    return {"name": "loans", "fingerprint": "".join(names.values()) + order, "fingerprints": prints}


def facts(row: Row) -> tuple[Any, ...]:
    return row.metric, row.verdict, row.difference, row.examples, row.method, row.interval, row.p


def by_metric(comparison: Comparison) -> dict[str, Row]:
    return {row.metric: row for row in comparison.rows}


def scored(seed: int) -> Predictions:
    """Return predictions of two classes with scores that rank most examples right."""
    random = np.random.default_rng(seed)
    targets = np.arange(N) % 2
    scores = np.clip(random.normal(0.4 + 0.2 * targets, 0.2), 0.05, 0.95).astype(np.float16).astype(np.float32)
    columns = {
        "targets": targets,
        "predictions": (scores > 0.5).astype(int),
        "scores": np.stack([1 - scores, scores], 1),
    }
    return Predictions("test", np.arange(N) * 7, columns)


def measured(predictions: Predictions) -> tuple[MetricRow, ...]:
    """Return accuracy and the area under the ROC curve of all examples, and metrics of other kinds."""
    correct = float((predictions["targets"] == predictions["predictions"]).mean())
    area = float(roc_auc(predictions["targets"], predictions["scores"]))
    n = len(predictions)
    return (
        MetricRow("quality/accuracy", correct, "fraction", "higher", "-", n=n, of_predictions=True),
        MetricRow("quality/roc_auc", area, "fraction", "higher", "-", n=n, of_predictions=True),
        MetricRow("fairness/gap", 0.1, "fraction", "lower", interval=Interval(0.0, 0.2), n=n, of_predictions=True),
        MetricRow("attribution/sensitivity", 0.5, "ratio", "lower", interval=Interval(0.4, 0.6), n=n),
        MetricRow("compute/parameters", 1000.0, "", "lower", "exact count", kind="exact"),
        MetricRow(
            "throughput/train", 10.0, "samples/s", "higher", interval=Interval(9, 11, over="processes"),
            samples=(9.0, 9.5, 10.0, 10.5, 11.0),
        ),
    )  # fmt: skip


@pytest.fixture
def run(runs) -> Callable[..., Any]:
    def make(seeds: Sequence[Predictions], data: dict[str, Any] | None = None, **info: Any):
        cells = [(runs.cell(seed, metrics=measured(one), data=data or splits()), one) for seed, one in enumerate(seeds)]
        return runs.make(cells, **info)

    return make


def changed(one: Predictions) -> Predictions:
    """Return predictions for a test set that lost 5 examples, gained 3, and has 2 with another target, in any order."""
    rows = np.r_[5:N, 10, 11, 12]
    more = rows_of(one, np.random.default_rng(3).permutation(rows))
    targets, ids = more["targets"].copy(), more.ids.copy()
    targets[np.isin(ids, one.ids[[20, 21]])] ^= 1
    for known in one.ids[10:13]:
        ids[np.flatnonzero(ids == known)[1]] = known + 1
    return replace(more, ids=ids, columns={**more.columns, "targets": targets})


COMMON = np.setdiff1d(np.arange(N), [0, 1, 2, 3, 4, 20, 21])


def test_the_same_test_examples_in_another_order_are_compared_as_if_they_were_not(run) -> None:
    base, head = [scored(0), scored(1)], [scored(2), scored(3)]
    order = np.random.default_rng(5).permutation(N)
    shuffled = [rows_of(one, order) for one in head]
    expected, comparison = compare(run(base), run(head)), compare(run(base), run(shuffled, splits(order="2")))
    assert [facts(row) for row in comparison.rows] == [facts(row) for row in expected.rows]
    assert (comparison.uncompared, comparison.status) == ((), expected.status)
    assert comparison.notes[-1] == (
        "the same examples of train and test in another order (loans): training read them in another order"
    )


def test_common_examples_are_compared_and_lost_gained_and_relabelled_ones_counted(run) -> None:
    base, head = [scored(0), scored(1)], [scored(2), scored(3)]
    comparison = compare(run(base), run([changed(one) for one in head], splits(test="y")))
    assert comparison.notes[-1] == (
        "loans: the examples of test differ (5 lost, 3 gained, 2 relabelled): the 393 common test examples are compared"
    )
    rows = by_metric(comparison)
    # the same comparison, of two runs that were tested on the common examples alone
    expected = by_metric(compare(*(run([rows_of(one, COMMON) for one in side]) for side in (base, head))))
    for metric in ("quality/accuracy", "quality/roc_auc"):
        assert facts(rows[metric])[:-2] == facts(expected[metric])[:-2], "p and level depend on the number of metrics"
        assert rows[metric].examples == 393
        assert "on the 393 test examples that both runs have" in rows[metric].note
    for side, seeds in (("base", base), ("head", head)):
        correct = [(one["targets"] == one["predictions"])[COMMON].mean() for one in seeds]
        assert getattr(rows["quality/accuracy"], side) == pytest.approx(np.mean(correct))
    assert (comparison.uncompared, comparison.gated) == ((), True)


def test_what_predictions_do_not_make_is_not_compared_on_other_test_examples(run) -> None:
    comparison = compare(run([scored(0)]), run([changed(scored(1))], splits(test="y")))
    rows = by_metric(comparison)
    assert rows["fairness/gap"].note == "the examples of test differ: gap is no metric of single predictions"
    assert rows["attribution/sensitivity"].note == (
        "the examples of test differ: it cannot be computed again for the common ones"
    )
    assert {rows[name].verdict for name in ("fairness/gap", "attribution/sensitivity")} == {"not compared"}
    assert rows["throughput/train"].method == "processes"
    assert rows["compute/parameters"].method == "exact values"
    assert rows["compute/parameters"].note.startswith("the examples of test differ")


def test_a_gate_on_what_is_not_compared_cannot_tell(run) -> None:
    gate = {"attribution/sensitivity": {"tolerance": 0.5}}
    comparison = compare(run([scored(0)]), run([changed(scored(1))], splits(test="y"), gate=gate))
    assert comparison.status == 4


def test_a_loss_on_the_common_examples_is_found_although_the_new_test_set_is_easier(run, runs) -> None:
    """The gate would pass by the values that the two runs recorded."""
    difficult = np.arange(N) < 100
    base = runs.predictions_of(~difficult)
    worse = runs.predictions_of(~(difficult | (np.arange(N) >= 340)))
    easier = rows_of(worse, np.flatnonzero(~difficult))
    comparison = compare(run([base]), run([easier], splits(test="y")))
    row = by_metric(comparison)["quality/accuracy"]
    assert measured(easier)[0].value > measured(base)[0].value
    assert (row.base, row.head, row.verdict, comparison.status) == (1.0, pytest.approx(0.8), "regressed", 1)


@pytest.mark.parametrize(("common", "compared"), [(0, False), (9, False), (10, True)])
def test_too_few_common_examples_are_not_compared_and_counted(run, common: int, compared: bool) -> None:
    one = scored(0)
    ids = np.where(np.arange(N) < common, one.ids, one.ids + 1)
    comparison = compare(run([one]), run([replace(one, ids=ids)], splits(test="y")))
    row = by_metric(comparison)["quality/accuracy"]
    assert (row.method is not None) is compared
    assert comparison.status == (0 if compared else 4)
    if not compared:
        assert row.note == f"the examples of test differ: {common} are common; at least 10 are needed"
        end = f"the {common} common test examples are too few to compare; at least 10 are needed"
        assert comparison.notes[-1].endswith(end)


def test_without_stored_predictions_nothing_measured_on_other_test_examples_is_compared(runs) -> None:
    base, head = (
        runs.make([(runs.cell(metrics=measured(scored(0)), data=splits(test=test)), None)]) for test in ("x", "y")
    )
    comparison = compare(base, head)
    rows = by_metric(comparison)
    assert rows["quality/accuracy"].note == "the examples of test differ: base has no stored predictions"
    assert (rows["attribution/sensitivity"].verdict, rows["throughput/train"].method) == ("not compared", "processes")
    assert comparison.status == 4
    assert "nothing measured on them is compared: base has no stored predictions" in as_text(comparison)


def test_a_shift_with_other_examples_costs_only_what_test_predictions_do_not_make(run) -> None:
    shifts = [{"shift:later": value} for value in ("a", "b")]
    comparison = compare(run([scored(0)], splits(**shifts[0])), run([scored(1)], splits(**shifts[1])))
    rows = by_metric(comparison)
    assert rows["quality/accuracy"].examples == N
    assert rows["attribution/sensitivity"].note.startswith("the examples of shift:later differ: ")
    assert comparison.notes[-1] == (
        "loans: the examples of shift:later differ: of what was measured on them, only what the test predictions make "
        "is compared"
    )


def test_a_record_that_its_predictions_do_not_give_is_not_compared_on_a_part_of_them(run, runs) -> None:
    one = scored(0)
    rows = tuple(replace(row, value=0.123) if row.name == "quality/accuracy" else row for row in measured(one))
    base = runs.make([(runs.cell(metrics=rows, data=splits()), one)])
    row = by_metric(compare(base, run([changed(one)], splits(test="y"))))["quality/accuracy"]
    assert "stored predictions give a accuracy of" in row.note
    assert row.difference is None


def test_seeds_that_were_tested_on_different_examples_are_not_averaged(run) -> None:
    comparison = compare(run([scored(0), scored(1)]), run([scored(2), changed(scored(3))]))
    assert comparison.status == 4
    assert by_metric(comparison)["quality/accuracy"].note == (
        "the examples of test differ: the seeds of head were tested on different examples: 5 lost, 3 gained, "
        "2 relabelled"
    )


def test_a_metric_of_the_whole_run_is_not_compared_over_other_test_examples(run) -> None:
    base, head = run([scored(0)]), run([changed(scored(0))], splits(test="y"))
    for side, value in ((base, 1.0), (head, 2.0)):
        row = MetricRow("compute/front", value, "", "higher", "-", interval=Interval(value - 0.1, value + 0.1), n=50)
        side.write_summaries([row], [])
    row = by_metric(compare(base, head))["compute/front"]
    assert row.note == "it summarises the whole run, and test examples of its cells differ"
