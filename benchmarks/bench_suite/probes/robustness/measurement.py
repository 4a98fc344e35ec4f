"""Measurement of one cell: its corruption curves, its flip rates and its robust accuracy, as the options choose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, Metric, Trained
from bench_suite.probes.robustness.adversarial import Settings as AttackSettings
from bench_suite.probes.robustness.adversarial import attacked_accuracy
from bench_suite.probes.robustness.attacks import Budget
from bench_suite.probes.robustness.corruptions import Examples
from bench_suite.probes.robustness.curves import ACCURACY, RMSE, Settings, corruption_curves
from bench_suite.probes.robustness.draws import drawn_rows
from bench_suite.probes.robustness.invariance import chosen_forms, flip_rates
from bench_suite.probes.robustness.pictures import corruption_grid


def measure(trained: Trained, options: Any) -> Iterator[Metric | Artifact]:
    """Yield what the probe's `Options` choose.

    Args:
        trained: the cell.
        options: of the probe.
    """
    rows = drawn_rows(trained.data.splits["test"], options.examples)
    examples = Examples.of(trained.data)
    if isinstance(examples, str):
        name = (ACCURACY if trained.data.problem == "classification" else RMSE).mean
        yield Metric(name, None, examples)
    else:
        yield from _corrupted(trained, examples, rows, options)
        forms = chosen_forms(examples.modality, options.forms)
        if forms:
            yield from flip_rates(trained, examples.modality, forms, rows, options.resamples)
    if options.radii:
        budget = Budget(options.steps, options.restarts, options.queries)
        settings = AttackSettings(options.radii, options.attacks, budget, options.resamples)
        yield from attacked_accuracy(trained, drawn_rows(trained.data.splits["test"], options.attacked), settings)


def _corrupted(trained: Trained, examples: Examples, rows: np.ndarray, options: Any) -> Iterator[Metric | Artifact]:
    names, severities = examples.names(options.corruptions), sorted(set(options.severities))
    if not names:
        return
    yield from corruption_curves(trained, examples, rows, Settings(names, severities, options.resamples))
    if examples.modality == "image":
        image = np.asarray(trained.data.splits["test"].take(rows[:1])["image"])[0]
        grid = corruption_grid(image, names, severities)
        yield Artifact("examples", "image", grid, "A test image under each corruption, at each severity")
