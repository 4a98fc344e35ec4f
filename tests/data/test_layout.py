"""A folder in the hub's layout: file names, or its README, assign files to splits."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import DataInvalid
from bench_suite.data.card import class_names, read_card
from bench_suite.data.layout import read_folder

TABLE = pa.table({"text": ["a", "b"], "label": [0, 1]})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    data_folder = tmp_path / "owner" / "name"
    data_folder.mkdir(parents=True)
    return data_folder


def write(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(TABLE, folder / path)


def test_no_folder_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    assert read_folder("owner/name") is None
    monkeypatch.delenv("BENCH_DATA")
    assert read_folder("owner/name") is None


@pytest.mark.parametrize(
    ("path", "config", "split"),
    [
        ("train-00000-of-00001.parquet", None, "train"),
        ("data/train-00000-of-00001-0123456789abcdef.parquet", None, "train"),
        ("train.parquet", None, "train"),
        ("data/dev.parquet", None, "dev"),
        ("plain/test-00000-of-00001.parquet", "plain", "test"),
        ("data/plain/test.parquet", "plain", "test"),
        ("plain/train/0000.parquet", "plain", "train"),
        ("validation_matched-00000-of-00001.parquet", None, "validation_matched"),
    ],
)
def test_names_tell_configuration_and_split(folder: Path, path: str, config: str | None, split: str) -> None:
    write(folder, path)
    (folder / "dataset_infos.json").write_text("{}")
    write(folder, ".cache/huggingface/other.parquet")
    layout = read_folder("owner/name")
    assert layout is not None
    assert {name: [*splits] for name, splits in layout.configs.items()} == {config: [split]}
    assert layout.splits(None) == (split,)
    assert layout.read(None, split, ("label",)).table.column_names == ["label"]


def test_files_of_a_split_come_in_order_and_a_missing_one_is_noticed(folder: Path) -> None:
    write(folder, "data/train-00001-of-00002.parquet", "data/train-00000-of-00002.parquet")
    layout = read_folder("owner/name")
    assert layout is not None
    assert layout.read(None, "train", None).table.num_rows == 4
    (folder / "data" / "train-00000-of-00002.parquet").unlink()
    layout = read_folder("owner/name")
    assert layout is not None
    with pytest.raises(DataInvalid, match=r"1 of 2 files data/train-\*\.parquet"):
        layout.read(None, "train", None)
    (folder / "data" / "train-00001-of-00002.parquet").rename(folder / "data" / "other-00001-of-00002.csv.gz")
    layout = read_folder("owner/name")
    assert layout is not None
    with pytest.raises(DataInvalid, match=r"1 of 2 files data/other-\*\.csv\.gz"):
        layout.read(None, "other", None)


def test_a_set_that_is_there_as_parquet_and_as_text_is_read_once(folder: Path) -> None:
    write(folder, "train.parquet")
    (folder / "train.csv").write_text("text,label\na,0\n")
    layout = read_folder("owner/name")
    assert layout is not None
    assert [file.name for file in layout.configs[None]["train"]] == ["train.parquet"]


def test_the_readme_goes_before_the_names_of_files(folder: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with the hub's libraries")
    write(folder, "en/a-train.parquet", "en/b-train.parquet", "de/a-train.parquet", "en/held.parquet")
    (folder / "README.md").write_text(
        "---\nlicense: mit\nconfigs:\n"
        "- config_name: english\n  default: true\n  data_files:\n  - split: train\n    path: en/*-train.parquet\n"
        "  - split: test\n    path: [en/held.parquet]\n"
        "- config_name: german\n  data_files: de/*.parquet\n---\n# A data set\n"
    )
    layout = read_folder("owner/name")
    assert layout is not None
    assert layout.splits(None) == layout.splits("english") == ("train", "test")
    fetched = layout.read("english", "train", None)
    assert (fetched.table.num_rows, fetched.licence) == (4, "mit")
    assert layout.splits("german") == ("train",)
    assert layout.splits("french") == ()
    assert "(it has: english, german)" in layout.describe_missing("french", "train")


def test_the_readme_names_the_classes_where_the_files_do_not(folder: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with the hub's libraries")
    write(folder, "train.parquet")
    (folder / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: label\n    dtype:\n"
        "      class_label:\n        names:\n          '0': negative\n          '1': positive\n---\n"
    )
    layout = read_folder("owner/name")
    assert layout is not None
    metadata = layout.read(None, "train", None).table.schema.metadata
    assert class_names(metadata, "label") == ("negative", "positive")


@pytest.mark.parametrize("text", ["", "# no head", "---\n: : :\n---", "---\n- a\n---", "---\nconfigs: 3\n---"])
def test_a_readme_that_says_nothing_of_it_says_nothing(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text)
    assert read_card(folder).files == {}


def test_the_commit_that_was_downloaded_is_known(folder: Path) -> None:
    write(folder, "data/train.parquet")
    note = folder / ".cache" / "huggingface" / "download" / "data" / "train.parquet.metadata"
    note.parent.mkdir(parents=True)
    note.write_text(f"{'a1' * 20}\netag\n1700000000.0\n")
    layout = read_folder("owner/name")
    assert layout is not None
    assert layout.read(None, "train", None).revision == "a1" * 20


def test_json_lines_of_any_length_are_read(folder: Path) -> None:
    (folder / "train.jsonl").write_text(
        json.dumps({"text": "word " * 500_000}) + "\n" + json.dumps({"text": "b"}) + "\n"
    )
    layout = read_folder("owner/name")
    assert layout is not None
    assert layout.read(None, "train", None).table.num_rows == 2


def test_files_of_different_columns_are_refused(folder: Path) -> None:
    write(folder, "train-00000-of-00002.parquet")
    pq.write_table(pa.table({"other": [1]}), folder / "train-00001-of-00002.parquet")
    layout = read_folder("owner/name")
    assert layout is not None
    with pytest.raises(DataInvalid, match="files of one split have different columns"):
        layout.read(None, "train", None)
