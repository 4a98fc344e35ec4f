"""MLflow: the evaluation table of a run, `eval_results_table.json`, with the scores of each row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_suite.contracts import BenchError, Better, ImportedCell
from bench_suite.imported.heads import first_keys
from bench_suite.imported.json_files import LogOptions, finite, mapping, read_document, sequence, text
from bench_suite.imported.logs import ItemScores

ABSENT = {
    "predictions": "the table contains scores of texts, and no probabilities",
    "environment": "the table does not state where the scores were computed",
    "training": "the table does not state how the model was trained, nor how long that took",
}
_SCORE = re.compile(r"(?P<name>.+)/v\d+/score$")
LOWER = ("toxicity", "latency", "perplexity")
NEITHER = ("token_count", "ari_grade_level", "flesch_kincaid_grade_level")
WORDS = {"yes": 1.0, "no": 0.0}
FURTHER = ("latency", "token_count")
"Columns of measurements whose names do not end in /score."


@dataclass(frozen=True, kw_only=True)
class Options(LogOptions):
    item: str = ""
    "Columns that identify a row, separated by commas; by default all of `inputs`, `question` or `query`."


def matches(path: Path, head: bytes) -> bool:
    """Return whether a file is a table of columns and data, as MLflow writes it, with a column of scores."""
    return first_keys(head)[:2] == ["columns", "data"] and b"score" in head


def cells(paths: Sequence[Path], options: Options) -> Iterator[ImportedCell]:
    """Yield a cell for each table.

    Raises:
        BenchError: a file is no such table, or has no column of scores.
    """
    for path in paths:
        table = mapping(read_document(path), path.name)
        columns = [text(name, 1_000) for name in sequence(table.get("columns"), f"{path.name}: columns")]
        rows = sequence(table.get("data"), f"{path.name}: data")
        names = _metrics(columns, path.name)
        keys = _item_columns(columns, options.item, path.name)
        scores = ItemScores(path.name)
        occurrences: Counter[str] = Counter()
        for number, row in enumerate(rows):
            values = sequence(row, f"{path.name}: data[{number}]")
            if len(values) != len(columns):
                raise BenchError(f"{path.name}: data[{number}] has {len(values)} values for {len(columns)} columns")
            item = json.dumps([values[key] for key in keys] if keys else number, sort_keys=True, default=str)
            occurrences[item] += 1
            of_row = {name: _number(values[at]) for at, name in names.items()}
            scores.add(
                f"{item} {occurrences[item]}", {name: value for name, value in of_row.items() if value is not None}
            )
        better: dict[str, Better] = {
            name: "lower" if name in LOWER else "none" if name in NEITHER else "higher" for name in names.values()
        }
        notes = () if keys else ("no column identifies the rows: they are paired by their number",)
        yield scores.cell(
            options.task_name or path.stem, options.name or _run_name(path), better=better, stated={}, notes=notes
        )


def _number(value: Any) -> float | None:
    """Return a score as a number; a judge's `yes` and `no` are 1 and 0."""
    return WORDS.get(value.lower()) if isinstance(value, str) else finite(value)


def _metrics(columns: Sequence[str], name: str) -> dict[int, str]:
    """Return the names of the metrics by the position of their column: `exact_match/v1/score` is `exact_match`."""
    chosen: dict[int, str] = {}
    for at, column in enumerate(columns):
        match = _SCORE.match(column)
        if match is not None:
            chosen[at] = match["name"].replace("/", "_")
        elif column in FURTHER:
            chosen[at] = column
    counts = Counter(chosen.values())
    chosen = {at: metric if counts[metric] == 1 else columns[at].replace("/", "_") for at, metric in chosen.items()}
    if not chosen:
        raise BenchError(
            f"{name} has no column NAME/vN/score; its columns are {', '.join(map(repr, columns[:10]))}\n  a table of "
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
        wanted = [column for column in ("inputs", "question", "query", "request_id") if column in columns][:1]
    return [list(columns).index(column) for column in wanted]


def _run_name(path: Path) -> str:
    """Return the name of the run in whose folder of artifacts a table lies; `model` for a table elsewhere."""
    run: Any = path.parent.parent
    try:
        name = (run / "tags" / "mlflow.runName").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        name = ""
    return name[:200] or (run.name if path.parent.name == "artifacts" else "") or "model"
