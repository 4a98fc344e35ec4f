"""Which files of a folder belong to which split; the situations are in tests/tasks/test_files.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.folder_files import folder_files

CSV = "a,y\n1,p\n"


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(CSV)


def splits(folder: Path, config: str | None = None) -> dict[str, list[str]]:
    files = folder_files(folder, "mine", config)
    return {split: [files.name(file) for file in paths] for split, paths in files.splits.items()}


def test_one_of_several_configurations_must_be_named(tmp_path: Path) -> None:
    write(tmp_path, "one/train.csv", "two/train.csv", "two/test.csv")
    with pytest.raises(DataInvalid, match="several configurations: state one of them as `config`; it has: one, two"):
        splits(tmp_path)
    assert splits(tmp_path, "two") == {"train": ["two/train.csv"], "test": ["two/test.csv"]}
    with pytest.raises(DataInvalid, match='no configuration `tow`; did you mean "two"'):
        splits(tmp_path, "tow")


def test_the_head_of_the_readme_names_files_classes_and_licence(tmp_path: Path) -> None:
    write(tmp_path, "x/1.csv", "x/2.csv", "other.csv")
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\nconfigs:\n- config_name: plain\n  data_files:\n  - split: train\n    path: x/1.csv\n"
        "  - split: test\n    path: x/2.csv\ndataset_info:\n  config_name: plain\n  features:\n  - name: y\n"
        "    dtype:\n      class_label:\n        names:\n          '0': p\n          '1': q\n---\n"
    )
    files = folder_files(tmp_path, "mine")
    assert splits(tmp_path) == {"train": ["x/1.csv"], "test": ["x/2.csv"]}
    assert files.classes == {"y": ("p", "q")}
    assert files.stated


def test_a_folder_without_data_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataInvalid, match=r"notes\.txt has a format that is not read: write a CSV"):
        folder_files(tmp_path, "mine")
