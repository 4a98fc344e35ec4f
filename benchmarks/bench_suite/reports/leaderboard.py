"""Leaderboards as Markdown: a table per task, in a file of its own or between markers in another file."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from bench_suite.contracts import BenchError
from bench_suite.execution.selection import format_selectors
from bench_suite.reports import escaping, formatting
from bench_suite.reports.across_tasks import across_tasks, as_markdown
from bench_suite.reports.best import READING as BOLD
from bench_suite.reports.best import best_values, bold
from bench_suite.reports.columns import Column
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Standings, Table, machine, standings
from bench_suite.reports.values import Value
from bench_suite.store.runs import Run

BEGIN = "<!-- bench:leaderboard -->"
END = "<!-- /bench:leaderboard -->"
MIN_LISTED = 4
"Tables at least for a list of contents."

READING = (
    "A value with ± is the mean over seeds and half of its 95 % interval, over test examples and seeds; square "
    "brackets contain the bounds of an asymmetric interval. Other values are medians: parentheses contain the middle "
    "half of the samples, with equal weight for each seed, or all of two or three; this is a spread and not an "
    "interval."
)
BY_INTERVALS = (
    "Rows that share a rank (=) cannot be distinguished by their intervals; `bench compare` pairs the test examples "
    "and can detect smaller differences."
)
BY_PAIRS = (
    "A rank is 1 + the number of rows that are better. Each pair of rows is compared by its difference, paired by seed "
    "and test example where predictions are stored; the chance of any false difference in a table is at most 5 % "
    "(Holm). Rows that share a letter cannot be told apart."
)
SOME_BY_INTERVALS = "Pairs without such a difference are told apart if their intervals or spreads do not overlap."
DIFFERENCES = (
    "A column `− MODEL` contains the difference from that model, with an interval, a verdict and p, all corrected for "
    "the differences of the whole table (Holm, 5 %). `not clear`: the interval contains 0."
)
CHANGES = (
    "The column `− {reference}` contains the change since {base}, over the same test examples and "
    "seeds, with the interval that decides. The verdict is that of the gate, or else *better* or *worse* if 0 lies "
    "outside (`not clear`: it does not); at most 5 % of such findings are false on average (Benjamini and Hochberg)."
)
FEW_SEEDS = (
    "Two seeds are few: if seeds differ more than examples, a 95 % interval over two seeds covers the true value in "
    "less than 95 % of all cases."
)


FOLDS = (
    "A mean over folds has an interval that allows for the training data that folds share (Nadeau and Bengio 2003). It "
    "describes models that are trained on other data of this size."
)
CLUSTERS = (
    "If examples come in clusters, such as several of one customer, the intervals of their metrics are over clusters: "
    "they describe other customers, and are wider than intervals over single examples."
)


def reading(shown: Sequence[Table]) -> str:
    """Return how to read the values of some tables."""
    rows = [row for table in shown for row in table.rows]
    parts = [READING]
    ways = {table.ranked_by for table in shown if any(row.rank is not None for row in table.rows)}
    parts += [BY_PAIRS] if ways - {"intervals"} else []
    parts += [SOME_BY_INTERVALS] if "pairs and intervals" in ways else []
    parts += [BY_INTERVALS] if "intervals" in ways else []
    references = {(table.baseline, column.reference) for table in shown for column in table.columns if column.reference}
    parts += [DIFFERENCES] if any(baseline != reference for baseline, reference in references) else []
    for changed in dict.fromkeys(reference for baseline, reference in sorted(references) if baseline == reference):
        base = "the suite's baseline" if changed == "baseline run" else "that run"
        parts.append(CHANGES.format(reference=escaping.inline(changed), base=base))
    parts += [BOLD] if any(best_values(table) for table in shown) else []
    parts += [FEW_SEEDS] if any(len(row.cells) == 2 and row.folds < 2 for row in rows) else []
    parts += [FOLDS] if any(row.folds > 1 for row in rows) else []
    parts += [CLUSTERS] if has_clusters(rows) else []
    return " ".join(parts)


def has_clusters(rows: Iterable[Row]) -> bool:
    """Return whether any value of these rows has an interval over clusters of examples."""
    return any(value.over_clusters for row in rows for value in row.values.values())


class ReportError(BenchError):
    """A report that cannot be written to its target."""


def ranked_runs(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that are ranked: all but smoke runs."""
    return [run for run in runs if not run.info.get("smoke")]


def leaderboard(runs: Sequence[Run], known: Standings | None = None, *, level: int = 3) -> str:
    """Return the leaderboard of some runs as Markdown, with a table for each task, data set and hardware.

    Args:
        runs: the runs, in any order; smoke runs are left out.
        known: the standings of `ranked_runs(runs)`, if they were computed before.
        level: of the headings of the tables. Below a heading of level 1, a list of contents precedes many tables.
    """
    ranked = ranked_runs(runs)
    ranking = known or standings(ranked)
    ranked_tables = [table for table in ranking.tables if not table.smoke]
    if not ranked_tables:
        left_out = f" (smoke runs, which are not ranked: {len(runs)})" if runs else ""
        return f"*No results to rank yet{left_out}: `bench run quickstart` makes some.*\n"
    summary = across_tasks(ranked_tables)
    marks = "#" * level
    several_suites = len({suite for table in ranked_tables for suite in table.suites}) > 1
    headings = [*map(heading, ranked_tables), *(["Across tasks"] if summary is not None else [])]
    with_contents = level == 2 and len(headings) >= MIN_LISTED
    names = anchors(map(name, ranked_tables), "across-tasks")
    parts = [contents(zip(headings, names))] if with_contents else []
    for table, title_text, anchor in zip(ranked_tables, headings, names):
        suites = f" {suites_text(table)}" if several_suites else ""
        parts += [anchor_line(anchor)] if with_contents else []
        parts += [f"{marks} {title_text}", about(table) + suites, leaderboard_table(table)]
    if summary is not None:
        parts += [anchor_line(names[-1])] if with_contents else []
        parts += [f"{marks} Across tasks", as_markdown(summary)]
    parts.append(reading(ranked_tables))
    incomplete = [(str(run.info["suite"]), missing) for run in ranked if (missing := missing_part(run))]
    parts += [
        f"*{escaping.inline(f'Incomplete run of the suite {suite}: {missing}')}.*" for suite, missing in incomplete
    ]
    parts += [
        f"*Superseded: {count} cell{'s' if count != 1 else ''} of `{older}` by newer results of `{newer}`.*"
        for older, newer, count in ranking.superseded
    ]
    run_names = ", ".join(f"`{run.name}`" for run in ranked)
    parts.append(f"*Made by bench-suite from {run_names}.*")
    return "\n\n".join(parts) + "\n"


def suites_text(table: Table) -> str:
    """Return a sentence about the suites that the rows of a table are of, as Markdown."""
    names = [*map(escaping.inline, table.suites)]
    return f"Suite: {names[0]}." if len(names) == 1 else f"Suites: {', '.join(names[:-1])} and {names[-1]}."


def anchors(names: Iterable[str], *further: str) -> list[str]:
    """Return a name for a link to each heading, of small letters, digits and hyphens, all different.

    Args:
        names: the headings as plain text.
        further: names that follow as they are.
    """
    seen: dict[str, int] = {}
    unique = []
    for text in (*names, *further):
        anchor = re.sub("[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
        while (number := seen.get(anchor, 0)) > 0:
            seen[anchor] = number + 1
            anchor = f"{anchor}-{number + 1}"
        seen[anchor] = 1
        unique.append(anchor)
    return unique


def anchor_line(anchor: str) -> str:
    """Return the target of a link as Markdown, which does not depend on how a page makes names of its headings."""
    return f'<a id="{anchor}"></a>'


def contents(entries: Iterable[tuple[str, str]]) -> str:
    """Return a list of contents as Markdown, from headings as Markdown and the targets of their links."""
    return "\n".join(f"- [{heading_text}](#{anchor})" for heading_text, anchor in entries)


def missing_part(run: Run) -> str:
    """Return what a run lacks of its suite, such as `RUN, --only model=mlp, 3 of 4 cells succeeded`.

    The text is empty if the run is complete.
    """
    only, cells = run.info.get("only"), int(run.info.get("cells", 0))
    succeeded = sum(record.status == "ok" for record in run.planned_records())
    parts = [format_selectors(only)] if only else []
    parts += [f"{succeeded} of {cells} cells succeeded"] if succeeded < cells else []
    return ", ".join([run.name, *parts]) if parts else ""


def heading(table: Table) -> str:
    """Return the heading of a table as Markdown: its task, its data set if named differently, and its variant."""
    return escaping.inline(name(table))


def name(table: Table) -> str:
    """Return the heading of a table as plain text."""
    data = str(table.data.get("name") or table.task)
    parts = [table.task, *([data] if data != table.task else []), *([table.variant] if table.variant else [])]
    return " – ".join(parts)


def about(table: Table) -> str:
    """Return a sentence about the data and the hardware of a table, as Markdown."""
    return escaping.inline(about_text(table))


def about_text(table: Table) -> str:
    """Return a sentence about the data and the hardware of a table, as plain text."""
    sizes = [
        f"{table.data[split]:,} {split}"
        for split in ("train", "validation", "test")
        if isinstance(table.data.get(split), int)
    ]
    parts = [f"Data from {table.data['source']}"] if table.data.get("source") else []
    if folds := table.data.get("folds"):
        times = f", drawn {folds['repeats']} times" if folds["repeats"] > 1 else ""
        parts += [f"{folds['examples']:,} examples in {folds['folds']} folds{times}"]
    else:
        parts += [f"{', '.join(sizes)} examples"] if sizes else []
    return "; ".join([*parts, f"measured on {machine(table.hardware)}"]) + "."


def title(column: Column, scale: formatting.Scale) -> str:
    """Return a title such as `throughput/inference, batch_size=1 ↑ (samples/s)`; ↑ means that higher is better."""
    at = "".join(f", {name}={value}" for name, value in column.at)
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    return f"{column.name}{at}{arrow}" + (f" ({scale.unit})" if scale.unit else "")


def column_head(column: Column, scale: formatting.Scale) -> str:
    """Return the title as Markdown for the head of a table, on short lines: probe, metric, coordinates and unit."""
    probe, slash, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    at = [f"{name}={value}" for name, value in column.at]
    unit = [f"({scale.unit})"] if scale.unit else []
    lines = [probe + slash, f"{metric}{arrow}", *at, *unit, *([f"− {column.reference}"] if column.reference else [])]
    return "<br>".join(escaping.inline(line) for line in lines if line)


def value_text(value: Value, column: Column, scale: formatting.Scale) -> str:
    """Return the value of a column of a table: of a metric, or a difference from the reference."""
    return (formatting.difference if column.reference else formatting.short)(value, scale)


def row_head(row: Row) -> str:
    """Return the label of a row as Markdown for the head of a table, with its axes below the model."""
    return escaping.inline(row.model) + "".join(f"<br>{escaping.inline(f'{name}={v}')}" for name, v in row.axes.items())


def leaderboard_table(table: Table, max_rows: int | None = None) -> str:
    """Return a table and its footnotes as Markdown, with the best values of each column in bold.

    Args:
        table: the table.
        max_rows: the number of rows at most, the first ones; default: all of them.
    """
    best = best_values(table)
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    notes = escaping.Notes()
    ranks = any(row.rank is not None for row in table.rows)
    folds = any(row.folds for row in table.rows)
    header = [
        *(["Rank"] if ranks else []),
        "Model",
        *(column_head(c, scales[c]) for c in table.columns),
        *(["Folds"] if folds else []),
        "Seeds",
    ]
    lines = []
    for number, row in enumerate(table.rows[:max_rows]):
        rank = formatting.NOTHING if row.rank is None else f"{row.rank}{'=' if row.tied else ''} {row.letters}".strip()
        values = [
            bold(value_text(row.values[c], c, scales[c]), is_best=number in best.get(c, ()))
            + notes.mark(row.values[c].note, row.label)
            for c in table.columns
        ]
        label = escaping.inline(row.label) + notes.mark(row.note) + notes.mark(row.chosen or None)
        counts = [str(row.folds or 1), str(row.seeds)] if folds else [str(len(row.cells))]
        lines.append([*([rank] if ranks else []), label, *values, *counts])
    first = 1 if ranks else 0
    text = escaping.table(header, lines, right=[*range(first), *range(first + 1, len(header))])
    return text + "".join(f"\n\n{escaping.inline(note)}" for note in (*notes.lines(len(lines)), *table.notes))


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def write_leaderboard(runs: Sequence[Run], target: Path, known: Standings | None = None) -> Path:
    """Write the leaderboard of some runs, as `leaderboard` returns it, to the file `target`, and return the path.

    Raises:
        ReportError: the file cannot be written.
    """
    write(target, f"# Leaderboard\n\n{leaderboard(runs, known, level=2)}".encode())
    return target


def insert(text: str, into: Path) -> None:
    """Insert a leaderboard between the markers BEGIN and END of a Markdown file; change nothing else.

    Args:
        text: the leaderboard as Markdown.
        into: the Markdown file.

    Raises:
        ReportError: the file is missing, is not UTF-8, cannot be written, or lacks the two markers in this order, once
            each.
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
            f"{into} must contain these two lines, once each; the leaderboard goes between them:\n  {BEGIN}\n  {END}"
        )
    newline = "\r\n" if "\r\n" in old else "\n"
    between = f"\n{text.strip()}\n".replace("\n", newline)
    new = old[: begin + len(BEGIN)] + newline + between + newline + old[end:]
    if new != old:
        write(into, new.encode())


def write(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write a file completely or not at all, and create its folders.

    Args:
        path: the file.
        content: what it contains, or the parts of it, in order.

    Raises:
        ReportError: the file cannot be written.
    """
    temporary = path.parent / f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(3)}.tmp"
    parts = [content] if isinstance(content, bytes) else content
    try:
        if path.exists() and not path.is_file():  # a pipe or a device must not be replaced by a file
            with path.open("wb") as file:
                file.writelines(parts)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.writelines(parts)
            if path.exists():
                temporary.chmod(path.stat().st_mode)
            temporary.replace(path.resolve() if path.is_symlink() else path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise ReportError(f"cannot write {path}: {os.strerror(error.errno) if error.errno else error}") from error
