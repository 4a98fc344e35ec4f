"""The form in which a column writes dates or times of day, if it is not read as dates by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import numpy as np

FIRST_YEAR, LAST_YEAR = 1900, 2100
"Years of dates that are taken for dates without being stated."
MIN_DATES = 10
"Different values from which on digits, years with a month and times of day are taken for what they look like."
HEAD = 20
"Values from which forms are guessed."
MAX_TRIED = 5_000
"Different values of a column that are worth parsing."
MAX_LENGTH = 48
"Letters of the longest date."
ISO = "date"
"What a suite states for dates of ISO 8601, in any of its forms."
_MONTH = r"(?P<month>[A-Za-z]{3,9})"
_TIME = r"(?P<hour>\d{1,2}):\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d{1,6})?)?(?P<half> ?[AaPp][Mm])?"
_ZONE = r"(?P<space> ?)(?P<zone>Z|[-+]\d{2}:?\d{2}|UTC|GMT)"
_MOMENT = re.compile(rf"(?P<date>.*?[^\s,])(?:(?P<between>T|,? ){_TIME}(?:{_ZONE})?)?")
_TIME_OF_DAY = re.compile(_TIME)
_DATES: Sequence[tuple[re.Pattern[str], tuple[str, ...]]] = tuple(
    (re.compile(pattern), formats)
    for pattern, formats in (
        (r"\d{1,2}(?P<mark>[./-])\d{1,2}(?P=mark)\d{4}", ("%d{mark}%m{mark}%Y", "%m{mark}%d{mark}%Y")),
        (r"\d{4}(?P<mark>[./-])\d{1,2}(?P=mark)\d{1,2}", ("%Y{mark}%m{mark}%d",)),
        (
            r"\d{1,2}(?P<mark>[./-])\d{1,2}(?P=mark)\d{2}",
            ("%d{mark}%m{mark}%y", "%m{mark}%d{mark}%y", "%y{mark}%m{mark}%d"),
        ),
        (r"\d{8}", ("%Y%m%d", "%d%m%Y", "%m%d%Y")),
        (r"\d{4}(?P<mark>[/-])\d{1,2}", ("%Y{mark}%m",)),
        (rf"\d{{1,2}}(?P<mark>[ ./-]{{0,2}}){_MONTH}(?P<other>[ .,/-]{{0,2}})\d{{4}}", ("%d{mark}{month}{other}%Y",)),
        (rf"\d{{1,2}}(?P<mark>[ ./-]{{0,2}}){_MONTH}(?P<other>[ .,/-]{{0,2}})\d{{2}}", ("%d{mark}{month}{other}%y",)),
        (rf"{_MONTH}(?P<mark>[ ./-]{{1,2}})\d{{1,2}}(?P<other>[ ,/-]{{1,2}})\d{{4}}", ("{month}{mark}%d{other}%Y",)),
        (rf"{_MONTH}(?P<mark>[ ./,-]{{1,2}})\d{{4}}", ("{month}{mark}%Y",)),
    )
)
_WEEKDAY = re.compile(r"(?P<day>[A-Za-z]{3,9})(?P<mark>,? )(?=.*\d{4})")
_COMMON = re.compile(r"%Y%m%d|%d%m%Y|%m%d%Y|%Y[-/]%m|[^.]*\.[^.]*\.%y|%y\..*")
"Forms that a few codes, seasons or versions may have by chance."
_DIGITS: Mapping[int, str] = {6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
"By their number of digits: the form of whole numbers that are dates."
_IN_WORDS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "hh", "%M": "mm", "%S": "ss"}


@dataclass(frozen=True)
class DateForm:
    """The form in which most values of a column are dates or times of day."""

    statement: str
    "What the suite states in `columns`: `date` or `date:FORMAT`; empty if no single form fits nearly all."
    matches: np.ndarray
    "(n,) bool: which values are written so, or in any form if no single one fits."
    other: str = ""
    "Another statement that fits as many values: the month may stand first."
    examples: tuple[str, ...] = ()
    "Two values of different forms, if no single one fits."
    times_of_day: bool = False


def date_form(values: Sequence[str], nearly_all: float) -> DateForm | None:
    """Return the form in which a column writes dates or times of day; None if it does not.

    Args:
        values: Different values of the column, at most about `MAX_TRIED`, because each takes about 5 µs a form.
        nearly_all: Share of the values from which on one form is enough.
    """
    tried = [value.strip() for value in values]
    first = tried[:: max(len(tried) // HEAD, 1)]
    if times := _fitting(tried, dict.fromkeys(form for value in first for form in _time_formats(value))):
        best = _chosen(tried, times, 1.0)
        plain = all(_TIME_OF_DAY.fullmatch(value) for value in tried)
        enough = plain and bool(best.matches.all()) and len(values) >= MIN_DATES
        return replace(best, times_of_day=True) if enough else None
    guessed = dict.fromkeys(form for value in first for form in _formats(value))
    fitting = _fitting(tried, guessed)
    for form in [form for form in fitting if _COMMON.fullmatch(form)]:
        if not fitting[form].all() or len(values) < MIN_DATES:
            del fitting[form]
    return _chosen(tried, fitting, nearly_all) if fitting else None


def _chosen(tried: Sequence[str], fitting: Mapping[str, np.ndarray], nearly_all: float) -> DateForm:
    """Return the form that fits most values; all forms together if only they fit nearly all."""
    (best, matches), *rest = fitting.items()
    if matches.mean() < nearly_all:
        either = np.logical_or.reduce([*fitting.values()])
        unlike = np.flatnonzero(either & ~matches)
        if either.mean() >= nearly_all and len(unlike):
            return DateForm("", either, examples=(tried[int(np.flatnonzero(matches)[0])], tried[int(unlike[0])]))
    others = [form for form, fits in rest if ISO not in (form, best) and fits.sum() == matches.sum()]
    other = next((form for form in others if form.replace("%B", "%b") != best.replace("%B", "%b")), "")
    return DateForm(_statement(best), matches, _statement(other) if other else "")


def number_digits(least: float, most: float) -> int | None:
    """Return how many digits dates in a column have whose numbers lie between two; None if these are no dates."""
    if not FIRST_YEAR * 100 < least <= most < (LAST_YEAR + 1) * 10**10:
        return None
    digits = len(str(int(least)))
    return digits if digits in _DIGITS and digits == len(str(int(most))) else None


def number_date_format(values: np.ndarray) -> str:
    """Return the form of whole numbers such as 20241231 or 202412 if all are dates; empty if they are not.

    Args:
        values: (n,) numbers without missing ones; the same may occur several times.
    """
    digits = number_digits(values.min(), values.max()) if len(values) else None
    if digits is None:
        return ""
    distinct = np.unique(values)
    whole = distinct.astype(np.int64)
    if len(distinct) < MIN_DATES or (whole != distinct).any():
        return ""
    times = whole % 10 ** max(digits - 8, 0)
    clock = times if digits == 14 else times * 100
    dates = whole // 10 ** max(digits - 8, 0) * (100 if digits == 6 else 1) + (1 if digits == 6 else 0)
    year, month, day = dates // 10_000, dates // 100 % 100, dates % 100
    plausible = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    plausible &= (clock // 10_000 < 24) & (clock // 100 % 100 < 60) & (clock % 100 < 60)
    if not plausible.all():
        return ""
    first = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    last_day = ((first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")).astype(np.int64)
    return _DIGITS[digits] if (day <= last_day).all() else ""


def in_words(form: str) -> str:
    """Return a format of `strptime` as people write it: YYYYMMDD for `%Y%m%d`."""
    for code, word in _IN_WORDS.items():
        form = form.replace(code, word)
    return form


def _statement(form: str) -> str:
    return form if form == ISO else f"date:{form}"


def _fitting(values: Sequence[str], forms: Mapping[str, None]) -> dict[str, np.ndarray]:
    """Return for each form that fits a value (n,) bool: which it fits. The form that fits most comes first."""
    fitting = {form: np.array([*map(partial(_fits, form), values)], dtype=bool) for form in forms}
    order = sorted(fitting, key=lambda form: -int(fitting[form].sum()))
    return {form: fitting[form] for form in order if fitting[form].any()}


def _fits(form: str, value: str) -> bool:
    try:
        moment = datetime.fromisoformat(value) if form == ISO else datetime.strptime(value, form)
    except (ValueError, OverflowError):
        return False
    return FIRST_YEAR <= moment.year <= LAST_YEAR


def _formats(value: str) -> list[str]:
    """Return the forms, as statements of `strptime` or `ISO`, that a value may be a date in."""
    forms: list[str] = []
    if len(value) > MAX_LENGTH:
        return forms
    if re.match(r"\d{4}-?\d{2}-?\d{2}(?:$|[T ])", value) and not value.isdigit():
        forms.append(ISO)
    if (weekday := _WEEKDAY.match(value)) is not None:
        word = "%a" if len(weekday["day"]) == 3 else "%A"
        rest = _formats(value[weekday.end() :])
        forms += [f"{word}{weekday['mark']}{form}" for form in rest if form != ISO]
    moment = _MOMENT.fullmatch(value)
    if moment is None:
        return forms
    time = ""
    if moment["between"]:
        time = moment["between"] + _time_format(moment)
        if moment["zone"]:
            time += moment["space"] + (moment["zone"] if moment["zone"] in ("UTC", "GMT") else "%z")
    for pattern, formats in _DATES:
        if (match := pattern.fullmatch(moment["date"])) is not None:
            parts = match.groupdict()
            months = ("%b", "%B") if len(parts.get("month") or "") == 3 else ("%B",)
            forms += [form.format(**{**parts, "month": month}) + time for form in formats for month in months]
    return [*dict.fromkeys(forms)]


def _time_formats(value: str) -> list[str]:
    match = _TIME_OF_DAY.fullmatch(value)
    return [] if match is None else [_time_format(match)]


def _time_format(match: re.Match[str]) -> str:
    half = match["half"]
    seconds = ":%S" if match["seconds"] else ""
    fraction = ".%f" if match["fraction"] else ""
    return f"{'%I' if half else '%H'}:%M{seconds}{fraction}{half[:-2] + '%p' if half else ''}"
