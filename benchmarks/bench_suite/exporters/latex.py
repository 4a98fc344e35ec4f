"""Export the board of a run as LaTeX: a booktabs table for each task, with intervals, ranks and ties.

A table has the columns and rows of the leaderboard of the run, in a float with caption and label; it needs the package
booktabs. A rank with `=` is shared, and rows that share a letter cannot be told apart. Bold marks the best values of a
column, as in the leaderboard: those that no other one is clearly better than. Text below a table states the data, the
hardware, how to read the values, and why one is missing.

Any text is escaped. Letters that pdfLaTeX does not know, such as Chinese ones, are printed by LuaLaTeX and XeLaTeX, and
as U+6F22 by pdfLaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Literal

from bench_suite.components.options import show
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import BenchError
from bench_suite.reports import formatting, leaderboard
from bench_suite.reports.best import best_values
from bench_suite.reports.columns import Column, all_columns, columns_named
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Table, check_reference, standings
from bench_suite.store.runs import Run
from bench_suite.suite.column_names import read_column_name

SUFFIXES = (".tex",)


@dataclass(frozen=True)
class Options:
    """Options of the tables."""

    caption: str = ""
    "Text of the captions, before the name of the task; default: the title of the suite."
    label: str = "tab:bench"
    "Label of the tables for `\\ref`; the name of the task follows if there are several: `tab:bench-mnist`."
    reference: str = ""
    "Show how much the other models differ from this one, or from the `best` of each task; default: that of the suite."
    notes: bool = True
    "Print data, hardware, and how to read the values below each table."
    columns: tuple[str, ...] = ()
    "Show these metrics, such as `quality/accuracy`, and the one that ranks; default: `[report] columns` of the suite."
    size: Literal["normalsize", "small", "footnotesize", "scriptsize"] = "small"
    "Size of the font."
    document: bool = False
    "Write a whole document that compiles by itself, instead of tables for `\\input`."


def export(run: Run, options: Options) -> bytes:
    """Return the tables.

    Raises:
        BenchError: it is a smoke run, no cell has a result, or there is no such reference.
    """
    if run.info.get("smoke"):
        raise BenchError(f"{run.name} is a smoke run, whose numbers mean nothing\n  run it without --smoke")
    check_reference(options.reference or None, [run])
    run = with_columns(run, options.columns) if options.columns else run
    tables = [table for table in standings([run], options.reference or None).tables if table.rows]
    if not tables:
        raise BenchError(f"{run.name} has no cell with a result, so there is no table to write")
    body = "\n".join(_float(table, run, options, tables) for table in tables)
    parts = [f"% Written by `bench export` from the run {_comment(run.name)}. Needs \\usepackage{{booktabs}}.\n"]
    parts += [DEFINITION] if r"\benchchar" in body else []
    if options.document:
        parts.append(PREAMBLE)
        body += "\n\\end{document}\n"
    return "".join([*parts, body]).encode()


def with_columns(run: Run, names: Sequence[str]) -> Run:
    """Return the run as if its suite stated these columns.

    Raises:
        BenchError: no cell has one of these metrics.
    """
    known = all_columns(run.records())
    for name in names:
        try:
            matching = columns_named(known, read_column_name(name))
        except ValueError as error:
            raise BenchError(f"columns: {show(name)}: {error}") from None
        if not matching:
            hint = nearest(name, [column.name for column in known])
            raise BenchError(f"columns: {run.name} has no metric {show(name)}{hint}")
    other = copy(run)
    other.info = {**run.info, "report": {**(run.info.get("report") or {}), "columns": [*names]}}
    return other


PREAMBLE = r"""\documentclass{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\begin{document}
"""
DEFINITION = r"""\ifdefined\benchchar\else
  % The character, if the engine knows all of Unicode or this one, else its number.
  \DeclareRobustCommand{\benchchar}[2]{%
    \ifdefined\Umathchar#1\else\ifcsname u8:\detokenize{#1}\endcsname#1\else\texttt{U+#2}\fi\fi}
\fi
"""


def _float(table: Table, run: Run, options: Options, tables: Sequence[Table]) -> str:
    name, several = leaderboard.name(table), len(tables) > 1
    namesakes = sum(other.task == table.task for other in tables) > 1
    title = options.caption or str(run.info.get("title") or run.info["suite"])
    label = options.label + (f"-{name if namesakes else table.task}" if several else "")
    notes = _Notes()
    lines = [*_tabular(table, notes)]
    text = [leaderboard.about_text(table), leaderboard.reading([table]), *table.notes]
    below = [_prose(" ".join(text))] if options.notes else []
    below += [f"\\textsuperscript{{{number}}}~{escaped(note)}" for note, number in notes.numbers.items()]
    box = r"\begin{minipage}{\linewidth}\footnotesize "
    return "\n".join([
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{escaped(title)}: {escaped(name)}}}",
        f"  \\label{{{re.sub('[^a-zA-Z0-9:.]+', '-', label)}}}",
        f"  \\{options.size}",
        *(f"  {line}" for line in lines),
        *(f"  \\par\\smallskip\n  {box}{part}\\end{{minipage}}" for part in below),
        r"\end{table}",
        "",
    ])  # fmt: skip


def _tabular(table: Table, notes: _Notes) -> Iterator[str]:
    """Yield the lines of a table, with the columns of `leaderboard.leaderboard_table`."""
    scales = {c: formatting.scale_for((row.values[c].value for row in table.rows), c.unit) for c in table.columns}
    ranks = any(row.rank is not None for row in table.rows)
    folds = any(row.folds for row in table.rows)
    bold = best_values(table)
    head = [
        *(["Rank"] if ranks else []),
        "Model",
        *(_column_head(column, scales[column]) for column in table.columns),
        *(["Folds"] if folds else []),
        "Seeds",
    ]
    yield f"\\begin{{tabular}}{{{'r' if ranks else ''}l{'r' * (len(head) - 1 - ranks)}}}"
    yield r"  \toprule"
    yield f"  {' & '.join(head)} \\\\"
    yield r"  \midrule"
    for position, row in enumerate(table.rows):
        cells = [_rank(row)] if ranks else []
        cells.append(escaped(row.label) + notes.mark(row.note) + notes.mark(row.chosen or None))
        for column in table.columns:
            text = escaped(leaderboard.value_text(row.values[column], column, scales[column]))
            text = f"\\textbf{{{text}}}" if position in bold.get(column, ()) else text
            cells.append(text + notes.mark(row.values[column].note))
        cells += [str(row.folds or 1), str(row.seeds)] if folds else [str(len(row.cells))]
        yield f"  {' & '.join(cells)} \\\\"
    yield r"  \bottomrule"
    yield r"\end{tabular}"


def _rank(row: Row) -> str:
    if row.rank is None:
        return escaped(formatting.NOTHING)
    return f"{row.rank}{'=' if row.tied else ''} {row.letters}".strip()


def _column_head(column: Column, scale: formatting.Scale) -> str:
    """Return the title of a column on short lines: probe, metric, coordinates and unit."""
    probe, slash, metric = column.name.partition("/")
    arrow = {"higher": " ↑", "lower": " ↓"}.get(column.better, "")
    lines = [probe + slash, f"{metric}{arrow}", *(f"{name}={value}" for name, value in column.at)]
    lines += [f"({scale.unit})"] if scale.unit else []
    lines += [f"− {column.reference}"] if column.reference else []
    stacked = r" \\ ".join(escaped(line) for line in lines if line)
    return f"\\begin{{tabular}}[b]{{@{{}}r@{{}}}}{stacked}\\end{{tabular}}"


class _Notes:
    """The footnotes of one table; equal notes share a number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def mark(self, note: str | None) -> str:
        """Return the superscript number of a note; empty for no note."""
        return f"\\textsuperscript{{{self.numbers.setdefault(note, len(self.numbers) + 1)}}}" if note else ""


# ── text ────────────────────────────────────────────────────────────────────────────────────────

MARKS: Mapping[str, str] = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", '"': "{''}",
    "±": r"$\pm$", "−": "$-$", "–": "--", "—": "---", "×": r"$\times$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$", "←": r"$\leftarrow$", "µ": r"$\mu$", "μ": r"$\mu$",
    "α": r"$\alpha$", "β": r"$\beta$", "δ": r"$\delta$", "ε": r"$\varepsilon$", "λ": r"$\lambda$", "σ": r"$\sigma$",
    "…": r"\ldots{}", "“": "``", "”": "''", "‘": "`", "’": "'", "°": r"$^\circ$", "²": r"$^2$", "³": r"$^3$",
    "⁵": r"$^5$", "\u00a0": "~", "\u202f": r"\,",
}  # fmt: skip
"""Characters with a meaning in LaTeX, or without a glyph in the usual fonts of pdfTeX.

A bracket in braces begins and ends no optional argument."""
LIGATURE = re.compile("-(?=-)|'(?=')|,(?=,)|[!?](?=`)")
"What would join with the next character to another one: `--` is a dash."
ACCENTED = re.compile(r"[À-ÖØ-Ýà-öø-ýßÿ]")
"Letters that pdfTeX knows in each font encoding, without Ð, Þ and their small letters."


def escaped(text: object) -> str:
    """Return any value as LaTeX that prints it: no character is a command, and control characters become blanks."""
    visible = "".join(c if c.isprintable() or c in MARKS else " " for c in str(text))
    parts = LIGATURE.sub("\\g<0>\0", re.sub(" +", " ", visible).strip()).split("\0")
    return "{}".join("".join(map(_character, part)) for part in parts)


def _character(character: str) -> str:
    if character in MARKS:
        return MARKS[character]
    if character.isascii() or (ACCENTED.match(character) and character not in "ÐÞðþ"):
        return character
    return f"\\benchchar{{{character}}}{{{ord(character):04X}}}"


def _prose(text: str) -> str:
    """Return a text of this program, whose commands stand between backticks."""
    parts = text.split("`")
    return "".join(f"\\texttt{{{escaped(part)}}}" if odd % 2 else _spaced(part) for odd, part in enumerate(parts))


def _spaced(text: str) -> str:
    """Return an escaped text with the blanks at its ends."""
    inner = escaped(text)
    return f"{' ' * text.startswith(' ')}{inner}{' ' * (text.endswith(' ') and bool(text.strip()))}"


def _comment(text: str) -> str:
    return "".join(c for c in text if c.isprintable())
