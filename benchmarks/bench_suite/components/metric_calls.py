"""Scoring: which function a metric's name stands for, and what of the predictions it is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench_suite.components import discovery


def function_of(problem: Any, name: str) -> Callable[..., float]:
    """The function of a problem's metric: of the problem's own file, or else of the file of that name in metrics/."""
    own = getattr(problem, name, None)
    return own if callable(own) else function_of_file(name)


def function_of_file(use: str) -> Callable[..., float]:
    """The function of a file in metrics/, by its name or path. Raises `ComponentError` where there is none."""
    metric = discovery.find("metrics", use, Path())
    function: Callable[..., float] = getattr(discovery.load(metric), metric.name)
    return function


def bind_columns(
    function: Callable[..., float], columns: Mapping[str, Any], spec: Mapping[str, Any]
) -> tuple[Callable[..., float], dict[str, Any]]:
    """A metric's function and the columns of predictions that it asks for, by the names of its parameters.

    A parameter `spec` is bound. Raises `ValueError` where it asks for a column that the model does not give.
    """
    asked = inspect.signature(function).parameters
    lacking = [p.name for p in asked.values() if p.default is p.empty and p.name not in columns and p.name != "spec"]
    if lacking:
        raise ValueError(f"the model gives no {' and no '.join(lacking)}")
    bound = partial(function, spec=spec) if "spec" in asked else function
    return bound, {column: columns[column] for column in asked if column in columns}
