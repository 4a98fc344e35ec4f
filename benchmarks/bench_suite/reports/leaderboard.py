"""Leaderboards: a table a task, as text of their own or between markers in any Markdown file."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench_suite.contracts import BenchError
from bench_suite.execution.selection import format_selectors
from bench_suite.reports import escaping, formatting
from bench_suite.reports.columns import Column
from bench_suite.reports.table import Row, Table, machine, tables
from bench_suite.store.runs import Run

BEGIN = "<!-- bench:leaderboard -->"
END = "<!-- /bench:leaderboard -->"

READING = (
    "Values with ± are means over seeds and half of the 95 % interval, over test examples and seeds; square brackets "
    "hold its bounds where they are lopsided. Others are medians: round brackets hold the middle half of the samples, "
    "each seed weighing the same, a spread and not an interval. "
    "Rows that share a rank (=) cannot be told apart by their intervals; comparing example by example tells more."
)
FEW_SEEDS = (
    "Two seeds are few: where seeds differ more than examples do, a 95 % interval over two seeds covers the truth in "
    "less than 95 % of all cases."
)


class ReportError(BenchError):
    """A report that cannot be written where it was wanted."""


def leaderboard(runs: Sequence[Run]) -> str:
    """Markdown: a table for each task, data and hardware in these runs, newest run first; smoke runs are left out."""
    ranked = [run for run in runs if not run.info.get("smoke")]
    found = [table for table in tables(ranked) if not table.smoke]
    if not found:
        left_out = f" (smoke runs, which are not ranked: {len(runs)})" if runs else ""
        return f"*No results to rank yet{left_out}: `bench run quickstart` makes some.*\n"
    parts = []
    for table in found:
        parts += [f"### {heading(table)}", about(table), leaderboard_table(table)]
    parts.append(
        READING + (f" {FEW_SEEDS}" if any(len(row.cells) == 2 for table in found for row in table.rows) else "")
    )
    lacks = [(str(run.info["suite"]), lack) for run in ranked if (lack := lacking(run))]
    parts += [f"*{escaping.inline(f'Of a part of the suite {suite} only: {lack}')}.*" for suite, lack in lacks]
    made_by = ", ".join(f"`{run.name}`" for run in ranked)
    parts.append(f"*Made by bench-suite from {made_by}.*")
    return "\n\n".join(parts) + "\n"


def lacking(run: Run) -> str:
    """What a run lacks of its whole suite, in words: `RUN, --only model=mlp, 3 of 4 cells ended well`; else empty."""
    only, cells = run.info.get("only"), int(run.info.get("cells", 0))
    well = sum(record.status == "ok" for record in run.planned_records())
    parts = [format_selectors(only)] if only else []
    parts += [f"{well} of {cells} cells ended well"] if well < cells else []
    return ", ".join([run.name, *parts]) if parts else ""


def heading(table: Table) -> str:
    """The task, the name of its data where that says more, and what tells it from a table of the same name."""
    return escaping.inline(name(table))


def name(table: Table) -> str:
    """The heading as plain text."""
    data = str(table.data.get("name") or table.task)
    parts = [table.task, *([data] if data != table.task else []), *([table.variant] if table.variant else [])]
    return " – ".join(parts)


def about(table: Table) -> str:
    """One line on the data and the hardware."""
    sizes = [
        f"{table.data[split]:,} {split}"
        for split in ("train", "validation", "test")
        if isinstance(table.data.get(split), int)
    ]
    parts = [f"Data from {escaping.inline(table.data['source'])}"] if table.data.get("source") else []
    parts += [f"{', '.join(sizes)} examples"] if sizes else []
    return "; ".join([*parts, f"measured on {escaping.inline(machine(table.hardware))}"]) + "."


def title(column: Column, scale: formatting.Scale) -> str:
    """`throughput/inference, batch_size=1 ↑ (samples/s)`; the arrow points to better."""
    at = "".join(f", {name}={value}" for name, value in column.at)
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    return f"{column.name}{at}{arrow}" + (f" ({scale.unit})" if scale.unit else "")


def head(column: Column, scale: formatting.Scale) -> str:
    """The same as Markdown for the head of a table, on short lines: the probe, the metric, coordinates and unit."""
    probe, slash, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    at = [f"{name}={value}" for name, value in column.at]
    lines = [probe + slash, f"{metric}{arrow}", *at, *([f"({scale.unit})"] if scale.unit else [])]
    return "<br>".join(escaping.inline(line) for line in lines if line)


def row_head(row: Row) -> str:
    """A row's label as Markdown for the head of a table: what tells it apart stands below the model."""
    return escaping.inline(row.model) + "".join(f"<br>{escaping.inline(f'{name}={v}')}" for name, v in row.axes.items())


def leaderboard_table(table: Table) -> str:
    """The table and its footnotes, as Markdown."""
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    notes = escaping.Notes()
    ranks = any(row.rank is not None for row in table.rows)
    header = [
        *(["Rank"] if ranks else []),
        "Model",
        *(head(c, scales[c]) for c in table.columns),
        "Seeds",
    ]
    lines = []
    for row in table.rows:
        rank = formatting.NOTHING if row.rank is None else f"{row.rank}{'=' if row.tied else ''}"
        values = [formatting.short(row.values[c], scales[c]) + notes.mark(row.values[c].reason) for c in table.columns]
        lines.append([*([rank] if ranks else []), escaping.inline(row.label), *values, str(len(row.cells))])
    first = 1 if ranks else 0
    text = escaping.table(header, lines, right=[*range(first), *range(first + 1, len(header))])
    return text + "".join(f"\n\n{escaping.inline(note)}" for note in notes.lines())


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def write_leaderboard(runs: Sequence[Run], target: Path) -> Path:
    """The leaderboard as a file of its own. Raises ReportError."""
    write(target, f"# Leaderboard\n\n{leaderboard(runs)}".encode())
    return target


def insert(text: str, into: Path) -> None:
    """Put a leaderboard between the markers in a Markdown file, and change nothing else.

    Raises ReportError where the file is missing or not UTF-8, or has not each marker once, in order.
    """
    try:
        old = into.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise ReportError(
            f"{into} cannot be read: there is no such file\n"
            f"  the leaderboard goes between these two lines of a Markdown file:\n  {BEGIN}\n  {END}"
        ) from error
    except OSError as error:
        raise ReportError(f"{into} cannot be read: {os.strerror(error.errno) if error.errno else error}") from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{into} cannot be read: it is not UTF-8 (byte {error.start})") from error
    begin, end = old.find(BEGIN), old.find(END)
    if old.count(BEGIN) != 1 or old.count(END) != 1 or begin > end:
        raise ReportError(
            f"{into} needs these two lines, once each, where the leaderboard is to stand:\n  {BEGIN}\n  {END}"
        )
    newline = "\r\n" if "\r\n" in old else "\n"
    between = f"\n{text.strip()}\n".replace("\n", newline)
    new = old[: begin + len(BEGIN)] + newline + between + newline + old[end:]
    if new != old:
        write(into, new.encode())


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and the folders above it. Raises ReportError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        if path.exists() and not path.is_file():  # a pipe or a device is written to, never put in the place of
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(content)
            if path.exists():
                temporary.chmod(path.stat().st_mode)
            temporary.replace(path.resolve() if path.is_symlink() else path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise ReportError(f"cannot write {path}: {os.strerror(error.errno) if error.errno else error}") from error
