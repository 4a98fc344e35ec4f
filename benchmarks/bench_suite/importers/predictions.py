"""Predictions: a table, or arrays of NumPy, with the target, the prediction and the probabilities of each example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench_suite.contracts import BenchError, ImportedCell, Predictions
from bench_suite.imported.answers import Answers, read_answers
from bench_suite.imported.arrays import is_array, read_arrays
from bench_suite.imported.class_scores import columns_named, probabilities
from bench_suite.imported.heads import columns_of
from bench_suite.imported.table_cells import TableCell, TableRows, cells_of, names_in, table_columns
from bench_suite.imported.table_options import PREDICTION, SCORES, TARGET, TableOptions, column
from bench_suite.imported.tables import MAX_WHOLE, open_tables, texts

ABSENT = {
    "environment": "the table does not state where the predictions were computed",
    "training": "the table does not state how the models were trained, nor how long that took",
    "validation": "only predictions on test are imported, so no temperature is fitted",
}


@dataclass(frozen=True, kw_only=True)
class Options(TableOptions):
    target: str = ""
    "Column with the right answers; by default `target`, `label` or `y_true`."
    prediction: str = ""
    "Column with the predicted answers; by default `prediction` or `y_pred`; without it the likeliest class."
    scores: str = ""
    """Probabilities of the classes: a column of lists, columns separated by commas or a pattern such as `p_*`, or one
    column with the probability of the positive class; by default `scores` or `probabilities`."""
    group: str = ""
    "Columns with sensitive attributes, separated by commas."
    problem: Literal["", "classification", "regression"] = ""
    "What was predicted; by default decided from the values."
    positive: str = ""
    "The positive class, of two."
    classes: str = ""
    "Names of the classes in the order of the probabilities, separated by commas."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file contains arrays, or a table has a target and an answer by their usual names."""
    if is_array(path):
        return head.startswith((b"\x93NUMPY", b"PK\x03\x04"))
    known = columns_of(path, head)
    return not known.isdisjoint(TARGET) and not known.isdisjoint((*PREDICTION, *SCORES))


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each task, model and seed, with its predictions.

    Raises:
        BenchError: a column or a value is missing, a score is no probability, or an item occurs twice.
    """
    of_arrays = [is_array(path) for path in paths]
    if any(of_arrays) and not all(of_arrays):
        raise BenchError("arrays and tables cannot be imported together: import them one after the other")
    if all(of_arrays):
        arrays = read_arrays(paths, options.max_bytes or MAX_WHOLE)
        known = arrays.column_names
    else:
        tables = open_tables(paths, encoding=options.encoding or None, max_bytes=options.max_bytes)
        known = list(tables.names)
    columns = table_columns(known, options, {"target": (options.target, TARGET)}, item_required=False)
    scores, groups = _score_columns(options.scores, known), _stated(options.group, known)
    prediction = column("prediction", options.prediction, PREDICTION, known)
    wanted = list(dict.fromkeys([*names_in(columns), *([prediction] if prediction else []), *scores, *groups]))
    table = arrays if all(of_arrays) else tables.read(wanted, dict.fromkeys(scores, probabilities))
    rows = TableRows(table, paths, columns, options)
    answers = read_answers(
        table,
        rows.columns["target"],
        prediction,
        scores,
        problem=options.problem,
        positive=options.positive,
        classes=[name.strip() for name in options.classes.split(",") if name.strip()],
    )
    of_groups = {name: texts(table, name) for name in groups}
    for cell in cells_of(rows):
        yield _cell(cell, answers, of_groups, rows)


def _cell(cell: TableCell, answers: Answers, groups: dict[str, np.ndarray], rows: TableRows) -> ImportedCell:
    """Return one cell with its part of the answers."""
    chosen = cell.examples.rows
    columns: dict[str, Any] = {"targets": answers.targets[chosen], "predictions": answers.predictions[chosen]}
    if answers.scores is not None:
        columns["scores"] = answers.scores[chosen]
    if cell.examples.clusters is not None:
        columns["cluster"] = cell.examples.clusters
    own_groups = {name: values[chosen] for name, values in groups.items()}
    spec: dict[str, Any] = {"classes": list(answers.classes)} if answers.classes else {"unit": ""}
    if answers.positive is not None:
        spec["positive"] = answers.positive
    numbered = () if rows.columns["item"] else ("no column names the items: rows are paired by their number",)
    return ImportedCell(
        cell.task, cell.model, cell.axes, Predictions("test", cell.examples.ids, columns, own_groups), answers.problem,
        spec, repetitions=cell.examples.repetitions, notes=(*cell.notes, *answers.notes, *numbered),
    )  # fmt: skip


def _score_columns(stated: str, known: Sequence[str]) -> list[str]:
    """Return the columns of probabilities: the stated ones, or one that is called so."""
    names = columns_named(known, stated) if stated else [column("scores", "", SCORES, known)]
    return [column("scores", name, (), known) for name in names if name]


def _stated(names: str, known: Sequence[str]) -> list[str]:
    return [column("group", name.strip(), (), known) for name in names.split(",") if name.strip()]
