"""Text files in blocks."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from bench_suite.contracts import BenchError
from bench_suite.imported import text_blocks
from bench_suite.imported.text_blocks import blocks_of, encoding_of, opened, survey

TEXT = "item;é\na;1\nb;2\n" * 5


def whole(path: Path, encoding: str | None = None) -> str:
    return b"".join(blocks_of(path, encoding)).decode()


@pytest.mark.parametrize("size", [3, 1 << 20])
def test_each_encoding_and_compression_gives_the_same_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK", size)
    files = {
        "a.csv": TEXT.encode("utf-8-sig"), "b.csv": TEXT.encode("utf-16"), "c.csv.gz": gzip.compress(TEXT.encode()),
        "d.csv.zst": pa.compress(TEXT.encode(), codec="zstd", asbytes=True),
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        if size > 3 or not name.startswith(("a", "b")):  # the mark is looked for in the first block
            assert whole(tmp_path / name) == TEXT, name
    (tmp_path / "e.csv").write_bytes(TEXT.encode("cp1252"))
    assert whole(tmp_path / "e.csv", "cp1252") == TEXT


REFUSED = {
    "cut": (gzip.compress(TEXT.encode() * 99)[:-9], "t.csv.gz", "is it complete"),
    "binary": (b"a,b\n1,\0\n", "t.csv", "line 2 contains a byte of value 0.*--encoding utf-16"),
    "a page": (b" <!DOCTYPE html>", "t.csv", "is a web page"),
    "gzip by another name": (gzip.compress(b"a"), "t.csv", "ending .gz"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_text_is_refused(tmp_path: Path, case: str) -> None:
    content, name, message = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchError, match=message):
        whole(tmp_path / name)


def test_the_wrong_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("é".encode("cp1252"))
    with pytest.raises(BenchError, match="cannot be read as ascii"):
        whole(tmp_path / "t.csv", "ascii")


def test_marks_show_the_encoding() -> None:
    assert [encoding_of(text) for text in ("a".encode("utf-16"), "a".encode("utf-32"), b"a")] == [
        "utf-16", "utf-32", "utf-8"]  # fmt: skip


@pytest.mark.parametrize("size", [5, 64])
def test_a_survey_counts_lines_and_finds_quotes_in_any_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(text_blocks, "BLOCK", size)
    for content, quotes in (
        ('a,b\n1,2\n"x\ny",3\n', True), ("a,b\n1,2\n", False), ('a,b\n5" disk,2\n', False),
        ('a,b\n"x ""y"" z",2\n"1","2"\n', True), ('a,b\n1,2\n3,"4"', True),
    ):  # fmt: skip
        (tmp_path / "t.csv").write_text(content)
        counts: list[tuple[int, int]] = []
        facts = survey(tmp_path / "t.csv", ",", None, lambda lines, size, counts=counts: counts.append((lines, size)))
        assert (facts.lines, facts.size, facts.quotes) == (content.count("\n"), len(content), quotes), content
        assert counts[-1] == (facts.lines, facts.size)


def test_a_mark_that_never_closes_and_a_row_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text('a,b\n"1,2\n3,4\n')
    with pytest.raises(
        BenchError, match="in the part from line 2 on: the quotation mark that begins a value in line 1"
    ):
        survey(tmp_path / "t.csv", ",", None, lambda *_: None)
    monkeypatch.setattr(text_blocks, "MAX_ROW", 10)
    (tmp_path / "t.csv").write_text("a" * 50)
    with pytest.raises(BenchError, match="has more than 10 bytes"):
        survey(tmp_path / "t.csv", ",", None, lambda *_: None)


def test_an_opened_file_gives_its_content(tmp_path: Path) -> None:
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"x"))
    with opened(tmp_path / "t.gz") as file:
        assert file.read() == b"x"
