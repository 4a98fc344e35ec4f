"""Which files the `path` of a suite names; the situations are in tests/tasks/test_files.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.stated_files import check_path, stated_files

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
        ("cc/a.csv", r"there is no file or folder cc/a\.csv"),
        ("*.parquet", r"no file matches the pattern \*\.parquet"),
        ("dir/*/x.csv", r"no file matches the pattern \*/x\.csv"),
        ("d*", r"the pattern d\* names the folder dir/ too"),
        ("link.csv", r"link\.csv is a link to gone\.csv, which does not exist"),
        ("link*", r"link\.csv is a link to gone\.csv, which does not exist"),
        ("dir", "dir holds no file of CSV"),
        ("loop.csv", r"loop\.csv is a link that leads back to itself"),
        ("a\0.csv", "path holds a character of value 0"),
        ({"train": "a.csv", "test": "dir"}, "dir holds no file of CSV"),
        ({"train": "a.csv", "test": "a.csv"}, r"a\.csv is named 2 times in path, for train and test"),
        ({"train": "a.csv", "test": ""}, "path holds an empty text"),
        ("https://example.org/a.csv", "is an address, and path names files of this machine"),
    ],
)
def test_a_path_that_names_no_file_is_refused(path: object, message: str, tmp_path: Path) -> None:
    write(tmp_path, "a.csv")
    (tmp_path / "dir").mkdir()
    (tmp_path / "link.csv").symlink_to("gone.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for function in (stated_files, check_path):
        with pytest.raises(DataInvalid, match=message):
            function(path, tmp_path)  # type: ignore[operator]  # one path or several


def test_a_folder_whose_name_looks_like_a_pattern_is_that_folder(tmp_path: Path) -> None:
    (tmp_path / "[1]").mkdir()
    write(tmp_path / "[1]", "a.csv", "b.csv")
    assert [file.name for file in stated_files("[1]/*.csv", tmp_path).splits["train"]] == ["a.csv", "b.csv"]
    assert check_path("[1]/a.csv", tmp_path) is None  # type: ignore[func-returns-value]  # it raises or returns
