"""Splits that a suite states: by shares, by group, by time, or by a column that names them.

    split = { test = 0.2, validation = 0.1 }              # shares, stratified by class
    split = { test = 0.2, by = "customer_id" }            # no customer stands in two splits
    split = { after = "2026-01-01", by = "date" }         # the future is tested on
    split = { column = "part" }                           # a column holds train, validation or test
    split = { folds = 5, repeats = 2 }                    # each fold is tested on by a model of the others

The content of the data and the suite decide, never a seed or the order of rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from bench_suite.components.options import show
from bench_suite.components.suggestions import meant, nearest
from bench_suite.contracts import DataInvalid, OptionError
from bench_suite.data.column_notes import NEARLY_ALL
from bench_suite.data.column_types import columns_line
from bench_suite.data.date_formats import date_form
from bench_suite.data.file_names import SPLIT_WORDS
from bench_suite.data.folds import TooFewGroups, folds_of
from bench_suite.data.splitting import NOTED, assign_groups, is_far, rows_by_content
from bench_suite.suite.folds import read_folds

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("test", "validation", "stratify", "by", "after", "column", "folds", "repeats")
ROLES = ("test", "validation", "train")
MAX_DATES = 1000
"Different values from which the form of dates is guessed for a message."


@dataclass(frozen=True)
class SplitRule:
    """What a suite states about the splits."""

    test: float = 0.0
    "Share of the examples; 0: none is drawn."
    validation: float = 0.0
    stratify: bool | None = None
    "Whether each split gets its share of each class; None: if the rule allows it."
    by: str | None = None
    "A column: of groups, none of which stands in two splits; or of times, with `after`."
    after: datetime | None = None
    "Rows from this time on are tested on."
    column: str | None = None
    "A column that names each row's split."
    folds: int = 0
    "Number of folds; 0: no folds."
    repeats: int = 1
    "How often the folds are drawn, each time in another way."

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return tuple(column for column in (self.by, self.column) if column is not None)


def read_rule(stated: Mapping[str, Any] | None) -> SplitRule | None:
    """Return the rule that a suite states; None if it states none.

    Raises:
        OptionError: A key or a value is not right, or keys contradict each other.
    """
    if stated is None:
        return None
    if unknown := [key for key in stated if key not in KEYS]:
        other = meant(unknown[0], KEYS)
        near = nearest(unknown[0], KEYS) if other is None else f'; did you mean "{other}"?'
        raise OptionError(f"split has no key {unknown[0]}{near} (it has: {', '.join(KEYS)})", "split", unknown[0])
    shares = {key: _share(key, stated[key]) for key in ("test", "validation") if key in stated}
    if sum(shares.values()) >= 1:
        taken = f"{sum(shares.values()):g} of the examples"
        raise OptionError(f"split: test and validation take {taken}: none is left", "split")
    folds, repeats = read_folds(stated)
    words = {key: _word(key, stated[key]) for key in ("by", "column", "after") if key in stated}
    if "stratify" in stated and not isinstance(stated["stratify"], bool):
        raise OptionError(f"split.stratify = {show(stated['stratify'])} is not true or false", "split", "stratify")
    rule = SplitRule(
        **shares, stratify=stated.get("stratify"), by=words.get("by"), column=words.get("column"),
        after=_moment(words["after"]) if "after" in words else None, folds=folds, repeats=repeats,
    )  # fmt: skip
    _check(rule)
    return rule


def _share(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise OptionError(f"split.{key} = {show(value)} is not a share between 0 and 1, such as 0.2", "split", key)
    return float(value)


def _word(key: str, value: Any) -> str:
    if key == "after" and isinstance(value, date):  # TOML has dates without quotation marks
        return value.isoformat()
    if not isinstance(value, str) or not value:
        raise OptionError(f"split.{key} = {show(value)} is not text", "split", key)
    return value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise OptionError(f"split.after = {show(text)} is not a date such as 2026-01-01", "split", "after") from None


def _check(rule: SplitRule) -> None:
    if rule.column is not None and (rule.test or rule.validation or rule.by or rule.after or rule.stratify):
        raise OptionError("split.column names each row's split: leave the other keys out", "split", "column")
    if rule.folds:
        _check_folds(rule)
        return
    if rule.column is None and not rule.test and rule.after is None:
        raise OptionError("split states nothing to test on: state test = 0.2, or after and by, or column", "split")
    if rule.after is not None and rule.by is None:
        raise OptionError('split.after needs the column of times: by = "date"', "split", "after")
    if rule.after is not None and rule.test:
        raise OptionError("split.after decides what is tested on: leave test out", "split", "test")
    if rule.after is not None and rule.stratify:
        raise OptionError(
            "split.after orders the rows by time, so they cannot be stratified: leave stratify out", "split", "stratify"
        )


def _check_folds(rule: SplitRule) -> None:
    for key in ("test", "column", "after"):
        if getattr(rule, key):
            raise OptionError(f"split.folds decides what is tested on: leave {key} out", "split", key)
    if rule.validation:
        raise OptionError(
            "split.folds leaves validation to the training option of that name, which holds a share of each fold's "
            "train out: leave split.validation out, and state validation in [train]",
            "split", "validation",
        )  # fmt: skip


# ── drawing ─────────────────────────────────────────────────────────────────────────────────────


def draw(
    rule: SplitRule,
    table: pa.Table,
    ids: np.ndarray,
    classes: np.ndarray | None,
    name: str,
    *,
    separate: bool,
    fold: int | None = None,
) -> tuple[dict[str, np.ndarray], str]:
    """Return the rows of each split, in ascending order, and how they were drawn, in words.

    Args:
        rule: What the suite states.
        table: The examples, with the columns that the rule reads.
        ids: (n,) int64 content ids.
        classes: (n,) int64 class numbers; None for a regression.
        name: What messages call the data set.
        separate: Whether equal rows are separate examples, as in a table, so that they may stand in several splits.
        fold: The fold that is tested on, for a rule with folds.

    Raises:
        DataInvalid: A value of a column that the rule reads is missing or of the wrong kind, or a split gets no row.
    """
    if rule.stratify and classes is None:
        raise DataInvalid(f"{name}: split.stratify = true needs classes, and this is a regression: leave stratify out")
    if rule.folds:
        rows, words = _by_fold(rule, table, ids, classes, name, fold, separate=separate)
    elif rule.column is not None:
        rows, words = _by_column(rule.column, table, name), f"by the column `{rule.column}`"
    elif rule.after is not None and rule.by is not None:
        rows, words = _by_time(rule, table, name), f"by time: test begins on {rule.after:%Y-%m-%d} (`{rule.by}`)"
    elif rule.by is not None:
        rows = _by_group(rule, table, classes, name)
        words = f"by group: no value of `{rule.by}` stands in two splits{_missed(rule, rows)}"
    else:
        rows, words = _by_share(rule, ids, classes, separate=separate), "drawn by content"
    for role in ("test", "train", *(("validation",) if rule.validation else ())):
        if not len(rows.get(role, ())):
            raise DataInvalid(f"{name}: split leaves no example for `{role}`: {_sizes(rows)}{_dates(rule, table)}")
    return {role: np.sort(part) for role, part in rows.items() if len(part)}, f"{_sizes(rows)}, {words}"


def _dates(rule: SplitRule, table: pa.Table) -> str:
    """Return the first and the last date of the column of a split by time, in words; nothing for other splits."""
    if rule.after is None or rule.by is None:
        return ""
    times = np.array(table[rule.by].to_pylist(), dtype="datetime64[D]")
    return f"; `{rule.by}` has dates from {times.min()} to {times.max()}"


def _sizes(rows: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{role} {len(rows[role]):,}" for role in ("train", "validation", "test") if role in rows)


def _by_column(column: str, table: pa.Table, name: str) -> dict[str, np.ndarray]:
    words = table[column].to_pylist()
    roles = [SPLIT_WORDS.get(str(word).strip().lower()) for word in words]
    for row, (word, role) in enumerate(zip(words, roles)):
        if role is None:
            raise DataInvalid(
                f"{name}, column `{column}`: {word!r} in row {row} is no split: write train, validation or test"
            )
    named = np.array(roles)
    return {role: np.flatnonzero(named == role) for role in ROLES if (named == role).any()}


def _by_time(rule: SplitRule, table: pa.Table, name: str) -> dict[str, np.ndarray]:
    """Return rows by time; validation is the last part of what comes before `after`."""
    import pyarrow as pa

    column = table[rule.by]
    if not pa.types.is_timestamp(column.type):
        raise DataInvalid(
            f"{name}: split by time needs dates, and `{rule.by}` holds {column.type}: write them as YYYY-MM-DD, or "
            f"state {columns_line(str(rule.by), _form_of_dates(column))}"
        )
    _check_missing(column, str(rule.by), name)
    times = np.array(column.to_pylist(), dtype="datetime64[us]")
    later = times >= np.datetime64(rule.after, "us")
    before = np.flatnonzero(~later)
    rows = {"test": np.flatnonzero(later), "train": before}
    if rule.validation:
        # Rows of one moment stay together: the cut is the moment whose rows and later ones come nearest to the share.
        moments, counts = np.unique(times[before], return_counts=True)
        later_counts = np.cumsum(counts[::-1])[::-1]
        nearest_cut = int(np.argmin(np.abs(later_counts - len(times) * rule.validation))) if len(moments) else 0
        last = times[before] >= moments[nearest_cut] if len(moments) else np.zeros(0, dtype=bool)
        rows |= {"validation": before[last], "train": before[~last]}
    return rows


def _form_of_dates(column: pa.ChunkedArray) -> str:
    """Return what the suite states for dates in the form that most values have; an example if they have none."""
    values = [str(value) for value in column.unique().drop_null()[:MAX_DATES].to_pylist()]
    form = date_form(values, NEARLY_ALL)
    if form is not None and form.statement:
        return form.statement
    years = bool(values) and all(len(value) == 4 and value.isdecimal() for value in values)
    return "date:%Y" if years else "date:%d/%m/%Y"


def _check_missing(column: pa.ChunkedArray, name: str, subject: str) -> None:
    if column.null_count:
        row = column.to_pylist().index(None)
        raise DataInvalid(
            f"{subject}: `{name}` is missing in {column.null_count} rows, the first is row {row}, so it is not known "
            "which split they belong to: fill it in, or remove them"
        )


def _by_share(rule: SplitRule, ids: np.ndarray, classes: np.ndarray | None, *, separate: bool) -> dict[str, np.ndarray]:
    n = len(ids)
    counts = {role: max(1, round(n * share)) for role, share in _shares(rule).items()}
    target = classes if rule.stratify is not False else None
    return rows_by_content(ids, target, {**counts, "train": n - sum(counts.values())}, separate=separate)


def _shares(rule: SplitRule) -> dict[str, float]:
    return {role: share for role, share in (("test", rule.test), ("validation", rule.validation)) if share}


def _by_group(rule: SplitRule, table: pa.Table, classes: np.ndarray | None, name: str) -> dict[str, np.ndarray]:
    """Return rows such that a group stands in one split; if stratified, each split comes near its share of each class.

    Groups are taken by size and, among equal sizes, by a hash of their name.
    """
    column = table[rule.by]
    _check_missing(column, str(rule.by), name)
    groups = group_numbers(column.to_pylist())
    labels, group_of_row = np.unique(groups, return_inverse=True)
    shares = _shares(rule)
    if len(labels) <= len(shares):
        raise DataInvalid(
            f"{name}: `{rule.by}` has {len(labels)} different values, too few for {len(shares) + 1} splits"
        )
    stratify = rule.stratify is True and classes is not None
    strata = classes if stratify and classes is not None else np.zeros(len(groups), dtype=np.int64)
    parts = assign_groups(group_of_row, strata, np.array([*shares.values(), 1 - sum(shares.values())]))
    rows = {role: np.flatnonzero(parts[group_of_row] == number) for number, role in enumerate((*shares, "train"))}
    _check_shares(rule, rows, column, group_of_row, name)
    return rows


def _check_shares(
    rule: SplitRule, rows: Mapping[str, np.ndarray], column: pa.ChunkedArray, group_of_row: np.ndarray, name: str
) -> None:
    """Refuse splits by group that are far from their shares, although groups were chosen by what fits."""
    n = len(group_of_row)
    for role, share in _shares(rule).items():
        if is_far(reached := len(rows[role]) / n, share):
            largest = int(np.bincount(group_of_row).argmax())
            count = int((group_of_row == largest).sum())
            value = column[int(np.flatnonzero(group_of_row == largest)[0])].as_py()
            raise DataInvalid(
                f"{name}: no split by `{rule.by}` comes near {role} = {share:g}: the nearest has {reached:.0%} of the "
                f"rows in {role}, because groups stay whole, and `{value}` alone has {count:,} of {n:,} rows "
                f"({count / n:.0%}): state another share, or split by a finer column"
            )


def _missed(rule: SplitRule, rows: Mapping[str, np.ndarray]) -> str:
    """Return in words which shares differ from what is stated by more than `NOTED`, because groups stay whole."""
    n = sum(map(len, rows.values()))
    missed = [
        f"{role} has {len(rows[role]) / n:.1%} and not {share:.1%}"
        for role, share in _shares(rule).items()
        if abs(len(rows[role]) / n - share) > NOTED
    ]
    return f"; as groups stay whole, {' and '.join(missed)} of the rows" if missed else ""


def _by_fold(
    rule: SplitRule, table: pa.Table, ids: np.ndarray, classes: np.ndarray | None, name: str, fold: int | None,
    *, separate: bool,
) -> tuple[dict[str, np.ndarray], str]:  # fmt: skip
    """Return the rows of one fold as test and all others as train, and in words which fold it is."""
    if fold is None or not 0 <= fold < rule.folds * rule.repeats:
        raise DataInvalid(f"{name}: split states {rule.folds} folds, and fold {fold} is none of them")
    repeat, part = divmod(fold, rule.folds)
    groups = None
    if rule.by is not None:
        _check_missing(table[rule.by], rule.by, name)
        groups = group_numbers(table[rule.by].to_pylist())
    # As for shares, groups are balanced by class only if that is stated.
    stratified = rule.stratify is True if groups is not None else rule.stratify is not False
    try:
        drawn = folds_of(ids, groups, classes if stratified else None, rule.folds, repeat, separate=separate)
    except TooFewGroups as error:
        by = f" by `{rule.by}`" if rule.by else ""
        raise DataInvalid(
            f"{name}: the rows cannot be split{by} into {rule.folds} folds, {rule.repeats} times: {error}; "
            "state fewer folds or repeats"
        ) from None
    number = f"fold {fold} of {rule.folds * rule.repeats}" + (f" (repeat {repeat})" if rule.repeats > 1 else "")
    words = f"no value of `{rule.by}` stands in two folds" if rule.by else "drawn by content"
    return {"test": np.flatnonzero(drawn == part), "train": np.flatnonzero(drawn != part)}, f"{number}, {words}"


def group_numbers(values: Sequence[Any]) -> np.ndarray:
    """Return (n,) int64 numbers of groups, by the hash of their text, so that they are the same in each run."""
    hashes = [hashlib.blake2b(str(value).encode(), digest_size=8).digest() for value in values]
    return (np.frombuffer(b"".join(hashes), dtype="<u8") >> np.uint64(1)).astype(np.int64)
