"""The report of a run, as Markdown: results, measurements, what is missing, how it was made and how to make it again.

It knows no probe by name: metrics and artifacts are grouped by the probe's label and drawn by their kind.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from bench_suite.contracts import Artifact, ArtifactRow, MetricRow, Record
from bench_suite.records import label_of
from bench_suite.reports import leaderboard, marks, numbers, plots
from bench_suite.reports.table import Row, Table, Value, all_columns, quartiles, rows_of, tables
from bench_suite.store import Run, StoreError

MOST_ROWS = 30
"Rows of a table artifact that a report shows."
MOST_CHARACTERS = 4000
"Characters of a text artifact that a report shows."
MOST_PICTURES = 12
"Pictures of one kind for one probe and task; the others stay in the run's folder."

Keep = Callable[[bytes, str], str]
"Given a picture and a name for it, where it lies from the report's point of view."

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # this is Markdown: `marks` escapes it
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
        title=marks.inline(info.get("title") or info["suite"]),
        description=marks.inline(info.get("description") or ""),
        smoke=bool(info.get("smoke")),
        outcome=_outcome(run, records),
        tables=[
            {"heading": leaderboard.heading(t), "about": leaderboard.about(t), "text": leaderboard.leaderboard_table(t)}
            for t in found
        ],
        reading=leaderboard.READING + (f" {leaderboard.FEW_SEEDS}" if _two_seeds(found) else ""),
        faults=_faults(records),
        probe_faults=_probe_faults(records),
        probes=_probes(run, found, keep),
        summaries=_summaries(run, keep),
        made=_made(run, found),
        data=_data(found),
        notes=[marks.inline(note) for note in dict.fromkeys(note for record in records for note in record.notes)],
        again=_again(run),
        suite_text=marks.block(str(info["text"]), "toml") if info.get("text") else "",
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
    torn = [f"{run.torn} torn lines were left aside"] if run.torn else []
    return (
        ", ".join([*parts, *([f"{missing} not done"] if missing > 0 else [])]) + "".join(f"; {t}" for t in torn) + "."
    )


def _faults(records: Sequence[Record]) -> str:
    reasons: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if record.status != "ok":
            reasons.setdefault((record.status, record.reason or ""), []).append(record)
    if not reasons:
        return ""
    rows = [[_cells(which, records), status, marks.inline(reason)] for (status, reason), which in reasons.items()]
    return marks.table(["Cells", "Status", "Reason"], rows)


def _probe_faults(records: Sequence[Record]) -> str:
    reasons: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        for label, row in record.probes.items():
            if row.status != "ok" and record.status == "ok":
                reasons.setdefault((label, row.status, row.reason or ""), []).append(record)
    if not reasons:
        return ""
    rows = [
        [marks.inline(label), _cells(which, records), status, marks.inline(reason)]
        for (label, status, reason), which in reasons.items()
    ]
    return marks.table(["Probe", "Cells", "Status", "Reason"], rows)


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
    return marks.inline("; ".join([*(names if not rest else names[:4]), *rest]))


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
            probes.append({"heading": marks.inline(label), "parts": parts})
    return probes


def _metrics(label: str, records: Sequence[Record]) -> str:
    """All metrics of one probe on one task: a line a metric, a column a row of the leaderboard."""
    columns = [column for column in all_columns(records) if label_of(column.name) == label]
    if not columns:
        return ""
    rows = rows_of(records, columns)
    notes = marks.Notes()
    lines = []
    for column in columns:
        scale = numbers.scale_for((row.values[column].value for row in rows), column.unit)
        name = leaderboard.title(column, scale).removeprefix(f"{label}/")
        values = [numbers.full(row.values[column], scale) + notes.mark(row.values[column].reason) for row in rows]
        lines.append([marks.inline(name), *values])
    header = ["Metric", *(marks.inline(row.label) for row in rows)]
    text = marks.table(header, lines, right=range(1, len(header)))
    return text + "".join(f"\n\n{marks.inline(note)}" for note in notes.lines())


def _artifacts(run: Run, label: str, table: Table, keep: Keep | None) -> list[str]:
    """The artifacts of each row's first cell that has them: one seed stands for all."""
    shown: list[str] = []
    counts: Counter[str] = Counter()
    for row in table.rows:
        seen: set[str] = set()
        for record in row.cells:
            for artifact in record.artifacts:
                if label_of(artifact.name) != label or artifact.kind == "predictions" or artifact.name in seen:
                    continue
                seen.add(artifact.name)
                counts[artifact.name] += 1
                if counts[artifact.name] <= MOST_PICTURES:
                    where = f"{row.label}, seed {record.cell.get('seed')}"
                    shown.append(_shown(run, artifact, where, f"{record.id}-{artifact.name}", keep))
    rest = sum(max(count - MOST_PICTURES, 0) for count in counts.values())
    return [*shown, *([f"*{rest} more are in the run's folder.*"] if rest else [])]


def _shown(run: Run, row: ArtifactRow, where: str, name: str, keep: Keep | None) -> str:
    caption = f"{marks.inline(row.caption or row.name)}" + (f" – {marks.inline(where)}" if where else "")
    try:
        artifact = run.read_artifact(row)
        content = plots.picture(artifact) if keep is not None else None
    except (StoreError, ValueError, TypeError, KeyError, IndexError) as fault:  # a file that was damaged or edited
        return f"*{caption}: cannot be shown ({marks.inline(fault)})*"
    if content is not None and keep is not None:
        from bench_suite.store import safe_name

        return f"![{caption}]({keep(content, safe_name(name))})\n\n*{caption}*"
    if artifact.kind == "table":
        return f"*{caption}*\n\n{_table(artifact)}"
    if artifact.kind == "text":
        return f"*{caption}*\n\n{_text(artifact)}"
    return f"*{caption}: see {marks.code(row.file)} in the run's folder.*"


def _table(artifact: Artifact) -> str:
    header = [marks.inline(name) for name in artifact.data["columns"]]
    rows = [[_entry(cell) for cell in row] for row in artifact.data["rows"]]
    if not header or any(len(row) != len(header) for row in rows):
        raise ValueError("a row of the table has not one entry a column")
    rest = len(rows) - MOST_ROWS
    return marks.table(header, rows[:MOST_ROWS]) + (f"\n\n*and {rest} more rows*" if rest > 0 else "")


def _entry(cell: Any) -> str:
    if isinstance(cell, float):
        return numbers.plain_number(cell, 4)
    return numbers.NOTHING if cell is None else marks.inline(cell)


def _text(artifact: Artifact) -> str:
    if isinstance(artifact.data, str):
        rest = len(artifact.data) - MOST_CHARACTERS
        return marks.block(artifact.data[:MOST_CHARACTERS]) + (
            f"\n\n*and {rest:,} more characters*" if rest > 0 else ""
        )
    pairs = [(str(token), float(weight or 0.0)) for token, weight in artifact.data]
    text = marks.block(" ".join(token for token, _ in pairs)[:MOST_CHARACTERS])
    strongest = sorted(pairs, key=lambda pair: -abs(pair[1]))[:12]
    rows = [[marks.code(token), f"{weight:+.2f}".replace("-", "−")] for token, weight in strongest]
    return f"{text}\n\nThe tokens that weigh most:\n\n{marks.table(['Token', 'Weight'], rows, right=[1])}"


def _summaries(run: Run, keep: Keep | None) -> list[str]:
    """What probes say of the run as a whole."""
    metrics, artifacts = run.summaries()
    notes = marks.Notes()
    lines = []
    for row in metrics:
        value = _single(row)
        scale = numbers.scale_for([value.value], row.unit)
        at = ", ".join(f"{name}={coordinate}" for name, coordinate in row.at.items())
        number = numbers.full(value, scale) + notes.mark(value.reason)
        lines.append([marks.inline(row.name), marks.inline(at), number, marks.inline(scale.unit)])
    parts = [marks.table(["Metric", "At", "Value", "Unit"], lines, right=[2])] if lines else []
    return [
        *parts,
        *(marks.inline(note) for note in notes.lines()),
        *(_shown(run, row, "", f"summary-{row.name}", keep) for row in artifacts),
    ]


def _single(row: MetricRow) -> Value:
    spread = quartiles([row.samples]) if row.interval is None else None
    return Value(row.value, row.interval, spread, 1, row.n, None if row.interval else row.reason)


# ── provenance ──────────────────────────────────────────────────────────────────────────────────


def _made(run: Run, found: Sequence[Table]) -> str:
    info = run.info
    git = info.get("git") or {}
    commit = f"{git.get('commit') or 'before the first commit'}" + (f" on {git['branch']}" if git.get("branch") else "")
    dirty = ", with changes that it does not hold" if git.get("dirty") else ""
    environments = _environments(run)
    packages = {
        f"{n} {v}": None for e in environments for n, v in (e.get("packages") or {}).items() if n != "bench-suite"
    }
    systems = {
        f"{e.get('system', {}).get('name', '')} {e.get('system', {}).get('machine', '')}".strip() for e in environments
    }
    pythons = {e.get("python", {}).get("version", "") for e in environments}
    facts = {
        "Suite": info["suite"],
        "Run": run.name,
        "Started": info["started"],
        "Program": f"bench-suite {info['version']}" if info.get("version") else "",
        "Suite's repository": f"commit {commit}{dirty}" if git else "not in a git repository",
        "Command": marks.code(info.get("command", "")),
        "Overrides": marks.code(" ".join(f"--set {override}" for override in info.get("overrides") or [])),
        "Code of its own": "was run (--trust)" if info.get("trust") else "",
        "Hardware": "; ".join(dict.fromkeys(leaderboard.machine(e.get("hardware")) for e in environments)),
        "System": ", ".join(sorted(systems)),
        "Python": ", ".join(sorted(pythons)),
        "Packages": ", ".join(packages),
        "Threads": _places(found, "threads"),
        "Devices": _places(found, "device"),
        "Time": _time(found),
        "Left out": "; ".join(
            " with ".join(pair[:2]) + f" ({pair[2]})" for pair in info.get("left_out") or [] if len(pair) == 3
        ),
    }
    coded = ("Command", "Overrides")
    given = {name: value if name in coded else marks.inline(value) for name, value in facts.items() if value}
    return "\n".join(f"- **{name}:** {value}" for name, value in given.items())


def _environments(run: Run) -> list[Mapping[str, Any]]:
    names = dict.fromkeys(record.environment for record in run.records() if record.environment)
    return [run.environment(name) for name in names]


def _places(found: Sequence[Table], part: str) -> str:
    places = (r.options.get("place") for t in found for row in t.rows for r in row.cells)
    return ", ".join(
        dict.fromkeys(str(place[part]) for place in places if isinstance(place, Mapping) and part in place)
    )


def _time(found: Sequence[Table]) -> str:
    spent: Counter[str] = Counter()
    for record in (record for table in found for row in table.rows for record in row.cells):
        spent.update({part: float(seconds) for part, seconds in record.seconds.items()})
    total = spent.pop("total", 0.0) or sum(spent.values())
    parts = ", ".join(f"{part} {seconds:,.1f} s" for part, seconds in spent.items())
    return f"{total:,.0f} s in these cells" + (f": {parts}" if parts else "") if total else ""


def _data(found: Sequence[Table]) -> str:
    rows = {}
    for data in (table.data for table in found):
        notes = ", ".join(f"{name}: {value}" for name, value in (data.get("notes") or {}).items())
        cells = [data.get("name"), data.get("source"), data.get("revision"), data.get("licence"), notes]
        written = [marks.inline(cell) if cell else numbers.NOTHING for cell in cells]
        rows[json.dumps(data, default=str, sort_keys=True)] = [*written, marks.code(data.get("fingerprint", ""))]
    return (
        marks.table(["Data", "Source", "Revision", "Licence", "Notes", "Fingerprint"], list(rows.values()))
        if rows
        else ""
    )


def _again(run: Run) -> str:
    info = run.info
    git = info.get("git") or {}
    lines = [f"pip install 'bench-suite[samples]=={info['version']}'"] if info.get("version") else []
    lines += [f"git checkout {git['commit']}"] if git.get("commit") else []
    lines += [str(info.get("command") or f"bench run {info['suite']}"), f"bench report {run.name}"]
    text = marks.block("\n".join(" ".join(line.split()) for line in lines), "sh")
    if git.get("dirty"):
        text += "\n\nThe repository held changes that were not committed: the commit alone may give other numbers."
    return text


def _two_seeds(found: Sequence[Table]) -> bool:
    rows: list[Row] = [row for table in found for row in table.rows]
    return any(len(row.cells) == 2 for row in rows)
