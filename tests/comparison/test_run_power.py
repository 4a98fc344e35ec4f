"""The power of runs: of one model, of two, of seeds, and of times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from bench_suite.comparison.run_power import Aim, MetricPower, Unknown, run_powers
from bench_suite.contracts import ImportedCell
from bench_suite.imported.example_scores import score_predictions
from bench_suite.imported.items import examples_of
from bench_suite.imported.run_writer import ImportFacts, write_run
from bench_suite.imported.timings import Benchmark, timing_cells
from bench_suite.store.runs import Run, Store


def write(folder: Path, cells: Sequence[ImportedCell]) -> Run:
    (folder / "file.csv").write_text("x")
    return write_run(Store(folder / "results"), cells, ImportFacts("s", "scores", [folder / "file.csv"], {}))


def cell(model: str, values: np.ndarray, **axes: int) -> ImportedCell:
    items = np.array([f"q{number}" for number in range(len(values))], dtype=object)
    examples = examples_of(np.arange(len(values)), items, None, None, whose=model)
    return ImportedCell("task", model, axes, score_predictions(examples, {"points": values}))


def test_two_models_need_what_the_variance_of_their_paired_difference_says(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    base = random.normal(size=400)
    head = base + random.normal(scale=0.5, size=400)
    (power,) = run_powers(write(tmp_path, [cell("a", base), cell("b", head)]), Aim(0.05))
    assert isinstance(power, MetricPower)
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    assert power.wanted is not None
    assert power.wanted.n == int(np.ceil((z / 0.05) ** 2 * (head - base).var(ddof=1)))
    assert (power.basis, power.now.n) == ("two models", 400)


def test_one_model_counts_as_independent_of_another(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=400)
    (power,) = run_powers(write(tmp_path, [cell("a", values)]), Aim(0.05))
    assert isinstance(power, MetricPower)
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    assert power.wanted is not None
    assert power.wanted.n == pytest.approx((z / 0.05) ** 2 * 2 * values.var(ddof=1), rel=0.02)
    assert power.basis == "independent models"


def test_processes_are_asked_for_times(tmp_path: Path) -> None:
    times = np.exp(np.random.default_rng(0).normal(scale=0.1, size=10))
    benchmark = Benchmark("seconds", "s", processes=[[float(time)] for time in times])
    run = write(tmp_path, timing_cells({("b", "seconds"): benchmark}, "m", {}, ""))
    (power,) = run_powers(run, Aim(0.05))
    assert isinstance(power, MetricPower)
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)
    assert power.wanted is not None
    expected = 2 * np.log(times).var(ddof=1) * (z / np.log(1.05)) ** 2
    assert power.wanted.seeds == pytest.approx(expected, rel=0.03)
    assert power.relative


def test_what_does_not_vary_or_is_too_little_is_unknown(tmp_path: Path) -> None:
    (power,) = run_powers(write(tmp_path, [cell("a", np.ones(5)), cell("b", np.zeros(5))]), Aim(0.05))
    assert isinstance(power, Unknown)
    assert power.reason
