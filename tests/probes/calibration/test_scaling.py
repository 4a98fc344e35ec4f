"""Scaling: fitted on validation, judged on test."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.probes.calibration import Options
from bench_suite.probes.calibration.scaling import SCALED, temperature_metrics

FAST = Options(simulations=99, resamples=100)


def drawn(seed: int, n: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (n, 3))
    scores, chances = (np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for z in (logits, logits / temperature))
    return (chances.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1), scores.astype(np.float32)


def test_the_temperature_is_of_validation_and_the_gain_is_of_test() -> None:
    rows = {row.name: row for row in temperature_metrics(
        drawn(0, 800, 1.0), None, drawn(1, 800, 2.5), tuple("abc"), FAST) if not row.at}  # fmt: skip
    assert set(rows) == set(SCALED)
    assert rows["temperature"].interval.low < 2.5 < rows["temperature"].interval.high
    assert rows["temperature_gain"].interval.high < 0, "it harms test, which has another one"
    assert rows["temperature"].n == 800


def test_it_mends_test_if_that_has_the_same_temperature() -> None:
    rows = {(row.name, *row.at.values()): row for row in temperature_metrics(
        drawn(0, 1500, 2.5), None, drawn(1, 1500, 2.5), tuple("abc"), FAST)}  # fmt: skip
    assert rows["temperature_gain",].interval.low > 0
    assert rows["calibration_p", "scaled_calibration_error"].value > 0.02
    assert rows["scaled_calibration_error",].value < 0.05


@pytest.mark.parametrize("n", [10, 29])
def test_few_validation_examples_fit_nothing(n: int) -> None:
    rows = list(temperature_metrics(drawn(0, 100, 1.0), None, drawn(1, n, 1.0), tuple("abc"), FAST))
    assert {row.value for row in rows} == {None}
    assert all("least_size = 30" in row.reason for row in rows)
