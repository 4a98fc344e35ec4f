"""Large tables, read in parts; `test_tables.py` compares them with whole ones."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported import table_parts
from bench_suite.imported.table_parts import LargeTable, is_large, json_values, several_types


def test_the_size_of_text_and_the_rows_of_parquet_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_parts, "MIN_BYTES", 800)
    for name, size, large in (("a.csv", 799, False), ("a.csv", 800, True), ("a.csv.gz", 100, True),
                              ("a.json", 999, False), ("a.parquet.gz", 999, False)):  # fmt: skip
        (tmp_path / name).write_bytes(b"x" * size)
        assert is_large(tmp_path / name) is large, name
    pq.write_table(pa.table({"a": [1] * 26}), tmp_path / "b.parquet")
    assert is_large(tmp_path / "b.parquet")
    assert not is_large(tmp_path / "a.json")


def parts(path: Path, *columns: str) -> list[dict[str, list[object]]]:
    table = LargeTable(path, None)
    table.count(lambda rows, size: None)
    return [part.to_pydict() for part in table.parts(columns)]


REFUSED = {
    "a row that is too short": ("t.csv", "a,b\n1,2\n3\n", "Expected 2 columns, got 1"),
    "two files in one": ("t.csv", "a,b\n1,2\na,b\n3,4\n", "row 2 repeats the line of names"),
    "a comment before the names": ("t.csv", "# made today\na,b\n1,2\n", "is a comment"),
    "another encoding": ("t.csv", b"a,b\n1,\xe9\n", "--encoding cp1252"),
    "a line that was cut": ("t.jsonl", '{"a": 1, "b": 2}\n{"a": 1, "b', "line 2 is not JSON .is the file complete"),
    "a line that is a list": ("t.jsonl", '{"a": 1, "b": 2}\n[1]\n', "line 2 is no JSON object"),
    "a text among numbers": ("t.jsonl", '{"a": 1, "b": 2}\n{"a": 2, "b": 2}\n{"a": "x", "b": 2}\n', "has .x. in row 3"),
    "a number that is too large": ("t.jsonl", '{"a": 123456789012345678901, "b": 2}\n', "more than 64 bits"),
    "nothing but line ends": ("t.csv", "\n\n", "is empty"),
    "no Parquet": ("t.parquet", "PAR1", "cannot be read"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_named(tmp_path: Path, case: str) -> None:
    name, content, message = REFUSED[case]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BenchError, match=message):
        parts(path, "a", "b")


def test_rows_come_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_parts, "ROWS", 2)
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n' * 5)
    assert parts(tmp_path / "t.jsonl", "a") == [{"a": [1, 1]}, {"a": [1, 1]}, {"a": [1]}]


def test_the_first_row_of_another_type_is_named(tmp_path: Path) -> None:
    message = several_types("f", "c", [1, 2, None, "n/a", 3], 10)
    assert message.startswith("f: the column 'c' has \"n/a\" in row 14, and numbers in most rows")
    for name, content in {"a.json": '[{"c": 1}, {"c": "1"}, 3]', "a.jsonl": '{"c": 1}\n{"c": "1"}\n{}\n'}.items():
        (tmp_path / name).write_text(content)
        assert json_values(tmp_path / name, "c", None) == [1, "1", None]
