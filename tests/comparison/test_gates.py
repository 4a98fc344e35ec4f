"""Claims about gates: what passes, what fails, and what is never counted as fine."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from bench_suite.comparison.gates import by_seed, judge
from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record


def record(
    seed: int = 0, value: float | None = 0.8, low: float = 0.75, high: float = 0.85, status: str = "ok", at=None, **cell
) -> Record:
    """A record of one cell with one metric, `quality/accuracy`, and its interval over examples."""
    rows = (
        MetricRow(
            "quality/accuracy",
            value,
            "fraction",
            "higher",
            None if value is not None else "no scores",
            at or {},
            Interval(low, high) if value is not None else None,
        ),
    )
    labels = {"task": "loans", "model": "mlp", "engine": "native", "precision": "32-true", "seed": seed, **cell}
    return Record(
        "run",
        "s",
        f"id{seed}",
        "",
        labels,
        {},
        "ok",
        None,
        {"quality": ProbeRow(status, "k")},
        metrics=rows if status == "ok" else (),
    )


def broken(seed: int, status: Literal["ok", "failed"] = "ok") -> Record:
    """A record without the metric: its probe failed, or the whole cell."""
    probes = {"quality": ProbeRow("failed", "k", "3 scores are not finite numbers")}
    return replace(
        record(seed, status="failed"), probes=probes, status=status, reason=None if status == "ok" else "no memory"
    )


def verdicts(rules: dict[str, float], *records: Record) -> list[str]:
    """What `judge` says of one gate."""
    return [judgement.verdict for judgement in judge({"quality/accuracy": rules}, records)]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ({"min": 0.7}, "passed"),
        ({"min": 0.8}, "passed"),
        ({"min": 0.82}, "warning"),
        ({"min": 0.86}, "failed"),
        ({"max": 0.9}, "passed"),
        ({"max": 0.8}, "passed"),
        ({"max": 0.78}, "warning"),
        ({"max": 0.7}, "failed"),
        ({"min": 0.7, "max": 0.9}, "passed"),
        ({"min": 0.7, "max": 0.74}, "failed"),
        ({"min": 0.85}, "warning"),
        ({"max": 0.75}, "warning"),
        ({"min": 0}, "passed"),
        ({"tolerance": 0.1}, "not judged"),
        ({"tolerance": "5%", "min": 0.9}, "failed"),
        ({}, "not judged"),
    ],
)
def test_a_gate_fails_only_where_the_interval_lies_wholly_outside(rules, verdict):
    assert verdicts(rules, record()) == [verdict]


def test_the_mean_over_seeds_is_judged_and_not_each_seed():
    records = [record(0, 0.7, 0.69, 0.71), record(1, 0.9, 0.89, 0.91)]
    assert verdicts({"min": 0.8}, *records) == ["passed"]
    assert verdicts({"min": 0.81}, *records) == ["warning"], "two seeds that far apart leave a wide interval"
    (said,) = judge({"quality/accuracy": {"min": 0.8}}, records)
    assert said.where == "loans, mlp"
    assert said.message.startswith("0.8 [")


def test_an_accuracy_over_seeds_is_told_with_an_interval_of_what_it_can_be():
    (said,) = judge({"quality/accuracy": {"min": 0.9}}, [record(0, 0.9, 0.8, 1.0), record(1, 0.98, 0.94, 1.0)])
    assert (said.verdict, said.message) == ("passed", "0.94 [0.7815, 1]")


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ([record(value=None)], "0 of 1 seeds have it: no scores"),
        ([record(0), record(1, value=None)], "1 of 2 seeds have it: no scores"),
        ([record(0), broken(1)], "1 of 2 seeds have it: probe failed: 3 scores are not finite numbers"),
        ([broken(0)], "no cell has measured it: probe failed: 3 scores are not finite numbers"),
        ([record(0), broken(1, "failed")], "1 of 2 seeds have it: no memory"),
        ([broken(0, "failed")], "no cell has measured it: no memory"),
    ],
)
def test_a_metric_that_should_be_there_and_is_not_is_absent_and_says_why(records, reason):
    (said,) = judge({"quality/accuracy": {"min": 0.1}}, records)
    assert (said.verdict, said.message) == ("absent", reason)


def test_a_metric_of_a_probe_that_does_not_apply_is_not_missed():
    other = record(status="not applicable", model="cnn")
    assert verdicts({"min": 0.1}, record(), other) == ["passed"]


def test_a_metric_that_the_problem_of_a_cell_has_not_is_not_asked_of_it():
    regression = replace(record(task="diabetes"), metrics=(replace(record().metrics[0], name="quality/r2"),))
    assert verdicts({"min": 0.1}, record(), regression) == ["passed"]
    failed = replace(record(task="imdb"), metrics=(), status="failed", probes={"quality": ProbeRow("skipped", "k")})
    assert verdicts({"min": 0.1}, record(), failed) == ["passed", "absent"]


def test_a_gate_that_no_cell_can_be_judged_by_is_never_counted_as_fine():
    assert verdicts({"min": 0.1}, record(status="not applicable")) == ["absent"]


def test_cells_that_differ_in_more_than_their_seed_are_judged_apart():
    records = [
        record(0),
        record(1),
        record(0, precision="bf16-mixed"),
        record(0, model="cnn"),
        record(0, **{"train.epochs": 3}),
    ]
    assert {where: len(group) for where, group in by_seed(records).items()} == {
        "loans, mlp": 2,
        "loans, mlp, precision bf16-mixed": 1,
        "loans, cnn": 1,
        "loans, mlp, train.epochs 3": 1,
    }


def test_each_set_of_coordinates_is_judged_apart():
    classify_gated = judge(
        {"quality/accuracy": {"min": 0.5}}, [record(at={"group": "a"}), record(1, 0.2, 0.1, 0.3, at={"group": "b"})]
    )
    assert {judgement.where: judgement.verdict for judgement in classify_gated} == {
        "loans, mlp (group a)": "absent",
        "loans, mlp (group b)": "absent",
    }


def test_a_metric_of_the_run_as_a_whole_is_judged_once():
    row = MetricRow("agreement/tau", 0.4, "fraction", "higher", interval=Interval(0.3, 0.5, over="seeds"))
    (said,) = judge({"agreement/tau": {"min": 0.6}}, [record(0), record(1)], [row])
    assert (said.verdict, said.where) == ("failed", "all cells")
