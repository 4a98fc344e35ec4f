"""A comparison as a value: what `bench_suite.compare` returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Literal

from bench_suite.comparison.compare import Comparison
from bench_suite.comparison.pairing import FAILED
from bench_suite.comparison.verdicts import Row
from bench_suite.reports import notebook_html
from bench_suite.reports.comparison import (
    HEADER,
    Entry,
    as_markdown,
    as_text,
    entries_of,
    entry_of,
    shown_and_quiet,
    title,
)
from bench_suite.reports.escaping import printable

if TYPE_CHECKING:
    import pandas as pd

ComparisonVerdict = Literal["regressed", "failed", "cannot tell", "not worse", "not judged"]
"The result of a whole comparison in words."
BOUNDS = ("low", "high", "low_level", "high_level")
"Columns of the frame for the pairs `interval` and `levels` of a row."
TYPES = {
    **dict.fromkeys((*BOUNDS, "base", "head", "difference", "tolerance", "smallest", "p"), "float64"),
    **dict.fromkeys(("seeds", "examples", "next_seeds", "decided_at"), "int64"),
    **dict.fromkeys(("gated", "relative"), "bool"),
}
"Types of columns that pandas would infer from the values."


@dataclass(frozen=True, repr=False)
class Compared(Comparison):
    """The result of `bench_suite.compare`: a comparison with what the command prints and writes."""

    @staticmethod
    def of(comparison: Comparison) -> Compared:
        """Return the same comparison with these methods."""
        return Compared(**{field.name: getattr(comparison, field.name) for field in fields(comparison)})

    @property
    def verdict(self) -> ComparisonVerdict:
        """The result in words: `regressed`, `failed`, `cannot tell`, `not worse` or `not judged`.

        *failed*: cells or probes of head failed. *cannot tell* also covers cells without a counterpart. *not judged*:
        the suite has no gate, and at least one cell is compared. `status` follows from it and from the options
        `undecided` and `new` of the section `[gate]`.
        """
        if any(row.verdict == "regressed" for row in self.rows):
            return "regressed"
        if any(cell.reason_code in FAILED for cell in self.uncompared):
            return "failed"
        if not self.gated:
            return "not judged" if self.status == 0 else "cannot tell"
        undecided = any(row.gated and row.verdict == "cannot tell" for row in self.rows)
        return "cannot tell" if undecided or not all(map(self.is_ignored, self.uncompared)) else "not worse"

    def markdown(self) -> str:
        """Return what `bench compare --markdown` writes."""
        return as_markdown(self)

    def frame(self) -> pd.DataFrame:
        """Return one row for each metric of cells that differ only in their seed, worst first.

        Cells that are not compared are in `uncompared`, not here. Numbers are in `unit`, or shares of base if
        `relative` is set.

        | column | type | unit | meaning | missing |
        |---|---|---|---|---|
        | `metric` | str | | `probe/metric` | never |
        | `where` | str | | the cells in words: `imdb, minilm` | never |
        | `gated` | bool | | whether a gate judges it | never |
        | `coordinates` | str | | the metric's own, in words: `batch_size 64`; empty without any | never |
        | `unit` | str | | unit of `base` and `head` | never |
        | `better` | str | | `higher`, `lower` or `none` | never |
        | `verdict` | str | | what the evidence says, such as `regressed` | never |
        | `base`, `head` | float64 | `unit` | mean over the seeds that are compared | not compared |
        | `difference` | float64 | `unit` or share | head − base; head / base − 1 if `relative` | not compared |
        | `low`, `high` | float64 | `unit` or share | ends of the interval that decides; may be infinite | no interval |
        | `low_level`, `high_level` | float64 | | chance that the difference lies beyond each end | as `low` |
        | `relative` | bool | | whether differences are shares of base | never |
        | `tolerance` | float64 | `unit` or share | the worsening that the gate allows | no tolerance |
        | `smallest` | float64 | `unit` or share | least worsening that 95 of 100 comparisons find | none |
        | `p` | float64 | | p-value, adjusted for many metrics | nothing is tested |
        | `seeds` | int64 | cells | number of pairs of cells | never |
        | `examples` | int64 | `sample_unit` | independent observations; 0 if examples were not compared | never |
        | `sample_unit` | str | | what the observations are | never |
        | `looks` | object | seeds | tuple of the seeds at each look; empty if judged once | never |
        | `next_seeds` | int64 | seeds | seeds at the next look; 0 if there is none | never |
        | `decided_at` | int64 | seeds | seeds at the look that decided; 0 if none did | never |
        | `method` | str | | how the two sides were compared | not compared |
        | `note` | str | | why there is no verdict, and what would decide; or empty | never |
        | `ratio_to` | str | | the model to which the values are ratios, or empty | never |
        """
        import pandas as pd

        rows = []
        for row in self.rows:
            low, high = row.interval or (None, None)
            low_level, high_level = row.levels or (None, None)
            rows.append(asdict(row) | dict(zip(BOUNDS, (low, high, low_level, high_level))))
        names = [field.name for field in fields(Row) if field.name != "levels"]
        position = names.index("interval")
        frame = pd.DataFrame(rows, columns=[*names[:position], *BOUNDS, *names[position + 1 :]])
        return frame.astype(TYPES)

    def __repr__(self) -> str:
        """Return the names of the two sides and the verdict."""
        return f"<{type(self).__name__} {self.base} → {self.head}: {self.verdict}>"

    def __str__(self) -> str:
        """Return what `bench compare` prints."""
        return printable(as_text(self))

    def _repr_html_(self) -> str:
        return notebook_html.fragment(comparison_parts(self))

    def _repr_markdown_(self) -> str:
        return self.markdown()


def comparison_parts(comparison: Compared) -> list[str]:
    """Return what a notebook shows of a comparison as HTML: the verdict, changed gates, rows worst first, and notes."""
    shown, folded = shown_and_quiet(comparison)
    quiet = [entry_of(row, "") for row in folded]
    entries = entries_of(comparison, shown)
    summary = f"<summary>{len(quiet)} metrics that are not gated, without a finding</summary>"
    return [
        notebook_html.heading(f"{comparison.verdict}: {title(comparison)}"),
        notebook_html.paragraph(f"{comparison.base} → {comparison.head}"),
        notebook_html.bullets(comparison.gate_changes),
        _table(entries) if entries else "",
        f"<details>{summary}{_table(quiet)}</details>" if quiet else "",
        notebook_html.bullets(comparison.notes),
    ]


def _table(entries: list[Entry]) -> str:
    rows = [[entry.verdict, entry.metric, entry.where, *entry.numbers, entry.note] for entry in entries]
    return notebook_html.table([[name] for name in HEADER], rows, left=(0, 1, 2, 8))
