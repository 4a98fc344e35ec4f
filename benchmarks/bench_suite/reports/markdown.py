"""The report of a run as Markdown: results, failures, measurements, provenance, and the commands to reproduce it.

It knows no probe by name: it groups metrics and artifacts by the probe's label, and draws artifacts by their kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import jinja2

from bench_suite.contracts import Finding, Record, Severity
from bench_suite.reports import across_tasks, escaping, formatting, leaderboard, provenance
from bench_suite.reports.artifacts import Picture, SavePicture, arrange_pictures, render_artifact
from bench_suite.reports.columns import all_columns
from bench_suite.reports.doubts import doubt_lines
from bench_suite.reports.history import report_section
from bench_suite.reports.rows import rows_of
from bench_suite.reports.table import Table, tables
from bench_suite.reports.values import summary_value
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_PICTURES = 12
"Number of pictures of one artifact per probe and task; the others are in the run's folder only."
MAX_EVIDENCE = 3
"Rows of a split that the report names for a finding."

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # this is Markdown, which `escaping` escapes
    undefined=jinja2.StrictUndefined,  # a misspelt name is an error, not an empty section
)


@dataclass(frozen=True)
class _Part:
    """The metrics and artifacts of one probe on one task, as Markdown."""

    heading: str
    text: str = ""
    artifacts: list[str] = field(default_factory=list)


def report(run: Run, save: SavePicture | None = None, reference: str | None = None) -> str:
    """Return the report of a run as Markdown.

    Args:
        run: the run.
        save: a function that stores a picture (PNG, name) and returns its path relative to the report. Without
            one, the captions name the files in the run's folder.
        reference: the model that the others are compared with, or `best`; default: that of the suite.
    """
    info = run.info
    records = run.records()
    run_tables = tables([run], reference)
    summary = across_tasks.across_tasks(run_tables)
    text = _TEMPLATES.get_template("report.md.j2").render(
        title=escaping.inline(info.get("title") or info["suite"]),
        description=escaping.inline(info.get("description") or ""),
        smoke=bool(info.get("smoke")),
        outcome=_outcome(run, records),
        doubts=[escaping.inline(line) for line in doubt_lines(records)],
        data_notes=_data_notes(records),
        findings=_findings(run),
        tables=[
            {"heading": leaderboard.heading(t), "about": leaderboard.about(t), "text": leaderboard.leaderboard_table(t)}
            for t in run_tables
        ],
        across_tasks="" if summary is None else across_tasks.as_markdown(summary),
        reading=leaderboard.reading(run_tables),
        history=report_section(run, dict.fromkeys(table.sort.name for table in run_tables if table.sort is not None)),
        errors=_errors(records),
        probe_errors=_probe_errors(records),
        probes=_probes(run, run_tables, save),
        summaries=_summaries(run, save),
        facts=provenance.run_facts(run, run_tables),
        data=provenance.data(run_tables),
        notes=[escaping.inline(note) for note in dict.fromkeys(note for record in records for note in record.notes)],
        reproduction=provenance.reproduction_commands(run),
        suite_text=escaping.block(str(info["text"]), "toml") if info.get("text") else "",
    )
    return text.rstrip() + "\n"


def write_report(runs: Sequence[Run], target: Path, reference: str | None = None) -> list[Path]:
    """Write the reports of some runs, with their pictures in a folder beside each report.

    Args:
        runs: the runs.
        target: a file that ends in `.md`, for one report of all runs; or a folder, for a file `RUN.md` per run.
        reference: the model that the others are compared with, or `best`; default: that of the suite.

    Returns:
        The written files, reports first.

    Raises:
        ReportError: a file cannot be written.
    """
    groups = [(target, list(runs))] if target.suffix == ".md" else [(target / f"{run.name}.md", [run]) for run in runs]
    reports, pictures = [], []
    for path, members in groups:
        folder = path.with_name(f"{path.stem}-pictures")
        texts = []
        for run in members:
            prefix = f"{run.name}-" if len(members) > 1 else ""

            def keep(content: bytes, name: str, prefix: str = prefix, folder: Path = folder) -> str:
                picture = folder / f"{prefix}{name}.png"
                leaderboard.write(picture, content)
                pictures.append(picture)
                return f"{folder.name}/{picture.name}"

            texts.append(report(run, keep, reference))
        leaderboard.write(path, "\n\n".join(texts).encode())
        reports.append(path)
    return [*reports, *pictures]


# ── cells and their failures ────────────────────────────────────────────────────────────────────


def _outcome(run: Run, records: Sequence[Record]) -> str:
    count = Counter(record.status for record in records)
    planned = max(int(run.info.get("cells") or 0), len(records))
    if not records:
        return f"None of the {planned} cells has been recorded." if planned else "No cell has been recorded."
    parts = [f"{count['ok']} of {planned} cells succeeded"]
    parts += [f"{number} {status}" for status, number in count.items() if status != "ok"]
    missing = planned - len(records)
    torn = [f"incomplete lines, ignored: {run.torn}"] if run.torn else []
    return ", ".join([*parts, *([f"{missing} not run"] if missing > 0 else [])]) + "".join(f"; {t}" for t in torn) + "."


def _data_notes(records: Sequence[Record]) -> str:
    """Return a table of what changes the meaning of numbers, by task; empty if nothing does."""
    rows: dict[tuple[str, str, str], None] = {}
    for record in records:
        notes, task = record.data.get("notes", {}), str(record.cell.get("task", ""))
        for key in record.data.get("prominent", ()):
            if key in notes:
                rows[task, key, str(notes[key])] = None
    cells = [[escaping.inline(text) for text in row] for row in rows]
    return escaping.table(["Task", "Data", "Note"], cells) if cells else ""


def _findings(run: Run) -> str:
    """Return a table of the findings on data and results: errors and warnings, then notes; empty if there are none."""
    order = {severity: number for number, severity in enumerate(get_args(Severity))}
    findings = sorted(run.findings, key=lambda finding: (order[finding.severity], finding.task, finding.code))
    rows = [
        [one.code, one.severity, *map(escaping.inline, (one.task, one.summary, _evidence(one), one.mend))]
        for one in findings
    ]
    return escaping.table(["Code", "Severity", "Task", "Finding", "Rows, from 0", "Mend"], rows) if rows else ""


def _evidence(finding: Finding) -> str:
    parts = []
    for evidence in finding.evidence:
        more = ", …" if evidence.count > MAX_EVIDENCE else ""
        parts.append(f"{evidence.split}: {', '.join(map(str, evidence.rows[:MAX_EVIDENCE]))}{more}")
    return "; ".join(parts)


def _errors(records: Sequence[Record]) -> str:
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.status != "ok":
            reasons.setdefault((record.status, record.reason or ""), []).append(record)
    if not reasons:
        return ""
    rows = [
        [_cell_names(which, records), status, escaping.inline(reason)] for (status, reason), which in reasons.items()
    ]
    return escaping.table(["Cells", "Status", "Reason"], rows)


def _probe_errors(records: Sequence[Record]) -> str:
    reasons: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        for label, row in record.probes.items():
            if row.status != "ok" and record.status == "ok":
                reasons.setdefault((label, row.status, row.reason or ""), []).append(record)
    if not reasons:
        return ""
    rows = [
        [escaping.inline(label), _cell_names(which, records), status, escaping.inline(reason)]
        for (label, status, reason), which in reasons.items()
    ]
    return escaping.table(["Probe", "Cells", "Status", "Reason"], rows)


def _cell_names(which: Sequence[Record], every: Sequence[Record]) -> str:
    """Return the names of cells: `mnist, cnn, seed 0`, or `mnist, cnn` for all of them; after four, `and 3 more`."""

    def pair(record: Record) -> tuple[str, str]:
        return str(record.cell.get("task")), str(record.cell.get("model"))

    names = []
    sizes = Counter(map(pair, every))
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in which:
        groups.setdefault(pair(record), []).append(record)
    for (task, model), of_pair in groups.items():
        complete = len(of_pair) == sizes[task, model]
        names.append(f"{task}, {model}" + ("" if complete and len(of_pair) > 1 else f", {_seeds_and_folds(of_pair)}"))
    rest = [f"and {len(names) - 4} more"] if len(names) > 5 else []
    return escaping.inline("; ".join([*(names if not rest else names[:4]), *rest]))


def _seeds_and_folds(records: Sequence[Record]) -> str:
    """Return the seeds of some cells, and their folds if they have any: `seed 0, 1, fold 3`."""
    axes = [axis for axis in ("seed", "fold") if axis == "seed" or any(axis in record.cell for record in records)]
    values = [", ".join(dict.fromkeys(str(record.cell.get(axis)) for record in records)) for axis in axes]
    return ", ".join(f"{axis} {value}" for axis, value in zip(axes, values))


# ── measurements ────────────────────────────────────────────────────────────────────────────────


def _probes(run: Run, run_tables: Sequence[Table], save: SavePicture | None) -> list[dict[str, Any]]:
    cells = [(table, [record for row in table.rows for record in row.cells]) for table in run_tables]
    labels: dict[str, None] = {}
    for _, records in cells:
        for record in records:
            labels |= dict.fromkeys((*record.probes, *(label_of(row.name) for row in record.metrics)))
    probes = []
    for label in labels:
        parts = []
        for table, records in cells:
            section = _Part(leaderboard.heading(table), _metrics(label, records), _artifacts(run, label, table, save))
            if section.text or section.artifacts:
                parts.append(section)
        if parts:
            probes.append({"heading": escaping.inline(label), "parts": parts})
    return probes


def _metrics(label: str, records: Sequence[Record]) -> str:
    """Return a table of all metrics of a probe on one task: a line per metric, a column per row of the leaderboard."""
    columns = [column for column in all_columns(records) if label_of(column.name) == label]
    if not columns:
        return ""
    rows = rows_of(records, columns)
    notes = escaping.Notes()
    lines = []
    for column in columns:
        scale = formatting.scale_for((row.values[column].value for row in rows), column.unit)
        name = leaderboard.title(column, scale).removeprefix(f"{label}/")
        values = [formatting.full(row.values[column], scale) + notes.mark(row.values[column].note) for row in rows]
        lines.append([escaping.inline(name), *values])
    header = ["Metric", *(leaderboard.row_head(row) + notes.mark(row.note) for row in rows)]
    text = escaping.table(header, lines, right=range(1, len(header)))
    return text + "".join(f"\n\n{escaping.inline(note)}" for note in notes.lines())


def _artifacts(run: Run, label: str, table: Table, save: SavePicture | None) -> list[str]:
    """Return the artifacts of the first cell with such artifacts in each row: one seed represents all."""
    rendered_by_name: dict[str, list[str | Picture]] = {}
    counts: Counter[str] = Counter()
    for row in table.rows:
        seen: set[str] = set()
        for record in row.cells:
            for artifact in record.artifacts:
                if label_of(artifact.name) != label or artifact.kind == "predictions" or artifact.name in seen:
                    continue
                seen.add(artifact.name)
                counts[artifact.name] += 1
                if counts[artifact.name] <= MAX_PICTURES:
                    cell_name = f"{row.label}, {_seeds_and_folds([record])}"
                    rendered = render_artifact(run, artifact, cell_name, f"{record.id}-{artifact.name}", save)
                    rendered_by_name.setdefault(artifact.name, []).append(rendered)
    rest = sum(max(count - MAX_PICTURES, 0) for count in counts.values())
    parts = [part for rendered in rendered_by_name.values() for part in arrange_pictures(rendered)]
    return [*parts, *([f"*{rest} more are in the run's folder.*"] if rest else [])]


def _summaries(run: Run, save: SavePicture | None) -> list[str]:
    """Return the metrics and artifacts of the run as a whole."""
    metrics, artifacts = run.summaries()
    notes = escaping.Notes()
    lines = []
    for row in metrics:
        value = summary_value(row)
        scale = formatting.scale_for([value.value], row.unit)
        at = ", ".join(f"{name}={coordinate}" for name, coordinate in row.at.items())
        number = formatting.full(value, scale) + notes.mark(value.reason)
        lines.append([escaping.inline(row.name), escaping.inline(at), number, escaping.inline(scale.unit)])
    parts = [escaping.table(["Metric", "At", "Value", "Unit"], lines, right=[2])] if lines else []
    return [
        *parts,
        *(escaping.inline(note) for note in notes.lines()),
        *arrange_pictures([render_artifact(run, row, "", f"summary-{row.name}", save) for row in artifacts]),
    ]
