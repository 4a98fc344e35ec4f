"""The clock of a training: windows of 50 ms or longer, closed without a synchronisation each step."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

from bench_suite.contracts import Report, Window

MIN_WINDOW_SECONDS = 0.05
"Seconds. A window takes one `.item()`, which on a GPU waits for all work queued: once in 50 ms costs nothing."


class Clock:
    """Measures the steps of a training and hands out windows.

    It runs between `resume` and `pause`, so validation and reports are no part of any window, and a window may span
    epochs shorter than itself. The first window, in which caches fill and kernels are chosen, is the warm-up: it is
    reported and not kept. On a GPU the caller reads a value from the device (`.item()`) before `close` and `pause`;
    then a window lasts from one synchronisation to the next, and its time is that of its work.
    """

    def __init__(self, report: Report, shortest: float = MIN_WINDOW_SECONDS) -> None:
        self.windows: list[Window] = []
        "Of the steady state."
        self.warm_up: Window | None = None
        "The first window, which is none of the steady state."
        self.steps = 0
        self.samples = 0
        self.seconds = 0.0
        self._report = report
        self._shortest = shortest
        self._warm = False
        self._since = perf_counter()
        self._carried = 0.0  # seconds of the open window before the last pause
        self._opened_at = 0  # samples when the open window began
        self._stalled = 0.0

    def resume(self) -> None:
        """Let time run."""
        self._since = perf_counter()

    def pause(self) -> None:
        """Stop time; the open window goes on after `resume`."""
        self._carried += perf_counter() - self._since

    def step(self, samples: int, waited: float) -> bool:
        """Count a step of `samples` examples, for which data were awaited `waited` seconds; True: a window is due."""
        self.steps += 1
        self.samples += samples
        self._stalled += waited
        return self._carried + perf_counter() - self._since >= self._shortest

    def close(self, loss: float) -> bool:
        """Close the window and report it; False where the report asks to stop. Reporting takes no time of a window."""
        seconds = self._carried + perf_counter() - self._since
        window = Window(self.steps, self.samples - self._opened_at, seconds, self._stalled, loss)
        self.seconds += seconds
        if self.warm_up is None:
            self.warm_up = window
        elif self._warm:
            self.windows.append(window)
        self._warm = True
        go_on = self._report(window)
        self._carried, self._stalled, self._opened_at = 0.0, 0.0, self.samples
        self._since = perf_counter()
        return go_on

    def exclude(self, seconds: float) -> None:
        """Leave out `seconds` that have just passed, as in compiling; while paused there is nothing to leave out."""
        self._since += seconds

    def total_seconds(self) -> float:
        """Seconds of training so far, while paused: all windows and what is left of the open one."""
        return self.seconds + self._carried

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it; taken when a window has just closed."""
        windows = [*([self.warm_up] if self.warm_up else []), *self.windows]
        return {
            "steps": self.steps, "samples": self.samples, "seconds": self.seconds,
            "windows": [[w.step, w.samples, w.seconds, w.stalled, w.loss] for w in windows],
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; the next window warms the caches of this process, and is not kept."""
        self.steps, self.samples, self.seconds = state["steps"], state["samples"], state["seconds"]
        self._opened_at = self.samples
        first, *rest = (Window(*values) for values in state["windows"])
        self.warm_up, self.windows = first, rest
