"""Render a comparison of two runs: Markdown for a pull request or a job's page, and plain text for a terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.gate_changes import GateChange
from bench_suite.comparison.pairing import FAILED, UncomparedCell
from bench_suite.comparison.verdicts import FALSE_DISCOVERIES, LEVEL, WORST_FIRST, Row, Verdict
from bench_suite.reports import escaping, formatting
from bench_suite.reports.fitting_lines import fitting_lines
from bench_suite.stats.power import POWER
from bench_suite.store.commands import bench, results_option

QUIET: tuple[Verdict, ...] = ("not compared", "no difference found")
"Verdicts of metrics without a gate that are folded away."
MAX_DIGITS = 7
"Digits of a number, however small its uncertainty."
MAX_MARKDOWN = 60_000
"Characters of the Markdown of a comparison: GitHub refuses a comment of more than 65,536."
MAX_NOTE = 500
"Characters of a note in the Markdown."
RESERVE = 1_000
"Characters kept for the words that say what is left out."
MAX_NAMED = 5
"Metrics without a gate that are not compared and named with their reason; the text counts further ones."
MAX_BOUND = 1e6
"Bounds of an interval that are larger than this many times every other number of their row are written as ∞."
MORE_DECIMALS = 4
"Most further decimals of a row whose bound would otherwise read as the number that decides."
GATES_DIFFER = "the gates of the two suites differ; those of head are judged:"
READING = (
    "Differences are head − base (in percent for timings and ratios), over the same test examples and seeds. The "
    "interval in brackets decides. A gated metric is *regressed* if both ends are worse than *allowed*, *not worse "
    "than the tolerance* if neither is, and otherwise *cannot tell*. Gated metrics are judged together: the chance "
    "that any of "
    f"them is called *regressed* by mistake is at most {LEVEL * 100:g} % (one-sided tests, Holm). *Finds* is the least "
    f"worsening that {POWER * 100:g} % of comparisons find. Other metrics are called *worse*, *better* or *differs* if "
    f"0 lies outside their interval; at most {FALSE_DISCOVERIES * 100:g} % of these findings are false on average "
    "(Benjamini and Hochberg), and they do not change the exit status."
)


@dataclass(frozen=True)
class _Numbers:
    """A row's numbers as text; empty if there are none."""

    base: str
    head: str
    difference: str
    allowed: str
    finds: str


def as_markdown(comparison: Comparison, limit: int = MAX_MARKDOWN, results: Path | None = None) -> str:
    """Return one table, worst first; metrics that are neither gated nor a finding are folded away below it.

    Rows and notes that would make the text longer than `limit` characters are left out from the end, that is the best
    ones, and counted; the text then names the command that prints all of them, with the folder `results` of the runs.
    """
    words = (comparison.base_word or comparison.base, comparison.head, "--json")
    everything = f"{escaping.code(bench('compare', *words, results=results))} prints all of them"
    head = [f"### {title(comparison)}", f"{escaping.inline(comparison.base)} → {escaping.inline(comparison.head)}"]
    if comparison.gate_changes:
        changes = [_change_line(change) for change in comparison.gate_changes]
        head.append(GATES_DIFFER.capitalize())
        head.append(fitting_lines(changes, str, "\n".join, limit // 4, f"changes of gates; {everything}"))
    shown, quiet = shown_and_quiet(comparison)
    notes = fitting_lines(
        comparison.notes, lambda note: f"- {_short(note)}", "\n".join, limit // 4, f"notes; {everything}"
    )
    left = limit - sum(map(len, (*head, notes, READING))) - RESERVE
    items = _items_of(comparison, shown)
    rest = f"rows, no worse than these; {everything}"
    table = fitting_lines(items, lambda item: _as_line(_entry(item)), _table, left, rest)
    left -= len(table)
    folded = fitting_lines(quiet, lambda row: _as_line(entry_of(row, "")), _table, left, f"rows; {everything}")
    if folded:
        summary = f"{len(quiet)} metrics that are not gated, without a finding"
        folded = f"<details><summary>{summary}</summary>\n\n{folded}\n\n</details>"
    gates, others = _levels_in_words(comparison.rows)
    levels = "; ".join(filter(None, (gates and f"gates: {gates}", others and f"other metrics: {others}")))
    reading = f"{READING} Levels of the intervals: {levels}." if levels else READING
    return "\n\n".join([*head, *filter(None, (table, folded)), notes, reading]) + "\n"


def _short(text: str) -> str:
    """Return a note as Markdown, cut if it is very long."""
    return escaping.inline(text if len(text) <= MAX_NOTE else text[: MAX_NOTE - 1] + "…")


def as_text(comparison: Comparison) -> str:
    """Return gated metrics, findings and cells that are not compared, worst first, with notes on the whole runs."""
    parts = [f"{comparison.base} → {comparison.head}"]
    parts += [f"  {GATES_DIFFER}"] if comparison.gate_changes else []
    parts += [f"    {'!' if change.weaker else ' '} {change}" for change in comparison.gate_changes]
    parts += [*(f"  {note}" for note in comparison.notes), ""]
    shown, quiet = shown_and_quiet(comparison)
    entries: list[tuple[Verdict, list[str]]] = [(row.verdict, list(_row_text(row))) for row in shown]
    for cell in comparison.uncompared:
        entries.append(("not compared", [f"{cell.reason_code}: {cell.where}", f"    {_detail(cell)}"]))
    for _, lines in sorted(entries, key=lambda entry: WORST_FIRST.index(entry[0])):
        parts += lines
    rest = Counter(row.verdict for row in quiet)
    if rest:
        parts.append("not gated: " + ", ".join(f"{count} {verdict}" for verdict, count in rest.items()))
    silent = [row for row in quiet if row.verdict == "not compared"]
    parts += [f"    {row.name}, {row.where}: {row.note}" for row in silent[:MAX_NAMED]]
    if len(silent) > MAX_NAMED:
        parts.append(f"    and {len(silent) - MAX_NAMED} more: --json prints all of them")
    shown_intervals = [row for row in shown if row.interval is not None]
    return "\n".join([*parts, *_reading_of(shown_intervals), "", title(comparison)])


def _reading_of(rows: Sequence[Row]) -> Iterator[str]:
    """Yield lines of text that say how the intervals of these rows decide, and at which level."""
    if not rows:
        return
    yield ""
    gates, others = _levels_in_words(rows)
    if any(row.gated for row in rows):
        yield "[…] decides a gate: regressed if both ends are worse than allowed, not worse"
        yield "if neither is" + (f"; {gates}" if gates else "")
    if not all(row.gated for row in rows):
        yield f"[…] decides the others: a finding if 0 lies outside{others and f' ({others})'}"


def _levels_in_words(rows: Sequence[Row]) -> tuple[str, str]:
    """Return how often the ends of the intervals of gates are wrong, and the level of those of other metrics."""
    gates = next((row for row in rows if row.gated and row.levels is not None), None)
    other = next((row for row in rows if not row.gated and row.levels is not None), None)
    worse, better = _levels(gates)[:: -1 if gates is not None and gates.better == "lower" else 1]
    return (
        f"the worse end errs in {_percent(worse)} of comparisons, the better in {_percent(better)}" if gates else "",
        f"{_percent(1 - sum(_levels(other)))} intervals" if other else "",
    )


def _levels(row: Row | None) -> tuple[float, float]:
    return (row.levels if row is not None else None) or (math.nan, math.nan)


def _percent(share: float) -> str:
    return f"{share * 100:.{4 if share > 0.5 else 3}g} %"


def _row_text(row: Row) -> Iterator[str]:
    """Yield a metric's verdict, its numbers, and its note."""
    yield f"{row.verdict}: {row.name}, {row.where}{'' if row.gated else '  (not gated)'}"
    yield from (f"    {text}" for text in (numbers_in_words(row), row.note) if text)


def numbers_in_words(row: Row) -> str:
    """Return the values of a metric, their difference with its interval, and what is allowed; empty without values."""
    numbers = _numbers(row)
    named = {"difference": numbers.difference, "allowed": numbers.allowed, "finds": numbers.finds}
    words = [f"{name} {number}" for name, number in named.items() if number]
    return ", ".join([f"{numbers.base} → {numbers.head}", *words]) if numbers.head else ""


def what_next(comparison: Comparison, results: Path | None = None) -> str:
    """Return the next step that a person would take, with the folder of the runs."""
    option = "" if results is None else results_option(results)
    if not comparison.gated and comparison.status == 0:
        return 'next: give the suite a [gate]: "PROBE/METRIC" = { tolerance = 0.01 }'
    if comparison.status == 0 and any(row.gated and row.verdict == "cannot tell" for row in comparison.rows):
        return _what_decides(comparison, option)
    hints = {
        1: "next: bench compare … --markdown FILE   the whole table, for a pull request",
        3: f"next: bench results{option}   then bench run … --resume runs again what failed",
        4: _what_decides(comparison, option),
        0: f"next: bench baseline set{option}   keeps the newer run as the baseline",
    }
    return hints[comparison.status]


def _what_decides(comparison: Comparison, option: str) -> str:
    """Return the next step if the comparison cannot tell."""
    undecided = [row for row in comparison.rows if row.gated and row.verdict == "cannot tell"]
    if any(row.next_seeds for row in undecided):
        return "next: bench run … --resume --against BASE   adds seeds on both sides until it can tell"
    if any(row.p is not None for row in undecided):
        more = "base runs, examples or seeds" if comparison.base_word else "examples or seeds"
        return f"next: more {more} as stated above, or a wider tolerance"
    if undecided:
        return "next: measure the gated metrics on both sides, or do not gate them"
    if comparison.rows and any(cell.reason_code == "missing" for cell in comparison.uncompared):
        return "next: bench run … --resume   runs the missing cells"
    if comparison.rows:
        return (
            f"next: bench baseline set{option}   keeps the newer run as the baseline, if its cells are the right ones"
        )
    return f"next: bench results{option}   lists the runs; the reasons above say why nothing is compared"


def title(comparison: Comparison) -> str:
    """Return the result in one line."""
    gated = [row for row in comparison.rows if row.gated]
    count = Counter(row.verdict for row in gated)
    verdicts = ", ".join(f"{count[verdict]} {verdict}" for verdict in WORST_FIRST if count[verdict])
    parts = [f"{len(gated)} gated metric{'s' if len(gated) != 1 else ''}: {verdicts or 'none'}"]
    if not comparison.gated:
        parts = ["Nothing is judged: the suite gates no metric"]
    cells = [cell for cell in comparison.uncompared if not cell.probe]
    if cells:
        parts.append("1 kind of cell not compared" if len(cells) == 1 else f"{len(cells)} kinds of cells not compared")
    failed = [cell for cell in comparison.uncompared if cell.reason_code in FAILED]
    if failed:
        first = failed[0]
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        parts.append(f"failed: {f'{first.probe} in ' if first.probe else ''}{first.where}{more}")
    return "; ".join(parts)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────


HEADER = ("Verdict", "Metric", "Cells", "Base", "Head", "Difference", "Allowed", "Finds", "Note")
"Heads of the columns of a comparison as a table."


@dataclass(frozen=True)
class Entry:
    """A line of a comparison as a table: plain text by the columns of `HEADER`."""

    verdict: Verdict
    metric: str
    where: str
    numbers: tuple[str, str, str, str, str]
    note: str


def shown_and_quiet(comparison: Comparison) -> tuple[list[Row], list[Row]]:
    """Return the rows with a gate or a finding, and those that are folded away."""
    rows: tuple[list[Row], list[Row]] = ([], [])
    for row in comparison.rows:
        rows[not row.gated and row.verdict in QUIET].append(row)
    return rows


def entries_of(comparison: Comparison, rows: Sequence[Row]) -> list[Entry]:
    """Return some rows of a comparison and its cells that are not compared, worst first."""
    return list(map(_entry, _items_of(comparison, rows)))


def _items_of(comparison: Comparison, rows: Sequence[Row]) -> list[Row | UncomparedCell]:
    """Return some rows of a comparison and its cells that are not compared, worst first."""
    return sorted(
        [*rows, *comparison.uncompared],
        key=lambda item: WORST_FIRST.index(item.verdict if isinstance(item, Row) else "not compared"),
    )


def _entry(item: Row | UncomparedCell) -> Entry:
    if isinstance(item, Row):
        return entry_of(item)
    reason = f"{item.reason_code}: {item.detail}"
    return Entry("not compared", item.probe or "all", item.where, ("", "", "", "", ""), reason)


def entry_of(row: Row, not_gated: str = " (not gated)") -> Entry:
    """Return a metric as a line of the table; `not_gated` follows the name of one without a gate."""
    numbers = _numbers(row)
    name = row.name + ("" if row.gated else not_gated)
    texts = (numbers.base, numbers.head, numbers.difference, numbers.allowed, numbers.finds)
    return Entry(row.verdict, name, row.where, texts, row.note)


def _table(lines: Sequence[Sequence[str]]) -> str:
    return escaping.table(HEADER, lines, right=(3, 4, 5, 6, 7))


def _as_line(entry: Entry) -> list[str]:
    """Return a line of the table as Markdown."""
    verdict = f"**{entry.verdict}**" if entry.verdict == "regressed" else entry.verdict
    return [verdict, escaping.inline(entry.metric), escaping.inline(entry.where), *entry.numbers, _short(entry.note)]


def _change_line(change: GateChange) -> str:
    """Return a change of a gate as an item of a list, bold if a loss may now pass."""
    text = _short(str(change))
    return f"- **{text}**" if change.weaker else f"- {text}"


def _detail(cell: UncomparedCell) -> str:
    return f"{cell.probe}: {cell.detail}" if cell.probe else cell.detail


def _numbers(row: Row) -> _Numbers:
    """Format numbers with as many decimals as the interval of their difference supports."""
    if row.base is None or row.head is None:
        return _Numbers("", "", "", "", "")
    scale = formatting.scale_for([row.base, row.head], row.unit)
    decimals = _decimals(row, max(abs(row.base), abs(row.head)) or 1.0)
    if row.relative or decimals is None:
        values = [*formatting.two_plain_numbers(row.base / scale.divisor, row.head / scale.divisor)]
    else:
        scale = formatting.Scale(1.0, "" if row.unit in ("fraction", "score", "count") else row.unit)
        values = [*formatting.two_rounded(row.base, row.head, decimals)]
    values[1] += f" {scale.unit}" if scale.unit else ""
    factor, suffix = (100.0, " %") if row.relative else (1 / scale.divisor, "")
    worse = _worse(row)

    def loss(value: float | None, digits: int | None = None) -> str:
        if value is None:
            return ""
        text = formatting.plain_number(worse * value * factor, 2)
        if digits is not None and not _is_exact(text, worse * value * factor):
            text = formatting.rounded(worse * value * factor, digits)
        return text + suffix

    no_loss = "nothing" if row.gated and row.p is not None and row.method != "same predictions" else ""
    difference = _difference_text(row, factor, suffix, decimals)
    return _Numbers(values[0], values[1], difference, loss(row.tolerance, decimals), loss(row.smallest) or no_loss)


def _worse(row: Row) -> float:
    """Return the sign of a worsening in the metric's own direction."""
    return 1.0 if row.better == "lower" else -1.0


def _is_exact(text: str, number: float) -> bool:
    """Return whether a number is written with all of its digits."""
    return math.isclose(float(text.replace("−", "-").replace(",", "")), number, rel_tol=1e-9)


def _decimals(row: Row, largest: float) -> int | None:
    """Return how many decimals the interval supports for values up to `largest`; None without an interval.

    There are more if a bound would otherwise read as equal to the number that decides: the tolerance, or 0.
    """
    if row.interval is None or row.difference is None:
        return None
    factor = 100.0 if row.relative else 1.0
    finite = [bound * factor for bound in row.interval if abs(bound) <= _largest_bound(row)]
    arms = [abs(bound - row.difference * factor) for bound in finite]
    supported = formatting.decimals_for(sum(arms) / len(arms)) if arms else formatting.decimals_for(largest)
    if row.tolerance:
        supported = max(supported, formatting.decimals_for(row.tolerance * factor))
    limit = _worse(row) * (row.tolerance or 0.0) * factor
    bounds = [bound for bound in finite if bound != limit]
    for decimals in range(supported, supported + MORE_DECIMALS):
        if all(round(bound, decimals) != round(limit, decimals) for bound in bounds):
            break
    else:
        decimals = supported
    return min(decimals, MAX_DIGITS - 1 - math.floor(math.log10(largest)))


def _difference_text(row: Row, factor: float, suffix: str, decimals: int | None) -> str:
    """Return the difference and its interval."""
    if row.difference is None:
        return ""
    number = row.difference * factor
    if decimals is None or row.interval is None:
        return formatting.plain_number(number) + suffix
    bounds = (row.interval[0] * factor, row.interval[1] * factor)
    largest = _largest_bound(row) * factor
    finite = tuple(bound for bound in bounds if abs(bound) <= largest)
    difference, *texts = formatting.with_bounds(number, finite, decimals)
    written = iter(texts)
    low, high = (next(written) if abs(bound) <= largest else "∞" if bound > 0 else "−∞" for bound in bounds)
    return f"{difference}{suffix} [{low}, {high}]"


def _largest_bound(row: Row) -> float:
    """Return the size beyond which a bound says nothing more than ∞ does."""
    return MAX_BOUND * max(abs(row.difference or 0.0), 1.0 if row.relative else abs(row.base or 0.0))
