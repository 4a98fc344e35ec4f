"""Claims about the windows of a training that probes use: without the warm-up, or marked as never steady."""

from __future__ import annotations

import numpy as np

from bench_suite.contracts import History, Window
from bench_suite.training.steady_windows import steady_from, steady_windows


def history_of(rates: np.ndarray) -> History:
    return History(windows=tuple(Window(step, 100, 100 / rate, 0.0, 0.0) for step, rate in enumerate(rates.tolist())))


def noise(count: int) -> np.ndarray:
    return np.exp(np.random.default_rng(3).normal(0.0, 0.02, count))


def test_windows_of_a_warm_up_are_left_out_and_the_note_counts_them() -> None:
    rates = 1000.0 * noise(40)
    rates[:5] /= 2
    windows, steady = steady_windows(history_of(rates))
    assert steady.start == 5
    assert steady.note == "without the first 5 of 40 windows, which are warm-up"
    assert not steady.marks
    assert min(window.samples / window.seconds for window in windows) > 900.0


def test_a_rate_that_falls_to_the_end_is_marked_and_keeps_all_windows() -> None:
    windows, steady = steady_windows(history_of(1000.0 * noise(40) * 0.98 ** np.arange(40)))
    assert (steady.start, len(windows)) == (0, 40)
    assert steady.marks["unsteady"].startswith("fell by 5")
    assert "never became steady" in (steady.note or "")


def test_a_steady_rate_has_neither_note_nor_mark() -> None:
    steady = steady_from(list(1000.0 * noise(40)))
    assert (steady.start, steady.note, dict(steady.marks)) == (0, None, {})
