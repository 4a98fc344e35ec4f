"""Steady windows: the windows of a training that are left when its warm-up has ended, for the probes that use rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench_suite.contracts import History, MetricMark, Window
from bench_suite.stats.steady_state import SteadyState, steady_state


@dataclass(frozen=True)
class Steady:
    """What a metric of rates states about their warm-up."""

    start: int
    "Number of rates that are left out as warm-up."
    note: str | None = None
    "The remark on it for the reader; None if no rate is left out, and they are steady."
    marks: Mapping[MetricMark, str] = field(default_factory=dict)
    "`unsteady`, if the rates never became steady; no rate is left out then."


def steady_from(rates: Sequence[float], what: str = "windows") -> Steady:
    """Return from where rates are steady.

    Args:
        rates: positive values of consecutive windows or blocks.
        what: what the rates are of, as the note names it.
    """
    state = steady_state(rates)
    if state.steady is False:
        change = _change_in_words(state)
        return Steady(0, f"the rate never became steady: it {change}", {"unsteady": change})
    if state.start:
        return Steady(state.start, f"without the first {state.start} of {len(rates)} {what}, which are warm-up")
    return Steady(0)


def _change_in_words(state: SteadyState) -> str:
    return f"{'rose' if state.change > 0 else 'fell'} by {abs(state.change):.0%}".replace("%", " %")


def steady_windows(history: History) -> tuple[Sequence[Window], Steady]:
    """Return the windows of a training in its steady state, and what a metric of them states."""
    steady = steady_from([window.samples / window.seconds for window in history.windows])
    return history.windows[steady.start :], steady
