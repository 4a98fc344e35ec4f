"""Which files the `path` of a suite names; the situations are in tests/tasks/test_files.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.stated_files import stated_files

CSV = "a,y\n1,p\n"


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(CSV)


def test_a_path_in_the_suites_words_names_the_data(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "b.csv")
    files = stated_files({"train": "a.csv", "test": ["b.csv"]}, tmp_path)
    assert files.subject == "a.csv, b.csv"
    assert {split: [files.label(file) for file in paths] for split, paths in files.splits.items()} == {
        "train": ["a.csv"], "test": ["b.csv"],
    }  # fmt: skip


def test_a_pattern_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, "b.csv", "a.csv", "c.txt")
    assert [file.name for file in stated_files("*.csv", tmp_path).splits["train"]] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("c.csv", r"there is no file or folder c\.csv"),
        ("*.parquet", r"there is no file or folder \*\.parquet"),
        ({"train": "a.csv", "test": "a.csv"}, r"a\.csv is named 2 times in path, for train and test"),
        ({"train": "a.csv", "test": ""}, "path holds an empty text"),
        ("https://example.org/a.csv", "is an address, and path names files of this machine"),
    ],
)
def test_a_path_that_names_no_file_is_refused(path: object, message: str, tmp_path: Path) -> None:
    write(tmp_path, "a.csv")
    with pytest.raises(DataInvalid, match=message):
        stated_files(path, tmp_path)  # type: ignore[arg-type]  # one path or several
