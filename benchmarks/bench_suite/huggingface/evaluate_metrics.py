"""Modules of Hugging Face `evaluate` used as metrics: loaded once, and computed on a split's predictions."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from bench_suite.components.evaluate_uri import EvaluateName, read_name
from bench_suite.contracts import Metric
from bench_suite.stats.intervals import bootstrap_interval

OURS = {"references": "targets", "prediction_scores": "scores"}
"Our names of columns that have another name in `evaluate`."
LONGEST = 60.0
"Most seconds for an interval; a slower module is called once and gets none."
MAX_PARTS = 50
"Most reported entries of a list of results, such as one a class."

Results = Mapping[str, float]


def evaluate_metrics(use: str, columns: Mapping[str, Any], spec: Mapping[str, Any], resamples: int) -> Iterator[Metric]:
    """Compute a module of `evaluate` on stored predictions, with bootstrap intervals over examples or clusters.

    A module that returns several numbers yields a metric for each, at the coordinate `part`. An error while loading, or
    in the module's own code, is the reason of a metric without a value.

    Args:
        use: Name of the module, as in `evaluate_uri`, with an absolute path.
        columns: One row an example; `targets` are passed as `references` and `scores` as `prediction_scores`. With
            `cluster`, intervals are over clusters.
        spec: The problem's `spec`; its `classes` replace class numbers if the module asks for strings.
        resamples: Number of bootstrap resamples.
    """
    named = read_name(use, Path())
    rows = len(columns["targets"])
    try:
        module = _load(named.target, named.config, Path(named.target).stat().st_mtime_ns if named.local else 0)
        inputs = _module_inputs(module, columns, spec)
        began = time.perf_counter()
        values = _numbers(module.compute(**_in_format(module, inputs), **named.arguments), named.part)
        seconds = time.perf_counter() - began
    except Exception as error:  # noqa: BLE001 - a module is foreign code: what it raises costs this one metric
        yield Metric(named.name, None, reason=_reason(named, error), n=rows)
        return
    if resamples * seconds > LONGEST:
        reason = f"no interval: one call takes {seconds:.1f} s, and {resamples} are needed"
        intervals: dict[str, tuple[Any, str | None]] = dict.fromkeys(values, (None, reason))
    else:
        intervals = _intervals(_direct_compute(module, named), inputs, values, resamples, columns.get("cluster"))
    for part, value in values.items():
        at: dict[str, str | float] = {} if len(values) == 1 else {"part": part}
        if not math.isfinite(value):
            yield Metric(named.name, None, reason=f"it is {value}", at=at, n=rows)
        else:
            interval, missing = intervals[part]
            yield Metric(named.name, value, reason=missing, at=at, interval=interval, n=rows)


def _direct_compute(module: Any, named: EvaluateName) -> Callable[..., Results]:
    """Return the module's own function of columns, without the copy through Arrow that `compute` makes (ms a call)."""

    def compute(**inputs: Any) -> Results:
        return _numbers(module._compute(**_in_format(module, inputs), **named.arguments), named.part)

    return compute


@functools.lru_cache(maxsize=64)
def _load_once(target: str, config: str | None, stamp: int) -> Any:
    """Return the loaded module or the error, so that an unreachable hub is waited for once and not in each cell."""
    del stamp  # part of the cache's key only: an edited script is loaded again
    try:
        import evaluate

        return evaluate.load(target, config_name=config, keep_in_memory=True)
    except Exception as error:  # noqa: BLE001 - a module is foreign code; `_load` raises what is kept here
        return error


def _load(target: str, config: str | None, stamp: int) -> Any:
    module = _load_once(target, config, stamp)
    if isinstance(module, Exception):
        raise module.with_traceback(None)
    return module


# ── inputs of a module ──────────────────────────────────────────────────────────────────────────


def _module_inputs(module: Any, columns: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the module's inputs as arrays, by the module's names. Raise ValueError if the model has no such column."""
    features = module.features[0] if isinstance(module.features, list) else module.features
    missing = [OURS.get(name, name) for name in features if OURS.get(name, name) not in columns]
    if missing:
        raise ValueError(f"the model gives no {' and no '.join(missing)}")
    return {name: _column(columns[OURS.get(name, name)], feature, spec) for name, feature in features.items()}


def _column(values: np.ndarray, feature: Any, spec: Mapping[str, Any]) -> np.ndarray:
    nested = hasattr(feature, "feature")
    if not nested and values.ndim == 2 and values.shape[1] == 2:
        return values[:, 1]  # for two classes the score of the second is enough, as everywhere
    while hasattr(feature, "feature"):
        feature = feature.feature
    kind = str(getattr(feature, "dtype", ""))
    if kind.startswith(("int", "uint")) and values.dtype.kind == "f" and (values != np.round(values)).any():
        raise ValueError("it is for whole numbers such as classes, and would drop the digits after the decimal point")
    classes = spec.get("classes")
    if kind != "string" or not classes:
        return values
    names = np.array([str(name) for name in classes], dtype=object)
    if values.dtype.kind in "iu":
        return names[values]
    if values.dtype != object or not all(getattr(row, "dtype", np.dtype(object)).kind in "iu" for row in values):
        return values
    rows = np.empty(len(values), dtype=object)
    for position, row in enumerate(values):
        rows[position] = names[row]
    return rows


def _in_format(module: Any, inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the inputs as `compute` passes them to a module: arrays for the format numpy, else lists."""
    return dict(inputs) if module.format == "numpy" else {name: _lists(values) for name, values in inputs.items()}


def _lists(values: np.ndarray) -> list[Any]:
    return [row.tolist() if hasattr(row, "tolist") else row for row in values.tolist()]


# ── results of a module ─────────────────────────────────────────────────────────────────────────


def _numbers(results: Any, part: str | None) -> dict[str, float]:
    """Return the numbers among the results, by name; nested ones by all names, joined with a dot.

    Args:
        results: What the module returned.
        part: Name of the only number to return; None returns all.

    Raises:
        ValueError: There is no number, or none of that name.
    """
    numbers: dict[str, float] = {}

    def walk(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{name}.{key}" if name else str(key), inner)
        elif isinstance(value, int | float | np.number) or (isinstance(value, np.ndarray) and value.ndim == 0):
            numbers[name] = float(value)
        elif isinstance(value, list | tuple | np.ndarray):
            for position, inner in enumerate(value[:MAX_PARTS]):
                walk(f"{name}.{position}", inner)

    walk("", results)
    if not numbers:
        raise ValueError("it gives no number")
    if part is None:
        return numbers
    if part not in numbers:
        raise ValueError(f"it gives no {part} (it gives: {', '.join(numbers)})")
    return {part: numbers[part]}


def _intervals(
    compute: Callable[..., Results], inputs: Mapping[str, Any], values: Results, resamples: int,
    clusters: np.ndarray | None,
) -> dict[str, tuple[Any, str | None]]:  # fmt: skip
    """Return an interval, or the reason for having none, by part. Each resample is computed once for all parts."""
    try:
        again = compute(**inputs)
    except Exception:  # noqa: BLE001 - some modules cannot be called without `compute` around them
        again = {}
    if again.keys() != values.keys() or not np.allclose([*again.values()], [*values.values()], 1e-4, equal_nan=True):
        return dict.fromkeys(values, (None, "no interval: this module cannot be called on resamples"))
    drawn: list[Results | ValueError] = []

    def resampled_part(part: str, number: Iterator[int], **resample: Any) -> float:
        position = next(number)  # the n-th resample is the same for every part: its seed comes from the columns
        if position == len(drawn):
            try:
                drawn.append(compute(**resample))
            except Exception as error:  # noqa: BLE001 - undefined on this resample
                drawn.append(ValueError(str(error) or type(error).__name__))
        result = drawn[position]
        if isinstance(result, ValueError):
            raise result.with_traceback(None)
        if part not in result:
            raise ValueError(f"it gives no {part}")
        return result[part]

    functions = {part: functools.partial(resampled_part, part, count()) for part in values}
    return {
        part: bootstrap_interval(function, inputs, clusters=clusters, resamples=resamples)
        for part, function in functions.items()
    }


def _reason(named: EvaluateName, error: Exception) -> str:
    """Return what happened, and what the user can do about it."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name == "evaluate":
        return "the package evaluate is not installed: pip install 'bench-suite[evaluate]'"
    if isinstance(error, ImportError | ValueError):
        return text
    if isinstance(error, OSError) and not named.local:  # includes ConnectionError and FileNotFoundError
        return (
            f"the `evaluate` metric {named.target} is not in the cache, and the hub does not serve it; with a network, "
            f"run python -c 'import evaluate; evaluate.load(\"{named.target}\")'; or name a copy of its script: "
            "evaluate:./PATH"
        )
    return f"{type(error).__name__}: {text}"
