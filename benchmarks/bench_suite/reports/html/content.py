"""The content of a page about one run: its sections by question, failures, cells and facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import quote

from bench_suite.contracts import Record
from bench_suite.reports import escaping, formatting, leaderboard
from bench_suite.reports.columns import Column, all_columns
from bench_suite.reports.doubts import cells_in_words, data_notes, doubt_lines, machine_lines
from bench_suite.reports.failures import cell_failures, cell_names, probe_failures, seeds_and_folds
from bench_suite.reports.findings import shown_findings
from bench_suite.reports.html.charts import columns_by_probe, cost_figures, metric_figures
from bench_suite.reports.html.curves import training_figures
from bench_suite.reports.html.figures import ArtifactError, Pictures, artifact_figure
from bench_suite.reports.html.questions import HEADINGS, OTHER, SHORT, questions_of
from bench_suite.reports.html.view import CellLine, Failure, Figure, Grid, Part, Remark, Section
from bench_suite.reports.html.worse_groups import worse_groups
from bench_suite.reports.metric_texts import MetricText, metric_texts
from bench_suite.reports.rows import Row, rows_of
from bench_suite.reports.table import Table
from bench_suite.reports.values import summary_value
from bench_suite.store.columns import heads_of
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_LISTED = 100
"Cells in the table of cells; the data of the page contain all of them."
MAX_TRACEBACK = 6000
"Characters of a traceback: its end."


@dataclass(frozen=True)
class Detail:
    """How much of each task a page shows."""

    rows: int
    "Rows of a task whose metrics are shown in full: the best ones."
    charts: int
    "Charts of one question and task that are not folded away."
    more: int
    "Charts that are folded away."
    artifacts: int
    "Artifacts of one name, for one task: one for each row."


DETAILS = (
    Detail(25, 6, 100, 12), Detail(25, 6, 12, 12), Detail(25, 6, 0, 8), Detail(12, 6, 0, 6), Detail(12, 4, 0, 4),
    Detail(8, 3, 0, 3), Detail(8, 2, 0, 2), Detail(5, 1, 0, 1), Detail(0, 0, 0, 0),
)  # fmt: skip
"What a page shows, the most first: a page has the first of them that fits."


@dataclass(frozen=True)
class Detailed:
    """A table with the values of all metrics in its best rows."""

    table: Table
    rows: Sequence[Row]


def detailed(tables: Sequence[Table]) -> list[Detailed]:
    """Return the best rows of some tables with the values of all metrics, and with their ranks."""
    shown = []
    for table in tables:
        rows = table.rows[: DETAILS[0].rows]
        if records := [record for row in rows for record in row.cells]:
            ranked = {row.cells[0].id: row for row in rows}
            measured = rows_of(records, all_columns(records))
            shown.append(Detailed(table, [_ranked(row, ranked.get(row.cells[0].id)) for row in measured]))
    return shown


def _ranked(row: Row, board: Row | None) -> Row:
    """Return a row with its rank on the board, and what it beats there."""
    if board is None:
        return row
    return replace(row, axes=board.axes, rank=board.rank, tied=board.tied, letters=board.letters, beats=board.beats)


def sections(
    run: Run, tables: Sequence[Detailed], pictures: Pictures, detail: Detail = DETAILS[0], prefix: str = ""
) -> list[Section]:
    """Return the sections of a page that have any content, in the order of the questions.

    Args:
        run: the run.
        tables: its tables.
        pictures: the pictures of the page so far.
        detail: how much of each task is shown.
        prefix: of the identities of the sections, if the page shows several runs.
    """
    questions = questions_of(run)
    shown_tables = [Detailed(one.table, one.rows[: detail.rows]) for one in tables if detail.rows]
    order = list(dict.fromkeys(row.label for one in shown_tables for row in one.rows))
    texts = metric_texts(run, (column for one in shown_tables for row in one.rows[:1] for column in row.values))
    by_label: dict[str, None] = {}
    for one in shown_tables:
        for row in one.rows:
            for record in row.cells:
                by_label |= dict.fromkeys((*record.probes, *map(label_of, (a.name for a in record.artifacts))))
                by_label |= dict.fromkeys(label_of(column.name) for column in row.values)
    shown = []
    for question, heading in HEADINGS.items():
        labels = [label for label in by_label if questions.get(label, OTHER) == question and label != "predictions"]
        id = f"{prefix}{question}"
        parts = [
            part
            for number, one in enumerate(shown_tables)
            if (part := _part(run, one, labels, f"{id}-{number}", question, pictures, detail, order, texts)) is not None
        ]
        if summaries := _summary_part(
            run, [la for la in _summary_labels(run) if questions.get(la, OTHER) == question], id, pictures
        ):
            parts.append(summaries)
        if parts:
            shown.append(Section(id, heading, SHORT[question], parts))
    return shown


def _part(
    run: Run, one: Detailed, labels: Sequence[str], id: str, question: str, pictures: Pictures, detail: Detail,
    order: Sequence[str], texts: Mapping[str, MetricText],
) -> Part | None:  # fmt: skip
    columns = [column for column in (one.rows[0].values if one.rows else ()) if label_of(column.name) in labels]
    figures: list[Figure] = []
    if question == "cost" and one.table.sort is not None:
        # The board's columns have the value that ranks; metrics of cost may be in any probe of the question.
        own = [column for column in (one.rows[0].values if one.rows else ()) if column == one.table.sort]
        figures += cost_figures(one.rows, own[0] if own else None, columns, order)
    if question == "training":
        figures += training_figures(run, one.rows, order)
    for own in columns_by_probe(columns).values():
        # The table of all numbers has those of these charts.
        drawn = metric_figures(one.rows, own, one.table.columns, order, texts)
        figures += [replace(figure, table=None) for figure in drawn]
    failed: list[str] = []
    gallery = list(_artifacts(run, one, labels, pictures, detail.artifacts, failed))
    grid = _grid(one.rows, columns) if columns else None
    if not figures and grid is None and not gallery:
        return None
    figures.sort(key=lambda figure: not figure.directed)
    unread = f"{len(failed)} artifact{'s' if len(failed) > 1 else ''} could not be read: {failed[0]}" if failed else ""
    cells = [record for row in one.rows for record in row.cells]
    doubtful = question == "cost" and any(
        record.machine_busy or any(head.marks for head in heads_of(record)) for record in cells
    )
    first, more = figures[: detail.charts], figures[detail.charts :][: detail.more]
    statements = worse_groups(one.rows, columns) if question == "groups" else []
    return Part(
        id, one.table.task, leaderboard.name(one.table), first, more, grid, gallery, unread, doubtful, statements
    )


def _grid(rows: Sequence[Row], columns: Sequence[Column]) -> Grid:
    notes = escaping.Notes()
    lines = []
    for column in columns:
        scale = formatting.scale_for((row.values[column].value for row in rows), column.unit)
        values = [
            formatting.full(row.values[column], scale) + notes.mark(row.values[column].note, row.label) for row in rows
        ]
        lines.append([leaderboard.title(column, scale), *values])
    return Grid(["Metric", *(row.label + notes.mark(row.note) for row in rows)], lines, notes.lines(len(rows)))


def _artifacts(
    run: Run, one: Detailed, labels: Sequence[str], pictures: Pictures, limit: int, failed: list[str]
) -> Iterator[Figure]:
    """Yield the artifacts of the first cell with such artifacts in each row: one seed represents all.

    Args:
        run: the run.
        one: the rows.
        labels: the labels of the probes.
        pictures: the pictures of the page so far.
        limit: number of artifacts of one name at most.
        failed: gets the reason for each artifact that could not be read.
    """
    by_name: dict[str, list[tuple[Row, Record, int]]] = {}
    for row in one.rows:
        seen: set[str] = set()
        for record in row.cells:
            for number, artifact in enumerate(record.artifacts):
                if label_of(artifact.name) in labels and artifact.kind != "predictions" and artifact.name not in seen:
                    seen.add(artifact.name)
                    by_name.setdefault(artifact.name, []).append((row, record, number))
    for members in by_name.values():
        for row, record, number in members[:limit]:
            name = f"{row.label}, {seeds_and_folds([record])}"
            try:
                figure = artifact_figure(run, record.artifacts[number], name, pictures)
            except ArtifactError as error:
                failed.append(str(error))
                continue
            if figure is not None:
                yield replace(figure, row=row.label)


def _summary_labels(run: Run) -> list[str]:
    metrics, artifacts = run.summaries()
    return list(dict.fromkeys([*(label_of(row.name) for row in metrics), *(label_of(row.name) for row in artifacts)]))


def _summary_part(run: Run, labels: Sequence[str], id: str, pictures: Pictures) -> Part | None:
    """Return the metrics and artifacts of the run as a whole."""
    metrics, artifacts = run.summaries()
    notes = escaping.Notes()
    lines = []
    for row in metrics:
        if label_of(row.name) in labels:
            value = summary_value(row)
            scale = formatting.scale_for([value.value], row.unit)
            at = ", ".join(f"{name}={coordinate}" for name, coordinate in row.at.items())
            lines.append([row.name, at, formatting.full(value, scale) + notes.mark(value.reason), scale.unit])
    grid = Grid(["Metric", "At", "Value", "Unit"], lines, notes.lines()) if lines else None
    gallery: list[Figure] = []
    failed: list[str] = []
    for artifact in artifacts:
        if label_of(artifact.name) in labels:
            try:
                figure = artifact_figure(run, artifact, "", pictures)
            except ArtifactError as error:
                failed.append(str(error))
                continue
            gallery += [figure] if figure is not None else []
    return (
        Part(f"{id}-run", "", "Across the run", [], [], grid, gallery, "; ".join(failed)) if grid or gallery else None
    )


# ── what went wrong ─────────────────────────────────────────────────────────────────────────────


def failures(run: Run, records: Sequence[Record]) -> list[Failure]:
    """Return the cells and the probes that ended without a result, grouped by their reason."""
    return [
        Failure(
            f"probe {one.probe}" if one.probe else "cell", one.status, one.reason, cell_names(one.cells, records),
            _traceback(run, one.cells[0], one.probe or "cell") if one.status != "not applicable" else "",
        )
        for one in (*cell_failures(records), *probe_failures(records))
    ]  # fmt: skip


def problem_lines(run: Run, records: Sequence[Record]) -> list[str]:
    """Return what went wrong in a run, a sentence each: failures, missing cells, and what makes timings doubtful."""
    failed = sum(record.status != "ok" for record in records)
    probes = sum(len(one.cells) for one in probe_failures(records) if one.status == "failed")
    missing = max(int(run.info.get("cells") or 0) - len(records), 0)
    lines = [f"{failed} of {len(records)} cells failed"] if failed else []
    lines += [f"a probe failed {'once' if probes == 1 else f'{probes} times'}"] if probes else []
    lines += [f"{missing} cells were not run"] if missing else []
    lines = lines or ["no cell and no probe failed"]
    lines += [*doubt_lines(records), *machine_lines(run, records), *(f"not read: {line}" for line in run.damages)]
    if unfit := len(run.info.get("left_out") or ()):
        some = "one pair of task and model was" if unfit == 1 else f"{unfit} pairs of task and model were"
        lines.append(f"{some} left out, since the model does not apply to the task")
    return [f"{line[:1].upper()}{line[1:]}." for line in lines]


def _traceback(run: Run, record: Record, name: str) -> str:
    text = run.read_traceback(record.id, name) or ""
    return text if len(text) <= MAX_TRACEBACK else f"…{text[-MAX_TRACEBACK:]}"


# ── what a reader must know ─────────────────────────────────────────────────────────────────────


def reader_notes(run: Run, records: Sequence[Record], prefix: str) -> list[Remark]:
    """Return what changes the meaning of the numbers, what matters most first."""
    remarks: list[Remark] = []
    if not records and run.info.get("cells"):
        remarks.append(Remark("data", "No cell has a record: the run has just begun, or its records are missing."))
    if failed := [record for record in records if record.status != "ok"]:
        text = f"{len(failed)} of {len(records)} cells have no result: {cells_in_words(failed)}."
        remarks.append(Remark("error", text, f"{prefix}failures", "what went wrong"))
    remarks += [Remark("data", f"{task}, {key}: {note}") for task, key, note in data_notes(records)]
    remarks += [Remark("warning", f"{line[:1].upper()}{line[1:]}.") for line in doubt_lines(records)]
    remarks += [Remark("warning", f"{line[:1].upper()}{line[1:]}.") for line in machine_lines(run, records)]
    remarks += [
        Remark(one.severity, f"{one.task}: {one.summary}.", f"{prefix}findings", one.code)
        for one in shown_findings(run.findings, notes=False)
    ]
    return remarks + [Remark("error", f"Not read: {line}") for line in run.damages]


def findings(run: Run) -> Grid | None:
    """Return the findings on data and results, the worst first; None if there are none."""
    rows = [[one.code, one.severity, one.task, one.summary, one.mend] for one in shown_findings(run.findings)]
    return Grid(["Code", "Severity", "Task", "Finding", "What to do"], rows) if rows else None


# ── cells ───────────────────────────────────────────────────────────────────────────────────────


def cell_lines(records: Sequence[Record], run: Run, address: str) -> list[CellLine]:
    """Return a line for each of the first cells.

    Args:
        records: the cells of the run.
        run: the run.
        address: address of the run's folder, relative to the page, with a slash at its end.
    """
    lines = []
    for record in records[:MAX_LISTED]:
        files = [
            (row.name, quote(address + row.file))
            for row in record.artifacts
            if row.kind == "predictions" and (run.path / row.file).is_file()
        ]
        name = ", ".join([str(record.cell.get("task")), str(record.cell.get("model")), *_other_axes(record)])
        seconds = record.seconds.get("total")
        lines.append(CellLine(record.id, name, record.status, "" if seconds is None else f"{seconds:,.1f}", files))
    return lines


def without_predictions(run: Run, records: Sequence[Record]) -> list[str] | bool:
    """Return the cells whose predictions are not in the run's folder; True if that holds for all of them."""
    present = {path.parent.name for path in (run.path / "cells").glob("*/predictions-test.parquet")}
    return [record.id for record in records if record.id not in present] if present else True


def _other_axes(record: Record) -> list[str]:
    usual = ("task", "model", "engine", "precision")
    return [f"{name} {value}" for name, value in record.cell.items() if name not in usual and value is not None]


def identities() -> Iterator[str]:
    """Yield identities of boards: `board-0`, `board-1`, …"""
    return (f"board-{number}" for number in count())
