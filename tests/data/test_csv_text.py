"""Text of CSV files: each value as it stands, or the file refused."""

from __future__ import annotations

import csv
import gzip
import io
import random
from pathlib import Path

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.csv_text import TextOptions, read_bytes, read_text


def read(tmp_path: Path, content: str | bytes, name: str = "a.csv", **options: object) -> list[list[str]]:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    table = read_text(file, name, TextOptions(**options), 1 << 24)  # type: ignore[arg-type]  # each test states options of the right types
    return [table.column_names, *(list(row.values()) for row in table.to_pylist())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_a_writer_of_csv_writes_comes_back(tmp_path: Path, delimiter: str) -> None:
    """Compare with Python's own reader over random texts of letters, marks, quotation marks and line breaks."""
    chance = random.Random(0)
    refusals: list[str] = []
    for _ in range(60):
        rows = [["a", "b", "c"]]
        rows += [["".join(chance.choices('ab"\n,;\t| 1', k=chance.randrange(6))) for _ in range(3)] for _ in range(8)]
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
        try:
            table = read(tmp_path, text.getvalue(), delimiter=delimiter)
        except DataInvalid as error:
            refusals.append(str(error))
        else:
            assert table == rows
    assert len(refusals) < 60
    assert all("reads as well with a row on each line" in refusal for refusal in refusals)


def test_texts_that_look_like_missing_or_like_numbers_stay(tmp_path: Path) -> None:
    rows = [["a", "b"], ["NA", "007"], ["", "null"], [" 1 ", "1.50"]]
    assert read(tmp_path, "\n".join(map(",".join, rows))) == rows


@pytest.mark.parametrize("content", ["a,b\r\n1,2\r\n", "a,b\r1,2\r", "\ufeffa,b\n1,2\n", "a,b\n\n1,2\n\n"])
def test_line_ends_byte_order_marks_and_blank_lines_change_nothing(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content) == [["a", "b"], ["1", "2"]]


def test_utf_16_is_known_by_its_byte_order_mark(tmp_path: Path) -> None:
    assert read(tmp_path, "a,b\n1,ü\n".encode("utf-16")) == [["a", "b"], ["1", "ü"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: a line with the names of the columns is expected"),
        ("a,a\n1,2\n", "2 columns are called `a`"),
        ("a,b\n1\n", "has 2 columns, and another row has 1"),
        ("a,b\n1,2,3\n", "has 2 columns, and another row has 3"),
        ('a,b\n"x"y,2\n', "is followed by a mark in line 2 that neither closes it nor is doubled"),
        ('a,b\n"x,2\n', "that begins a value in line 2 is never closed"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataInvalid, match=message):
        read(tmp_path, content)


def test_marks_within_values_are_text(tmp_path: Path) -> None:
    assert read(tmp_path, 'a,b\n5" disk,1\n6",2\n') == [["a", "b"], ['5" disk', "1"], ['6"', "2"]]


def test_a_row_longer_than_a_block_is_read(tmp_path: Path) -> None:
    long = "x" * (17 << 20)
    assert read_text(_file(tmp_path, f"a,b\n{long},1\n"), "a", TextOptions(), 1 << 30).to_pylist()[0]["a"] == long


def _file(folder: Path, text: str) -> Path:
    (folder / "long.csv").write_text(text)
    return folder / "long.csv"


def test_compressed_files_are_bounded_and_checked_for_their_end(tmp_path: Path) -> None:
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100))
    assert read_bytes(file, "a", 1000).startswith(b"a,b\n1,2\n")
    with pytest.raises(DataInvalid, match="holds more than 100 bytes of text: state a larger max_bytes"):
        read_bytes(file, "a", 100)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataInvalid, match=r"cannot be read \(is it complete\?\)"):
        read_bytes(file, "a", 1000)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, "a,b\n1,2\n")
    states = iter([file.stat(), tmp_path.stat()])
    monkeypatch.setattr(Path, "stat", lambda *_, **__: next(states))
    with pytest.raises(DataInvalid, match="changed while it was read"):
        read_bytes(file, "a", 1000)
