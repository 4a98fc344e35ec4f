"""Forms of dates: each that a program writes is found, and no plain number, code or version is taken for one."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from bench_suite.data.date_formats import MIN_DATES, date_form, in_words, number_date_format

MOMENTS = [datetime(2023, 1, 1) + timedelta(days=37 * n, minutes=617 * n, seconds=n) for n in range(30)]


@pytest.mark.parametrize(
    "form",
    [
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%Y/%m/%d", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y",
        "%B %d, %Y", "%b %Y", "%a, %d %b %Y", "%A, %d %B %Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M %p",
        "%d.%m.%Y %H:%M:%S", "%Y/%m/%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S UTC", "%a, %d %b %Y %H:%M:%S GMT", "%Y-%m",
        "%d%m%Y",
    ],
)  # fmt: skip
def test_the_form_that_wrote_dates_is_found_and_reads_them(form: str) -> None:
    written = [moment.strftime(form) for moment in MOMENTS]
    form_read = date_form(written, 0.9)
    assert form_read is not None
    assert (form_read.statement, form_read.times_of_day) == (f"date:{form}", False)
    assert form_read.other == ("date:%y-%m-%d" if form == "%d-%m-%y" else "")
    assert form_read.matches.all()


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M:%S+00", "%Y-%m-%dT%H", "%Y%m%dT%H%M%SZ", "%Y-%m-%d %H:%M:%S +0100"])
def test_forms_of_iso_8601_need_no_format(form: str) -> None:
    form_read = date_form([moment.strftime(form) for moment in MOMENTS], 0.9)
    assert form_read is not None
    assert form_read.statement == "date"


@pytest.mark.parametrize("form", ["%H:%M", "%H:%M:%S", "%I:%M %p"])
def test_times_of_day_are_taken_for_times_if_there_are_many_and_all_are_valid(form: str) -> None:
    written = sorted({moment.strftime(form) for moment in MOMENTS})
    form_read = date_form(written, 0.9)
    assert form_read is not None
    assert (form_read.statement, form_read.times_of_day) == (f"date:{form}", True)
    assert date_form(written[: MIN_DATES - 1], 0.9) is None
    assert date_form([*written, "75:10"], 0.9) is None


def test_two_forms_that_fit_as_well_are_both_named() -> None:
    form_read = date_form(["01/02/2024", "03/04/2024"], 0.9)
    assert form_read is not None
    assert (form_read.statement, form_read.other) == ("date:%d/%m/%Y", "date:%m/%d/%Y")


def test_dates_in_several_forms_have_no_statement_but_examples() -> None:
    mixed = [moment.strftime(form) for form in ("%d/%m/%Y", "%d %b %Y") for moment in MOMENTS]
    form_read = date_form(mixed, 0.9)
    assert form_read is not None
    assert (form_read.statement, form_read.examples) == ("", (mixed[0], mixed[30]))
    assert form_read.matches.all()


@pytest.mark.parametrize(
    "values",
    [
        ["31.02.2024"], ["1.2.3", "1.2.4"], ["10.2.14", "10.3.14"], ["2:1", "3:2"], ["01/02/1824"], ["hello 2024"],
        [f"{year}-{year % 100 + 1:02d}" for year in range(2001, 2015)], [f"{37 * n:08d}" for n in range(30)],
        ["2024-01"], ["01012024"], ["a" * 100_000], [""], [],
    ],
)  # fmt: skip
def test_codes_versions_scores_and_seasons_are_no_dates(values: list[str]) -> None:
    assert date_form(values, 0.9) is None


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m", "%Y%m%d%H%M", "%Y%m%d%H%M%S"])
def test_whole_numbers_that_are_all_dates_are_found(form: str) -> None:
    numbers = np.array([float(moment.strftime(form)) for moment in MOMENTS])
    assert number_date_format(numbers) == form
    assert number_date_format(np.repeat(numbers[: MIN_DATES - 1], 5)) == ""
    assert number_date_format(np.append(numbers, numbers.max() + 0.5)) == ""
    assert number_date_format(np.append(numbers, numbers[0] // 100 * 100 + 75)) == ""


def test_days_that_a_month_does_not_have_are_no_dates() -> None:
    days = np.arange(20240201, 20240230)
    assert number_date_format(days) == "%Y%m%d"
    assert number_date_format(np.append(days, 20230229)) == ""
    assert number_date_format(np.arange(20240101, 20240140)) == ""
    assert number_date_format(np.arange(18240101, 18240130)) == ""
    assert number_date_format(np.zeros(0)) == ""


def test_a_format_in_words() -> None:
    assert in_words("%Y%m%d%H%M") == "YYYYMMDDhhmm"
