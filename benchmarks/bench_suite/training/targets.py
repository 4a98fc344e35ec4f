"""Targets: a metric of the validation split after each epoch, and whether it has reached a target value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench_suite.components import discovery
from bench_suite.components.metric_calls import bind_columns, function_of
from bench_suite.contracts import BenchError, Data, Evaluation, Network, Placement, Problem
from bench_suite.data.encoded import Encoded
from bench_suite.data.splits import column
from bench_suite.training.prediction import predict


class Target:
    """The target value of a metric, and the best value so far."""

    def __init__(self, target: Mapping[str, float], problem: Problem, data: Data) -> None:
        if len(target) != 1:
            raise BenchError(f"target must name one metric and its value, not {len(target)}")
        ((self.metric, self.wanted),) = target.items()
        self.name = self.metric.rpartition("/")[2]
        try:
            self._function = function_of(problem, self.name)
            facts = problem.METRICS.get(self.name) or discovery.find("metrics", self.name, Path()).facts
        except BenchError as error:
            raise BenchError(f"target = {self.metric!r}: {error}") from None
        self._lower = "lower" in (facts.get("better"), facts.get("BETTER"))
        self._problem, self._data = problem, data
        self._options = problem.Options() if hasattr(problem, "Options") else None
        self.best: float | None = None
        "Best value so far."

    def value(self, network: Network, validation: Encoded, batch_size: int, placement: Placement) -> float | None:
        """Return the metric on the validation split now; None if it is not defined there."""
        spec = self._data.spec
        evaluation = Evaluation(batch_size, spec, self._options)
        columns = predict(network, self._problem, validation, evaluation, placement)
        targets = column(self._data.splits["validation"], "target")
        try:
            function, arguments = bind_columns(self._function, {"targets": targets, **columns}, spec)
            value = float(function(**arguments))
        except ValueError:
            return None
        if self.best is None or self.reaches(value, self.best):
            self.best = value
        return value

    def reaches(self, value: float, wanted: float | None = None) -> bool:
        """Return whether a value is at least as good as the wanted one (default: the target)."""
        wanted = self.wanted if wanted is None else wanted
        return value <= wanted if self._lower else value >= wanted

    def outcome(self, reached: Mapping[str, float] | None) -> dict[str, Any]:
        """Return the content of `History.target`.

        Args:
            reached: seconds, epochs and samples of training until the target was reached; None: it was not.
        """
        best = {} if self.best is None else {"best": self.best}
        return {
            "metric": self.metric, "wanted": self.wanted, "reached": reached is not None, **best, **(reached or {}),
        }  # fmt: skip
