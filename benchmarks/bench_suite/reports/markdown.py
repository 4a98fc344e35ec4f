"""The report of a run as Markdown: results, failures, measurements, provenance, and the commands to reproduce it.

It knows no probe by name: it groups metrics and artifacts by the probe's label, and draws artifacts by their kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from bench_suite.contracts import Record
from bench_suite.reports import across_tasks, escaping, formatting, leaderboard, provenance
from bench_suite.reports.artifacts import WITHOUT_DRAWING, Picture, SavePicture, arrange_pictures, render_artifact
from bench_suite.reports.columns import all_columns
from bench_suite.reports.doubts import data_notes, doubt_lines
from bench_suite.reports.failures import cell_failures, cell_names, outcome, probe_failures, seeds_and_folds
from bench_suite.reports.findings import ShownFinding, shown_findings
from bench_suite.reports.gate_verdicts import RunVerdicts, verdicts_of, with_changes
from bench_suite.reports.history import report_section
from bench_suite.reports.metric_texts import metric_texts
from bench_suite.reports.rows import rows_of
from bench_suite.reports.short_report import gate_lines, gate_table, short_parts
from bench_suite.reports.table import Table, tables
from bench_suite.reports.values import summary_value
from bench_suite.store.columns import heads_of
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_PICTURES = 12
"Number of pictures of one artifact per probe and task; the others are in the run's folder only."
MAX_EVIDENCE = 3
"Rows of a split that the report names for a finding."

_BETTER = {"higher": "higher", "lower": "lower", "none": formatting.NOTHING}
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


def report(
    run: Run, save: SavePicture | None = None, reference: str | None = None, *,
    verdicts: RunVerdicts | None = None, level: int = 1,
) -> str:  # fmt: skip
    """Return the full report of a run as Markdown.

    Args:
        run: the run.
        save: a function that stores a picture (PNG, name) and returns its path relative to the report. Without
            one, the captions name the files in the run's folder.
        reference: the model that the others are compared with, or `best`; default: that of the suite.
        verdicts: what the gates of the run say; without them, the report does not mention gates.
        level: of the heading of the report.
    """
    info = run.info
    records = run.records()
    run_tables = tables([run], reference)
    if verdicts is not None and verdicts.comparison is not None:
        run_tables = with_changes(run_tables, verdicts.comparison)
    summary = across_tasks.across_tasks(run_tables)
    text = _TEMPLATES.get_template("report.md.j2").render(
        mark=_marks(level),
        gates=gate_lines(run, verdicts) if verdicts is not None else [],
        gate_table=gate_table(verdicts) if verdicts is not None else "",
        title=escaping.inline(info.get("title") or info["suite"]),
        description=escaping.inline(info.get("description") or ""),
        smoke=bool(info.get("smoke")),
        outcome=outcome(run, records),
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
        meanings=_meanings(run, run_tables),
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


def short_report(run: Run, reference: str | None = None, *, level: int = 1) -> str:
    """Return the short report of a run as Markdown: gates, boards, what a reader must know, and what to open.

    Args:
        run: the run.
        reference: the model that the others are compared with, or `best`; default: that of the suite.
        level: of the heading of the report.
    """
    parts = short_parts(run, tables([run], reference), verdicts_of(run))
    text = _TEMPLATES.get_template("short.md.j2").render(mark=_marks(level), **parts)
    return text.rstrip() + "\n"


def _marks(level: int) -> Callable[[int], str]:
    """Return a function that returns the marks of a heading in a report whose own heading has this level."""
    return lambda depth: "#" * min(depth + level - 1, 6)


def write_report(
    runs: Sequence[Run], target: Path, reference: str | None = None, *, short: bool = False, gates: bool = False
) -> list[Path]:
    """Write the reports of some runs; the pictures of full reports go to a folder beside each report.

    Args:
        runs: the runs.
        target: a file that ends in `.md`, for one report of all runs; or a folder, for a file `RUN.md` per run.
        reference: the model that the others are compared with, or `best`; default: that of the suite.
        short: write the short reports, without pictures.
        gates: judge the gates in full reports, as short ones do, and compare with the baseline of the suite.

    Returns:
        The written files, reports first.

    Raises:
        ReportError: a file cannot be written.
    """
    groups = [(target, list(runs))] if target.suffix == ".md" else [(target / f"{run.name}.md", [run]) for run in runs]
    reports, pictures = [], []
    for path, members in groups:
        folder = path.with_name(f"{path.stem}-pictures")
        level = 2 if len(members) > 1 else 1
        texts = []
        for run in members:
            prefix = f"{run.name}-" if len(members) > 1 else ""

            def keep(content: bytes, name: str, prefix: str = prefix, folder: Path = folder) -> str:
                picture = folder / f"{prefix}{name}.png"
                leaderboard.write(picture, content)
                pictures.append(picture)
                return f"{folder.name}/{picture.name}"

            if short:
                texts.append(short_report(run, reference, level=level))
            else:
                verdicts = verdicts_of(run) if gates else None
                texts.append(report(run, keep, reference, verdicts=verdicts, level=level))
        leaderboard.write(path, (texts[0] if len(texts) == 1 else _together(members, texts)).encode())
        reports.append(path)
    return [*reports, *pictures]


def _together(runs: Sequence[Run], texts: Sequence[str]) -> str:
    """Return the reports of several runs as one text, with a list of contents."""
    names = leaderboard.anchors(run.name for run in runs)
    titles = [escaping.inline(run.info.get("title") or run.info["suite"]) for run in runs]
    entries = [(f"{title}, {escaping.inline(run.name)}", name) for title, run, name in zip(titles, runs, names)]
    parts = [f"# Reports of {len(runs)} runs\n\n{leaderboard.contents(entries)}\n"]
    parts += [f"{leaderboard.anchor_line(name)}\n\n{text}" for name, text in zip(names, texts)]
    return "\n".join(parts)


# ── cells and their failures ────────────────────────────────────────────────────────────────────


def _data_notes(records: Sequence[Record]) -> str:
    """Return a table of what changes the meaning of numbers, by task; empty if nothing does."""
    cells = [[escaping.inline(text) for text in row] for row in data_notes(records)]
    return escaping.table(["Task", "Data", "Note"], cells) if cells else ""


def _findings(run: Run) -> str:
    """Return a table of the findings on data and results: errors and warnings, then notes; empty if there are none."""
    rows = [
        [one.code, one.severity, *map(escaping.inline, (one.task, one.summary, _evidence(one), one.mend))]
        for one in shown_findings(run.findings)
    ]
    return escaping.table(["Code", "Severity", "Task", "Finding", "Rows, from 0", "Mend"], rows) if rows else ""


def _evidence(finding: ShownFinding) -> str:
    parts = []
    for evidence in finding.evidence:
        more = ", …" if evidence.count > MAX_EVIDENCE else ""
        parts.append(f"{evidence.split}: {', '.join(map(str, evidence.rows[:MAX_EVIDENCE]))}{more}")
    return "; ".join(parts)


def _meanings(run: Run, run_tables: Sequence[Table]) -> str:
    """Return a table of what each metric of some tables means."""
    columns = all_columns(record for table in run_tables for row in table.rows for record in row.cells)
    rows = [
        [
            escaping.code(text.name),
            *map(escaping.inline, (text.sentence or formatting.NOTHING, _BETTER[text.better], text.unit, text.range)),
        ]
        for text in metric_texts(run, columns).values()
    ]
    return escaping.table(["Metric", "Meaning", "Better", "Unit", "Range"], rows) if rows else ""


def _errors(records: Sequence[Record]) -> str:
    rows = [
        [escaping.inline(cell_names(one.cells, records)), one.status, escaping.inline(one.reason)]
        for one in cell_failures(records)
    ]
    return escaping.table(["Cells", "Status", "Reason"], rows) if rows else ""


def _probe_errors(records: Sequence[Record]) -> str:
    rows = [
        [*map(escaping.inline, (one.probe, cell_names(one.cells, records))), one.status, escaping.inline(one.reason)]
        for one in probe_failures(records)
    ]
    return escaping.table(["Probe", "Cells", "Status", "Reason"], rows) if rows else ""


# ── measurements ────────────────────────────────────────────────────────────────────────────────


def _probes(run: Run, run_tables: Sequence[Table], save: SavePicture | None) -> list[dict[str, Any]]:
    cells = [(table, [record for row in table.rows for record in row.cells]) for table in run_tables]
    labels: dict[str, None] = {}
    for _, records in cells:
        for record in records:
            labels |= dict.fromkeys((*record.probes, *(label_of(row.name) for row in heads_of(record))))
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
                if label_of(artifact.name) != label or artifact.kind in WITHOUT_DRAWING or artifact.name in seen:
                    continue
                seen.add(artifact.name)
                counts[artifact.name] += 1
                if counts[artifact.name] <= MAX_PICTURES:
                    cell_name = f"{row.label}, {seeds_and_folds([record])}"
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
