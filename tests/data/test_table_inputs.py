"""Claims about the columns of a table as people brought them: names, values, dates and units."""

from __future__ import annotations

import numpy as np
import pytest

from bench_suite.contracts import Data
from bench_suite.data.sources import Sources
from bench_suite.data.table_inputs import TableInput, date_text, number_text, table_inputs
from bench_suite.tasks import files

CSV = """signed,job,price,age,active,churn
2024-03-01,nurse,12.50 $,34,true,yes
2023-12-31 18:30:00,cook,7 $,51,false,no
2024-01-15,,3 $,,true,yes
2024-02-15,cook,9 $,40,false,no
"""


def load(tmp_path, csv=CSV, **options) -> Data:
    (tmp_path / "train.csv").write_text(csv)
    (tmp_path / "test.csv").write_text(csv)
    options = {"path": str(tmp_path), "label": "churn", **options}
    return files.load(files.Options(**options), Sources(offline=True))


def test_files_state_which_columns_encode_what(tmp_path):
    data = load(tmp_path, columns={"price": "number", "signed": "date"}, duplicates="keep")
    table = data.splits["train"].take(np.arange(4))["table"]
    inputs = table_inputs(data.spec, table.shape[1])
    assert [(one.name, one.kind, one.unit, len(one.positions)) for one in inputs] == [
        ("signed", "date", "", 1), ("job", "category", "", 3), ("price", "number", "$", 1), ("age", "number", "", 1),
        ("active", "truth value", "", 1),
    ]  # fmt: skip
    assert [[one.value_in(row) for one in inputs] for row in table] == [
        ["2024-03-01", "nurse", "12.5 $", "34", "yes"],
        ["2023-12-31 18:30", "cook", "7 $", "51", "no"],
        ["2024-01-15", "missing", "3 $", "missing", "yes"],
        ["2024-02-15", "cook", "9 $", "40", "no"],
    ]
    assert [one.label for one in inputs] == ["signed", "job", "price ($)", "age", "active"]


def test_a_table_of_numbers_has_no_more_in_its_spec_than_its_columns(tmp_path):
    data = load(tmp_path, "a,b,churn\n1,2,yes\n3,4,no\n", duplicates="keep")
    assert set(data.spec) == {"classes", "columns"}
    assert [one.positions for one in table_inputs(data.spec, 2)] == [(0,), (1,)]


def test_a_table_without_names_has_numbered_columns():
    inputs = table_inputs({}, 2)
    assert [one.name for one in inputs] == ["column 0", "column 1"]
    assert inputs[1].value_in(np.array([1.0, 2.0])) == "2"


def test_a_name_with_an_equals_sign_is_no_category(tmp_path):
    data = load(tmp_path, "a=b,job,churn\n1,x,yes\n3,y=z,no\n", duplicates="keep")
    inputs = table_inputs(data.spec, 3)
    assert [(one.name, one.categories) for one in inputs] == [("a=b", ()), ("job", ("x", "y=z"))]
    assert inputs[1].value_in(np.array([0.0, 0.0, 0.0])) == "another"


@pytest.mark.parametrize(
    ("days", "text"),
    [(0.0, "1970-01-01"), (19_783.0, "2024-03-01"), (-1.0, "1969-12-31"), (0.5, "1970-01-01 12:00"),
     (19_783.999_999_9, "2024-03-02"), (1e9, "1e+09 days after 1970")],
)  # fmt: skip
def test_days_since_1970_are_dates(days, text):
    assert date_text(days) == text


def test_a_truth_value_that_was_averaged_is_a_number():
    assert TableInput("active", (0,), "truth value").value_in(np.array([0.25])) == "0.25"


@pytest.mark.parametrize(
    ("number", "text"),
    [(41_670.0, "41,670"), (9_999.4, "9999"), (0.012345, "0.01235"), (-1_234_567.8, "-1,234,568"), (2e12, "2e+12"),
     (0.0, "0"), (1e-7, "1e-07")],
)  # fmt: skip
def test_numbers_are_written_without_an_exponent_if_they_are_usual(number, text):
    assert number_text(number) == text
