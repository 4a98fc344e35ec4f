"""Scores: a table with the score of each item, model and repetition, as CSV, TSV, Parquet, Arrow or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench_suite.contracts import BenchError, ImportedCell
from bench_suite.imported.example_scores import check_scores, score_predictions
from bench_suite.imported.heads import columns_of
from bench_suite.imported.table_cells import TableRows, cells_of, names_in, table_columns
from bench_suite.imported.table_options import ITEM, SCORE, TableOptions
from bench_suite.imported.tables import numbers, open_tables

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ABSENT = {
    "predictions": "the table contains scores, and no answers or probabilities from which other metrics follow",
    "environment": "the table does not state where the scores were computed",
    "training": "the table does not state how the models were trained, nor how long that took",
}


@dataclass(frozen=True, kw_only=True)
class Options(TableOptions):
    score: str = ""
    "Columns with scores, separated by commas: each becomes a metric `scores/COLUMN`; by default `score`."
    better: Literal["higher", "lower"] = "higher"
    "Which scores are better."
    range: tuple[float, ...] = ()
    "Smallest and largest score that is possible; a table with others is refused."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a table has a column of items and one of scores, by their usual names."""
    known = columns_of(path, head)
    return not known.isdisjoint(ITEM) and not known.isdisjoint(SCORE)


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each task, model and seed of the tables, with the scores of its examples.

    Raises:
        BenchError: a column is missing, a score is no finite number or out of range, an item occurs twice, or no row
            has the model that was asked for.
    """
    tables = open_tables(paths, encoding=options.encoding or None, max_bytes=options.max_bytes)
    columns = table_columns(tables.names, options, {"score": (options.score, SCORE)})
    names = [name.strip() for name in columns["score"].split(",") if name.strip()]
    bounds = _bounds(options.range)
    rows = TableRows(tables.read(names_in(columns), dict.fromkeys(names, _scores)), paths, columns, options)
    scores = {name: _scores(rows.table, name) for name in names}
    for name, values in scores.items():
        check_scores(name, values, bounds)
    for cell in cells_of(rows):
        yield ImportedCell(
            cell.task, cell.model, cell.axes, score_predictions(cell.examples, scores),
            better=dict.fromkeys(names, options.better), repetitions=cell.examples.repetitions, notes=cell.notes,
        )  # fmt: skip


def _scores(table: pa.Table, name: str, first: int = 0) -> np.ndarray:
    return numbers(table, name, what="a score", truths=True, first=first)


def _bounds(stated: Sequence[float]) -> tuple[float, float] | None:
    if not stated:
        return None
    if len(stated) != 2 or not stated[0] < stated[1]:
        raise BenchError(f"--range must be two numbers, the smallest score first, not {' '.join(map(str, stated))}")
    return stated[0], stated[1]
