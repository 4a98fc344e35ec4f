"""Compare configurations with each other, such as the models of one run: paired by seed, fold and test example."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bench_suite.comparison.cases import case_of
from bench_suite.comparison.changed_examples import location_of
from bench_suite.comparison.judged_cells import is_asked
from bench_suite.comparison.metric_files import MetricFiles
from bench_suite.comparison.metric_rows import Key, coordinates_text
from bench_suite.comparison.pairing import Group, pair_of
from bench_suite.comparison.run_differences import machine_of
from bench_suite.comparison.strategies import Location
from bench_suite.comparison.verdicts import Case, Row, classify_pairs
from bench_suite.contracts import ArtifactRow, BenchError, MetricRow, Predictions, Record
from bench_suite.store.columns import heads_of, metric_at
from bench_suite.store.derived import FileState
from bench_suite.store.runs import Run

CACHE_BYTES = 1 << 29
"Predictions that were read last are kept up to this size, because each configuration is compared with several."


@dataclass(frozen=True)
class Configuration:
    """The cells of one row of a table: they differ only in their seed and fold."""

    label: str
    cells: tuple[tuple[Run, Record], ...]


@dataclass(frozen=True)
class PairedDifference:
    """What one metric of two configurations differs by: head − base."""

    base: int
    "Position of the configuration that is subtracted."
    head: int
    "Position of the other one."
    key: Key
    "The metric."
    row: Row
    "Values, difference, interval, p and verdict."


@dataclass
class PredictionCache:
    """Predictions that were read last, up to `CACHE_BYTES`."""

    entries: dict[tuple[str, str, FileState | None], Predictions] = field(default_factory=dict)
    "By run, file and state of the file."
    size: int = 0
    unreadable: int = 0
    "Number of attempts to read a file that exists and could not be read."

    def read(self, run: Run, row: ArtifactRow) -> Predictions:
        """Return the predictions of an artifact of a run. Raise BenchError if they cannot be read."""
        key = (str(run.path), row.file, run.state_of(row))
        if (known := self.entries.pop(key, None)) is None:
            try:
                known = run.read_predictions(row)
            except BenchError:
                self.unreadable += key[2] is not None
                raise
            self.size += _size_of(known)
        self.entries[key] = known
        while self.size > CACHE_BYTES and len(self.entries) > 1:
            self.size -= _size_of(self.entries.pop(next(iter(self.entries))))
        return known


def _size_of(predictions: Predictions) -> int:
    return sum(int(getattr(values, "nbytes", 64 * len(predictions))) for values in predictions.columns.values())


@dataclass(frozen=True)
class _CellPredictions:
    """The predictions of some cells, each in the run that made it."""

    runs: dict[str, Run]
    "By the file of the predictions."
    cache: PredictionCache

    @staticmethod
    def of(cells: Iterable[tuple[Run, Record]], cache: PredictionCache) -> _CellPredictions:
        """Return the predictions of these cells."""
        return _CellPredictions({row.file: run for run, record in cells for row in record.artifacts}, cache)

    def read_predictions(self, row: ArtifactRow, /) -> Predictions:
        """Return the predictions of an artifact. Raise BenchError if they cannot be read."""
        return self.cache.read(self.runs[row.file], row)


def differences(
    configurations: Sequence[Configuration], pairs: Iterable[tuple[int, int]], keys: Sequence[Key],
    *, trust: bool = False, cache: PredictionCache | None = None,
) -> list[PairedDifference]:  # fmt: skip
    """Return the differences of some metrics between some pairs of configurations, with verdicts.

    All of them are one family: Holm's rule keeps the chance of any false finding among them at
    `verdicts.FAMILY_ERRORS`, and the intervals have the level at which each was tested.

    Args:
        configurations: what is compared; their cells have the same data, or common test examples.
        pairs: positions of base and head.
        keys: the metrics.
        trust: run the files of metrics that a suite names by path.
        cache: predictions that were read before.
    """
    known = cache or PredictionCache()
    cases: list[tuple[int, int, Key, Case]] = []
    for base, head in pairs:
        sides = (configurations[base], configurations[head])
        cases += [(base, head, key, case) for key, case in cases_between(*sides, keys, trust=trust, cache=known)]
    rows = classify_pairs([case for *_, case in cases])
    return [PairedDifference(base, head, key, row) for (base, head, key, _), row in zip(cases, rows)]


def cases_between(
    base: Configuration, head: Configuration, keys: Sequence[Key], *, trust: bool = False,
    cache: PredictionCache | None = None,
) -> list[tuple[Key, Case]]:  # fmt: skip
    """Return some metrics of two configurations with the evidence for their difference, or with the reason against it.

    Cells are paired by seed and fold. A metric that neither configuration has is left out.
    """
    known = cache or PredictionCache()
    where = f"{head.label} − {base.label}"
    mine, theirs = _by_seed(base), _by_seed(head)
    common = [cell_key for cell_key in mine if cell_key in theirs]
    if not common:
        note = "the two have no seed in common"
        return [(key, Case(Row(key[0], where, False, coordinates_text(key), note=note))) for key in keys]
    pairs = tuple(pair_of(mine[cell_key][1], theirs[cell_key][1]) for cell_key in common)
    machines = [[machine_of(*side[cell_key]) for cell_key in common] for side in (mine, theirs)]
    group = Group(where, pairs, machines[0] == machines[1] and None not in machines[0], (base.label, head.label))
    of_base, of_head = (_CellPredictions.of((side[cell_key] for cell_key in common), known) for side in (mine, theirs))
    files = MetricFiles.of(theirs[common[0]][0], trust=trust)
    note = _unpaired_note(len(mine) + len(theirs) - 2 * len(common), len(common))
    locations: dict[tuple[bool, ...], Location] = {}
    cases = []
    for key in keys:
        rows = [(_row_of(pair.base, key), _row_of(pair.head, key)) for pair in pairs]
        if not any(side for row in rows for side in row):
            continue
        asked = tuple(any(row) or is_asked(key[0], pair) for row, pair in zip(rows, pairs))
        members = tuple(itertools.compress(pairs, asked))
        if (location := locations.get(asked)) is None:
            location = locations[asked] = location_of(replace(group, pairs=members), of_base, of_head, files)
        if (case := case_of(key, list(itertools.compress(rows, asked)), location, None)) is not None:
            cases.append((key, _with_note(case, note)))
    return cases


def _row_of(record: Record, key: Key) -> MetricRow | None:
    """Return the row of a metric of a cell; None without one."""
    for position, head in enumerate(heads_of(record)):
        if head.name == key[0] and tuple(sorted(head.at.items())) == key[1]:
            return metric_at(record, position)
    return None


def _unpaired_note(unpaired: int, common: int) -> str:
    if not unpaired:
        return ""
    several = "s" if common > 1 else ""
    return f"on the {common} seed{several} or fold{several} that both have"


def _with_note(case: Case, note: str) -> Case:
    if not note:
        return case
    return replace(case, row=replace(case.row, note="; ".join(filter(None, (note, case.row.note)))))


def _by_seed(configuration: Configuration) -> dict[tuple[Any, Any], tuple[Run, Record]]:
    """Return the cells by seed and fold."""
    return {(cell[1].cell.get("seed"), cell[1].cell.get("fold")): cell for cell in configuration.cells}
