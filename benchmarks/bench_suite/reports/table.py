"""The typed table behind every report: metrics over seeds and folds, by task, model and axes, without any layout.

Results on different data or hardware never share a table. A smoke run is not ranked. Each missing value has a reason.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from bench_suite.comparison.between import PredictionCache
from bench_suite.comparison.preconditions import ComparisonError
from bench_suite.components.suggestions import nearest
from bench_suite.contracts import Record
from bench_suite.reports.beaten import beaten
from bench_suite.reports.canonical_json import as_json
from bench_suite.reports.columns import (
    Column,
    all_columns,
    chosen_columns,
    columns_named,
    gated_metrics,
    readable_names,
)
from bench_suite.reports.differences import MAX_PAIRED_ROWS, RankedBy, against_reference, rank
from bench_suite.reports.newest import newest_records
from bench_suite.reports.rows import Row, rows_of
from bench_suite.reports.run_metrics import columns_by_suite, run_metrics, with_run_metrics
from bench_suite.reports.selection import chosen_rows, tuned_on_test
from bench_suite.reports.values import Value
from bench_suite.store.runs import Run
from bench_suite.suite.spec import BEST


@dataclass(frozen=True)
class Table:
    """All rows of one task on the same data and hardware."""

    task: str
    data: Mapping[str, Any]
    "The data set as in a record: `name`, `source`, `fingerprint`, and the number of examples per split."
    hardware: Mapping[str, Any]
    columns: tuple[Column, ...]
    sort: Column | None
    rows: tuple[Row, ...]
    smoke: bool = False
    gated: frozenset[str] = frozenset()
    "The metrics that the gates of its suites judge, as `probe/metric`."
    variant: str = ""
    "The suite, fingerprint or machine that distinguishes it from other tables of the same task and data set."
    suites: tuple[str, ...] = ()
    "Names of the suites that its rows are of."
    ranked_by: RankedBy = "intervals"
    "Whether all pairs of rows were compared for the ranks, some of them, or none."
    notes: tuple[str, ...] = ()
    "What a reader must know about the table as a whole."
    baseline: str = ""
    "The reference of the column with changes since the baseline; empty without such a column."


def tables(runs: Sequence[Run], reference: str | None = None) -> list[Table]:
    """Return the tables of some runs, with the newest record of each cell on each hardware.

    The order of `runs` does not matter: the run that began last is the newest. A probe that the newest record of a cell
    lacks is taken from an older record with the same code and data. The columns come from `columns.chosen_columns`. The
    rows are sorted by `[report] sort` of the newest suite that states one, else by the first column with a direction.
    """
    return standings(runs, reference).tables


def superseded(runs: Sequence[Run]) -> list[tuple[str, str, int]]:
    """Return what newer runs replace: names of an older and of a newer run, and the number of cells."""
    return standings(runs).superseded


@dataclass(frozen=True)
class Standings:
    """The tables of some runs, and what they leave out."""

    tables: list[Table]
    superseded: list[tuple[str, str, int]]
    "Names of an older and of a newer run, and the number of cells of the older one that the newer one replaces."


def standings(runs: Sequence[Run], reference: str | None = None) -> Standings:
    """Return the tables of some runs, as `tables` does, and what newer runs replace.

    Args:
        runs: the runs.
        reference: the model that the others are compared with, or `best`; default: that of the newest suite that states
            one.
    """
    newest = newest_records(runs)
    all_tables = [_table(key, members, newest.records, reference) for key, members in newest.groups.items()]
    replaced = [(older, newer, count) for (older, newer), count in newest.superseded.items()]
    return Standings(_with_variants(all_tables), replaced)


def check_reference(reference: str | None, runs: Sequence[Run]) -> None:
    """Check that a reference is a model of some runs, or `best`.

    Raises:
        ComparisonError: it is neither.
    """
    names = list(dict.fromkeys(str(record.cell.get("model")) for run in runs for record in run.records()))
    if reference is not None and reference not in (BEST, *names):
        raise ComparisonError(
            f"--reference {reference}: there is no such model{nearest(reference, (BEST, *names))} "
            f"(models: {', '.join(names)}; or {BEST})"
        )


def _with_variants(all_tables: list[Table]) -> list[Table]:
    tables_with_variants = []
    for table in all_tables:
        namesakes = [
            other
            for other in all_tables
            if (other.task, other.data.get("name")) == (table.task, table.data.get("name"))
        ]
        # Suites are named if the data differ, since their `split` or `columns` may be why; a fingerprint says nothing.
        by_data = {str(other.data.get("fingerprint")): other.suites for other in namesakes}
        variants: dict[str, set[Any]] = {
            f"suite {', '.join(table.suites)}": {*by_data.values()} if len(by_data) > 1 else set(),
            f"data {str(table.data.get('fingerprint'))[:8]}": {
                str(other.data.get("fingerprint")) for other in namesakes
            },
            f"on {machine(table.hardware)}": {as_json(other.hardware) for other in namesakes},
        }
        tables_with_variants.append(
            replace(table, variant=", ".join(part for part, values in variants.items() if len(values) > 1))
        )
    return tables_with_variants


def machine(hardware: Mapping[str, Any]) -> str:
    """Return a short description of a machine, such as `Intel(R) Xeon(R) Processor, 2 cores`."""
    if not hardware:
        return "unrecorded hardware"
    gpus = [str(gpu.get("name")) for gpu in hardware.get("gpu", [])]
    named = [f"{gpus.count(name)} × {name}" if gpus.count(name) > 1 else name for name in dict.fromkeys(gpus)]
    cores = hardware.get("usable_cores", hardware.get("cores"))
    return ", ".join([str(hardware.get("cpu", "unknown processor")), *([f"{cores} cores"] if cores else []), *named])


def _table(
    key: tuple[Any, ...], members: list[tuple[Run, Record]], newest_of_cell: Mapping[tuple[str, str], Record],
    reference: str | None,
) -> Table:  # fmt: skip
    records = [newest_of_cell[id, key[3]] for id in dict.fromkeys(record.id for _, record in members)]
    of_runs = run_metrics(members)
    columns = chosen_columns(members, columns_by_suite(of_runs))
    sort_wishes = dict.fromkeys(_stated(run, "sort") for run, _ in members)
    sort = next((column for name in readable_names(sort_wishes) for column in columns_named(columns, name)), None)
    sort = sort or next((column for column in columns if column.better != "none"), None)
    owners = {record.id: run for run, record in reversed(members)}
    cache = PredictionCache()
    measured = with_run_metrics(rows_of(records, columns), columns, of_runs, owners)
    all_rows, notes = _selected(records, measured, members, sort)
    rows, ranked_by = _ranked(all_rows, sort, owners, cache, ranks=not key[4])
    reference = reference or next(filter(None, (_stated(run, "reference") for run, _ in members)), None)
    if reference is not None and not key[4]:
        columns, rows, reference_notes = against_reference(rows, columns, reference, owners, cache)
        notes += reference_notes
    data = {**records[0].data, **({"fingerprint": key[2]} if "fingerprint" in records[0].data else {})}
    newest = {str(run.info["suite"]): run.info for run, _ in reversed(members)}
    gated = frozenset().union(*map(gated_metrics, newest.values()))
    hardware, suites = json.loads(key[3]), tuple(sorted(newest))
    return Table(
        key[0],
        data,
        hardware,
        columns,
        sort,
        rows,
        smoke=key[4],
        gated=gated,
        suites=suites,
        ranked_by=ranked_by,
        notes=notes,
    )


def _selected(
    records: Sequence[Record], rows: list[Row], members: Sequence[tuple[Run, Record]], sort: Column | None
) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows that the validation split chooses, if a suite states `[report] select`, and notes."""
    wishes = dict.fromkeys(_stated(run, "select") for run, _ in members)
    names = readable_names(wishes)
    known = all_columns(records) if names else []
    select = next((column for name in names for column in columns_named(known, name)), None)
    if select is not None:
        return chosen_rows(rows, rows_of(records, [select]), select), ()
    models = tuned_on_test(rows) if sort is not None else []
    if not models:
        return rows, ()
    return rows, (
        f"several configurations of {', '.join(models)} are ranked by test examples, so the best of them looks better "
        "than it is: `[report] select` chooses by a metric of the validation split",
    )


def _stated(run: Run, option: str) -> str | None:
    """Return what the suite of a run states for an option of `[report]`."""
    value = (run.info.get("report") or {}).get(option)
    return value if isinstance(value, str) else None


def _ranked(
    rows: list[Row], sort: Column | None, owners: Mapping[str, Run], cache: PredictionCache, *, ranks: bool
) -> tuple[tuple[Row, ...], RankedBy]:
    """Return the rows, best first, with ranks from the differences of all pairs, or else from their intervals."""
    if sort is None:
        return tuple(rows), "intervals"
    sign = -1.0 if sort.better == "lower" else 1.0
    measured = [row for row in rows if row.values[sort].value is not None]
    measured.sort(key=lambda row: -sign * (row.values[sort].value or 0.0))
    unmeasured = [row for row in rows if row.values[sort].value is None]
    if not ranks or sort.better == "none":
        return (*measured, *unmeasured), "intervals"
    ends = [_ends(row.values[sort], sign) for row in measured]
    if len(measured) <= MAX_PAIRED_ROWS:
        ranking = rank(measured, sort, owners, ends, cache)
        numbers, letters, ranked_by = ranking.ranks, ranking.letters, ranking.by
        beats: tuple[Set[str], ...] = ranking.beats
    else:
        lows = sorted(low for low, _ in ends)
        numbers = tuple(1 + len(lows) - bisect_right(lows, high) for _, high in ends)
        letters, ranked_by = ("",) * len(measured), "intervals"
        beats = tuple(beaten([row.label for row in measured], ends))
    count = Counter(numbers)
    ranked = [
        replace(row, rank=number, tied=count[number] > 1, letters=text, beats=lower)
        for row, number, text, lower in zip(measured, numbers, letters, beats)
    ]
    return (*ranked, *unmeasured), ranked_by


def _ends(value: Value, sign: float) -> tuple[float, float]:
    """Return the lower and the upper end of a value, with its sign changed if lower is better."""
    center = value.value if value.value is not None else 0.0
    low, high = (value.interval.low, value.interval.high) if value.interval else (value.spread or (center, center))
    return min(sign * low, sign * high), max(sign * low, sign * high)
