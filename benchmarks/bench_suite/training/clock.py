"""Clock: measure a training in windows of 50 ms or longer, without a synchronisation at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench_suite.contracts import Report, Window
from bench_suite.training import devices

MIN_WINDOW_SECONDS = 0.05
"Each window needs one `.item()`, which on a GPU waits for all queued work; once in 50 ms, the cost is negligible."


class Clock:
    """A clock that measures the steps of a training and reports windows of them.

    It runs between `resume` and `pause`: no window contains validation or reports, and a window may span several short
    epochs. The first window, in which caches fill and kernels are chosen, is the warm-up: it is reported but is not in
    `windows`. On a GPU, the caller must read a value from the device (`.item()`) before `close` and `pause`. Then a
    window lasts from one synchronisation to the next, and its time is that of its work.
    """

    def __init__(self, report: Report, shortest: float = MIN_WINDOW_SECONDS) -> None:
        self.windows: list[Window] = []
        "Windows of the steady state."
        self.warm_up: Window | None = None
        "The first window, which is not part of the steady state."
        self.steps = 0
        self.samples = 0
        self.seconds = 0.0
        self._report = report
        self._shortest = shortest
        self._warm = False
        self._since = devices.perf_counter()
        self._carried = 0.0  # seconds of the open window before the last pause
        self._opened_at = 0  # samples when the open window began
        self._stalled = 0.0

    def resume(self) -> None:
        """Start or continue the measurement."""
        self._since = devices.perf_counter()

    def pause(self) -> None:
        """Stop the measurement; the open window continues after `resume`."""
        self._carried += devices.perf_counter() - self._since

    def step(self, samples: int, waited: float) -> bool:
        """Count a step of `samples` examples that waited `waited` seconds for data; return whether a window is due."""
        self.steps += 1
        self.samples += samples
        self._stalled += waited
        return self._carried + devices.perf_counter() - self._since >= self._shortest

    def close(self, loss: float) -> bool:
        """Close the window and report it; return False if the report asks to stop. No window contains the report."""
        seconds = self._carried + devices.perf_counter() - self._since
        window = Window(self.steps, self.samples - self._opened_at, seconds, self._stalled, loss)
        self.seconds += seconds
        if self.warm_up is None:
            self.warm_up = window
        elif self._warm:
            self.windows.append(window)
        self._warm = True
        go_on = self._report(window)
        self._carried, self._stalled, self._opened_at = 0.0, 0.0, self.samples
        self._since = devices.perf_counter()
        return go_on

    def exclude(self, seconds: float) -> None:
        """Subtract `seconds` that have just passed, such as a compilation; call it only while the clock runs."""
        self._since += seconds

    def total_seconds(self) -> float:
        """Return the seconds of training so far, the open window included; call it only while the clock is paused."""
        return self.seconds + self._carried

    def state(self) -> dict[str, Any]:
        """Return the clock's part of a checkpoint; call it only after a window has closed."""
        windows = [*([self.warm_up] if self.warm_up else []), *self.windows]
        return {
            "steps": self.steps, "samples": self.samples, "seconds": self.seconds,
            "windows": [[w.step, w.samples, w.seconds, w.stalled, w.loss] for w in windows],
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; the next window warms up this process and is not in `windows`."""
        self.steps, self.samples, self.seconds = state["steps"], state["samples"], state["seconds"]
        self._opened_at = self.samples
        first, *rest = (Window(*values) for values in state["windows"])
        self.warm_up, self.windows = first, rest
