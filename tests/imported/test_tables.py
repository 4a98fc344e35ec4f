"""Columns of tables as texts and numbers."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported import table_memory, table_parts
from bench_suite.imported.class_scores import probabilities
from bench_suite.imported.tables import ending_of, is_table, numbers, open_tables, texts


def test_the_ending_of_a_compressed_file_is_that_below_the_compression() -> None:
    assert ending_of(Path("a.CSV.gz")) == ".csv"
    assert is_table(Path("x.jsonl"))
    assert not is_table(Path("x.eval"))


def test_several_files_are_read_one_after_another(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"item,score,extra{number}\na{number},{number},x\n")
    tables = open_tables([tmp_path / "1.csv", tmp_path / "2.csv"])
    assert tables.names == ["item", "score"]
    table = tables.read(["score"])
    assert table.column_names == ["score"]
    assert numbers(table, "score").tolist() == [1.0, 2.0]


def test_files_without_a_common_column_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("item,score\na,1\n")
    (tmp_path / "u.csv").write_text("question,points\na,1\n")
    with pytest.raises(BenchError, match="have no column in common"):
        open_tables([tmp_path / "t.csv", tmp_path / "u.csv"])


LARGE = {
    "quotes, line breaks in values, and an unneeded column": (
        "t.csv", 'item,score,answer\na,1,"x\ny, ""z"""\n"b,c",0.5,\n', ["a", "b,c"], [1.0, 0.5]),
    "a mark in the middle of a value": ("t.csv", 'item,score\n5" disk,1\nb,2\n', ['5" disk', "b"], [1.0, 2.0]),
    "semicolons and a byte order mark": ("t.csv", "\ufeffitem;score\na;1\nb;2", ["a", "b"], [1.0, 2.0]),
    "a line that states the separator": ("t.csv", "sep=;\nitem;score\na;1\nb;2", ["a", "b"], [1.0, 2.0]),
    "tabs, and the line ends of Windows": ("t.tsv", "item\tscore\r\na\t1\r\nb\t2\r\n", ["a", "b"], [1.0, 2.0]),
    "the line ends of old machines": ("t.csv", "item,score\ra,1\rb,2\r", ["a", "b"], [1.0, 2.0]),
    "JSON lines": ("t.jsonl", '{"item": 1, "score": true}\n\n{"score": false, "item": 2}', ["1", "2"], [1.0, 0.0]),
    "truth values": ("t.csv", "item,score\n1,True\n2,incorrect\n", ["1", "2"], [1.0, 0.0]),
}  # fmt: skip


@pytest.mark.parametrize("size", [0, 1 << 40])
@pytest.mark.parametrize("case", LARGE)
def test_a_table_in_parts_has_the_rows_of_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, size: int
) -> None:
    monkeypatch.setattr(table_parts, "MIN_BYTES", size)
    name, text, items, scores = LARGE[case]
    (tmp_path / name).write_bytes(text.encode())
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        tables = open_tables([path])
        assert isinstance(tables.files[0], table_parts.LargeTable) is (size == 0)
        read = {"score": lambda table, name, first: numbers(table, name, truths=True, first=first)}
        table = tables.read(["score", "item"], read)
        assert table.column_names == ["score", "item"]
        assert texts(table, "item").tolist() == items
        assert numbers(table, "score", truths=True).tolist() == scores


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_parquet_and_arrow_in_parts_have_the_rows_of_whole_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    written = pa.table({"item": ["a", "b", "a"], "p": [[0.5, 0.5], [0.0, 1.0], [1.0, 0.0]], "n": [1, 2, 3]})
    path = tmp_path / f"t.{form}"
    if form == "parquet":
        pq.write_table(written, path, row_group_size=1)
    else:
        with pa.ipc.new_file(path, written.schema) as file:
            file.write_table(written, max_chunksize=1)
    expected = open_tables([path]).read(["n", "item", "p"])
    monkeypatch.setattr(table_parts, "MIN_BYTES", 0)
    table = open_tables([path]).read(["n", "item", "p"], {"p": probabilities})
    assert texts(table, "item").tolist() == texts(expected, "item").tolist()
    assert table.column("n").to_pylist() == [1, 2, 3]
    assert table.column("p").to_pylist() == expected.column("p").to_pylist()


def test_a_large_table_that_does_not_fit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("item,score\n" + "a,1\n" * 1000)
    monkeypatch.setattr(table_parts, "MIN_BYTES", 0)
    monkeypatch.setattr(table_memory, "available_memory", lambda: 0.1)
    with pytest.raises(
        BenchError, match=r"t\.csv: 1,00\d rows or more \(4,011 bytes\) take about .* 102 KiB are free.*split"
    ):
        open_tables([path])
    pq.write_table(pa.table({"item": ["a"] * 10_000, "score": [1.0] * 10_000}), tmp_path / "t.parquet")
    tables = open_tables([tmp_path / "t.parquet"])
    with pytest.raises(BenchError, match=r"t\.parquet: 10,000 rows or more"):
        tables.read(["item", "score"])


def test_an_error_in_a_later_part_names_the_row_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_parts, "MIN_BYTES", 0)
    monkeypatch.setattr(table_parts, "ROWS", 2)
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"item": {n}, "score": "{n}"}}\n' for n in range(5)) + '{"item": 5, "score": "high"}\n')
    with pytest.raises(BenchError, match="'high' in row 6"):
        open_tables([path]).read(["score"], {"score": lambda table, name, first: numbers(table, name, first=first)})


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


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_a_text_among_the_numbers_of_json_lines_is_named_with_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(table_parts, "MIN_BYTES", size)
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 0.5}\n{"a": 1.5}\n{"a": "n/a"}\n')
    with pytest.raises(BenchError, match="column 'a' has \"n/a\" in row 3, and numbers in most rows"):
        open_tables([path]).read(["a"])


def test_numbers_whose_squares_are_none_are_refused() -> None:
    with pytest.raises(BenchError, match=r"has 1e\+200 in row 2"):
        numbers(pa.table({"a": [1.0, 1e200]}), "a")


def test_errors_name_the_options_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("item,score\né,1\n".encode("cp1252"))
    (tmp_path / "b.csv").write_text("item,score\na\n")
    for name, message in (("a.csv", "--encoding cp1252"), ("b.csv", "begin the file with .*sep=;")):
        with pytest.raises(BenchError, match=message):
            open_tables([tmp_path / name])
