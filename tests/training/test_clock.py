"""The clock: a window contains exactly its own steps and no pause."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench_suite.contracts import Window
from bench_suite.training import devices
from bench_suite.training.clock import MIN_WINDOW_SECONDS, Clock


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Advance the clock without waiting, so that a busy machine cannot prolong the time."""
    now = [1000.0]

    def passed(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(devices, "perf_counter", lambda: now[0])
    return passed


def test_a_window_is_never_shorter_than_50_ms_and_windows_hold_every_sample(wait: Callable[[float], None]) -> None:
    windows: list[Window] = []
    clock = Clock(lambda window: windows.append(window) is None)
    clock.resume()
    for _ in range(400):
        wait(0.0005)
        if clock.step(8, 0.0):
            assert clock.close(1.0)
    clock.pause()
    assert len(windows) >= 3
    assert all(window.seconds >= MIN_WINDOW_SECONDS for window in windows)
    assert sum(window.samples for window in windows) == windows[-1].step * 8
    assert clock.steps == 400
    assert clock.samples == 3200
    assert clock.total_seconds() >= sum(window.seconds for window in windows)


def test_the_first_window_is_warm_up_reported_and_not_kept() -> None:
    windows: list[Window] = []
    clock = Clock(lambda window: windows.append(window) is None, shortest=0.0)
    clock.resume()
    for _ in range(4):
        assert clock.step(1, 0.0)
        clock.close(1.0)
    assert len(windows) == 4
    assert clock.windows == windows[1:]


def test_a_pause_is_no_part_of_a_window_which_goes_on_after_it(wait: Callable[[float], None]) -> None:
    windows: list[Window] = []
    clock = Clock(lambda window: windows.append(window) is None, shortest=0.02)
    clock.resume()
    assert not clock.step(5, 0.0)
    clock.pause()
    wait(0.3)
    clock.resume()
    wait(0.03)
    assert clock.step(5, 0.0)
    clock.close(1.0)
    clock.pause()
    assert windows[0].samples == 10
    assert windows[0].seconds == pytest.approx(0.03)
    assert clock.total_seconds() == pytest.approx(0.03)


def test_waiting_for_data_is_added_up_a_window() -> None:
    clock = Clock(lambda window: True, shortest=0.0)
    clock.resume()
    clock.step(1, 0.25)
    clock.close(1.0)
    clock.step(1, 0.5)
    clock.step(1, 0.25)
    clock.close(1.0)
    assert clock.windows[0].stalled == 0.75


def test_what_the_report_takes_is_no_part_of_the_next_window(wait: Callable[[float], None]) -> None:
    def slow(window: Window) -> bool:
        wait(0.2)
        return False

    clock = Clock(slow, shortest=0.0)
    clock.resume()
    clock.step(1, 0.0)
    assert clock.close(1.0) is False
    wait(0.01)
    clock.step(1, 0.0)
    clock.close(1.0)
    assert clock.windows[0].seconds == pytest.approx(0.01)
