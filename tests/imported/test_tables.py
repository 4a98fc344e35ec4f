"""Columns of tables as texts and numbers."""

from pathlib import Path

import pyarrow as pa
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported.tables import ending_of, is_table, numbers, read_rows, texts


def test_the_ending_of_a_compressed_file_is_that_below_the_compression() -> None:
    assert ending_of(Path("a.CSV.gz")) == ".csv"
    assert is_table(Path("x.jsonl"))
    assert not is_table(Path("x.eval"))


def test_several_files_are_read_one_after_another(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"item,score,extra{number}\na{number},{number},x\n")
    table = read_rows([tmp_path / "1.csv", tmp_path / "2.csv"], {})
    assert table.column_names == ["item", "score"]
    assert numbers(table, "score").tolist() == [1.0, 2.0]


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("item,score\na,1\n")
    with pytest.raises(BenchError, match=r"(?s)no column .scores.; did you mean \"score\"\?.*--score COLUMN"):
        read_rows([tmp_path / "t.csv"], {"score": "scores"})


def test_numbers_are_read_strictly() -> None:
    table = pa.table(
        {"a": ["1", " 2.5 ", "1e3"], "b": ["1_0", "2", "3"], "c": [True, False, True], "d": [[1], [2], [3]]}
    )
    assert numbers(table, "a").tolist() == [1.0, 2.5, 1000.0]
    assert numbers(table, "c").tolist() == [1.0, 0.0, 1.0]
    for column in "bd":
        with pytest.raises(BenchError, match="is expected"):
            numbers(table, column)
    with pytest.raises(BenchError, match="lists or objects"):
        texts(table, "d")
