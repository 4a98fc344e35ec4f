"""Cells whose test examples differ between two runs: what is compared on the common examples, and what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.pairing import Group, Pair, Pairing
from bench_suite.comparison.rescoring import (
    MIN_EXAMPLES,
    Examples,
    PredictionStore,
    TestSetMismatch,
    Unpaired,
    Values,
    examples_of,
    values_on_common,
)
from bench_suite.comparison.strategies import Location, PairedMetric


def location_of(group: Group, base: PredictionStore, head: PredictionStore, files: MetricFiles) -> Location:
    """Return a group of cells with their stored predictions, and with the splits whose examples differ.

    Folds have different test examples, so each fold is a location of its own within that of the group.
    """
    by_fold: dict[Any, list[Pair]] = {}
    for pair in group.pairs:
        by_fold.setdefault(pair.head.cell.get("fold"), []).append(pair)
    if len(by_fold) > 1:
        folds = [location_of(replace(group, pairs=tuple(pairs)), base, head, files) for pairs in by_fold.values()]
        changed_in_any = dict.fromkeys(name for fold in folds for name in fold.changed_splits)
        reason = Unpaired("its folds have different test examples")
        return Location(
            group.where, group.same_hardware, reason, changed_probes(group), group.pairs, tuple(changed_in_any), files,
            tuple(folds), group.names,
        )  # fmt: skip
    changed = dict.fromkeys(name for pair in group.pairs for name in pair.changed_splits)
    examples: Examples | Unpaired
    try:
        examples = examples_of(group, base, head)
    except Unpaired as error:
        examples = error.with_traceback(None)  # its frames would keep this group until the end
    if isinstance(examples, TestSetMismatch) or (isinstance(examples, Examples) and examples.change):
        changed["test"] = None
    return Location(
        group.where, group.same_hardware, examples, changed_probes(group), group.pairs, tuple(changed), files,
        names=group.names,
    )  # fmt: skip


def changes_text(location: Location) -> str:
    """Return how the examples of two sides differ, and what is compared all the same."""
    examples = location.examples
    if isinstance(examples, TestSetMismatch):
        return f"{examples}: nothing measured on them is compared"
    text = splits_in_words(location)
    if isinstance(examples, Unpaired):
        return f"{text}, and nothing measured on them is compared: {examples}"
    if examples.change is None:
        return f"{text}: of what was measured on them, only what the test predictions make is compared"
    few = len(examples) < MIN_EXAMPLES
    end = f"too few to compare; at least {MIN_EXAMPLES} are needed" if few else "compared"
    return f"{text} ({examples.change}): the {len(examples):,} common test examples are {end}"


def change_notes(pairing: Pairing, changes: Mapping[str, str]) -> Iterator[str]:
    """Yield how the test examples of the two runs differ, with the tasks that this applies to."""
    tasks: dict[str, dict[str, None]] = {}
    for group in pairing.groups:
        if group.where in changes:
            tasks.setdefault(changes[group.where], {})[str(group.pairs[0].head.cell.get("task"))] = None
    for text, labels in tasks.items():
        yield f"{', '.join(labels)}: {text}"


def examples_in_words(location: Location) -> str:
    """Return the examples on which a metric of changed splits is compared, in words; empty if these are all."""
    examples = location.examples
    if isinstance(examples, Unpaired) or examples.change is None:
        return ""
    return f"on the {len(examples):,} test examples that both runs have"


def splits_in_words(location: Location) -> str:
    """Return which examples differ, in words."""
    return f"the examples of {' and '.join(location.changed_splits)} differ"


def common_values(metric: PairedMetric) -> Values:
    """Return the rows of a metric with its values on the common examples.

    Raises:
        Unpaired: The stored predictions of both sides do not give them, or the common examples are too few.
    """
    examples = metric.location.examples
    if isinstance(examples, Unpaired):
        raise examples
    if metric.row.coordinates or not metric.made_of_predictions:
        raise Unpaired("it cannot be computed again for the common ones")
    if len(examples) < MIN_EXAMPLES:
        raise Unpaired(f"{len(examples)} are common; at least {MIN_EXAMPLES} are needed")
    return values_on_common(metric.row.metric, metric.values, examples, metric.location.metric_files)


def changed_probes(group: Group) -> frozenset[str]:
    """Return the labels of probes whose options differ between the two sides."""
    return frozenset(
        label
        for pair in group.pairs
        for label in pair.base.probes.keys() & pair.head.probes.keys()
        if pair.base.probes[label].key != pair.head.probes[label].key
    )
