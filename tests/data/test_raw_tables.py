"""Raw tables: one for each file of a split, all with the same columns, and notes on what was left out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_sets import FileSet
from bench_suite.data.raw_tables import RawTables, read_tables


def read(folder: Path, **splits: dict[str, str]) -> RawTables:
    """Return the tables of CSV files, given by split and name."""
    paths = {}
    for split, files in splits.items():
        for name, text in files.items():
            (folder / name).write_text(text)
        paths[split] = tuple(folder / name for name in files)
    return read_tables(FileSet("mine", folder, "csv", paths), TextOptions(), 1 << 20)


def test_each_file_is_a_table_of_texts_in_the_order_of_the_files(tmp_path: Path) -> None:
    raw = read(tmp_path, train={"a.csv": "x,y\n1,p\n", "b.csv": "x,y\n02,q\n"}, test={"c.csv": "x,y\n3,p\n"})
    assert raw.textual
    assert [[table["x"].to_pylist() for table in tables] for tables in raw.tables.values()] == [
        [["1"], ["02"]],
        [["3"]],
    ]
    assert raw.tables["train"][0].schema == pa.schema([("x", pa.string()), ("y", pa.string())])
    assert raw.notes == {}


def test_columns_that_are_left_out_are_noted(tmp_path: Path) -> None:
    raw = read(tmp_path, train={"a.csv": ",x\n0,5\n1,6\n"}, test={"b.csv": ",x,z\n0,5,1\n"})
    assert raw.tables["train"][0].column_names == ["x"]
    assert raw.notes == {
        "columns without a name, left out": "column 1, which numbers the rows (a name would keep it)",
        "columns of `test` alone, not used": "z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.csv": "x\n1\n", "b.csv": "z\n1\n"}, r"a\.csv has the column `x`, and b\.csv, also of `train`, has not"),
        ({"a.csv": "x\n1\n2\n", "b.csv": "x\n1\n2\n"}, r"a\.csv and b\.csv have the same content"),
        ({"part-00000-of-00002.csv": "x\n1\n"}, r"1 of 2 files part-\*\.csv are there: add the others"),
    ],
)
def test_files_that_do_not_make_one_table_are_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(DataInvalid, match=message):
        read(tmp_path, train=files)
