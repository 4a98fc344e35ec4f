"""Wrapper of any plain metric as a module of Hugging Face `evaluate`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as ListOf

from bench_suite.components import discovery
from bench_suite.components.discovery import Component

THEIRS = {"targets": "references", "scores": "prediction_scores"}
"Names of our columns in `evaluate`; other columns have the same name in both."
LABELS = ("targets", "predictions")
EXACT = 2.0**53
"Whole numbers below this are exact as float64."


class PlainMetric(evaluate.Metric):
    """A plain metric as an `evaluate` module; subclasses state the metric in `USE`.

    Columns are kept in Arrow, as in any module, so that `add`, `add_batch` and several processes work. Numbers are
    stored as float64, scores in their own type; labels that are all whole numbers are restored as int64. So nothing is
    rounded, and a first batch of whole numbers does not fix the type of later ones.
    """

    USE = ""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._metric = discovery.find("metrics", self.USE, Path())
        self._function = getattr(discovery.load(self._metric), self._metric.name)
        super().__init__(*arguments, **settings)

    def _info(self) -> Any:
        columns = [THEIRS.get(name, name) for name in self._columns()]
        numbers: dict[str, Any] = {name: Value("float64") for name in columns}
        features = [Features(numbers)]
        if "prediction_scores" in columns:
            features.append(Features({**numbers, "prediction_scores": ListOf(Value("float32"))}))
        else:
            features.append(Features({name: Value("string") for name in columns}))
        facts = self._metric.facts
        return evaluate.MetricInfo(
            description=self._metric.doc,
            citation="",
            inputs_description=(
                f"\nArguments: {', '.join(columns)}, one row an example. Returns {{{self._metric.name!r}: value}}, "
                f"in {facts['UNIT']}; better: {facts['BETTER']}.\n\n{inspect.getdoc(self._function) or ''}\n"
            ),
            features=features,
        )

    def _columns(self) -> list[str]:
        """Return the function's parameters that are columns: those without a default, except `spec`."""
        parameters = inspect.signature(self._function).parameters.values()
        return [p.name for p in parameters if p.default is p.empty and p.name != "spec"]

    # The two hooks by which a module infers the types of its columns from the values.
    def _infer_feature_from_batch(self, batch: Mapping[str, Any]) -> Any:
        return Features({name: _feature(*_depth_and_type(values)) for name, values in batch.items()})

    def _infer_feature_from_example(self, example: Mapping[str, Any]) -> Any:
        return self._infer_feature_from_batch({name: [value] for name, value in example.items()})

    def _compute(self, **inputs: Any) -> dict[str, float]:
        ours = {theirs: name for name, theirs in THEIRS.items()}
        columns, options = {}, {}
        for name, values in inputs.items():
            if name in self._feature_names():
                columns[ours.get(name, name)] = _array(values, self.data.features[name])
            elif values is not None:
                options[ours.get(name, name)] = values
        columns |= {name: _restore_integers(values) for name, values in columns.items() if name in LABELS}
        return {self._metric.name: float(self._function(**columns, **options))}


def module_of(metric: Component, **settings: Any) -> PlainMetric:
    """Return a module of a metric; `settings` are those of `evaluate.Metric`."""
    use = str(metric.path) if metric.external else metric.use
    # `evaluate` names a module after its class.
    kind: type[PlainMetric] = type(metric.name, (PlainMetric,), {"USE": use, "__doc__": metric.summary})
    return kind(**settings)


def _depth_and_type(values: Any) -> tuple[int, np.dtype[Any]]:
    """Return how deep a column is nested, 1 for one value a row, and the type of its values."""
    if isinstance(values, Sequence) and not isinstance(values, str):
        nested = [value for value in values if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)]
        if nested:
            depth, kind = _depth_and_type(next((value for value in nested if len(value)), nested[0]))
            return depth + 1, kind
        return 1, np.asarray(values).dtype
    array = np.asarray(values)
    return _depth_and_type(array.tolist()) if array.dtype == object else (array.ndim, array.dtype)


def _feature(depth: int, kind: np.dtype[Any]) -> Any:
    name = "string" if kind.kind in "US" else "float32" if kind in (np.float32, np.float16) else "float64"
    feature: Any = Value(name)
    for _ in range(depth - 1):
        feature = ListOf(feature)
    return feature


def _array(values: Sequence[Any], feature: Any) -> np.ndarray:
    """Return a column as the function expects it: an array, of objects if the lengths of its rows differ."""
    while hasattr(feature, "feature"):
        feature = feature.feature
    kind = None if feature.dtype == "string" else np.dtype(feature.dtype)
    nested = [len(value) for value in values if isinstance(value, Sequence) and not isinstance(value, str)]
    if len(set(nested)) <= 1:
        return np.asarray(values, dtype=kind)
    rows = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        rows[position] = np.asarray(value, dtype=kind)
    return rows


def _restore_integers(values: np.ndarray) -> np.ndarray:
    """Return labels as int64 if all of them are whole numbers, because class numbers are used as indices."""
    if values.dtype == object:
        rows = np.empty(len(values), dtype=object)
        for position, value in enumerate(values):
            rows[position] = _restore_integers(value)
        return rows
    if values.dtype.kind != "f" or not ((np.abs(values) < EXACT) & (values == np.round(values))).all():
        return values
    return values.astype(np.int64)
