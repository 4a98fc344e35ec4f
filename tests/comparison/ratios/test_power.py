"""Claims about what gates of ratios could find, by the spread in one run: it agrees with comparisons of such runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench_suite.comparison.compare import compare
from bench_suite.comparison.gate_power import GatePower, gate_powers
from bench_suite.comparison.gates import stated_gates
from bench_suite.comparison.ratios.power import powers_of_all
from bench_suite.contracts import Interval, MetricRow, ProbeRow
from bench_suite.store.runs import Run

NAME, TRAIN, REFERENCE = "quality/accuracy", "throughput/train", "linear"


def powers(run: Run, section: dict[str, Any], seconds: float = 60.0) -> list[GatePower]:
    """Return what these gates could find by the spread in a run."""
    return powers_of_all(stated_gates(section), run, [record.id for record in run.records()], seconds)


def timed(runs, noise: int, tolerance: str, factor: float = 1.0) -> Run:
    """Return a run of two models, each measured in ten processes that differ by 3 %."""
    random = np.random.default_rng(noise)
    cells = []
    for model, value in (("mlp", 100.0 * factor), (REFERENCE, 50.0)):
        samples = tuple(float(sample) for sample in value * np.exp(random.normal(0, 0.03, 10)))
        row = MetricRow(
            TRAIN, float(np.median(samples)), "samples/s", "higher", samples=samples, timing=True,
            interval=Interval(min(samples), max(samples), over="processes"),
        )  # fmt: skip
        cells.append((runs.cell(0, model, metrics=(row,), probes={"throughput": ProbeRow("ok", "k")}), None))
    return runs.make(cells, gate={TRAIN: {"ratio_to": REFERENCE, "tolerance": tolerance}})


@pytest.mark.parametrize(("tolerance", "least", "most"), [("2%", 0.8, 1.0), ("10%", 0.0, 0.5)])
def test_the_share_that_cannot_tell_is_that_of_comparisons(runs, tolerance: str, least: float, most: float) -> None:
    base = timed(runs, 0, tolerance)
    (power,) = powers(base, base.info["gate"])
    compared = [compare(base, timed(runs, noise, tolerance)) for noise in range(1, 16)]
    verdicts = [row.verdict for comparison in compared for row in comparison.rows if row.ratio_to]
    assert least <= power.undecided <= most
    assert power.undecided == pytest.approx(verdicts.count("cannot tell") / 15, abs=0.3)
    assert (power.name, power.cells, power.relative) == ("throughput/train, ratio to linear", 1, True)
    assert power.smallest is not None
    worst = compare(base, timed(runs, 99, tolerance, 1 - power.smallest - 0.05))
    assert next(row.verdict for row in worst.rows if row.ratio_to) == "regressed"


def test_ratios_of_accuracies_need_two_seeds_with_predictions(runs) -> None:
    def run(*seeds: int) -> Run:
        cells = [(runs.cell(s, "mlp"), runs.predictions(0.8, s)) for s in seeds]
        return runs.make([*cells, *((runs.cell(s, REFERENCE), runs.predictions(0.9, 10 + s)) for s in seeds)])

    section = {NAME: [{"ratio_to": REFERENCE, "tolerance": "5%"}, {"tolerance": 0.05}]}
    of_ratio, plain = powers(run(0, 1, 2), section)
    assert (of_ratio.ratio_to, of_ratio.cells, of_ratio.seeds) == (REFERENCE, 1, 3)
    assert of_ratio.undecided < 0.3
    assert (plain.ratio_to, plain.cells) == ("", 2)
    alone, _ = powers(run(0), section)
    assert (alone.ratio_to, alone.cells, alone.undecided) == (REFERENCE, 0, 1.0)


def test_gates_of_ratios_share_the_level_with_the_others(runs) -> None:
    cells = [(runs.cell(s, model), runs.predictions(0.85, s)) for s in range(3) for model in ("mlp", REFERENCE)]
    run = runs.make(cells)
    plain = {NAME: {"tolerance": 0.01}}
    both = {NAME: [{"tolerance": 0.01}, {"ratio_to": REFERENCE, "tolerance": 0.01}]}
    alone = gate_powers(stated_gates(plain), run, [record.id for record in run.records()], 60.0)[0]
    first, _ = powers(run, both)
    assert first.undecided > alone.undecided
    assert powers(run, plain) == [alone]


def test_without_a_reference_nothing_is_known(runs) -> None:
    run = runs.make([(runs.cell(s), runs.predictions(0.8, s)) for s in range(3)])
    (power,) = powers(run, {NAME: {"ratio_to": REFERENCE, "tolerance": 0.01}})
    assert (power.cells, power.undecided) == (0, 1.0)
