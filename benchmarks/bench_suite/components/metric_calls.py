"""Metric calls: the function of a metric's name, and the columns of the predictions that it takes as arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench_suite.components import discovery


def function_of(problem: Any, name: str) -> Callable[..., float]:
    """Return the function of a problem's metric: from the problem's own file, else from metrics/NAME.py."""
    own = getattr(problem, name, None)
    return own if callable(own) else function_of_file(name)


def function_of_file(use: str) -> Callable[..., float]:
    """Return the function of a metric's file, by its name or path; raise ComponentError if there is no such metric."""
    metric = discovery.find("metrics", use, Path())
    function: Callable[..., float] = getattr(discovery.load(metric), metric.name)
    return function


def bind_columns(
    function: Callable[..., float], columns: Mapping[str, Any], spec: Mapping[str, Any]
) -> tuple[Callable[..., float], dict[str, Any]]:
    """Return a metric's function and its arguments: the columns of the predictions, by the names of its parameters.

    Args:
        function: of the metric; a parameter `spec` is bound to `spec`, and `positive` to the number of the positive
            class, if `spec` has it.
        columns: of the predictions, by name: `targets`, `predictions`, `scores`, …
        spec: of the problem.

    Raises:
        ValueError: the function has a parameter without a default for which there is no column.
    """
    parameters = inspect.signature(function).parameters.values()
    required = [p.name for p in parameters if p.default is p.empty and p.name != "spec"]
    missing = [name for name in required if name not in columns]
    if missing:
        raise ValueError(f"the model gives no {' and no '.join(missing)}")
    names = [p.name for p in parameters]
    constants = {"spec": spec} | ({"positive": spec["positive"]} if "positive" in spec else {})
    constants = {name: value for name, value in constants.items() if name in names}
    bound = partial(function, **constants) if constants else function
    return bound, {name: columns[name] for name in names if name in columns}
