"""A leaderboard as a value: what `bench_suite.leaderboard` returns."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench_suite.reports import board_html, leaderboard, notebook_html
from bench_suite.reports.changes import with_changes_since
from bench_suite.reports.columns import Column
from bench_suite.reports.escaping import printable
from bench_suite.reports.rows import Row
from bench_suite.reports.table import Standings, Table, check_reference, machine, standings
from bench_suite.reports.terminal import terminal_table
from bench_suite.store.runs import Run

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "task", "data", "variant", "hardware", "model", "label", "rank", "tied", "letters", "seeds", "folds", "metric",
    "value", "low", "high", "spread_low", "spread_high", "n", "unit", "better", "reference", "verdict", "p", "note",
)  # fmt: skip
"Columns of the frame; those of axes and coordinates are added."
TYPES = {
    **dict.fromkeys(("value", "low", "high", "spread_low", "spread_high", "p"), "float64"),
    **dict.fromkeys(("rank", "n"), "Int64"),
    **dict.fromkeys(("seeds", "folds"), "int64"),
    "tied": "bool",
}
"Types of columns that pandas would infer from the values."


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """The ranked tables of some runs: one for each task, data set and machine."""

    runs: tuple[Run, ...]
    "The runs of the tables; smoke runs are left out if there are others, and never ranked."
    standings: Standings
    "The tables, and what newer runs replace."
    notes: tuple[str, ...] = ()
    "What a reader must know of the choice of runs, such as that one is incomplete."

    @staticmethod
    def of(
        runs: Sequence[Run], reference: str | None = None, notes: Sequence[str] = (), against: str | None = None
    ) -> Leaderboard:
        """Return the leaderboard of some runs.

        Args:
            runs: the runs.
            reference: the model that the others are compared with, or `best`; default: that of the newest suite that
                states one.
            notes: remarks on the choice of runs.
            against: what the change of the ranking metric is since, as for `bench leaderboard --against`; default: the
                baseline of each suite that has one.

        Raises:
            BenchError: the reference is not a model of these runs, or none of them can be compared with `against`.
        """
        check_reference(reference, runs)
        ranked = leaderboard.ranked_runs(runs) or runs
        remarks = [*notes]
        comparable = [run for run in ranked if not run.info.get("smoke")]
        ranking = with_changes_since(standings(ranked, reference), comparable, against, remarks.append)
        return Leaderboard(tuple(ranked), ranking, tuple(remarks))

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, typed and without layout: rows with rank, letters and values."""
        return tuple(self.standings.tables)

    def markdown(self) -> str:
        """Return what `bench leaderboard` writes, without its title."""
        return leaderboard.leaderboard(self.runs, self.standings)

    def frame(self) -> pd.DataFrame:
        """Return the tables as one data frame, with a row for each value.

        | column | type | unit | meaning | missing |
        |---|---|---|---|---|
        | `task` | str | | label of the task | never |
        | `data` | str | | name of the data set | never |
        | `variant` | str | | suite, data or machine that tells tables of one task apart, or empty | never |
        | `hardware` | str | | the machine in words | never |
        | `model` | str | | label of the model | never |
        | `label` | str | | the model with the axes that tell its rows apart | never |
        | `rank` | Int64 | | 1 + the number of rows that are better, beyond what chance explains | not ranked |
        | `tied` | bool | | whether another row has the same rank | never |
        | `letters` | str | | rows that share one cannot be told apart; or empty | never |
        | `seeds` | int64 | seeds | number of seeds of the row | never |
        | `folds` | int64 | folds | number of folds of the row; 0 without folds | never |
        | `metric` | str | | `probe/metric` | never |
        | `at.NAME` | str or float64 | | coordinate NAME of the metric | no such coordinate |
        | `value` | float64 | `unit` | mean over seeds, or median; a difference if `reference` is set | see `note` |
        | `low`, `high` | float64 | `unit` | ends of the 95 % interval, over examples and seeds | no interval |
        | `spread_low`, `spread_high` | float64 | `unit` | quartiles of the samples | an interval, or one sample |
        | `n` | Int64 | examples | test examples behind each seed's value | unknown, or not equal |
        | `unit` | str | | unit of value and ends; empty if there is none | never |
        | `better` | str | | `higher`, `lower` or `none` | never |
        | `reference` | str | | the model, or the base run, from which the value is a difference, or empty | never |
        | `verdict` | str | | what the difference says | the metric itself |
        | `p` | float64 | | p of the difference, corrected for all of the table (Holm) | the metric itself |
        | `note` | str | | why value, interval or some seeds are missing | nothing to say |
        """
        import pandas as pd

        rows = [
            {**_facts(table, row), **_value(row, column)}
            for table in self.tables
            for row in table.rows
            for column in table.columns
        ]
        coordinates = dict.fromkeys(name for row in rows for name in row if name.startswith("at."))
        position = COLUMNS.index("value")
        frame = pd.DataFrame(rows, columns=[*COLUMNS[:position], *coordinates, *COLUMNS[position:]])
        return frame.astype(TYPES)

    def __repr__(self) -> str:
        """Return the number of tables and runs."""
        return f"<{type(self).__name__}: {len(self.tables)} tables of {len(self.runs)} runs>"

    def __str__(self) -> str:
        """Return the tables as plain text, as wide as the terminal."""
        text = terminal_table(self.runs, shutil.get_terminal_size().columns, self.standings)
        return "\n\n".join([text, *(printable(f"note: {note}") for note in self.notes)])

    def _repr_html_(self) -> str:
        notes = notebook_html.bullets(self.notes)
        return notebook_html.fragment([*board_html.board_parts(self.tables), notes])

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _facts(table: Table, row: Row) -> dict[str, Any]:
    return {
        "task": table.task, "data": str(table.data.get("name") or table.task), "variant": table.variant,
        "hardware": machine(table.hardware), "model": row.model, "label": row.label, "rank": row.rank,
        "tied": row.tied, "letters": row.letters, "seeds": row.seeds, "folds": row.folds,
    }  # fmt: skip


def _value(row: Row, column: Column) -> dict[str, Any]:
    value = row.values[column]
    low, high = (value.interval.low, value.interval.high) if value.interval else (None, None)
    spread_low, spread_high = value.spread or (None, None)
    return {
        "metric": column.name, **{f"at.{name}": at for name, at in column.at}, "value": value.value, "low": low,
        "high": high, "spread_low": spread_low, "spread_high": spread_high, "n": value.n, "unit": column.unit,
        "better": column.better, "reference": column.reference, "verdict": value.verdict, "p": value.p,
        "note": value.note,
    }  # fmt: skip
