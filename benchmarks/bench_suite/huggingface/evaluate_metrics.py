"""Modules of Hugging Face `evaluate` used as metrics: loaded once, given a split's predictions, told in our words."""

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
"What our columns are called that `evaluate` calls otherwise."
LONGEST = 60.0
"Seconds that an interval may take; a module for which it would take longer is called once, and has none."
MAX_PARTS = 50
"Entries of a list of results, such as one a class, that are told."

Results = Mapping[str, float]


def borrowed(use: str, columns: Mapping[str, Any], spec: Mapping[str, Any], resamples: int) -> Iterator[Metric]:
    """What the module that `use` names says of stored predictions, with bootstrap intervals over examples.

    Arguments: `use` as in `evaluate_names`, its path whole; `columns`, one row an example, `targets` given as
    `references` and `scores` as `prediction_scores`; `spec`, of which `classes` are put in the place of class numbers
    where the module asks for strings. A module that gives several numbers yields a metric for each, at the coordinate
    `part`. Whatever goes wrong, in loading or in the module's own code, is the reason of a metric without a value.
    """
    named = read_name(use, Path())
    rows = len(columns["targets"])
    try:
        module = _loaded(named.target, named.config, Path(named.target).stat().st_mtime_ns if named.local else 0)
        given = _given(module, columns, spec)
        began = time.perf_counter()
        found = _parts(module.compute(**_plain(module, given), **named.arguments), named.part)
        seconds = time.perf_counter() - began
    except Exception as error:  # noqa: BLE001 - a module is foreign code: what it raises costs this one metric
        yield Metric(named.name, None, reason=_reason(named, error), n=rows)
        return
    if resamples * seconds > LONGEST:
        reason = f"no interval: one call takes {seconds:.1f} s, and {resamples} are needed"
        made: dict[str, tuple[Any, str | None]] = dict.fromkeys(found, (None, reason))
    else:
        made = _intervals(_bare(module, named), given, found, resamples)
    for part, value in found.items():
        at: dict[str, str | float] = {} if len(found) == 1 else {"part": part}
        if not math.isfinite(value):
            yield Metric(named.name, None, reason=f"it is {value}", at=at, n=rows)
        else:
            interval, why = made[part]
            yield Metric(named.name, value, reason=why, at=at, interval=interval, n=rows)


def _bare(module: Any, named: EvaluateName) -> Callable[..., Results]:
    """The module's own function of columns, without the copy through Arrow that `compute` makes each time (ms)."""

    def compute(**given: Any) -> Results:
        return _parts(module._compute(**_plain(module, given), **named.arguments), named.part)

    return compute


@functools.lru_cache(maxsize=64)
def _outcome(target: str, config: str | None, stamp: int) -> Any:
    """The loaded module, or the fault: where the hub cannot be reached, not every cell waits for that anew."""
    del stamp  # part of the cache's key only: a script that was edited is loaded again
    try:
        import evaluate

        return evaluate.load(target, config_name=config, keep_in_memory=True)
    except Exception as error:  # noqa: BLE001 - raised where it is used
        return error


def _loaded(target: str, config: str | None, stamp: int) -> Any:
    found = _outcome(target, config, stamp)
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found


# ── what a module is given ──────────────────────────────────────────────────────────────────────


def _given(module: Any, columns: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """The module's inputs as arrays, by the module's names. Raises ValueError where the model has no such column."""
    features = module.features[0] if isinstance(module.features, list) else module.features
    lacking = [OURS.get(name, name) for name in features if OURS.get(name, name) not in columns]
    if lacking:
        raise ValueError(f"the model gives no {' and no '.join(lacking)}")
    return {name: _column(columns[OURS.get(name, name)], feature, spec) for name, feature in features.items()}


def _column(values: np.ndarray, feature: Any, spec: Mapping[str, Any]) -> np.ndarray:
    nested = hasattr(feature, "feature")
    if not nested and values.ndim == 2 and values.shape[1] == 2:
        return values[:, 1]  # of two classes one score says all: that of the second, as everywhere
    while hasattr(feature, "feature"):
        feature = feature.feature
    kind = str(getattr(feature, "dtype", ""))
    if kind.startswith(("int", "uint")) and values.dtype.kind == "f" and (values != np.round(values)).any():
        raise ValueError("it is for whole numbers such as classes, and would cut off what stands behind the point")
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


def _plain(module: Any, given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """As `compute` hands them to a module: arrays where it asks for the format numpy, else lists."""
    return dict(given) if module.format == "numpy" else {name: _lists(values) for name, values in given.items()}


def _lists(values: np.ndarray) -> list[Any]:
    return [row.tolist() if hasattr(row, "tolist") else row for row in values.tolist()]


# ── what it says ────────────────────────────────────────────────────────────────────────────────


def _parts(results: Any, wanted: str | None) -> dict[str, float]:
    """The numbers among the results, by name; those in a table or a list by both names, joined with a dot."""
    found: dict[str, float] = {}

    def walk(name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(f"{name}.{key}" if name else str(key), inner)
        elif isinstance(value, int | float | np.number) or (isinstance(value, np.ndarray) and value.ndim == 0):
            found[name] = float(value)
        elif isinstance(value, list | tuple | np.ndarray):
            for position, inner in enumerate(value[:MAX_PARTS]):
                walk(f"{name}.{position}", inner)

    walk("", results)
    if not found:
        raise ValueError("it gives no number")
    if wanted is None:
        return found
    if wanted not in found:
        raise ValueError(f"it gives no {wanted} (it gives: {', '.join(found)})")
    return {wanted: found[wanted]}


def _intervals(
    compute: Callable[..., Results], given: Mapping[str, Any], found: Results, resamples: int
) -> dict[str, tuple[Any, str | None]]:
    """An interval or the reason for having none, by part; each resample is computed once for all parts."""
    try:
        again = compute(**given)
    except Exception:  # noqa: BLE001 - some modules cannot be called without `compute` around them
        again = {}
    if again.keys() != found.keys() or not np.allclose([*again.values()], [*found.values()], 1e-4, equal_nan=True):
        return dict.fromkeys(found, (None, "no interval: this module cannot be called on resamples"))
    drawn: list[Results | str] = []

    def of_part(part: str, number: Iterator[int], **resampled: Any) -> float:
        position = next(number)  # the n-th resample is the same for every part: its seed comes from the columns
        if position == len(drawn):
            try:
                drawn.append(compute(**resampled))
            except Exception as error:  # noqa: BLE001 - undefined on this resample
                drawn.append(str(error) or type(error).__name__)
        result = drawn[position]
        if isinstance(result, str) or part not in result:
            raise ValueError(result if isinstance(result, str) else f"it gives no {part}")
        return result[part]

    return {
        part: bootstrap_interval(functools.partial(of_part, part, count()), given, resamples=resamples)
        for part in found
    }


def _reason(named: EvaluateName, error: Exception) -> str:
    """What happened, and what to do about it."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name == "evaluate":
        return "the package evaluate is not installed; pip install 'bench-suite[evaluate]' brings it"
    if isinstance(error, ImportError | ValueError):
        return text
    if isinstance(error, OSError) and not named.local:  # ConnectionError and FileNotFoundError are among these
        return (
            f"the `evaluate` metric {named.target} is neither in the cache nor to be had from the hub; where there is "
            f"a network, python -c 'import evaluate; evaluate.load(\"{named.target}\")' fetches it; or name a copy "
            "of its script: evaluate:./PATH"
        )
    return f"{type(error).__name__}: {text}"
