"""The report of a run, as Markdown: results, measurements, what is missing, how it was made and how to make it again.

It knows no probe by name: metrics and artifacts are grouped by the probe's label and drawn by their kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from bench_suite.contracts import MetricRow, Record
from bench_suite.reports import escaping, formatting, leaderboard, provenance
from bench_suite.reports.artifacts import Keep, Picture, beside, shown
from bench_suite.reports.columns import all_columns
from bench_suite.reports.table import Row, Table, Value, kind_in_words, middle, rows_of, tables
from bench_suite.store.records import label_of
from bench_suite.store.runs import Run

MAX_PICTURES = 12
"Pictures of one kind for one probe and task; the others stay in the run's folder."

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
    heading: str
    text: str = ""
    artifacts: list[str] = field(default_factory=list)


def report(run: Run, keep: Keep | None = None) -> str:
    """The report as Markdown. Pictures are handed to `keep`; without it their captions name the files of the run."""
    info = run.info
    records = run.records()
    found = tables([run])
    text = _TEMPLATES.get_template("report.md.j2").render(
        title=escaping.inline(info.get("title") or info["suite"]),
        description=escaping.inline(info.get("description") or ""),
        smoke=bool(info.get("smoke")),
        outcome=_outcome(run, records),
        tables=[
            {"heading": leaderboard.heading(t), "about": leaderboard.about(t), "text": leaderboard.leaderboard_table(t)}
            for t in found
        ],
        reading=leaderboard.READING + (f" {leaderboard.FEW_SEEDS}" if _two_seeds(found) else ""),
        errors=_errors(records),
        probe_errors=_probe_errors(records),
        probes=_probes(run, found, keep),
        summaries=_summaries(run, keep),
        made=provenance.made(run, found),
        data=provenance.data(found),
        notes=[escaping.inline(note) for note in dict.fromkeys(note for record in records for note in record.notes)],
        again=provenance.again(run),
        suite_text=escaping.block(str(info["text"]), "toml") if info.get("text") else "",
    )
    return text.rstrip() + "\n"


def write_report(runs: Sequence[Run], target: Path) -> list[Path]:
    """Write reports and the pictures that they show; returns what was written, reports first.

    A `target` that ends in `.md` holds all the runs; any other is a folder that gets `RUN.md` for each. Pictures lie in
    a folder beside the report, named after it. Raises ReportError.
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

            texts.append(report(run, keep))
        leaderboard.write(path, "\n\n".join(texts).encode())
        reports.append(path)
    return [*reports, *pictures]


# ── what happened ───────────────────────────────────────────────────────────────────────────────


def _outcome(run: Run, records: Sequence[Record]) -> str:
    count = Counter(record.status for record in records)
    planned = max(int(run.info.get("cells") or 0), len(records))
    if not records:
        return f"No cell has been recorded{f' of {planned}' if planned else ''}."
    parts = [f"{count['ok']} of {planned} cells ended well"]
    parts += [f"{number} {status}" for status, number in count.items() if status != "ok"]
    missing = planned - len(records)
    torn = [f"torn lines, left aside: {run.torn}"] if run.torn else []
    return (
        ", ".join([*parts, *([f"{missing} not done"] if missing > 0 else [])]) + "".join(f"; {t}" for t in torn) + "."
    )


def _errors(records: Sequence[Record]) -> str:
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.status != "ok":
            reasons.setdefault((record.status, record.reason or ""), []).append(record)
    if not reasons:
        return ""
    rows = [[_cells(which, records), status, escaping.inline(reason)] for (status, reason), which in reasons.items()]
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
        [escaping.inline(label), _cells(which, records), status, escaping.inline(reason)]
        for (label, status, reason), which in reasons.items()
    ]
    return escaping.table(["Probe", "Cells", "Status", "Reason"], rows)


def _cells(which: Sequence[Record], every: Sequence[Record]) -> str:
    """Cells in words: `mnist, cnn, seed 0`, or `mnist, cnn` where all of its seeds are meant, at most four of them."""

    def pair(record: Record) -> tuple[str, str]:
        return str(record.cell.get("task")), str(record.cell.get("model"))

    names = []
    for task, model in dict.fromkeys(map(pair, which)):
        mine = [record for record in which if pair(record) == (task, model)]
        all_of_it = len(mine) == sum(pair(record) == (task, model) for record in every)
        seeds = ", ".join(str(seed) for seed in dict.fromkeys(record.cell.get("seed") for record in mine))
        names.append(f"{task}, {model}" + ("" if all_of_it and len(mine) > 1 else f", seed {seeds}"))
    rest = [f"and {len(names) - 4} more"] if len(names) > 5 else []
    return escaping.inline("; ".join([*(names if not rest else names[:4]), *rest]))


# ── measurements ────────────────────────────────────────────────────────────────────────────────


def _probes(run: Run, found: Sequence[Table], keep: Keep | None) -> list[dict[str, Any]]:
    cells = [(table, [record for row in table.rows for record in row.cells]) for table in found]
    labels: dict[str, None] = {}
    for _, records in cells:
        for record in records:
            labels |= dict.fromkeys((*record.probes, *(label_of(row.name) for row in record.metrics)))
    probes = []
    for label in labels:
        parts = []
        for table, records in cells:
            part = _Part(leaderboard.heading(table), _metrics(label, records), _artifacts(run, label, table, keep))
            if part.text or part.artifacts:
                parts.append(part)
        if parts:
            probes.append({"heading": escaping.inline(label), "parts": parts})
    return probes


def _metrics(label: str, records: Sequence[Record]) -> str:
    """All metrics of one probe on one task: a line a metric, a column a row of the leaderboard."""
    columns = [column for column in all_columns(records) if label_of(column.name) == label]
    if not columns:
        return ""
    rows = rows_of(records, columns)
    notes = escaping.Notes()
    lines = []
    for column in columns:
        scale = formatting.scale_for((row.values[column].value for row in rows), column.unit)
        name = leaderboard.title(column, scale).removeprefix(f"{label}/")
        values = [formatting.full(row.values[column], scale) + notes.mark(row.values[column].reason) for row in rows]
        lines.append([escaping.inline(name), *values])
    header = ["Metric", *(leaderboard.row_head(row) for row in rows)]
    text = escaping.table(header, lines, right=range(1, len(header)))
    return text + "".join(f"\n\n{escaping.inline(note)}" for note in notes.lines())


def _artifacts(run: Run, label: str, table: Table, keep: Keep | None) -> list[str]:
    """The artifacts of each row's first cell that has them: one seed stands for all."""
    written: dict[str, list[str | Picture]] = {}
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
                    where = f"{row.label}, seed {record.cell.get('seed')}"
                    found = shown(run, artifact, where, f"{record.id}-{artifact.name}", keep)
                    written.setdefault(artifact.name, []).append(found)
    rest = sum(max(count - MAX_PICTURES, 0) for count in counts.values())
    parts = [part for found in written.values() for part in beside(found)]
    return [*parts, *([f"*{rest} more are in the run's folder.*"] if rest else [])]


def _summaries(run: Run, keep: Keep | None) -> list[str]:
    """What probes say of the run as a whole."""
    metrics, artifacts = run.summaries()
    notes = escaping.Notes()
    lines = []
    for row in metrics:
        value = _single(row)
        scale = formatting.scale_for([value.value], row.unit)
        at = ", ".join(f"{name}={coordinate}" for name, coordinate in row.at.items())
        number = formatting.full(value, scale) + notes.mark(value.reason)
        lines.append([escaping.inline(row.name), escaping.inline(at), number, escaping.inline(scale.unit)])
    parts = [escaping.table(["Metric", "At", "Value", "Unit"], lines, right=[2])] if lines else []
    return [
        *parts,
        *(escaping.inline(note) for note in notes.lines()),
        *beside([shown(run, row, "", f"summary-{row.name}", keep) for row in artifacts]),
    ]


def _single(row: MetricRow) -> Value:
    words = [row.reason] if row.reason else []
    words += kind_in_words([row]) if row.value is not None else []
    reason = "; ".join(words) or None
    if row.interval is not None or row.value is None or not row.samples:
        return Value(row.value, row.interval, None, 1, row.n, None if row.interval else reason)
    value, spread = middle([row.samples])
    return Value(value, None, spread, 1, row.n, reason)


def _two_seeds(found: Sequence[Table]) -> bool:
    rows: list[Row] = [row for table in found for row in table.rows]
    return any(len(row.cells) == 2 for row in rows)
