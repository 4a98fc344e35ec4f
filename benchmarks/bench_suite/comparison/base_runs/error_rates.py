"""Simulate how often a gate against the mean of several runs raises a false alarm and finds a loss.

The functions that judge are those of a comparison. `pytest -m slow tests/comparison/base_runs/test_error_rates.py -s`
prints the table of `docs/appendix/comparing.md`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench_suite.comparison.base_runs.cases import cases_of_runs
from bench_suite.comparison.base_runs.evidence import of_processes
from bench_suite.comparison.base_runs.last_runs import LastRuns
from bench_suite.comparison.error_rates import Rates
from bench_suite.comparison.evidence import Evidence
from bench_suite.comparison.strategies import with_seeds
from bench_suite.comparison.verdicts import LEVEL
from bench_suite.stats.base_runs import base_runs, explained_by, with_base_runs
from bench_suite.stats.paired import holm, nested_difference
from bench_suite.store.runs import Run

TRIALS_OF_LOSSES = 25
"Trials whose least loss that would be found is computed."


@dataclass(frozen=True)
class RunsSetting:
    """A gated metric to simulate: values with noise of seeds and of examples, or timings of processes."""

    runs: int = 5
    "Base runs N."
    between: float = 0.0
    "Standard deviation between runs that all seeds and examples of a run share; of logarithms for timings."
    seeds: int = 3
    n: int = 1000
    "Paired test examples; 0 for timings."
    of_seed: float = 0.0
    "Standard deviation of a run's value under one seed that its other seeds do not share."
    of_example: float = 0.2
    "Standard deviation of one example's value between runs under one seed."
    processes: int = 0
    "Processes of a run, for timings; 0 for other metrics."
    of_process: float = 0.0
    "Standard deviation between a run's processes, of logarithms."
    tolerance: float = 0.0
    "On the scale of the values, or of logarithms."
    label: str = ""
    "Metric and cells in words."


def simulate(settings: Sequence[RunsSetting], drop: float = 0.0, *, trials: int = 1000, seed: int = 0) -> Rates:
    """Simulate one suite whose gates are judged together, as independent metrics.

    Args:
        settings: the gated metrics.
        drop: how far the first metric drops beyond its tolerance; 0 changes none.
        trials: number of simulated comparisons.
        seed: seed of the simulation.
    """
    random = np.random.default_rng(seed)
    tolerances = [setting.tolerance for setting in settings]
    alarms, detected, undecided, losses = 0, 0, 0, []
    for trial in range(trials):
        evidences = [
            (_timings if setting.processes else _values)(
                setting, setting.tolerance + drop if drop and not number else 0.0, random
            )
            for number, setting in enumerate(settings)
        ]
        # The verdicts of `classify_gated`, without the least loss of each trial, which takes most of its time.
        regressed = holm([evidence.p_regressed(allowed) for evidence, allowed in zip(evidences, tolerances)])
        alarms += min(regressed) <= LEVEL
        detected += regressed[0] <= LEVEL
        if tolerances[0] and regressed[0] > LEVEL:
            not_worse = holm([evidence.p_not_worse(allowed) for evidence, allowed in zip(evidences, tolerances)])
            undecided += not_worse[0] > LEVEL
        if trial < TRIALS_OF_LOSSES:
            losses.append(evidences[0].min_detectable_loss(tolerances[0], LEVEL / len(settings)) - tolerances[0])
    shares = (alarms / trials, detected / trials, undecided / trials)
    return Rates(trials, drop, *shares, float(np.median(losses)), seeds=settings[0].seeds)


def settings_of(bases: LastRuns, head: Run, *, trust: bool = False) -> list[RunsSetting]:
    """Return the gated metrics of head and its base runs as settings, from the spreads that were measured.

    Metrics whose seeds and examples, or processes, were not compared are left out.

    Raises:
        ComparisonError: The runs cannot be compared.
    """
    settings = []
    for case in cases_of_runs(bases, head, trust=trust)[1]:
        evidence = case.evidence
        if not case.row.gated or evidence is None or evidence.base_runs is None:
            continue
        runs, main = evidence.base_runs, evidence.main
        between, label = math.sqrt(runs.between), f"{case.row.metric}, {case.row.where}"
        if evidence.method == "processes":
            of_process = math.sqrt(runs.explained * main.count)
            setting = RunsSetting(runs.count, between, 1, 0, processes=main.count, of_process=of_process)
        elif main.n > 1:
            # A difference from the mean of N runs has the noise of 1 + 1/N runs.
            of_seed = math.sqrt(max(0.0, main.seeds - main.examples / main.count) * main.count / runs.factor)
            of_example = math.sqrt(main.examples * main.n * main.count / runs.factor)
            setting = RunsSetting(runs.count, between, main.count, main.n, of_seed, of_example)
        else:
            continue
        settings.append(replace(setting, tolerance=case.margin, label=label))
    return settings


def _values(setting: RunsSetting, loss: float, random: np.random.Generator) -> Evidence:
    """Draw the values of the runs and of head, which is lower by `loss`, on examples and seeds that they share."""
    shape = (setting.runs + 1, setting.seeds, setting.n)
    scores = random.normal(0.0, setting.of_example, shape)
    scores += random.normal(0.0, setting.of_seed, (*shape[:2], 1))
    scores += random.normal(0.0, setting.between, (shape[0], 1, 1))
    bases, head = scores[:-1], scores[-1] - loss
    mean = bases.mean(axis=0)
    explained = explained_by([nested_difference(run - mean) for run in bases])
    runs = base_runs(bases.mean(axis=(1, 2)).tolist(), *explained)
    main = with_base_runs(nested_difference(head - mean), runs)
    numbers = list(zip(mean.mean(axis=1), head.mean(axis=1)))
    return Evidence(main, with_seeds(main, numbers, 1.0).seeds, base_runs=runs)


def _timings(setting: RunsSetting, loss: float, random: np.random.Generator) -> Evidence:
    """Draw the logarithms of the processes of the runs and of head, which is slower by `loss`."""
    logs = random.normal(0.0, setting.of_process, (setting.runs + 1, setting.processes))
    logs += random.normal(0.0, setting.between, (setting.runs + 1, 1))
    logs[-1] -= loss
    return of_processes(logs[:-1].tolist(), logs[-1].tolist())
