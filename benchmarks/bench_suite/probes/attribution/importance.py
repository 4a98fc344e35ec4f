"""Importance: how much each column of a table moves the predictions of a network, over many test examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench_suite.contracts import Artifact, Metric
from bench_suite.data.splits import clusters_of
from bench_suite.data.table_inputs import TableInput, table_inputs
from bench_suite.probes.attribution import faithfulness
from bench_suite.probes.attribution.evaluation import NO_ATTRIBUTION, ExplainedModel, portions
from bench_suite.probes.attribution.methods import (
    FITTED,
    METHOD_ERRORS,
    MethodVariant,
    Settings,
    attribute,
    failure_reason,
    parts_of,
)
from bench_suite.stats.intervals import bootstrap_interval
from bench_suite.training.inputs import spread_rows

MAX_COLUMNS = 100
"Columns that are reported, those of greatest importance."
MAX_BARS = 20
"Columns that the chart shows."


@dataclass(frozen=True)
class Importance:
    """The mean magnitude of a column's attribution."""

    column: TableInput
    metric: Metric


def chosen_method(variants: Sequence[MethodVariant]) -> MethodVariant | None:
    """Return the first method whose numbers have a unit, so that their mean has one too; None if there is none."""
    return next((variant for variant in variants if variant.method.scale in ("change", "slope")), None)


def column_importances(
    model: ExplainedModel, variant: MethodVariant, settings: Settings, examples: int, fitted: int
) -> Iterator[Metric | Artifact]:
    """Yield the mean magnitude of each column's attribution with its interval over examples, and a chart of them.

        importance of a column = mean over examples of |sum of the attributions of the numbers that encode it|

    Attributions explain the logit of the predicted class. If the method has no signs, magnitudes are summed.

    Args:
        model: the network and its test examples.
        variant: the method.
        settings: of the methods.
        examples: number of test examples, spread evenly over the split.
        fitted: greatest number of test examples for methods that fit a model to each example.
    """
    test = model.trained.data.splits["test"]
    rows = spread_rows(test, min(examples, fitted) if variant.name in FITTED else examples)
    _, first = model.inputs(rows[:1])
    columns = table_inputs(model.trained.data.spec, first.values.shape[1])
    at = {"method": variant.label}
    try:
        of_portions = [_magnitudes(model, variant, settings, part, columns) for part in portions(rows, first)]
        magnitudes = np.concatenate(of_portions)
    except METHOD_ERRORS as error:
        yield Metric("column_importance", None, failure_reason(error), at=at)
        return
    if not np.isfinite(magnitudes).all():
        yield Metric("column_importance", None, NO_ATTRIBUTION, at=at)
        return
    clusters = clusters_of(test)
    of_rows = None if clusters is None else clusters[rows]
    importances = []
    for number, column in enumerate(columns):
        values = magnitudes[:, number].astype(np.float64)
        interval, reason = bootstrap_interval(faithfulness.mean, {"values": values}, clusters=of_rows)
        metric = Metric(
            "column_importance", faithfulness.mean(values), reason, {**at, "column": column.name}, interval, n=len(rows)
        )
        importances.append(Importance(column, metric))
    importances.sort(key=lambda importance: -(importance.metric.value or 0.0))
    yield from (importance.metric for importance in importances[:MAX_COLUMNS])
    yield _chart(importances, variant, len(rows))


def _magnitudes(
    model: ExplainedModel, variant: MethodVariant, settings: Settings, rows: np.ndarray, columns: Sequence[TableInput]
) -> np.ndarray:
    """Return (k, columns) magnitudes of the attributions of columns as the data have them."""
    subject, inputs = model.inputs(rows)
    parts = parts_of(variant, subject, attribute(variant, subject, inputs, settings)).detach().cpu()
    return np.stack([of_column(parts, column, variant.method.is_signed) for column in columns], axis=1)


def of_column(parts: torch.Tensor, column: TableInput, signed: bool) -> np.ndarray:
    """Return the magnitude (k,) of one column's attribution from the attributions (k, d) of all numbers."""
    own = parts[:, list(column.positions)].double()
    return np.asarray((own.sum(dim=1).abs() if signed else own.abs().sum(dim=1)).numpy())


def _chart(importances: Sequence[Importance], variant: MethodVariant, examples: int) -> Artifact:
    shown = importances[:MAX_BARS]
    bars = {importance.column.label: importance.metric.value for importance in shown}
    intervals = {
        importance.column.label: [importance.metric.interval.low, importance.metric.interval.high]
        for importance in shown
        if importance.metric.interval is not None
    }
    method = variant.label.replace("_", " ")
    if variant.method.scale == "change":
        what, unit = "each column moves", "logit"
    else:
        what, unit = "one standard deviation of each column would move", "logit a deviation"
    caption = (
        f"How far {what} the logit of the predicted class, in either direction: mean magnitude by {method} over "
        f"{examples:,} test examples, with 95 % intervals"
    )
    if len(importances) > MAX_BARS:
        caption += f". The {MAX_BARS} of {len(importances)} columns with the greatest values"
    return Artifact(
        "importance", "bars", {"y": f"mean |{method}| ({unit})", "bars": bars, "intervals": intervals}, caption
    )
