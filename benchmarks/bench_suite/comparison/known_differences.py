"""Differences between configurations that an earlier command has found: the same values, and no prediction is read.

They are stored as derived results of the run that began last (`store.derived`). The digest of their inputs has

- the versions of this module, of the program, of NumPy and of SciPy, and the state of the files that compute;
- the question: labels, pairs, metrics, `trust`;
- the records of all cells, with the metrics in question and the machine;
- size, times and number of each file of predictions.

So a change of any of them leads to a new computation. Metrics of files outside this package are always computed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from bench_suite._version import __version__
from bench_suite.comparison import between
from bench_suite.comparison.between import Configuration, PairedDifference, PredictionCache
from bench_suite.comparison.metric_rows import Key
from bench_suite.comparison.rescoring import TEST
from bench_suite.comparison.run_differences import machine_of
from bench_suite.comparison.verdicts import Row
from bench_suite.components import discovery
from bench_suite.contracts import ArtifactRow, Record
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.runs import Run

VERSION = 1
"Changes with the form of what is stored, and with what the differences depend on."
SOURCES = ("comparison", "components", "metrics", "stats")
"Rooms of this package whose files compute the differences."

_RECORD_FIELDS = tuple(field.name for field in fields(Record) if field.name not in ("metrics", "artifacts"))
_ROW_FIELDS = tuple(field.name for field in fields(Row))


def differences(
    configurations: Sequence[Configuration], pairs: Iterable[tuple[int, int]], keys: Sequence[Key],
    *, trust: bool = False, cache: PredictionCache | None = None,
) -> list[PairedDifference]:  # fmt: skip
    """Return what `between.differences` returns, which has the same arguments; it is found once and then read."""
    pairs, cache = list(pairs), cache if cache is not None else PredictionCache()
    question = _question(configurations, pairs, keys, trust=trust)
    if question is None:
        return between.differences(configurations, pairs, keys, trust=trust, cache=cache)
    stored = question.run.derived.read(question.name, question.digest)
    known = _from_plain(stored, pairs, keys) if stored is not None else None
    if known is not None:
        return known
    computed = between.differences(configurations, pairs, keys, trust=trust, cache=cache)
    # An error of reading may pass, and a file may have changed meanwhile.
    if not cache.unreadable and _question(configurations, pairs, keys, trust=trust) == question:
        plain = _to_plain(computed, keys)
        if plain is not None and _from_plain(plain, pairs, keys) == computed:
            question.run.derived.write(question.name, question.digest, plain)
    return computed


@dataclass(frozen=True)
class _Question:
    """Where the answer to a question is stored."""

    run: Run
    name: str
    "The same for the same rows, metrics and data, whatever the cells contain: a newer answer replaces an older one."
    digest: str
    "Of everything that the answer depends on."


def _question(
    configurations: Sequence[Configuration], pairs: Sequence[tuple[int, int]], keys: Sequence[Key], *, trust: bool
) -> _Question | None:
    """Return the question; None if its answer needs no stored predictions, or files that a digest does not cover."""
    cells = [cell for configuration in configurations for cell in configuration.cells]
    if not pairs or not any(_predictions_of(record) for _, record in cells):
        return None
    runs = list({run.path: run for run, _ in cells}.values())
    metrics = {name for name, _ in keys}
    if _needs_other_files(cells, metrics, trust=trust):
        return None
    machines: dict[tuple[Any, str], str | None] = {}
    for run, record in cells:
        if (run.path, record.environment) not in machines:
            machines[run.path, record.environment] = machine_of(run, record)
    try:
        inputs = [
            VERSION, __version__, _versions(), _sources(), pairs, keys, trust,
            [[run.name, run.info.get("metric_files")] for run in runs],
            [
                [
                    configuration.label,
                    [
                        [run.name, machines[run.path, record.environment], *_inputs_of(run, record, metrics)]
                        for run, record in configuration.cells
                    ],
                ]
                for configuration in configurations
            ],
        ]  # fmt: skip
        digest = _digest(inputs)
        data = sorted({str(record.data.get("fingerprint")) for _, record in cells})
        tasks = sorted({str(record.cell.get("task")) for _, record in cells})
        labels = sorted(configuration.label for configuration in configurations)
        name = _digest([labels, keys, pairs, trust, tasks, data, sorted(map(str, {*machines.values()}))])
    except (TypeError, ValueError, RecursionError):  # a record that a program made, with values that are no JSON
        return None
    newest = max(runs, key=lambda run: (str(run.info.get("started")), run.name))
    return _Question(newest, name[:32], digest)


def _needs_other_files(cells: Sequence[tuple[Run, Record]], metrics: set[str], *, trust: bool) -> bool:
    """Return whether a metric is computed by a file outside this package, which may import others."""
    if trust and any(metric in run.info.get("metric_files", {}) for run, _ in cells for metric in metrics):
        return True
    computed = {
        head.name for _, record in cells for head in heads_of(record) if head.name in metrics and head.of_predictions
    }
    names = {metric.partition("/")[2] for metric in computed} - set(discovery.builtin("metrics"))
    return bool(names) and not names.isdisjoint(discovery.installed("metrics"))


def _predictions_of(record: Record) -> ArtifactRow | None:
    return next((row for row in record.artifacts if row.name == TEST), None)


def _inputs_of(run: Run, record: Record, metrics: set[str]) -> Iterator[Any]:
    """Yield what the differences by some metrics depend on in a record, and the state of its predictions."""
    yield [getattr(record, name) for name in _RECORD_FIELDS]
    yield [metric_at(record, position) for position, head in enumerate(heads_of(record)) if head.name in metrics]
    predictions = _predictions_of(record)
    yield predictions
    yield None if predictions is None else run.state_of(predictions)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, default=_values_of).encode()).hexdigest()


def _values_of(value: Any) -> list[Any]:
    """Return the values of the fields of an instance of a dataclass. Raise TypeError for anything else."""
    return [getattr(value, field.name) for field in fields(value)]


@lru_cache(maxsize=1)
def _versions() -> list[str]:
    known = []
    for package in ("numpy", "scipy"):
        try:
            known.append(version(package))
        except PackageNotFoundError:
            known.append("")
    return known


@lru_cache(maxsize=1)
def _sources() -> list[tuple[str, int, int]]:
    """Return path, size and time of the files that compute: 1 ms, so that a change of one needs no new version."""
    states = [(path, os.stat(discovery.PACKAGE / path)) for path in ("contracts.py",)]
    for room in SOURCES:
        for folder, _, files in os.walk(discovery.PACKAGE / room):
            states += [
                (os.path.relpath(path, discovery.PACKAGE), os.stat(path))
                for path in (os.path.join(folder, name) for name in files if name.endswith(".py"))
            ]
    return sorted((path, status.st_size, status.st_mtime_ns) for path, status in states)


# ── to and from what is stored ──────────────────────────────────────────────────────────────────


def _to_plain(computed: Sequence[PairedDifference], keys: Sequence[Key]) -> Any:
    """Return differences as JSON gives them back; None if JSON has no such values."""
    plain = [
        [one.base, one.head, keys.index(one.key), *(getattr(one.row, name) for name in _ROW_FIELDS)] for one in computed
    ]
    try:
        return json.loads(json.dumps(plain))
    except TypeError:
        return None


def _from_plain(plain: Any, pairs: Sequence[tuple[int, int]], keys: Sequence[Key]) -> list[PairedDifference] | None:
    """Return the stored differences; None if they do not have the form of differences of these pairs."""
    if type(plain) is not list:
        return None
    results, asked = [], set(pairs)
    for entry in plain:
        if type(entry) is not list or len(entry) != 3 + len(_ROW_FIELDS):
            return None
        base, head, key, *values = entry
        if not all(type(number) is int for number in (base, head, key)) or (base, head) not in asked:
            return None
        values = [tuple(value) if type(value) is list else value for value in values]
        if not 0 <= key < len(keys) or not all(map(_fits, values, _row_types())):
            return None
        results.append(PairedDifference(base, head, keys[key], Row(*values)))
    return results


@lru_cache(maxsize=1)
def _row_types() -> tuple[Any, ...]:
    types = get_type_hints(Row)
    return tuple(types[name] for name in _ROW_FIELDS)


def _fits(value: Any, annotation: Any) -> bool:
    """Return whether a value is of a type of a field of `Row`."""
    origin, parameters = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return any(_fits(value, option) for option in parameters)
    if origin is Literal:
        return type(value) is str and value in parameters
    if origin is tuple:
        if parameters[-1] is Ellipsis:
            parameters = (parameters[0],) * len(value) if type(value) is tuple else ()
        return type(value) is tuple and len(value) == len(parameters) and all(map(_fits, value, parameters))
    if annotation is float:
        return type(value) in (float, int)
    return type(value) is (type(None) if annotation is None else annotation)
