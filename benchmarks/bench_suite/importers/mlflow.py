"""MLflow: the table of an evaluation, with the scores of each row.

`eval_results_table.json` of MLflow 2 has a column `METRIC/vN/score`. Tables of MLflow 3, of `mlflow.search_traces` and
of the results of `mlflow.genai.evaluate`, have a column `assessments`, or else `NAME/value`. Both are read as MLflow
logs a table (`columns` and `data`), and as JSON lines or a list of rows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, Better, ImportedCell
from bench_suite.imported.assessments import assessed, rating
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, mapping, read_document, read_lines, sequence, text
from bench_suite.imported.logs import ItemScores
from bench_suite.imported.tables import ending_of

ABSENT = {
    "predictions": "the table contains scores of texts, and no probabilities",
    "environment": "the table does not state where the scores were computed",
    "training": "the table does not state how the model was trained, nor how long that took",
}
_SCORE = re.compile(r"(?P<name>.+)/v\d+/score$")
_VALUE = re.compile(r"(?P<name>.+)/value$")
ASSESSMENTS = "assessments"
LOWER = ("toxicity", "latency", "perplexity")
NEITHER = ("token_count", "ari_grade_level", "flesch_kincaid_grade_level")
FURTHER = ("latency", "token_count")
"Columns of measurements whose names do not end in /score."
ITEMS = ("inputs", "question", "query", "request", "request_id")
"Columns that identify a row, the most telling first; the id of a trace is another one in each evaluation."
HEAVY = ("trace", "spans", "response", "trace_metadata", "tags")
"Columns of traces, which are not read."
ENDINGS = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    item: str = ""
    "Columns that identify a row, separated by commas; by default `inputs`, `question`, `query` or `request`."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is a table with scores or assessments, as MLflow or pandas writes it."""
    if ending_of(path) not in ENDINGS:
        return False
    keys = first_keys(head)
    if keys[:1] == ["columns"]:
        return keys[1:2] in ([], ["data"], ["index"]) and (
            b"score" in head or b"assessments" in head or b"/value" in head
        )
    return ASSESSMENTS in keys or (keys[:1] == ["trace_id"] and b"assessment" in head)


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each table.

    Raises:
        BenchError: a file is no such table, or has no scores.
    """
    for path in paths:
        columns, rows = _table(path, {part.strip() for part in options.item.split(",")})
        names = _metrics(columns, path.name)
        keys = _item_columns(columns, options.item, path.name)
        notes = [] if keys else ["no column identifies the rows: they are paired by their number"]
        at = columns.index(ASSESSMENTS) if ASSESSMENTS in columns else None
        results = assessed([] if at is None else [row[at] for row in rows], path.name)
        notes += [f"{results.several:,} scores are the mean of several assessments"] if results.several else []
        notes += [f"{results.outdated:,} assessments of an earlier evaluation are left out"] if results.outdated else []
        notes += ["the table does not state who assessed: code, a model or a human"] if _unknown_source(columns) else []
        scores = ItemScores(path.name, absences=results.absences)
        occurrences: Counter[str] = Counter()
        for number, row in enumerate(rows):
            item = json.dumps([row[key] for key in keys] if keys else number, sort_keys=True, default=str)
            occurrences[item] += 1
            of_row = {name: value for of, name in names.items() if (value := rating(row[of])) is not None}
            of_row |= results.rows[number] if results.rows else {}
            scores.add(item, of_row, str(occurrences[item]))  # rows of one input are repetitions of it
        for metric in results.absences:  # of a judge that failed on every row, there is the reason only
            scores.scores.setdefault(metric, [])
        if not any(scores.scores.values()) and not results.absences:
            raise BenchError(f"{path.name}: no row has a score")
        better: dict[str, Better] = {
            name: "lower" if name in LOWER else "none" if name in NEITHER else "higher" for name in scores.scores
        }
        yield scores.cell(
            options.task_name or path.stem, options.name or _run_name(path), better=better, stated={}, notes=notes
        )


def _table(path: Path, wanted: Set[str]) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and rows of a table.

    Raises:
        BenchError: it is none, or a row has another number of values.
    """
    if ending_of(path) in (".jsonl", ".ndjson"):
        return _of_objects([_light(row, wanted) for _, row in read_lines(path)])
    document = read_document(path)
    if isinstance(document, list):
        return _of_objects([mapping(row, f"{path.name}: row {number:,}") for number, row in enumerate(document, 1)])
    table = mapping(document, path.name)
    columns = [text(name, 1_000) for name in sequence(table.get("columns"), f"{path.name}: columns")]
    data = sequence(table.get("data"), f"{path.name}: data")
    rows = [sequence(row, f"{path.name}: data[{number}]") for number, row in enumerate(data)]
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise BenchError(f"{path.name}: data[{number}] has {len(row)} values for {len(columns)} columns")
    if repeated := next((name for name, count in Counter(columns).items() if count > 1), ""):
        raise BenchError(f"{path.name}: several columns are called {repeated!r}: give each a name of its own")
    return columns, rows


def _light(row: Mapping[str, Any], wanted: Set[str]) -> dict[str, Any]:
    """Return a row without its trace, which is larger than all the rest."""
    return {name: value for name, value in row.items() if name not in HEAVY or name in wanted}


def _of_objects(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [[row.get(name) for name in columns] for row in rows]


def _unknown_source(columns: Sequence[str]) -> bool:
    """Return whether a table has values of assessments, and not the assessments themselves."""
    return ASSESSMENTS not in columns and any(map(_VALUE.match, columns))


def _metrics(columns: Sequence[str], name: str) -> dict[int, str]:
    """Return the names of the metrics by the position of their column: `exact_match/v1/score` is `exact_match`."""
    chosen: dict[int, str] = {}
    pattern = _VALUE if _unknown_source(columns) else _SCORE
    for at, column in enumerate(columns):
        match = pattern.match(column)
        if match is not None:
            chosen[at] = match["name"].replace("/", "_")
        elif column in FURTHER:
            chosen[at] = column
    counts = Counter(chosen.values())
    chosen = {at: metric if counts[metric] == 1 else columns[at].replace("/", "_") for at, metric in chosen.items()}
    if not chosen and ASSESSMENTS not in columns:
        raise BenchError(
            f"{name} has no column NAME/vN/score, NAME/value or {ASSESSMENTS}; its columns are "
            f"{', '.join(map(repr, columns[:10]))}\n  a table of "
            "targets and predictions is read with --format predictions, as CSV or JSON lines"
        )
    return chosen


def _item_columns(columns: Sequence[str], stated: str, name: str) -> list[int]:
    """Return the positions of the columns that identify a row."""
    wanted = [part.strip() for part in stated.split(",") if part.strip()]
    for column in wanted:
        if column not in columns:
            raise BenchError(f"{name} has no column {column!r}; its columns are {', '.join(map(repr, columns[:10]))}")
    if not wanted:
        wanted = [column for column in ITEMS if column in columns][:1]
    return [list(columns).index(column) for column in wanted]


def _run_name(path: Path) -> str:
    """Return the name of the run in whose folder of artifacts a table lies; `model` for a table elsewhere."""
    run: Any = path.parent.parent
    try:
        name = (run / "tags" / "mlflow.runName").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    return name[:200] or (run.name if path.parent.name == "artifacts" else "") or "model"
