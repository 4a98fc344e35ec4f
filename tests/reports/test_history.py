"""A history as text, Markdown and picture."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench_suite.comparison.history.changes import History, SeriesVerdict, judge
from bench_suite.comparison.history.points import LeftOut, Point
from bench_suite.reports import plots
from bench_suite.reports.history import as_markdown, as_text, picture, report_section, sparkline
from bench_suite.reports.markdown import report
from bench_suite.selftest.history_checks import series_of_rates
from bench_suite.stats.change_point_rates import AlarmRate


def history_of(*result: SeriesVerdict, **changes) -> History:
    known = History("throughput/train", "ci", result, (), 24, True, 12, 0.005, AlarmRate(4, 1000), 1)
    return replace(known, **changes)


def slower(name: str = "digits, mlp") -> SeriesVerdict:
    series = series_of_rates(
        [1000.0 + index % 3 for index in range(12)] + [880.0 + index % 3 for index in range(12)], name
    )
    points = tuple(
        replace(point, started=f"2026-11-{number + 1:02}T00:00:00Z", commit=f"{number:02}abcdef" * 5)
        for number, point in enumerate(series.points)
    )
    return judge(replace(series, points=points))


def test_a_change_is_shown_with_its_size_p_day_and_commits():
    text = as_text(history_of(slower()))
    assert "worse by −11.99 %" in text
    assert "p = 0.0005, since 2026-11-13" in text
    assert "between 11abcde (2026-11-12) and 12abcde (2026-11-13)" in text
    assert "▇" in text or "█" in text
    assert "false alarms: 0.4 per 100 series" in " ".join(text.split())
    assert text.splitlines()[0] == "throughput/train, suite ci: 24 runs in the order of their commits, 2026-11-01 to"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width):
    name = "a very long name of a task, " * 4
    left_out = (LeftOut("20261130T160221Z-ci-9933", "dirty"), LeftOut("x" * 20, "no value", name, "no clock"))
    text = as_text(history_of(slower(name), left_out=left_out), width)
    assert max(map(len, text.splitlines())) <= width


def test_what_is_left_out_is_named_with_its_reason():
    names = [f"run {number}" for number in range(5)]
    text = as_text(history_of(slower(), left_out=tuple(LeftOut(name, "smoke") for name in names)))
    assert "smoke run: run 0, run 1, run 2 and 2 more" in text


def test_too_few_runs_cannot_tell_and_say_how_many_are_needed():
    result = judge(series_of_rates([1.0, 2.0]))
    text = as_text(history_of(result, alarms=None))
    assert "cannot tell: 2 runs; at least 12 are needed" in text


def test_no_change_states_which_changes_could_not_be_found_yet():
    result = judge(series_of_rates([1000.0 + index % 4 for index in range(20)]))
    assert "no change point in 20 runs; a change in the last 2 would not be found yet" in as_text(history_of(result))


def test_control_characters_of_a_name_do_not_reach_the_terminal():
    assert "\x1b" not in as_text(history_of(slower("\x1b[31mred")))


def test_a_sparkline_has_a_bar_for_each_value_or_for_several():
    assert sparkline([1, 2, 3], 10) == "▁▅█"
    assert sparkline([5.0, 5.0], 10) == "▁▁"
    assert sparkline(list(range(100)), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([0] * 50 + [9] + [0] * 49, 10) == "▁" * 10


def test_markdown_has_one_row_a_series_and_none_for_too_few_runs():
    table = as_markdown([history_of(slower("a|b"), judge(series_of_rates([1.0, 2.0])))])
    lines = table.splitlines()
    assert len(lines) == 3
    assert "a\\|b" in lines[2]
    assert "worse by" in lines[2]
    assert as_markdown([history_of(judge(series_of_rates([1.0])))]) == ""


def test_a_picture_draws_each_series_and_marks_its_changes():
    artifact = picture(history_of(slower()))
    assert [*artifact.data["series"]] == ["digits, mlp", "digits, mlp, change 1"]
    assert plots.picture(artifact).startswith(b"\x89PNG")


def test_a_run_without_a_commit_is_named_by_its_id():
    result = judge(series_of_rates([1000.0 + index % 3 for index in range(12)] + [800.0] * 12))
    assert "between run 11 (no commit known) and run 12 (no commit known)" in as_text(history_of(result))
    assert Point("r", "d", 1.0, None, 1).commit is None


def test_a_report_has_the_history_of_the_ranking_metric_once_there_are_enough_runs(history_runs):
    runs = history_runs.accuracies([0.9] * 8 + [0.8] * 8)
    assert report_section(runs[10], ["quality/accuracy"]) == ""  # 11 runs until then
    section = report_section(runs[15], ["quality/accuracy", "no/metric"])
    assert "worse by −0.1" in section
    text = report(runs[15])
    assert "## History" in text
    assert section in text
    assert "## History" not in report(runs[3])
