"""Claims about gates of ratios in one run: what passes, what fails, and what is absent and never passes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.gates import Judgement, stated_gates
from bench_suite.comparison.gates import judge as judge_values
from bench_suite.comparison.ratios.gates import judge_run
from bench_suite.contracts import Interval, MetricRow, ProbeRow, Record
from bench_suite.store.runs import Run

NAME, TRAIN = "quality/accuracy", "throughput/train"
REFERENCE = "linear"


def judge(run: Run, rules: Any, metric: str = NAME, undecided: str = "exit 4") -> list[Judgement]:
    """Judge a gate of the ratio to `linear`, in all cells of a run."""
    gates = stated_gates({metric: {"ratio_to": REFERENCE, **rules}})
    return judge_run(gates, run, run.records(), (), undecided)


def timing(runs, model: str, *samples: float, seed: int = 0, **changes: Any) -> Record:
    """Return a cell with the throughput of these processes."""
    row = MetricRow(
        TRAIN, float(np.median(samples)), "samples/s", "higher", samples=samples, timing=True,
        interval=Interval(min(samples), max(samples), over="processes"),
    )  # fmt: skip
    return runs.cell(seed, model, metrics=(row,), probes={"throughput": ProbeRow("ok", "k")}, **changes)


def run_of_accuracies(runs, model: tuple[float, ...], reference: tuple[float, ...]) -> Run:
    """Return a run of a model and its reference with these accuracies, one for each seed."""
    cells = [(runs.cell(s, "mlp"), runs.predictions(share, s)) for s, share in enumerate(model)]
    cells += [(runs.cell(s, REFERENCE), runs.predictions(share, 10 + s)) for s, share in enumerate(reference)]
    return runs.make(cells)


def numbers(judgement: Judgement) -> tuple[float, float, float]:
    """Return value and interval of a message such as `0.9 [0.8, 1.0]`."""
    value, low, high = judgement.message.split("]")[0].replace("[", "").replace(",", "").split()[:3]
    return float(value), float(low), float(high)


def test_a_ratio_of_accuracies_is_judged_by_its_mean_and_paired_interval(runs) -> None:
    run = run_of_accuracies(runs, (0.72, 0.72, 0.72), (0.9, 0.9, 0.9))
    (passed,) = judge(run, {"min": 0.7})
    assert (passed.verdict, passed.where, passed.ratio_to) == ("passed", "loans, mlp", REFERENCE)
    assert passed.name == "quality/accuracy, ratio to linear"
    value, low, high = numbers(passed)
    assert low < value < high
    assert value == pytest.approx(0.8, abs=0.01)
    # Nearly all examples that the model has right the reference has right too: independent ones would give ± 0.028.
    assert high - low < 0.045
    assert [judge(run, rules)[0].verdict for rules in ({"min": 0.9}, {"max": 0.7}, {"min": 0.7, "max": 0.9})] == [
        "failed", "failed", "passed",
    ]  # fmt: skip
    (unsure,) = judge(run, {"min": round(value + 0.005, 4)}, undecided="fail")
    assert (unsure.verdict, unsure.status) == ("cannot tell", 1)
    assert "the interval crosses min" in judge(run, {"min": round(value - 0.005, 4)})[0].message


def test_the_reference_is_not_judged_and_only_chooses_among_the_others(runs) -> None:
    run = runs.make(
        [(runs.cell(0, model), runs.predictions(0.8, seed)) for seed, model in enumerate(("mlp", "cnn", REFERENCE))]
    )
    assert [one.where for one in judge(run, {"min": 0.5})] == ["loans, mlp", "loans, cnn"]
    assert [one.where for one in judge(run, {"min": 0.5, "only": {"model": ["cnn"]}})] == ["loans, cnn"]
    (none,) = judge(run, {"min": 0.5, "only": {"model": [REFERENCE]}})
    assert (none.verdict, none.status) == ("absent", 3)


def test_a_ratio_of_timings_has_the_uncertainty_of_both(runs) -> None:
    fast, slow = (90.0, 100.0, 110.0, 105.0, 95.0), (45.0, 50.0, 55.0, 52.5, 47.5)
    run = runs.make([(timing(runs, "mlp", *fast), None), (timing(runs, REFERENCE, *slow), None)])
    (judgement,) = judge(run, {"min": 1.5}, TRAIN)
    value, low, high = numbers(judgement)
    assert judgement.verdict == "passed"
    assert value == pytest.approx(2.0)
    spread = np.log(fast).std(ddof=1)
    half = 2.306 * math.sqrt(2 * spread**2 / 5)  # t(8) of two samples with equal variances
    assert (low, high) == (pytest.approx(2 * math.exp(-half), rel=1e-3), pytest.approx(2 * math.exp(half), rel=1e-3))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"status": "failed", "reason": "out of memory"}, "linear: failed: out of memory"),
        ({"status": "unavailable", "reason": "no data"}, "linear: unavailable: no data"),
        ({"metrics": (), "probes": {}}, "linear: it does not measure quality/accuracy"),
        ({"cell": {"task": "loans", "model": REFERENCE, "seed": 9}}, "linear: the run has no such cell of seed 0"),
        ({"cell": {"task": "digits", "model": REFERENCE, "seed": 0}}, "linear: the run has no such cell of seed 0"),
        (
            {"options": {"placement": {"device": "cuda", "threads": 1}}},
            'linear: other placement: placement.device "cuda" → "cpu"',
        ),
        ({"data": {"name": "loans", "fingerprint": "b"}}, "linear: other data: loans b → loans aaaaaaaa"),
    ],
)
def test_without_a_good_cell_of_the_reference_a_ratio_is_absent(runs, reference: dict[str, Any], message: str) -> None:
    other = replace(runs.cell(0, REFERENCE), metrics=runs.accuracy_of(runs.predictions(0.8)))
    run = runs.make([(runs.cell(), runs.predictions(0.9)), (replace(other, **reference), None)])
    (judgement,) = judge(run, {"min": 0.1})
    assert (judgement.verdict, judgement.status) == ("absent", 3)
    assert judgement.message.startswith(message)


def test_a_value_of_zero_or_none_makes_a_ratio_absent(runs) -> None:
    zero = MetricRow(NAME, 0.0, "fraction", "higher", interval=Interval(0.0, 0.1))
    some = replace(zero, value=0.5, interval=Interval(0.4, 0.6))
    missing = replace(some, value=None, interval=None, reason="no scores")
    for rows, message in (
        ((some, zero), "linear has the value 0, so there is no ratio"),
        ((zero, some), "mlp has the value 0, so there is no ratio"),
        ((some, missing), "linear has no value under 1 of 1 seeds: no scores"),
        ((some, replace(some, value=-0.5)), "linear has the value -0.5, so there is no ratio"),
    ):  # fmt: skip
        cells = [(runs.cell(0, model, metrics=(row,)), None) for model, row in zip(("mlp", REFERENCE), rows)]
        (judgement,) = judge(runs.make(cells), {"min": 0.001, "max": 1e9})
        assert (judgement.verdict, judgement.message) == ("absent", message)


def test_an_axis_of_the_reference_alone_leaves_no_reference(runs) -> None:
    cells = [(runs.cell(), runs.predictions(0.9))]
    for strength in (1, 2):
        record = runs.cell(0, REFERENCE)
        labels = {**record.cell, "models.linear.C": strength}
        cells.append((replace(record, id=f"l{strength}", cell=labels), runs.predictions(0.8, strength)))
    (judgement,) = judge(runs.make(cells), {"min": 0.1})
    assert (judgement.verdict, judgement.status) == ("absent", 3)
    assert "2 of its cells fit that of seed 0" in judgement.message


def test_without_predictions_the_intervals_count_as_independent_and_without_them_the_seeds(runs) -> None:
    def row(value: float, half: float) -> MetricRow:
        interval = Interval(value - half, value + half) if half else None
        return MetricRow(NAME, value, "fraction", "higher", interval=interval, n=400)

    def run(half: float, *seeds: tuple[float, float]) -> Run:
        return runs.make([
            (runs.cell(seed, model, metrics=(row(value, half),)), None)
            for seed, values in enumerate(seeds)
            for model, value in zip(("mlp", REFERENCE), values)
        ])  # fmt: skip

    value, low, high = numbers(judge(run(0.04, (0.8, 0.8)), {"min": 0.5})[0])
    assert (value, high / low) == (1.0, pytest.approx(math.exp(2 * math.hypot(0.05, 0.05)), rel=0.02))
    logs = [math.log(0.8 / 0.79), math.log(0.7 / 0.72), math.log(0.75 / 0.75)]
    value, low, high = numbers(judge(run(0.0, (0.8, 0.79), (0.7, 0.72), (0.75, 0.75)), {"min": 0.5})[0])
    assert value == pytest.approx(math.exp(np.mean(logs)), rel=1e-3)
    half = 4.303 * np.std(logs, ddof=1) / math.sqrt(3)
    assert [low, high] == pytest.approx([value * math.exp(-half), value * math.exp(half)], rel=1e-3)
    (single,) = judge(run(0.0, (0.8, 0.4)), {"min": 1.5})
    assert (single.verdict, single.message) == ("passed", "2 (no interval)"), "as any value without an interval"


def test_timings_of_other_hardware_in_one_run_or_of_few_processes_have_no_ratio(runs) -> None:
    five = (1.0, 1.1, 1.2, 1.3, 1.4)
    few = runs.make([(timing(runs, "mlp", *five), None), (timing(runs, REFERENCE, 1.0, 1.1), None)])
    assert judge(few, {"min": 0.1}, TRAIN)[0].message == "linear has 2 processes; at least 5 are needed"
    run = runs.make([(timing(runs, REFERENCE, *five), None)])
    elsewhere = run.add_environment({"hardware": {"cpu": "another", "usable_cores": 2}})
    with run.writer() as writer:
        writer.write(replace(timing(runs, "mlp", *five), run=run.name, environment=elsewhere))
    (judgement,) = judge(run, {"min": 0.1}, TRAIN)
    assert (judgement.verdict, judgement.message[:44]) == ("absent", "model and reference ran on different hardwar")


def test_a_tolerance_needs_a_baseline_and_gates_of_values_stay_as_they_are(runs) -> None:
    run = run_of_accuracies(runs, (0.8,), (0.8,))
    (judgement,) = judge(run, {"tolerance": 0.1})
    assert (judgement.verdict, judgement.needs_baseline, judgement.ratio_to) == ("not judged", True, REFERENCE)
    gates = stated_gates({NAME: [{"min": 0.5}, {"ratio_to": REFERENCE, "min": 0.5}]})
    assert [(one.name, one.where) for one in judge_run(gates, run, run.records())] == [
        (NAME, "loans, mlp"), (NAME, "loans, linear"), (f"{NAME}, ratio to linear", "loans, mlp"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no value of a cell"):
        judge_values(gates, run.records())


def test_folds_are_judged_with_the_variance_that_allows_for_shared_training_data(runs) -> None:
    sizes = {"train": 160, "validation": 0, "test": 40}
    cells = []
    for fold, (model, reference) in enumerate([(0.8, 0.7), (0.7, 0.7), (0.9, 0.75), (0.8, 0.8), (0.75, 0.7)]):
        for name, value in (("mlp", model), (REFERENCE, reference)):
            row = MetricRow(NAME, value, "fraction", "higher", interval=Interval(value - 0.1, value + 0.1), n=40)
            record = runs.cell(0, name, metrics=(row,))
            data = {"name": "loans", "fingerprint": f"f{fold}", "splits": sizes, "folds": {"folds": 5, "fold": fold}}
            cells.append((replace(record, id=f"{name}{fold}", cell={**record.cell, "fold": fold}, data=data), None))
    (judgement,) = judge(runs.make(cells), {"min": 0.5})
    value, low, high = numbers(judgement)
    logs = [math.log(m / r) for m, r in [(0.8, 0.7), (0.7, 0.7), (0.9, 0.75), (0.8, 0.8), (0.75, 0.7)]]
    half = 2.776 * math.sqrt((1 / 5 + 1 / 4) * np.var(logs, ddof=1))
    examples_half = 2.776 * math.sqrt((1 / 5 + 1 / 4) * 2 * (0.1 / 1.96 / 0.77) ** 2)
    assert value == pytest.approx(math.exp(np.mean(logs)), rel=1e-3)
    assert math.log(high / low) / 2 == pytest.approx(max(half, examples_half), rel=0.05)
