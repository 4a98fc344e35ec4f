"""Which files a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.file_listing import has_data, list_data, list_files, no_data


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_what_is_hidden_is_not_listed(tmp_path: Path) -> None:
    write(tmp_path, "b/2.csv", "a.csv", ".git/x.csv", "__MACOSX/a.csv", "_SUCCESS", "_a.csv")
    files, _ = list_files(tmp_path, "mine")
    assert [file.relative_to(tmp_path).as_posix() for file in files] == ["_a.csv", "a.csv", "b/2.csv"]


def test_links_to_folders_are_followed_once_and_named(tmp_path: Path) -> None:
    write(tmp_path, "there/a.csv")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "link").symlink_to(tmp_path / "there")
    (tmp_path / "mine" / "circle").symlink_to(tmp_path / "mine")
    files, links = list_files(tmp_path / "mine", "mine")
    assert [file.name for file in files] == ["a.csv"]
    assert {link.name for link in links} == {"link", "circle"}


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("gone.csv")
    with pytest.raises(DataInvalid, match=r"mine/a\.csv is a link to gone\.csv, which does not exist"):
        list_files(tmp_path, "mine")


def test_a_folder_without_data_has_none(tmp_path: Path) -> None:
    write(tmp_path, "notes.txt")
    assert not has_data(tmp_path)
    with pytest.raises(DataInvalid, match=r"mine: notes\.txt has a format that is not read"):
        list_data(tmp_path, "mine")
    assert no_data(tmp_path, "mine", []).startswith("mine holds no file of CSV")
    write(tmp_path, ".hidden/1.png")
    assert not has_data(tmp_path)
    write(tmp_path, "a/b/1.PNG")
    assert has_data(tmp_path)


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(unprivileged: Any) -> None:
    folder, run = unprivileged
    write(folder, "mine/a.csv")
    (folder / "mine").chmod(0)
    ended = run(
        "-c", "from pathlib import Path; from bench_suite.data.file_listing import has_data; has_data(Path('mine'))"
    )
    assert "DataInvalid: the folder mine cannot be read: permission denied; allow it: chmod +rx mine" in ended.stderr
