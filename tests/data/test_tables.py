"""Table files of common programs are read; otherwise a message states the required format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.tables import read_tables

ROWS = [{"text": "good, really", "price": 1.5, "label": 1}, {"text": "bad", "price": 20.25, "label": 0}]


def read(file: Path, *columns: str) -> pa.Table:
    return read_tables([file], file.parent, "owner/name", columns or None)


def written(file: Path, text: str) -> Path:
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["train.json", "train.jsonl", "train.json.gz"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects_is_read_as_the_same_objects_a_line_are(tmp_path: Path, name: str, indent: int) -> None:
    rows = [*ROWS, {"text": "späť", "when": "2024-05-01 10:00:00"}]
    listed = read(written(tmp_path / name, "\ufeff \n" + json.dumps(rows, indent=indent)))
    lines = read(written(tmp_path / "lines.jsonl", "\n".join(map(json.dumps, rows))))
    assert listed.equals(lines)
    assert listed.column_names == ["text", "price", "label", "when"]
    assert read(tmp_path / name, "label").to_pylist()[:2] == [{"label": 1}, {"label": 0}]


def test_a_list_within_an_object_is_said_to_be_one(tmp_path: Path) -> None:
    for indent in (None, 2):
        file = written(tmp_path / "train.json", json.dumps({"version": "1", "data": ROWS}, indent=indent))
        with pytest.raises(DataInvalid) as raised:
            read(file, "text", "label")
        assert "owner/name/train.json is one object with lists in it (data)" in str(raised.value)
        assert "write the rows as a list of objects alone, or one object a line" in str(raised.value)


def test_one_object_is_one_row_also_where_it_holds_a_list(tmp_path: Path) -> None:
    file = written(tmp_path / "train.jsonl", json.dumps({"text": "a", "label": 1, "tags": ["x"]}))
    assert read(file, "text", "label").num_rows == 1


def test_a_list_of_what_are_no_objects_is_named_with_the_place(tmp_path: Path) -> None:
    file = written(tmp_path / "train.json", json.dumps([ROWS[0], ["bad", 0]]))
    with pytest.raises(DataInvalid, match=r"train\.json is a list whose item 1 is not an object"):
        read(file)


@pytest.mark.parametrize("text", ['[{"text": "a"', "[", '{"text": "a"', "", "no json"])
def test_json_that_does_not_read_is_named_with_what_to_do(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataInvalid, match=r"train\.json cannot be read as JSON .*\n  to download it again: "):
        read(written(tmp_path / "train.json", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "train.json is an empty list: one object a row"),
        (
            json.dumps([{"text": "a", "label": 1}, {"text": "b", "label": "x"}]),
            "`label` holds a number, and in row 2 a string",
        ),
        (
            json.dumps([{"text": "a", "label": 1}, {"text": "b \ud83d c", "label": 1}]),
            "row 2 holds one half of a surrogate",
        ),
        (json.dumps({"text": ["a", "b"], "label": [0, 1]}), "train.json holds columns, but rows are expected"),
        (json.dumps({"text": {"0": "a"}, "label": {"0": 1}}), 'one object a line, {"text": …, "label": …}, or a list'),
    ],
)
def test_json_that_is_all_there_and_of_another_form_is_not_said_to_be_truncated(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DataInvalid) as raised:
        read(written(tmp_path / "train.json", text), "text", "label")
    assert message in str(raised.value)
    assert "truncated" not in str(raised.value)
    assert "hf download" not in str(raised.value)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_columns_are_parted_by_what_the_line_of_names_is_parted_by(tmp_path: Path, mark: str, name: str) -> None:
    lines = [["text", '"the price"', "label"], ['"good, really; yes|no"', "1.5", "1"], ["bad", "20.25", "0"]]
    table = read(written(tmp_path / name, "\n".join(map(mark.join, lines))), "the price", "text", "label")
    assert table.to_pydict() == {
        "the price": [1.5, 20.25],
        "text": ["good, really; yes|no", "bad"],
        "label": [1, 0],
    }


@pytest.mark.parametrize("text", ["a;b,c\n1;2,3\n", '"a;b","c"\n1;2,3\n', "a|b,c\n1;2,3\n"])
def test_where_the_line_of_names_has_a_comma_it_is_what_parts_columns(tmp_path: Path, text: str) -> None:
    table = read(written(tmp_path / "train.csv", text))
    assert table.num_columns == 2
    assert table.column(0).to_pylist() == ["1;2"]


def test_names_in_quotes_may_hold_a_comma(tmp_path: Path) -> None:
    table = read(written(tmp_path / "train.csv", '"pay, yearly";age\n1;2\n'))
    assert table.to_pydict() == {"pay, yearly": [1], "age": [2]}


def test_one_column_is_one_column(tmp_path: Path) -> None:
    assert read(written(tmp_path / "train.csv", "text\na;b\n")).to_pydict() == {"text": ["a;b"]}
    assert read(written(tmp_path / "train.tsv", "a;b\n1;2\n")).to_pydict() == {"a;b": ["1;2"]}


@pytest.mark.parametrize("rows", ["1,5;a\r\n-2;b\r\n", "0;a\n10,25;b\n"])
def test_beside_semicolons_a_comma_stands_before_decimals(tmp_path: Path, rows: str) -> None:
    prices = read(written(tmp_path / "train.csv", f"price;text\n{rows}"))["price"]
    assert pa.types.is_floating(prices.type)
    assert sum(prices.to_pylist()) in (-0.5, 10.25)


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["-1,5", "+2,25", "", "3"], [-1.5, 2.25, None, 3.0]),
        (['"1,5"', '"2"', "NA", '"-0,25"'], [1.5, 2.0, None, -0.25]),
        (["1.000,5", "12", "-1.234.567", "1.000"], [1000.5, 12.0, -1234567.0, 1000.0]),
        ([*map(str, range(120_000)), "0,5"], [*map(float, range(120_000)), 0.5]),
    ],
)
@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_column_of_numbers_with_commas_is_one_of_numbers(
    tmp_path: Path, mark: str, values: list[str], numbers: list[float | None]
) -> None:
    rows = "".join(f"{value}{mark}a, b\n" for value in values)
    table = read(written(tmp_path / "train.csv", f"price{mark}text\n{rows}"))
    assert table["price"].to_pylist() == numbers
    assert table["text"].to_pylist() == ["a, b"] * len(values)


def test_points_beside_decimal_commas_stand_between_thousands(tmp_path: Path) -> None:
    table = read(written(tmp_path / "train.csv", "people;price;year\n1.000;2,5;2024\n12.500;3;2025\n"))
    assert table.to_pydict() == {"people": [1000, 12500], "price": [2.5, 3], "year": [2024, 2025]}


def test_codes_with_commas_leave_numbers_with_points_what_they_are(tmp_path: Path) -> None:
    file = written(tmp_path / "train.csv", "a;code;label\n0.5;2;z\n0.125;0,1;x\n-1.250;1,2;y\n")
    assert read(file, "a", "label")["a"].to_pylist() == [0.5, 0.125, -1.25]
    mixed = "`code` holds numbers with commas, such as 0,1, and `a` numbers with points"
    with pytest.raises(DataInvalid, match=mixed):
        read(file)


@pytest.mark.parametrize("odd", ["1,2,3", "1,5 kg", "a"])
def test_a_column_with_anything_else_than_numbers_stays_text(tmp_path: Path, odd: str) -> None:
    table = read(written(tmp_path / "train.csv", f"a;b\n1,5;2.5\n{odd};3.5\n"))
    assert table.to_pydict() == {"a": ["1,5", odd], "b": [2.5, 3.5]}


@pytest.mark.parametrize("text", ["größe;a\n1;2\n", "a;b\n1;grün\n2;rot\n", "a,b\nü,1\n"])
@pytest.mark.parametrize("code", ["latin-1", "utf-16"])
def test_text_that_is_not_utf_8_is_said_to_be_saved_as_such(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "train.csv").write_bytes(text.encode(code))
    with pytest.raises(DataInvalid, match=r"train\.csv: it is not written in UTF-8: .* save it as UTF-8$"):
        read(tmp_path / "train.csv")


def test_json_that_is_not_utf_8_is_said_to_be_saved_as_such(tmp_path: Path) -> None:
    for text in ('{"text": "größe", "label": 1}', '[{"text": "größe", "label": 1}]'):
        (tmp_path / "train.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(DataInvalid, match=r"train\.json: it is not written in UTF-8"):
            read(tmp_path / "train.json")


def test_rows_with_other_columns_than_the_line_of_names_are_said_to_with_the_mark_between(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"separated by commas, has 2 columns, and another row has 1: put names"):
        read(written(tmp_path / "train.csv", "a;b (kg, net);label\n1.5;2;0\n"))
    with pytest.raises(DataInvalid, match=r"separated by tabs, has 2 columns, and another row has 3: .* quotes$"):
        read(written(tmp_path / "train.tsv", "a\tb\n1\t2\t3\n"))
