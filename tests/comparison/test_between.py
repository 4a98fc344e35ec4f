"""Configurations compared with each other: paired by seed, fold and test example, corrected for all pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.comparison.conftest import Runs

from bench_suite.comparison import between
from bench_suite.comparison.between import Configuration, PredictionCache, differences
from bench_suite.contracts import Interval, MetricRow
from bench_suite.stats.paired import nested_difference
from bench_suite.store.runs import Run

ACCURACY = ("quality/accuracy", ())


def configurations(run: Run) -> list[Configuration]:
    """Return a configuration for each model of a run."""
    models = dict.fromkeys(record.cell["model"] for record in run.records())
    return [
        Configuration(model, tuple((run, record) for record in run.records() if record.cell["model"] == model))
        for model in models
    ]


def of_models(runs: Runs, shares: dict[str, tuple[float, ...]], **changes: Any) -> Run:
    cells = [
        (runs.cell(seed, model, **changes), runs.predictions(share, seed))
        for model, of_seeds in shares.items()
        for seed, share in enumerate(of_seeds)
    ]
    return runs.make(cells)


def test_the_difference_is_that_of_the_paired_examples(runs: Runs) -> None:
    run = of_models(runs, {"a": (0.80, 0.81), "b": (0.83, 0.84)})
    (one,) = differences(configurations(run), [(0, 1)], [ACCURACY])
    correct = [
        [runs.predictions(share, seed) for seed, share in enumerate(shares)] for shares in ((0.80, 0.81), (0.83, 0.84))
    ]
    scores = [[(side["targets"] == side["predictions"]).astype(float) for side in sides] for sides in correct]
    expected = nested_difference(np.array(scores[1]) - np.array(scores[0]))
    assert one.row.difference == pytest.approx(expected.value)
    assert one.row.interval == pytest.approx(expected.interval(0.95))
    assert (one.row.method, one.row.verdict, one.row.where) == ("examples", "better", "b − a")


def test_pairs_find_what_single_intervals_do_not(runs: Runs) -> None:
    """1.2 points of 2,000 examples lie within both intervals, but mostly the same examples are wrong on both sides."""
    run = of_models(runs, {"a": (0.80, 0.80, 0.80), "b": (0.812, 0.812, 0.812)})
    rows = [record.metrics[0] for record in run.records()]
    assert rows[0].interval is not None
    assert rows[0].interval.high > rows[-1].value  # type: ignore[operator]  # a value is there
    (one,) = differences(configurations(run), [(0, 1)], [ACCURACY])
    assert one.row.verdict == "better"


def test_p_and_interval_are_corrected_for_all_pairs(runs: Runs) -> None:
    run = of_models(runs, {"a": (0.80, 0.80), "b": (0.81, 0.80), "c": (0.80, 0.81)})
    single = differences(configurations(run), [(0, 1)], [ACCURACY])[0].row
    together = differences(configurations(run), [(0, 1), (0, 2), (1, 2)], [ACCURACY])[0].row
    assert single.p is not None
    assert together.p is not None
    assert single.interval is not None
    assert together.interval is not None
    assert together.p > single.p
    assert together.interval[1] - together.interval[0] > single.interval[1] - single.interval[0]
    for row in (single, together):
        assert row.interval is not None
        assert (row.verdict == "no difference found") == (row.interval[0] <= 0 <= row.interval[1])


def test_the_direction_of_a_metric_decides_what_is_better(runs: Runs) -> None:
    cells = []
    for model, value in (("a", 0.5), ("b", 0.3)):
        row = MetricRow("quality/loss", value, "nats", "lower", interval=Interval(value - 0.01, value + 0.01), n=500)
        cells += [(runs.cell(seed, model, metrics=(row,)), None) for seed in range(2)]
    (one,) = differences(configurations(runs.make(cells)), [(0, 1)], [("quality/loss", ())])
    assert (one.row.verdict, one.row.method) == ("better", "intervals")
    assert one.row.difference == pytest.approx(-0.2)


def test_only_seeds_that_both_have_are_compared_and_the_note_says_so(runs: Runs) -> None:
    run = of_models(runs, {"a": (0.80, 0.81, 0.82), "b": (0.83, 0.84)})
    (one,) = differences(configurations(run), [(0, 1)], [ACCURACY])
    assert one.row.seeds == 2
    assert "on the 2 seeds or folds that both have" in one.row.note


def test_without_a_common_seed_nothing_is_compared(runs: Runs) -> None:
    cells = [(runs.cell(0, "a"), runs.predictions(0.8)), (runs.cell(1, "b"), runs.predictions(0.9))]
    (one,) = differences(configurations(runs.make(cells)), [(0, 1)], [ACCURACY])
    assert (one.row.verdict, one.row.note) == ("not compared", "the two have no seed in common")


def test_cells_of_several_runs_are_read_each_from_its_own(runs: Runs) -> None:
    """Two runs may name the files of their predictions alike."""
    first, second = (
        runs.make([(replace(runs.cell(0, model), id="same"), runs.predictions(share))])
        for model, share in (("a", 0.7), ("b", 0.9))
    )
    (one,) = differences([*configurations(first), *configurations(second)], [(0, 1)], [ACCURACY])
    assert one.row.difference == pytest.approx(0.2, abs=0.01)
    assert one.row.method == "examples"


def test_a_metric_that_neither_has_is_left_out(runs: Runs) -> None:
    run = of_models(runs, {"a": (0.8,), "b": (0.9,)})
    assert differences(configurations(run), [(0, 1)], [("quality/other", ())]) == []


def test_predictions_are_read_once_while_they_fit(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = of_models(runs, {"a": (0.8, 0.8), "b": (0.81, 0.81), "c": (0.82, 0.82)})
    files: list[str] = []
    read = Run.read_predictions
    monkeypatch.setattr(Run, "read_predictions", lambda self, row: files.append(row.file) or read(self, row))
    pairs = [(0, 1), (0, 2), (1, 2)]
    expected = [one.row for one in differences(configurations(run), pairs, [ACCURACY])]
    assert len(files) == len(set(files)) == 6
    monkeypatch.setattr(between, "CACHE_BYTES", 1)
    cache = PredictionCache()
    assert [one.row for one in differences(configurations(run), pairs, [ACCURACY], cache=cache)] == expected
    assert len(cache.entries) == 1


@pytest.mark.slow
def test_equal_models_are_rarely_called_different(runs: Runs) -> None:
    """Four equal models of three seeds, six pairs: a false finding in at most 5 of 100 runs; 300 are simulated."""
    draws, false = np.random.default_rng(0), 0
    for _ in range(300):
        difficulty = draws.normal(0, 1, 400)
        cells = []
        for model in "abcd":
            for seed in range(3):
                correct = difficulty + draws.normal(0, 0.7, 400) + draws.normal(0, 0.05) < 0.8
                cells.append((runs.cell(seed, model), runs.predictions_of(correct)))
        known = configurations(runs.make(cells))
        pairs = [(first, second) for second in range(4) for first in range(second)]
        false += any(one.row.verdict != "no difference found" for one in differences(known, pairs, [ACCURACY]))
    print(f"{false} of 300 tables of four equal models have a false finding")
    assert false <= 24  # binomial(300, 0.05): more has a chance of 1 in 100
