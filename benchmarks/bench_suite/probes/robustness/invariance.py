"""Invariance: whether the prediction stays the same if the same meaning has another form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench_suite.contracts import Artifact, BenchError, Metric, Trained, Transform
from bench_suite.probes.robustness.curves import report_progress, restricted
from bench_suite.probes.robustness.forms import ARRAY_FORMS, TEXT_FORMS, negated
from bench_suite.probes.robustness.shares import share_metric

NAMES: Mapping[str, tuple[str, ...]] = {
    "text": tuple(TEXT_FORMS),
    **{modality: tuple(forms) for modality, forms in ARRAY_FORMS.items()},
}
"Forms by modality, in the order of reports."
SHOWN = 10
"Largest number of texts with another prediction that are shown."
CONTEXT = 60
"Characters that are shown around the first change of a text."


def chosen_forms(modality: str, chosen: Sequence[str] | str) -> tuple[str, ...]:
    """Return the chosen forms of a modality: all of them if `chosen` is `all`, and none if it is `none`."""
    if isinstance(chosen, str):
        return NAMES[modality] if chosen == "all" else ()
    return tuple(name for name in NAMES[modality] if name in chosen)


def flip_rates(
    trained: Trained, modality: str, names: Sequence[str], rows: np.ndarray, resamples: int
) -> Iterator[Metric | Artifact]:
    """Yield the share of examples whose predicted class changes with any form, and with each of them.

    Only examples that a form changes count. For texts, `response_rate` is the share whose predicted class changes if
    each of their statements is negated. The negated text has another meaning, so no direction is better.

    Args:
        trained: the cell.
        modality: of its task.
        names: forms.
        rows: (k,) positions of the test examples to change.
        resamples: of an interval over clusters.
    """
    if trained.data.problem != "classification":
        yield Metric("flip_rate", None, "a flip changes the predicted class, and a regression predicts numbers")
        return
    whole = trained.predictions("test")
    before = np.asarray(whole["predictions"])[rows]
    clusters = whole.columns.get("cluster")
    clusters = None if clusters is None else np.asarray(clusters)[rows]
    raw = trained.data.splits["test"].take(rows)[modality]
    flipped, changes = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    shown: list[list[str]] = []
    details: list[Metric] = []
    for name in [*names, *(["negation"] if modality == "text" else [])]:
        metric, at = ("response_rate", {"change": name}) if name == "negation" else ("flip_rate", {"form": name})
        report_progress(trained, f"{name} of {len(rows):,} examples")
        other = _changed(modality, name, raw)
        affected = _differs(raw, other)
        if not affected.any():
            details.append(Metric(metric, None, "it changes no test example", at, n=0))
            continue
        try:
            after = restricted(trained, rows).predictions("test", _as_transform(modality, name, raw, other))
        except BenchError as error:
            details.append(Metric(metric, None, str(error), at, n=int(affected.sum())))
            continue
        moved = affected & (np.asarray(after["predictions"]) != before)
        of_affected = None if clusters is None else clusters[affected]
        details.append(share_metric(metric, moved[affected], at, clusters=of_affected, resamples=resamples))
        if name != "negation":
            flipped |= moved
            changes |= affected
        if modality == "text":
            classes = [str(label) for label in trained.data.spec["classes"]]
            for number in np.flatnonzero(moved)[:2].tolist():
                answers = f"{classes[before[number]]} → {classes[int(after['predictions'][number])]}"
                shown.append([name, *_excerpts(raw[number], other[number]), answers])
    if names and changes.any():
        of_changes = None if clusters is None else clusters[changes]
        yield share_metric("any_flip_rate", flipped[changes], {}, clusters=of_changes, resamples=resamples)
    elif names:
        yield Metric("any_flip_rate", None, "no form changes any test example", n=0)
    yield from details
    if shown:
        data = {"columns": ["form", "text, where it first changes", "changed", "prediction"], "rows": shown[:SHOWN]}
        yield Artifact("flips", "table", data, "Texts whose prediction changes with their form, or with a negation")


def _as_transform(modality: str, name: str, values: Any, other: Any) -> Transform:
    """Return the change of raw values; that of texts looks up those that are changed already."""
    if modality != "text":
        return lambda raw: {**raw, modality: _changed(modality, name, raw[modality])}
    changed = dict(zip(values, other))
    return lambda raw: {**raw, modality: [changed[text] for text in raw[modality]]}


def _changed(modality: str, name: str, values: Any) -> Any:
    """Return raw values in another form; a text that cannot be negated stays as it is."""
    if modality != "text":
        return ARRAY_FORMS[modality][name](np.asarray(values))
    if name == "negation":
        return [text if (other := negated(text)) is None else other for text in values]
    return [TEXT_FORMS[name](text) for text in values]


def _differs(values: Any, other: Any) -> np.ndarray:
    """Return (k,) bool: the examples that differ; missing values are equal."""
    if not isinstance(values, np.ndarray) or values.ndim < 2:
        return np.array([first != second for first, second in zip(values, other)], dtype=bool)
    equal = (values == other) | ((values != values) & (other != other))
    return ~equal.reshape(len(values), -1).all(axis=1)


def _excerpts(text: str, other: str) -> tuple[str, str]:
    """Return both texts around the first character that differs."""
    pairs = zip(text, other)
    first = next((at for at, (old, new) in enumerate(pairs) if old != new), min(len(text), len(other)))
    start = max(0, first - CONTEXT // 2)
    return tuple(  # type: ignore[return-value]  # of two texts
        ("…" if start else "") + version[start : start + CONTEXT] + ("…" if len(version) > start + CONTEXT else "")
        for version in (text, other)
    )
