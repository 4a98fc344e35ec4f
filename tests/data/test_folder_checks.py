"""Refusals of folders that `datasets` would misread; the situations are in tests/tasks/test_files.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.file_names import Format
from bench_suite.data.file_sets import FileSet
from bench_suite.data.folder_checks import (
    check_class_folders,
    check_formats,
    check_left_out,
    check_links,
    check_read_twice,
    check_splits,
)

ROOT = Path("/x")


def files(format: Format = "csv", **splits: str) -> FileSet:
    paths = {split: tuple(ROOT / name for name in names.split()) for split, names in splits.items()}
    return FileSet("mine", ROOT, format, paths)


def test_data_below_a_linked_folder_would_be_left_out() -> None:
    with pytest.raises(DataInvalid, match="the folder b/ is a link, which is not followed"):
        check_links(files(train="a.csv"), [ROOT / "b/c.csv"], frozenset({ROOT / "b"}))
    check_links(files(train="a.csv"), [ROOT / "d/c.csv"], frozenset({ROOT / "b"}))


def test_a_file_without_an_ending_of_data_is_no_part_of_a_split() -> None:
    with pytest.raises(DataInvalid, match=r"train\.csv\.bak would be read as part of `train`"):
        check_formats(files(train="train.csv train.csv.bak"))


def test_one_table_in_two_files_would_be_read_twice() -> None:
    with pytest.raises(DataInvalid, match=r"test\.csv and test\.csv\.gz would both be read as `test`"):
        check_read_twice(files(test="test.csv test.csv.gz"))
    check_read_twice(files(test="a/part.csv b/part.csv"))


def test_a_name_that_says_another_split_is_refused() -> None:
    with pytest.raises(DataInvalid, match=r"Test\.csv would be read as part of `train`"):
        check_splits(files(train="train.csv Test.csv"))
    with pytest.raises(DataInvalid, match="part of `train` and of `test`"):
        check_splits(files(train="train/test.csv", test="train/test.csv"))


def test_data_of_a_split_that_are_not_read_are_refused() -> None:
    with pytest.raises(DataInvalid, match=r"test\.jsonl would not be read beside train\.csv"):
        check_left_out(files(train="train.csv"), [ROOT / "test.jsonl"])
    check_left_out(files(train="train.csv"), [ROOT / "notes.txt"])


def test_an_empty_folder_beside_classes_is_refused(tmp_path: Path) -> None:
    for name in ("cat", "dog", "owl"):
        (tmp_path / name).mkdir()
    read = FileSet("mine", tmp_path, "pictures", {"train": (tmp_path / "cat/1.png", tmp_path / "dog/1.png")})
    with pytest.raises(DataInvalid, match="the folder owl/ is empty, so a class would be missing: add its pictures"):
        check_class_folders(read, [])
