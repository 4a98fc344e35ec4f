"""The table of one file in each format, and the message for a file that is damaged or too large."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.file_sets import FileSet
from bench_suite.data.table_formats import read_table

ROWS = pa.table({"x": [1, 2], "y": ["p", "q"]})
FORMATS = ("a.csv", "a.tsv", "a.parquet", "a.arrow", "a.json", "a.jsonl", "a.csv.gz", "a.parquet.gz")


@pytest.fixture(autouse=True)
def hub_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def content(name: str) -> bytes:
    """Return the bytes of `ROWS` in the format of a file's name."""
    base = name.removesuffix(".gz")
    sink = pa.BufferOutputStream()
    if base.endswith(".parquet"):
        pq.write_table(ROWS, sink)
    elif base.endswith(".arrow"):
        with pa.ipc.new_file(sink, ROWS.schema) as writer:
            writer.write_table(ROWS)
    else:
        mark = "\t" if base.endswith(".tsv") else ","
        objects = ['{"x": 1, "y": "p"}', '{"x": 2, "y": "q"}']
        texts = {".json": f"[{', '.join(objects)}]", ".jsonl": "\n".join(objects)}
        sink.write(texts.get(Path(base).suffix, f"x{mark}y\n1{mark}p\n2{mark}q\n").encode())
    data = sink.getvalue().to_pybytes()
    return gzip.compress(data) if name.endswith(".gz") else data


def read(folder: Path, name: str, data: bytes, download: str = "", max_bytes: int = 1 << 20) -> pa.Table:
    (folder / name).write_bytes(data)
    files = FileSet("mine", folder, "any", {"train": (folder / name,)}, download=download)
    return read_table(files, folder / name, TextOptions(), max_bytes)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, name, content(name))
    textual = name.startswith(("a.csv", "a.tsv"))
    assert table.to_pydict() == {"x": ["1", "2"] if textual else [1, 2], "y": ["p", "q"]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.parquet", "cannot be read as Parquet"),
        ("a.arrow", "cannot be read as Arrow"),
        ("a.jsonl", "its rows cannot be read as JSON, one object a line or a list of objects"),
        ("a.csv.gz", "cannot be read"),
    ],
)
def test_a_file_that_is_cut_off_is_named_with_the_command_that_downloads_it_again(
    tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(DataInvalid, match=message) as raised:
        read(tmp_path, name, content(name)[:-7], download="bench data fetch")
    assert str(raised.value).startswith(f"mine/{name}")
    assert str(raised.value).endswith("\n  to download it again: bench data fetch")


def test_an_empty_json_file_and_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=r"a\.json is empty: one object a line"):
        read(tmp_path, "a.json", b"[]")
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, twice.schema) as writer:
        writer.write_table(twice)
    with pytest.raises(DataInvalid, match="2 columns are called `x`"):
        read(tmp_path, "a.arrow", sink.getvalue().to_pybytes())


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.jsonl", "a.csv"])
def test_more_bytes_than_are_allowed_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataInvalid, match="state a larger max_bytes"):
        read(tmp_path, name, content(name), max_bytes=8)
