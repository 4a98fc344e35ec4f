"""A comparison of two runs in words: Markdown for a pull request or a job's page, and plain text for a terminal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from bench_suite.comparison.compare import FAILED, Comparison
from bench_suite.comparison.pairing import UncomparedCell
from bench_suite.comparison.rescoring import SAME
from bench_suite.comparison.verdicts import FALSE_DISCOVERIES, LEVEL, WORST_FIRST, Row
from bench_suite.reports import escaping, formatting
from bench_suite.stats.power import POWER

if TYPE_CHECKING:
    import pandas as pd

QUIET = ("not compared", "no difference found")
"Verdicts of metrics that are not gated that nobody needs to see first."
MAX_DIGITS = 7
"Of a number, however small its uncertainty."
NAMED = 5
"Metrics that are not gated and not compared, with their reason; of more the text gives the number alone."
READING = (
    "Differences are head − base with their 95 % interval (of timings in percent), over the same test examples and "
    f"seeds. Gated metrics are judged together: {LEVEL * 100:g} % is the chance that any of them is called *regressed* "
    "without reason (one-sided tests, Holm). *Finds* is the least worsening that is found in "
    f"{POWER * 100:g} % of comparisons. Others are called *worse* or *better* so that {FALSE_DISCOVERIES * 100:g} % of "
    "such findings are false on average (Benjamini and Hochberg); they change no exit status."
)


@dataclass(frozen=True)
class Compared(Comparison):
    """A comparison for whoever calls `bench_suite.compare`: what the command prints and writes, at hand."""

    @staticmethod
    def of(comparison: Comparison) -> Compared:
        """The same comparison."""
        return Compared(**{each.name: getattr(comparison, each.name) for each in fields(comparison)})

    @property
    def verdict(self) -> str:
        """`status` in words: `regressed` (1), `failed` (3), `cannot tell` (4), `not worse` (0), or `not judged`.

        *failed* is of cells or probes of head; *cannot tell* also of cells that stand beside none, *not judged* of a
        suite that gates nothing, unless no cell at all is compared.
        """
        if self.status == 0 and not self.gated:
            return "not judged"
        return {0: "not worse", 1: "regressed", 3: "failed", 4: "cannot tell"}[self.status]

    def markdown(self) -> str:
        """What `bench compare --markdown` writes."""
        return as_markdown(self)

    def frame(self) -> pd.DataFrame:
        """One row a metric of cells that differ only in their seed, worst first.

        Columns are the fields of `verdicts.Row`; `interval` is `low` and `high`. What a row has not is missing. Cells
        that are not compared are in `odd`, not here.
        """
        import pandas as pd

        rows = []
        for row in self.rows:
            low, high = row.interval or (None, None)
            rows.append({**asdict(row), "low": low, "high": high})
        names = [each.name for each in fields(Row)]
        at = names.index("interval")
        return pd.DataFrame(rows, columns=[*names[:at], "low", "high", *names[at + 1 :]])

    def __str__(self) -> str:
        """What `bench compare` prints."""
        return as_text(self)


@dataclass(frozen=True)
class _Shown:
    """A row's numbers as text."""

    base: str
    head: str
    difference: str
    allowed: str
    finds: str


def as_markdown(comparison: Comparison) -> str:
    """One table, worst first, verdicts in words; what is neither gated nor a finding is folded away below it."""
    parts = [f"### {title(comparison)}", f"{escaping.inline(comparison.base)} → {escaping.inline(comparison.head)}"]
    shown = [row for row in comparison.rows if row.gated or row.verdict not in QUIET]
    quiet = [row for row in comparison.rows if row not in shown]
    lines = [*_lines(shown), *map(_odd_line, comparison.odd)]
    if lines:
        order = [str(verdict) for verdict in WORST_FIRST]
        lines.sort(key=lambda line: order.index(line[0].strip("*")))
        parts.append(_table(lines))
    if quiet:
        table = _table([*_lines(quiet, "")])
        parts.append(
            f"<details><summary>{len(quiet)} metrics that are not gated, without a finding</summary>\n\n"
            f"{table}\n\n</details>"
        )
    parts.append("\n".join(f"- {escaping.inline(note)}" for note in comparison.notes))
    parts.append(READING)
    return "\n\n".join(parts) + "\n"


def as_text(comparison: Comparison) -> str:
    """Gated metrics and findings, worst first, then cells that are not compared and what differs as a whole."""
    parts = [f"{comparison.base} → {comparison.head}", *(f"  {note}" for note in comparison.notes), ""]
    shown = [row for row in comparison.rows if row.gated or row.verdict not in QUIET]
    entries = [(row.verdict, list(_row_text(row))) for row in shown]
    for each in comparison.odd:
        entries.append(("not compared", [f"{each.why}: {each.where}", f"    {_detail(each)}"]))
    for _, lines in sorted(entries, key=lambda entry: WORST_FIRST.index(entry[0])):
        parts += lines
    rest = Counter(row.verdict for row in comparison.rows if row not in shown)
    if rest:
        parts.append("not gated: " + ", ".join(f"{count} {verdict}" for verdict, count in rest.items()))
    silent = [row for row in comparison.rows if row not in shown and row.verdict == "not compared"]
    parts += [f"    {_name(row)}, {row.where}: {row.note}" for row in silent[:NAMED]]
    if len(silent) > NAMED:
        parts.append(f"    and {len(silent) - NAMED} more: --markdown FILE names all of them")
    return "\n".join([*parts, "", title(comparison)])


def _row_text(row: Row) -> Iterator[str]:
    """A metric's verdict, its numbers, and its note."""
    said = _shown(row)
    yield f"{row.verdict}: {_name(row)}, {row.where}{'' if row.gated else '  (not gated)'}"
    if said.head:
        named = {"difference": said.difference, "allowed": said.allowed, "finds": said.finds}
        told = [f"{name} {number}" for name, number in named.items() if number]
        yield f"    {', '.join([f'{said.base} → {said.head}', *told])}"
    if row.note:
        yield f"    {row.note}"


def what_next(comparison: Comparison) -> str:
    """What one would do next."""
    if not comparison.gated and comparison.status == 0:
        return 'next: give the suite a [gate]: "PROBE/METRIC" = { tolerance = 0.01 }'
    hints = {
        1: "next: bench compare … --markdown FILE   the whole table, for a pull request",
        3: "next: bench results   then bench run … --resume does what failed again",
        4: _what_decides(comparison),
        0: "next: bench baseline set   keeps the newer run, to be compared with",
    }
    return hints[comparison.status]


def _what_decides(comparison: Comparison) -> str:
    """What one would do where it cannot be told."""
    untold = [row for row in comparison.rows if row.gated and row.verdict == "cannot tell"]
    if any(row.p is not None for row in untold):
        return "next: more examples or seeds, or a wider tolerance, as said above"
    if untold:
        return "next: measure on both sides what a gate had nothing to judge by, or do not gate it"
    if comparison.rows and any(each.why == "missing" for each in comparison.odd):
        return "next: bench run … --resume   does what is missing"
    if comparison.rows:
        return "next: bench baseline set   keeps the newer run, if its cells are as they should be"
    return "next: bench results   lists the runs; why these have nothing to compare is said above"


def title(comparison: Comparison) -> str:
    """What it comes to, in a line."""
    gated = [row for row in comparison.rows if row.gated]
    count = Counter(row.verdict for row in gated)
    what = ", ".join(f"{count[verdict]} {verdict}" for verdict in WORST_FIRST if count[verdict])
    said = [f"{len(gated)} gated metric{'s' if len(gated) != 1 else ''}: {what or 'none'}"]
    if not comparison.gated:
        said = ["Nothing is judged: the suite gates no metric"]
    cells = [each for each in comparison.odd if not each.probe]
    if cells:
        said.append("1 kind of cell not compared" if len(cells) == 1 else f"{len(cells)} kinds of cells not compared")
    failed = [each for each in comparison.odd if each.why in FAILED]
    if failed:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        said.append(f"failed: {f'{failed[0].probe} of ' if failed[0].probe else ''}{failed[0].where}{more}")
    return "; ".join(said)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────


def _table(lines: Sequence[Sequence[str]]) -> str:
    header = ["Verdict", "Metric", "Cells", "Base", "Head", "Difference", "Allowed", "Finds", "Note"]
    return escaping.table(header, lines, right=(3, 4, 5, 6, 7))


def _lines(rows: Sequence[Row], not_gated: str = " (not gated)") -> Iterator[list[str]]:
    for row in rows:
        said = _shown(row)
        verdict = f"**{row.verdict}**" if row.verdict == "regressed" else row.verdict
        name = escaping.inline(_name(row)) + ("" if row.gated else not_gated)
        cells = [said.base, said.head, said.difference, said.allowed, said.finds]
        yield [verdict, name, escaping.inline(row.where), *cells, escaping.inline(row.note)]


def _odd_line(odd: UncomparedCell) -> list[str]:
    reason = escaping.inline(f"{odd.why}: {odd.detail}")
    return [
        "not compared",
        escaping.inline(odd.probe or "all"),
        escaping.inline(odd.where),
        *[""] * 5,
        reason,
    ]


def _detail(odd: UncomparedCell) -> str:
    return f"{odd.probe}: {odd.detail}" if odd.probe else odd.detail


def _name(row: Row) -> str:
    return f"{row.metric} ({row.coordinates})" if row.coordinates else row.metric


def _shown(row: Row) -> _Shown:
    """Numbers with as many decimals as the interval of their difference supports."""
    if row.base is None or row.head is None:
        return _Shown("", "", "", "", "")
    scale = formatting.scale_for([row.base, row.head], row.unit)
    decimals = None
    if row.interval is not None:
        largest = max(abs(row.base), abs(row.head)) or 1.0
        supported = formatting.decimals_for((row.interval[1] - row.interval[0]) / 2 * (100.0 if row.relative else 1.0))
        decimals = min(supported, MAX_DIGITS - 1 - math.floor(math.log10(largest)))
    if row.relative or decimals is None:
        values = [formatting.plain_number(value / scale.divisor) for value in (row.base, row.head)]
    else:
        scale = formatting.Scale(1.0, "" if row.unit in ("fraction", "score", "count") else row.unit)
        values = [formatting.rounded(value, decimals) for value in (row.base, row.head)]
    values[1] += f" {scale.unit}" if scale.unit else ""
    unit, sign = (100.0, " %") if row.relative else (1 / scale.divisor, "")
    worse = 1.0 if row.better == "lower" else -1.0

    def loss(value: float | None) -> str:
        return "" if value is None else formatting.plain_number(worse * value * unit, 2) + sign

    difference = ""
    if row.difference is not None:
        number = row.difference * unit
        difference = (
            formatting.plain_number(number) if decimals is None else formatting.rounded(number, decimals)
        ) + sign
    if row.interval is not None and decimals is not None:
        low, high = (formatting.rounded(bound * unit, decimals) for bound in row.interval)
        difference += f" [{low}, {high}]"
    finds = loss(row.smallest) or ("nothing" if row.gated and row.p is not None and row.how != SAME else "")
    return _Shown(values[0], values[1], difference, loss(row.tolerance), finds)
