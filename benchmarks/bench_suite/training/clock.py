"""Clock: measure a training in windows of 50 ms or longer, without a synchronisation at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench_suite.contracts import Report, Window
from bench_suite.training import devices

MIN_WINDOW_SECONDS = 0.05
"At the end of each window the host waits for all work that it has queued; once in 50 ms, the cost is negligible."
MIN_WINDOW_STEPS = 64
"""Steps of a window on an accelerator, or as many as take `MAX_WINDOW_SECONDS`. The host prepares no batch while it
waits at the end of a window, so the device has to wait for the first batch of the next: at most one step a window."""
MAX_WINDOW_SECONDS = 1.0


class Clock:
    """A clock that measures the steps of a training and reports windows of them.

    It runs between `resume` and `pause`: no window contains validation or reports, and a window may span several short
    epochs. The first window, in which caches fill and kernels are chosen, is the warm-up: it is reported but is not in
    `windows`. On an accelerator, the host waits for the device whenever the clock starts, stops, or ends a window: so a
    window lasts from one synchronisation to the next, and its time is that of its work. Work that was queued before,
    such as a copy of the best weights, is in no window.
    """

    def __init__(self, report: Report, shortest: float = MIN_WINDOW_SECONDS, device: str | None = None) -> None:
        """Make a clock that stands.

        Args:
            report: called with each window.
            shortest: seconds of a window at least.
            device: kind of the device that is waited for; None if the caller waits itself, by reading a value from the
                device before `close` and `pause`.
        """
        self.windows: list[Window] = []
        "Windows of the steady state."
        self.warm_up: Window | None = None
        "The first window, which is not part of the steady state."
        self.steps = 0
        self.samples = 0
        self.seconds = 0.0
        self._report = report
        self._shortest = shortest
        self._device = device or devices.CPU
        self._caller_waits = device is None
        self._warm = False
        self._since = devices.perf_counter()
        self._carried = 0.0  # seconds of the open window before the last pause
        self._opened_at = 0  # samples when the open window began
        self._steps_of_window = 0
        self._ended_at = 0.0  # time of the clock at which the window that is due ended
        self._stalled = 0.0
        self._asked_at = 0.0  # time of the clock at which the last batch was asked for
        self._events: list[tuple[Any, Any]] = []  # of the open window: before and after each batch
        self._free_events: list[tuple[Any, Any]] = []

    def resume(self) -> None:
        """Start or continue the measurement, after all work that is queued."""
        devices.synchronize(self._device)
        self._since = devices.perf_counter()

    def pause(self) -> None:
        """Stop the measurement after all work that is queued; the open window continues after `resume`."""
        devices.synchronize(self._device)
        self._carried += devices.perf_counter() - self._since

    def ask(self) -> None:
        """Note that the step needs a batch; `receive` follows."""
        if self._device == devices.CPU:
            self._asked_at = devices.perf_counter()
            return
        pair = self._free_events.pop() if self._free_events else self._new_events()
        if pair is None:
            self._asked_at = devices.perf_counter()
        else:
            pair[0].record()
            self._events.append(pair)

    def receive(self) -> None:
        """Note that the batch is there.

        The processor has waited for it since `ask`. An accelerator has waited only since it ended the work of the step
        before, which may still run when the host asks; two events in its queue show it.
        """
        if self._events:
            self._events[-1][1].record()
        else:
            self._stalled += devices.perf_counter() - self._asked_at

    def _new_events(self) -> tuple[Any, Any] | None:
        before, after = devices.new_event(self._device), devices.new_event(self._device)
        return None if before is None else (before, after)

    def step(self, samples: int, waited: float = 0.0) -> bool:
        """Count a step, and return whether a window has ended; it ends when the device has done its work.

        Args:
            samples: examples of the step.
            waited: seconds that the step waited for data, for an engine that measures them without `ask`.
        """
        self.steps += 1
        self.samples += samples
        self._stalled += waited
        self._steps_of_window += 1
        if self._carried + devices.perf_counter() - self._since < self._due_after():
            return False
        self._steps_of_window = 0
        devices.synchronize(self._device)
        self._ended_at = devices.perf_counter()
        self._stalled += sum(before.elapsed_time(after) for before, after in self._events) / 1000
        self._free_events += self._events
        self._events = []
        return True

    def _due_after(self) -> float:
        """Return the seconds from which the open window may end."""
        few = self._device != devices.CPU and self._steps_of_window < MIN_WINDOW_STEPS
        return max(MAX_WINDOW_SECONDS, self._shortest) if few else self._shortest

    def close(self, loss: float, learning_rate: float | None = None) -> bool:
        """Report the window that ended with the last step; return False if the report asks to stop.

        No window contains the report, nor the time in which the caller reads the loss.

        Args:
            loss: of the last step.
            learning_rate: of the last step; None if the caller does not know it.
        """
        ended_at = devices.perf_counter() if self._caller_waits else self._ended_at
        seconds = self._carried + ended_at - self._since
        window = Window(self.steps, self.samples - self._opened_at, seconds, self._stalled, loss, learning_rate)
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
        """Return the clock's part of a checkpoint; call it only while the clock is paused."""
        windows = [*([self.warm_up] if self.warm_up else []), *self.windows]
        return {
            "steps": self.steps, "samples": self.samples, "seconds": self.total_seconds(),
            "windows": [[w.step, w.samples, w.seconds, w.stalled, w.loss, w.learning_rate] for w in windows],
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`; the next window warms up this process and is not in `windows`."""
        self.steps, self.samples, self.seconds = state["steps"], state["samples"], state["seconds"]
        self._opened_at = self.samples
        windows = [Window(*values) for values in state["windows"]]
        self.warm_up, self.windows = (windows[0] if windows else None), windows[1:]
