"""Head against the mean of several runs: values, verdicts, notes, and runs that do not count for a metric."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench_suite.cli.compare import as_document
from bench_suite.comparison.baselines import base_for
from bench_suite.comparison.compare import Comparison, compare
from bench_suite.comparison.preconditions import ComparisonError
from bench_suite.contracts import Interval, MetricRow
from bench_suite.reports.comparison import as_markdown, as_text
from bench_suite.store.runs import Run

FEATURE = {"git": {"commit": "fedcba9876", "branch": "feature", "dirty": False}}
"The branch of a head: its runs are no base of later ones."
OTHER = {"hardware": {"cpu": "another processor", "usable_cores": 2}}


def against(runs, word: str, head: Run) -> Comparison:
    return compare(base_for(runs.store, word, head), head)


def many(runs, count: int = 6, share: float = 0.9, step: float = 0.0, seeds: int = 5, **info: Any) -> list[Run]:
    """Write runs of equally good models, each with noise of its own; a `step` shifts the newer half."""
    return [
        runs.of(*[share - step * (run >= count / 2)] * seeds, noise=100 * run, **info) for run in range(count)
    ]  # fmt: skip


def test_the_base_value_is_the_mean_of_the_runs_and_a_planted_drop_is_found(runs) -> None:
    bases = many(runs)
    head = runs.of(*[0.86] * 5, noise=1000, **FEATURE)
    comparison = against(runs, "last:6", head)
    row = runs.gated_row(comparison)
    values = [[metric.value for record in run.records() for metric in record.metrics] for run in bases]
    assert row.base == pytest.approx(np.mean(values))
    assert (row.verdict, comparison.status, row.seeds, row.examples, row.method) == (
        "regressed", 1, 5, runs.n, "examples",
    )  # fmt: skip
    assert row.interval[0] < row.difference < row.interval[1] < -0.01
    assert comparison.base == f"last:6 ({bases[0].name} … {bases[-1].name})"
    listed = json.loads(json.dumps(as_document(comparison)))["base_runs"]
    assert [one["run"] for one in listed] == [run.name for run in bases][::-1]
    assert comparison.notes[0].startswith("base: the mean of 6 runs: ")
    assert as_text(comparison).startswith(f"last:6 ({bases[0].name} … {bases[-1].name}) → {head.name}\n")


def test_a_harmless_change_of_chance_alone_is_not_worse(runs) -> None:
    many(runs)
    comparison = against(runs, "last:6", runs.of(*[0.9] * 5, noise=1000, **FEATURE))
    assert (runs.gated_row(comparison).verdict, comparison.status) == ("not worse than the tolerance", 0)


def test_two_runs_say_too_little_about_their_variance_and_the_note_how_many_would_decide(runs) -> None:
    many(runs, 2)
    comparison = against(runs, "last:5", runs.of(*[0.9] * 5, noise=1000, **FEATURE))
    row = runs.gated_row(comparison)
    assert (row.verdict, comparison.status) == ("cannot tell", 4)
    assert "base runs would decide, not 2" in row.note
    assert comparison.notes[0].startswith("base: the mean of 2 runs, not 5: there are no more: ")


def test_deterministic_code_that_nobody_changed_has_no_variance(runs) -> None:
    for _ in range(3):
        runs.of(0.9, 0.9)
    comparison = against(runs, "last:3", runs.of(0.9, 0.9))
    row = runs.gated_row(comparison)
    assert (row.verdict, row.method, row.difference, comparison.status) == (
        "not worse than the tolerance", "same predictions", 0.0, 0,
    )  # fmt: skip
    assert row.note.startswith("the same predictions, one by one")


def test_a_drop_of_deterministic_code_is_found_by_examples_and_seeds_as_with_one_run(runs) -> None:
    for _ in range(3):
        runs.of(0.9, 0.9, 0.9)
    comparison = against(runs, "last:3", runs.of(0.86, 0.86, 0.86, noise=10, **FEATURE))
    assert runs.gated_row(comparison).verdict == "regressed"


def test_a_step_in_main_widens_the_interval_and_points_to_the_history(runs) -> None:
    many(runs, step=0.04)
    row = runs.gated_row(against(runs, "last:6", runs.of(*[0.86] * 5, noise=1000, **FEATURE)))
    assert row.verdict == "cannot tell"
    assert "differ by more than seeds and examples explain: bench history quality/accuracy says since when" in row.note
    steady = runs.gated_row(against(runs, "last:3", runs.of(*[0.86] * 5, noise=2000, **FEATURE)))
    assert "bench history" not in steady.note


def test_one_run_is_the_plain_comparison_with_it(runs) -> None:
    first, second = many(runs, 2)
    head = runs.of(*[0.86] * 5, noise=1000, **FEATURE)
    comparison, plain = against(runs, "last:1", head), compare(second, head)
    assert comparison.rows == plain.rows
    assert comparison.base == plain.base == second.name
    assert [one.run for one in comparison.base_runs] == [second.name]
    assert first.name not in as_text(comparison)


def test_a_run_in_which_a_cell_is_not_comparable_is_left_out_for_it(runs) -> None:
    other = {"options": {"train": {"epochs": 9}, "placement": {"device": "cpu", "threads": 1}}}
    old = runs.make([(runs.cell(0, **other), runs.predictions(0.5)), (runs.cell(0, "cnn"), runs.predictions(0.9, 5))])
    for run in range(3):
        runs.make([(runs.cell(0, model), runs.predictions(0.9, 10 * run)) for model in ("mlp", "cnn")])
    head = runs.make([(runs.cell(0, model), runs.predictions(0.9, 1000)) for model in ("mlp", "cnn")], **FEATURE)
    comparison = against(runs, "last:4", head)
    assert f"{old.name} is no part of the base for loans, mlp: other options: train.epochs 9 → 3" in comparison.notes
    assert not comparison.uncompared
    mlp = next(row for row in comparison.rows if row.where == "loans, mlp")
    assert mlp.base == pytest.approx(0.9, abs=0.02), "0.5 is not in the mean"


def test_a_cell_that_no_run_can_be_compared_in_is_listed(runs) -> None:
    many(runs, 3, seeds=1)
    head = runs.make([(runs.cell(0, model), runs.predictions(0.9, 1000)) for model in ("mlp", "cnn")], **FEATURE)
    comparison = against(runs, "last:3", head)
    assert [(cell.reason_code, cell.where) for cell in comparison.uncompared] == [("new", "loans, cnn, seed 0")]
    failed = runs.make([(runs.cell(0, status="failed", reason="it raised"), None)], **FEATURE)
    assert [cell.reason_code for cell in against(runs, "last:3", failed).uncompared] == ["failed"]
    assert against(runs, "last:3", failed).status == 3


def test_runs_of_other_suites_have_no_cell_in_common(runs) -> None:
    many(runs, 2)
    head = runs.make([(runs.cell(0, "cnn"), runs.predictions(0.9))])
    with pytest.raises(ComparisonError, match=r"^last:2 \(.*\) and .* have no cell in common"):
        against(runs, "last:2", head)


def test_a_metric_without_a_value_in_some_run_is_compared_with_the_others(runs) -> None:
    row = MetricRow("q/x", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=100)
    gate = {"q/x": {"tolerance": 0.3}}
    missing = runs.make([(runs.cell(metrics=(replace(row, value=None, reason="too few"),)), None)], gate=gate)
    for value in (0.5, 0.52, 0.51, 0.49):
        runs.make([(runs.cell(metrics=(replace(row, value=value),)), None)], gate=gate)
    compared = runs.gated_row(against(runs, "last:5", runs.make([(runs.cell(metrics=(row,)), None)], gate=gate)))
    assert compared.base == pytest.approx(0.505)
    assert f"by 4 of 5 base runs (no value: {missing.name})" in compared.note
    assert (compared.verdict, compared.method) == ("not worse than the tolerance", "intervals")


def timed(runs, median: float, seed: int = 0, environment: Any = None, **info: Any) -> Run:
    samples = tuple(median * np.exp(np.random.default_rng(seed).normal(0, 0.01, 6)))
    row = MetricRow("t/train", median, "s", "lower", samples=samples, interval=Interval(0.0, 9.0, over="processes"))
    info |= {"gate": {"t/train": {"tolerance": "20%"}}}
    return runs.make([(runs.cell(metrics=(row,)), None)], environment or runs.environment, **info)


def test_timings_carry_the_drift_between_runs_which_one_base_run_cannot_show(runs) -> None:
    """The runs differ by up to 20 %, though the processes of each differ by 1 %: 30 % more says nothing, 90 % does."""
    for seed, median in enumerate((1.0, 1.1, 0.9, 1.05, 0.95, 1.0)):
        timed(runs, median, seed=seed)
    head = timed(runs, 1.3, 9, **FEATURE)
    alone, drifting = (runs.gated_row(against(runs, word, head)) for word in ("last:1", "last:6"))
    assert alone.verdict == "regressed"
    assert "what changed on the machine between the two runs is not covered" in alone.note
    assert drifting.verdict == "cannot tell"
    assert "is not covered" not in drifting.note
    assert drifting.base == pytest.approx(1.0)
    far = runs.gated_row(against(runs, "last:6", timed(runs, 1.9, 9, **FEATURE)))
    assert (far.verdict, far.relative, far.method) == ("regressed", True, "processes")


def test_timings_of_other_hardware_are_left_out(runs) -> None:
    elsewhere = timed(runs, 5.0, environment=OTHER)
    for seed in range(3):
        timed(runs, 1.0, seed=seed)
    row = runs.gated_row(against(runs, "last:4", timed(runs, 1.0, 9, **FEATURE)))
    assert row.base == pytest.approx(1.0)
    assert f"by 3 of 4 base runs (other hardware: {elsewhere.name})" in row.note


def test_single_observations_are_compared_by_the_spread_of_the_runs(runs) -> None:
    def memory(value: float, **info: Any) -> Run:
        row = MetricRow("t/memory", value, "MiB", "lower", kind="single")
        return runs.make([(runs.cell(metrics=(row,)), None)], gate={"t/memory": {"tolerance": "50%"}}, **info)

    for value in (100.0, 101.0, 99.0, 100.5, 99.5):
        memory(value)
    row = runs.gated_row(against(runs, "last:5", memory(102.0, **FEATURE)))
    assert (row.verdict, row.method, row.base) == ("not worse than the tolerance", "runs", 100.0)
    assert runs.gated_row(against(runs, "last:5", memory(190.0, **FEATURE))).verdict == "regressed"


def test_single_observations_that_never_varied_do_not_say_how_much_one_varies(runs) -> None:
    row = MetricRow("t/memory", 100.0, "MiB", "lower", kind="single")
    gate = {"t/memory": {"tolerance": "50%"}}
    for _ in range(3):
        runs.make([(runs.cell(metrics=(row,)), None)], gate=gate)
    same, other = (
        runs.make([(runs.cell(metrics=(replace(row, value=value),)), None)], gate=gate, **FEATURE)
        for value in (100.0, 101.0)
    )
    assert runs.gated_row(against(runs, "last:3", same)).method == "same values"
    assert runs.gated_row(against(runs, "last:3", other)).note.startswith("one observation a run")


def test_a_count_is_compared_with_the_newest_run(runs) -> None:
    def counted(value: float) -> Run:
        row = MetricRow("c/parameters", value, "count", "lower", kind="exact")
        return runs.make([(runs.cell(metrics=(row,)), None)], gate={"c/parameters": {"tolerance": 0}})

    for value in (100, 100, 120):
        counted(value)
    row = runs.gated_row(against(runs, "last:3", counted(120)))
    assert (row.base, row.head, row.verdict, row.method) == (120, 120, "no regression found", "exact values")
    assert "the base runs differ, and the newest one counts: bench history c/parameters" in row.note


def test_resampled_metrics_are_paired_against_the_mean_too(runs) -> None:
    def ranked(noise: int, quality: float = 1.0, **info: Any) -> Run:
        from bench_suite.metrics.roc_auc import roc_auc

        cells = []
        for seed in range(3):
            random, targets = np.random.default_rng(noise + seed), np.arange(runs.n) % 2
            common = np.random.default_rng(1).normal(0, 1, runs.n)
            score = 1 / (1 + np.exp(-(quality * (2 * targets - 1) + common + random.normal(0, 0.3, runs.n))))
            scores = np.stack([1 - score, score], axis=1).astype(np.float32)
            predictions = runs.predictions_of(np.ones(runs.n, bool))
            columns = {**predictions.columns, "scores": scores, "predictions": scores.argmax(axis=1)}
            value = roc_auc(targets, scores)
            row = MetricRow(
                "quality/roc_auc", value, "fraction", "higher", interval=Interval(0.5, 1.0), n=runs.n,
                of_predictions=True,
            )  # fmt: skip
            cells.append((runs.cell(seed, metrics=(row,)), replace(predictions, columns=columns)))
        return runs.make(cells, gate={"quality/roc_auc": {"tolerance": 0.03}}, **info)

    for run in range(5):
        ranked(100 * run)
    row = runs.gated_row(against(runs, "last:5", ranked(1000, **FEATURE)))
    assert (row.method, row.verdict) == ("resampling", "not worse than the tolerance")
    assert runs.gated_row(against(runs, "last:5", ranked(2000, 0.5, **FEATURE))).verdict == "regressed"


def test_test_examples_that_only_head_changed_are_compared_with_the_newest_run_alone(runs) -> None:
    many(runs, 3, seeds=1)
    predictions = runs.predictions(0.9, 1000)
    head = runs.make([(runs.cell(), predictions_without(predictions, 5))], **FEATURE)
    comparison = against(runs, "last:3", head)
    row = runs.gated_row(comparison)
    assert row.note.startswith("on the 1,995 test examples that both runs have")
    assert any("5 lost" in note for note in comparison.notes)


def predictions_without(predictions: Any, count: int) -> Any:
    columns = {name: values[count:] for name, values in predictions.columns.items()}
    return replace(predictions, ids=np.asarray(predictions.ids)[count:], columns=columns)


def test_a_metric_of_the_whole_run_is_compared_with_the_mean_too(runs) -> None:
    row = MetricRow("all/x", 0.5, "fraction", "higher", interval=Interval(0.4, 0.6), n=50)
    gate = {"all/x": {"tolerance": 0.5}}
    summarised = [runs.of(0.9, noise=10 * run, gate=gate) for run in range(4)]
    for run, value in zip(summarised, (0.5, 0.52, 0.48, 0.5)):
        run.write_summaries([replace(row, value=value)], [])
    compared = runs.gated_row(against(runs, "last:3", summarised[-1]))
    assert (compared.where, compared.base, compared.verdict) == (
        "all cells", pytest.approx(0.5), "not worse than the tolerance",
    )  # fmt: skip


def test_models_are_compared_between_two_runs(runs) -> None:
    *_, head = many(runs, 3)
    with pytest.raises(ComparisonError, match="name one run, not last:2"):
        compare(base_for(runs.store, "last:2", head), head, models=("mlp", "cnn"))


def test_the_hint_of_a_long_comment_names_what_can_be_typed(runs) -> None:
    many(runs, 2)
    head = runs.of(*[0.9] * 5, noise=1000, **FEATURE)
    text = as_markdown(against(runs, "last:2", head), limit=200)
    assert f"`bench compare last:2 {head.name} --json`" in text
    assert math.isfinite(len(text))
