"""The beginnings of files."""

import gzip
from pathlib import Path

import pyarrow as pa

from bench_suite.imported.heads import HEAD, columns_of, first_keys, head_of


def test_keys_of_the_first_object_without_those_inside() -> None:
    assert first_keys(b'{"a": {"x": 1}, "b": "\\"q\\": 1", "c": [1, {"y": 2}], "d"') == ["a", "b", "c"]
    assert first_keys(b'[{"a": 1}, {"b": 2}]') == ["a"]
    assert first_keys(b"\xef\xbb\xbf{}") == []
    assert first_keys(b"item,score") == []
    assert first_keys(b'{"a": "never closed') == ["a"]


def test_columns_of_text_in_any_form(tmp_path: Path) -> None:
    for name, content in {
        "a.csv": b"Item,Score\n1,2\n",
        "b.tsv": b"item\tscore\n",
        "c.csv": "\ufeffitem;score\n1;2\n".encode(),
        "d.csv": "item,score\n1,2\n".encode("utf-16"),
        "e.jsonl": b'{"item": 1, "score": 2}\n',
    }.items():
        (tmp_path / name).write_bytes(content)
        assert columns_of(tmp_path / name, head_of(tmp_path / name)) == {"item", "score"}, name
    with gzip.open(tmp_path / "f.csv.gz", "wb") as file:
        file.write(b"item,score\n")
    assert columns_of(tmp_path / "f.csv.gz", head_of(tmp_path / "f.csv.gz")) == {"item", "score"}


def test_what_cannot_be_read_has_no_head(tmp_path: Path) -> None:
    assert head_of(tmp_path / "absent") == b""
    (tmp_path / "x.csv.gz").write_bytes(b"no gzip")
    assert head_of(tmp_path / "x.csv.gz") == b""
    (tmp_path / "x.parquet").write_bytes(b"PAR1 cut")
    assert columns_of(tmp_path / "x.parquet", b"PAR1 cut") == set()


def test_a_file_that_was_cut_and_other_compressions_and_encodings_have_a_head(tmp_path: Path) -> None:
    text = b"item,score\n" + b"1,2\n" * 100_000
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text)[:-9])
    (tmp_path / "b.csv.zst").write_bytes(pa.compress(text, codec="zstd", asbytes=True))
    for name in ("a.csv.gz", "b.csv.zst"):
        assert head_of(tmp_path / name) == text[:HEAD]
    assert first_keys('{"a": 1, "é": 2}'.encode("utf-16")) == ["a", "é"]
