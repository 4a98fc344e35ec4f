"""Claims about gates of ratios between two runs: what regressed, on which hardware, and what cannot be told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.cli.compare import as_document
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.verdicts import Row
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.reports.comparison import as_markdown, as_text
from bench_suite.store.runs import Run

NAME, TRAIN = "quality/accuracy", "throughput/train"
REFERENCE = "linear"
OTHER_MACHINE = {"hardware": {"cpu": "another processor", "usable_cores": 2}}


def gate(metric: str, **rules: Any) -> dict[str, Any]:
    """Return the section `[gate]` of a run with one gate of a ratio."""
    return {metric: {"ratio_to": REFERENCE, **rules}}


def timed(
    runs, model: float, reference: float, environment: Mapping[str, Any] | None = None, section: Any = None,
    noise: int = 0, better: str = "higher", seeds: int = 2,
) -> Run:  # fmt: skip
    """Return a run of two models with throughputs around these, each in five processes for each seed."""
    random = np.random.default_rng(noise)
    cells = []
    for seed in range(seeds):
        for name, value in (("mlp", model), (REFERENCE, reference)):
            samples = tuple(float(sample) for sample in value * np.exp(random.normal(0, 0.01, 5)))
            row = MetricRow(
                TRAIN, float(np.median(samples)), "samples/s", better, samples=samples, timing=True,
                interval=Interval(min(samples), max(samples), over="processes"),
            )  # fmt: skip
            cells.append((runs.cell(seed, name, metrics=(row,), probes={"throughput": ProbeRow("ok", "k")}), None))
    section = gate(TRAIN, tolerance="5%") if section is None else section
    return runs.make(cells, environment or runs.environment, gate=section)


def ratio_row(comparison: Comparison) -> Row:
    """Return the row of the only ratio."""
    (row,) = [row for row in comparison.rows if row.ratio_to]
    return row


def accurate(runs, model: tuple[float, ...], reference: tuple[float, ...], noise: int = 0, **rules: Any) -> Run:
    """Return a run of two models with these accuracies, one for each seed, and a gate of their ratio."""
    cells = [(runs.cell(s, "mlp"), runs.predictions(share, noise + s)) for s, share in enumerate(model)]
    cells += [(runs.cell(s, REFERENCE), runs.predictions(share, noise + 10 + s)) for s, share in enumerate(reference)]
    return runs.make(cells, gate=gate(NAME, **(rules or {"tolerance": "2%"})))


def test_a_slower_model_is_found_on_another_machine_where_plain_timings_are_not_compared(runs) -> None:
    base = timed(runs, 100.0, 50.0)
    slower = compare(base, timed(runs, 0.8 * 250.0, 125.0, OTHER_MACHINE, noise=1))
    row = ratio_row(slower)
    assert (row.verdict, slower.status, row.method, row.relative) == ("regressed", 1, "processes", True)
    assert row.name == "throughput/train, ratio to linear"
    assert row.base == pytest.approx(2.0, rel=0.03)
    assert row.difference == pytest.approx(-0.2, abs=0.02)
    assert row.interval is not None
    assert row.interval[0] < -0.2 < row.interval[1] < -0.05
    assert row.tolerance == pytest.approx(0.05)
    plain = [row for row in slower.rows if not row.ratio_to]
    assert {row.note for row in plain} == {"the hardware differs or is not known"}
    assert any(note.startswith("timings as ratios to linear are compared all the same") for note in slower.notes)
    same = compare(base, timed(runs, 250.0, 125.0, OTHER_MACHINE, noise=2))
    assert (ratio_row(same).verdict, same.status) == ("not worse than the tolerance", 0)


def test_a_machine_that_is_slower_for_both_models_is_no_regression(runs) -> None:
    section = {TRAIN: [{"ratio_to": REFERENCE, "tolerance": "10%"}, {"tolerance": "10%"}]}
    base, head = timed(runs, 100.0, 50.0, section=section), timed(runs, 40.0, 20.0, noise=3, section=section)
    verdicts = {(row.name, row.where): row.verdict for row in compare(base, head).rows}
    assert verdicts == {
        ("throughput/train, ratio to linear", "loans, mlp"): "not worse than the tolerance",
        (TRAIN, "loans, mlp"): "regressed",
        (TRAIN, "loans, linear"): "regressed",
    }


def test_a_latency_is_worse_if_its_ratio_rises(runs) -> None:
    base = timed(runs, 10.0, 20.0, better="lower")
    row = ratio_row(compare(base, timed(runs, 12.0, 20.0, better="lower", noise=1)))
    assert (row.verdict, row.difference) == ("regressed", pytest.approx(0.2, abs=0.03))
    faster_reference = compare(base, timed(runs, 10.0, 16.0, better="lower", noise=2))
    assert ratio_row(faster_reference).verdict == "regressed", "a ratio is worse, too, if the reference improves"
    assert ratio_row(compare(base, timed(runs, 9.0, 20.0, better="lower", noise=1))).verdict.startswith("not worse")


def test_all_outputs_name_the_ratio(runs) -> None:
    comparison = compare(timed(runs, 100.0, 50.0), timed(runs, 60.0, 50.0, noise=1))
    name = "throughput/train, ratio to linear"
    assert f"regressed: {name}, loans, mlp\n" in as_text(comparison)
    lines = [[cell.strip() for cell in line.split("|")] for line in as_markdown(comparison).splitlines()]
    assert ["**regressed**", name, "loans, mlp"] in [line[1:4] for line in lines]
    (row,) = [row for row in json.loads(json.dumps(as_document(comparison)))["rows"] if row["ratio_to"]]
    assert (row["metric"], row["ratio_to"], row["verdict"]) == (TRAIN, REFERENCE, "regressed")
    (case,) = runs.junit_cases(comparison)
    assert case[:3] == ("loans, mlp", name, "failure")


def test_a_ratio_of_accuracies_is_paired_by_seed_and_example_and_sharper_than_its_parts(runs) -> None:
    base = accurate(runs, (0.8, 0.8, 0.8), (0.9, 0.9, 0.9))
    same = ratio_row(compare(base, accurate(runs, (0.8, 0.8, 0.8), (0.9, 0.9, 0.9), noise=50)))
    assert (same.verdict, same.method, same.examples, same.seeds) == (
        "not worse than the tolerance", "examples", runs.n, 3,
    )  # fmt: skip
    lost = ratio_row(compare(base, accurate(runs, (0.72, 0.72, 0.72), (0.9, 0.9, 0.9), noise=50)))
    assert (lost.verdict, lost.difference) == ("regressed", pytest.approx(-0.1, abs=0.02))
    assert (lost.base, lost.head) == (pytest.approx(0.8 / 0.9, abs=0.02), pytest.approx(0.8, abs=0.02))
    both = ratio_row(compare(base, accurate(runs, (0.72, 0.72, 0.72), (0.81, 0.81, 0.81), noise=50, tolerance="5%")))
    assert both.verdict == "not worse than the tolerance", "model and reference lost the same share"


def test_the_same_predictions_are_no_difference(runs) -> None:
    one, other = (accurate(runs, (0.8, 0.8), (0.9, 0.9)) for _ in "12")
    row = ratio_row(compare(one, other))
    assert (row.verdict, row.method, row.difference, row.interval) == (
        "not worse than the tolerance", "same predictions", 0.0, None,
    )  # fmt: skip


def test_a_few_examples_without_a_difference_prove_nothing(runs) -> None:
    def run(flip: int) -> Run:
        cells = []
        for model in ("mlp", REFERENCE):
            correct = np.arange(40) % 5 > 0
            predictions = runs.predictions_of(correct)
            scores = np.array(predictions["scores"]) * (0.99 if flip else 1.0)  # other scores, the same answers
            changed = replace(predictions, columns={**predictions.columns, "scores": scores.astype(np.float32)})
            cells.append((runs.cell(0, model), changed))
        return runs.make(cells, gate=gate(NAME, tolerance="2%"))

    row = ratio_row(compare(run(0), run(1)))
    assert (row.verdict, row.difference, row.method) == ("cannot tell", 0.0, "examples")


def test_a_resampled_metric_is_compared_on_the_same_resamples(runs) -> None:
    from bench_suite.metrics.macro_f1 import macro_f1

    def run(share: float, noise: int) -> Run:
        cells = []
        for seed in range(3):
            for model, accuracy in (("mlp", share), (REFERENCE, 0.9)):
                predictions = runs.predictions(accuracy, noise + seed)
                value = macro_f1(predictions["targets"], predictions["predictions"])
                row = MetricRow("quality/macro_f1", value, "fraction", "higher", of_predictions=True, reason="x")
                cells.append((runs.cell(seed, model, metrics=(row,)), predictions))
        return runs.make(cells, gate=gate("quality/macro_f1", tolerance="10%"))

    base = run(0.8, 0)
    row = ratio_row(compare(base, run(0.6, 50)))
    assert (row.verdict, row.method, row.difference) == ("regressed", "resampling", pytest.approx(-0.25, abs=0.03))
    assert ratio_row(compare(base, run(0.8, 50))).verdict == "not worse than the tolerance"


@pytest.mark.parametrize(
    ("side", "model", "change", "note"),
    [
        ("head", REFERENCE, {"value": 0.0}, "linear has the value 0, so there is no ratio"),
        ("base", REFERENCE, {"value": 0.0}, "linear has the value 0, so there is no ratio"),
        ("base", "mlp", {"value": -1.0}, "mlp has the value -1, so there is no ratio"),
        (
            "head", REFERENCE, {"value": None, "interval": None, "reason": "no scores"},
            "head: linear has no value under 1 of 1 seeds: no scores",
        ),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_ratio_is_not_passed(runs, side, model, change, note) -> None:
    row = MetricRow("q/x", 2.0, "ms", "lower", interval=Interval(1.9, 2.1), n=400)

    def run(word: str) -> Run:
        return runs.make(
            [
                (runs.cell(0, name, metrics=(replace(row, **change) if (word, name) == (side, model) else row,)), None)
                for name in ("mlp", REFERENCE)
            ],
            gate=gate("q/x", tolerance="50%"),
        )

    comparison = compare(run("base"), run("head"))
    assert (ratio_row(comparison).verdict, ratio_row(comparison).note, comparison.status) == ("cannot tell", note, 4)


def test_a_reference_that_failed_or_is_missing_is_not_passed(runs) -> None:
    base = accurate(runs, (0.8,), (0.9,))
    failed = runs.make(
        [(runs.cell(), runs.predictions(0.8)), (runs.cell(0, REFERENCE, status="failed", reason="no memory"), None)],
        gate=gate(NAME, tolerance="2%"),
    )
    comparison = compare(base, failed)
    row = ratio_row(comparison)
    assert (row.verdict, row.note) == ("cannot tell", "linear: no such cell is compared of seed 0")
    assert comparison.status == 3
    alone = runs.make([(runs.cell(), runs.predictions(0.8))], gate=gate(NAME, tolerance="2%"))
    assert ratio_row(compare(base, alone)).verdict == "cannot tell"
    reference_alone = runs.make([(runs.cell(0, REFERENCE), runs.predictions(0.8))], gate=gate(NAME, tolerance="2%"))
    row = ratio_row(compare(base, reference_alone))
    assert (row.verdict, row.where, row.note) == (
        "cannot tell", "all cells", "no cell that both runs have measures it",
    )  # fmt: skip


def test_other_test_examples_other_probe_options_and_no_direction_are_not_compared(runs) -> None:
    base = accurate(runs, (0.8,), (0.9,))
    changed = {"name": "loans", "fingerprint": "b", "fingerprints": {"test": {"examples": "x", "order": "y"}}}
    original = {**changed, "fingerprint": "a", "fingerprints": {"test": {"examples": "z", "order": "y"}}}

    def run(data: dict[str, Any]) -> Run:
        cells = [(runs.cell(0, model, data=data), runs.predictions(0.8)) for model in ("mlp", REFERENCE)]
        return runs.make(cells, gate=gate(NAME, tolerance="2%"))

    row = ratio_row(compare(run(original), run(changed)))
    assert (row.verdict, row.note) == (
        "cannot tell", "the examples of test differ, so the ratios are not of the same data",
    )  # fmt: skip
    times = timed(runs, 100.0, 50.0)
    other = timed(runs, 100.0, 50.0, noise=1)
    cells = [(replace(r, probes={"throughput": ProbeRow("ok", "other")}), None) for r in other.records()]
    row = ratio_row(compare(times, runs.make(cells, gate=gate(TRAIN, tolerance="5%"))))
    assert (row.verdict, row.note) == ("cannot tell", "the options of its probe differ")
    none = [timed(runs, 100.0, 50.0, better="none", noise=noise) for noise in (0, 1)]
    assert ratio_row(compare(*none)).note == "it has no better direction, so no change is worse"
    assert compare(base, accurate(runs, (0.8,), (0.9,), noise=9)).rows, "control"


def test_counts_and_values_without_intervals_are_compared_by_what_they_have(runs) -> None:
    def run(*seeds: float, kind: str = "estimate") -> Run:
        cells = []
        for seed, value in enumerate(seeds):
            for model, factor in (("mlp", 1.0), (REFERENCE, 0.5)):
                row = MetricRow("compute/x", factor * value if model == "mlp" else 100.0, "count", "lower", kind=kind)
                cells.append((runs.cell(seed, model, metrics=(row,)), None))
        return runs.make(cells, gate=gate("compute/x", tolerance="10%"))

    exact = ratio_row(compare(run(200.0, kind="exact"), run(230.0, kind="exact")))
    assert (exact.verdict, exact.method, exact.difference) == ("regressed", "exact values", pytest.approx(0.15))
    base, worse = [float(100 + seed) for seed in range(10)], [1.5 * (100 + seed) for seed in range(10)]
    row = ratio_row(compare(run(*base), run(*worse)))
    assert (row.verdict, row.method, row.seeds) == ("regressed", "seeds", 10)
    single = ratio_row(compare(run(200.0), run(230.0)))
    assert (single.verdict, single.note) == ("cannot tell", "one observation on each side, without an interval")


def test_a_gate_for_some_seeds_judges_these_and_bounds_alone_allow_no_loss(runs) -> None:
    section = gate(TRAIN, tolerance="5%", only={"seed": [1]})
    row = ratio_row(
        compare(timed(runs, 100.0, 50.0, section=section), timed(runs, 60.0, 50.0, section=section, noise=1))
    )
    assert (row.where, row.seeds, row.verdict) == ("loans, mlp, seed 1", 1, "regressed")
    section = gate(TRAIN, min=0.1)
    row = ratio_row(
        compare(timed(runs, 100.0, 50.0, section=section), timed(runs, 90.0, 50.0, section=section, noise=1))
    )
    assert (row.tolerance, row.verdict) == (None, "regressed")


def test_between_two_models_gates_of_ratios_are_named_as_not_judged(runs) -> None:
    run = accurate(runs, (0.8,), (0.9,))
    comparison = compare(run, run, models=(REFERENCE, "mlp"))
    assert not [row for row in comparison.rows if row.ratio_to]
    assert "gates of ratios are judged between runs only, not between two models" in comparison.notes


def test_a_changed_gate_of_a_ratio_is_named(runs) -> None:
    base = timed(runs, 100.0, 50.0)
    head = timed(runs, 100.0, 50.0, noise=1, section=gate(TRAIN, tolerance="50%"))
    (change,) = compare(base, head).gate_changes
    assert str(change) == "throughput/train, ratio to linear: tolerance 5% → 50% (wider)"


def test_false_alarms_of_a_suite_of_ratios_stay_below_the_level(runs) -> None:
    alarms = 0
    for trial in range(20):
        base = timed(runs, 100.0, 50.0, noise=1000 + trial, section=gate(TRAIN, tolerance="1%"))
        head = timed(runs, 200.0, 100.0, OTHER_MACHINE, noise=2000 + trial, section=gate(TRAIN, tolerance="1%"))
        alarms += ratio_row(compare(base, head)).verdict == "regressed"
    assert alarms <= 1


SEEDS = {"from": 3, "to": 8}


def test_a_ratio_is_judged_look_by_look_if_the_suite_adds_seeds(runs) -> None:
    spread = np.random.default_rng(0).normal(0, 0.004, 16)
    mine, theirs = (tuple(0.9 + float(x) for x in part) for part in (spread[:8], spread[8:]))
    base, head = accurate(runs, mine, (0.8,) * 8), accurate(runs, theirs, (0.8,) * 8, noise=100)
    head.update({"gate_seeds": SEEDS})
    row = ratio_row(compare(base, head))
    assert (row.verdict, row.looks) == ("not worse than the tolerance", (3, 5, 8))
    assert row.decided_at in (3, 5, 8)
    worse = accurate(runs, tuple(value - 0.1 for value in theirs), (0.8,) * 8, noise=100)
    worse.update({"gate_seeds": SEEDS})
    row = ratio_row(compare(base, worse))
    assert row.verdict == "regressed"
    few = accurate(runs, theirs[:3], (0.8,) * 3, noise=100)
    few.update({"gate_seeds": {"from": 5, "to": 8}})
    row = ratio_row(compare(base, few))
    assert (row.verdict, row.next_seeds) == ("cannot tell", 5)
