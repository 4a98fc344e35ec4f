"""CSV: the numbers of the records, RFC 4180, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pandas as pd
import pytest

from bench_suite.contracts import MetricRow
from bench_suite.exporters.csv import Options, escape, export
from bench_suite.store.runs import Run

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "＝", "＋", "－", "＠")


def rows_of(run: Run, **options: Any) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text_of(run, **options), newline=""))]


def text_of(run: Run, **options: Any) -> str:
    return b"".join(export(run, Options(**options))).decode()


def test_every_number_is_that_of_the_records(real_run, stored_metrics) -> None:
    rows = rows_of(real_run)
    assert len(rows) == len(stored_metrics) > 100
    for row, (record, metric) in zip(rows, stored_metrics):
        assert (row["id"], row["task"], row["model"]) == (record["id"], record["cell"]["task"], record["cell"]["model"])
        assert int(row["seed"]) == record["cell"]["seed"]
        assert (row["metric"], row["unit"]) == (metric["name"], metric["unit"])
        assert row["value"] == ("" if metric["value"] is None else repr(metric["value"]))
        interval = metric.get("interval", {})
        assert [row["low"], row["high"]] == [repr(interval[end]) if interval else "" for end in ("low", "high")]
        assert row["n"] == str(metric.get("n", ""))
        assert {axis: row[f"at.{axis}"] for axis in metric["at"]} == {a: str(v) for a, v in metric["at"].items()}


def test_pandas_reads_the_same_numbers(real_run, stored_metrics) -> None:
    frame = pd.read_csv(io.StringIO(text_of(real_run)))
    values = [float("nan") if metric["value"] is None else metric["value"] for _, metric in stored_metrics]
    pd.testing.assert_series_equal(frame["value"], pd.Series(values, name="value", dtype="float64"), rtol=1e-15)


def test_lines_end_as_in_rfc_4180(real_run) -> None:
    text = text_of(real_run)
    assert text.endswith("\r\n")
    assert text.count("\n") == text.count("\r\n")


def test_no_line_of_a_text_begins_like_a_formula_and_the_text_can_be_had_back(hostile_run) -> None:
    texts = [record.cell["note"] for record in hostile_run.records()]
    rows = rows_of(hostile_run)
    for row in rows:
        for name in ("note", "reason", "at.group"):
            for line in re.split(r"[\r\n]", row[name]):
                assert not line.lstrip().lstrip("\ufeff").startswith(FORMULA_STARTS), row[name]
    notes = [re.sub(r"(^|[\r\n])'", r"\1", row["note"]) for row in rows if row["metric"] == "quality/accuracy"]
    assert notes == [text.encode(errors="backslashreplace").decode() for text in texts]


def test_texts_can_be_kept_as_they_are(hostile_run) -> None:
    assert "-2+3" in [row["note"] for row in rows_of(hostile_run, formulas="keep")]
    assert "'-2+3" in [row["note"] for row in rows_of(hostile_run)]


def test_a_byte_order_mark_comes_first_if_asked_for(history_runs) -> None:
    run = history_runs.add([MetricRow("quality/accuracy", 0.9, "fraction", "higher", n=3)])
    assert not text_of(run).startswith("\ufeff")
    assert text_of(run, byte_order_mark=True).startswith("\ufeffrun,suite,id,")


def test_numbers_have_all_their_digits_and_are_never_escaped(history_runs) -> None:
    labels = {"a": -0.5, "b": 0.1 + 0.2, "c": 10**17 + 1, "d": 5e-324, "e": True, "f": None, "g": [1, "a"], "h": "-"}
    cell = {"task": "t", "model": "m", **labels}
    (row,) = rows_of(history_runs.add([MetricRow("quality/x", -1e-9, "", "none", n=3)], record={"cell": cell}))
    assert {name: row[name] for name in labels} == {
        "a": "-0.5", "b": "0.30000000000000004", "c": "100000000000000001", "d": "5e-324", "e": "true", "f": "",
        "g": '[1, "a"]', "h": "'-",
    }  # fmt: skip
    assert row["value"] == "-1e-09"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("=1", "'=1"), (" =1", "' =1"), ("a=1", "a=1"), ("'a", "''a"), ("a\n-b", "a\n'-b"), ("a\r\n\n+b", "a\r\n\n'+b"),
        ("", ""), ("\tx", "'\tx"), ("−1", "−1"), ("＝1", "'＝1"), ("x - y", "x - y"), ("\x00@x", "'\x00@x"),
    ],
)  # fmt: skip
def test_a_line_that_begins_like_a_formula_gets_an_apostrophe(text: str, escaped: str) -> None:
    assert escape(text) == escaped
