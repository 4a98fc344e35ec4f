"""Tables of pictures: paths and labels from folders and metadata files, as `datasets` finds them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench_suite.contracts import Data, DataInvalid, DataUnavailable
from bench_suite.data import images
from bench_suite.data.csv_text import TextOptions
from bench_suite.data.folder_files import folder_files
from bench_suite.data.raw_tables import RawTables, read_tables
from bench_suite.data.sources import Sources
from bench_suite.tasks import hub

CLASSES = ("ant", "bee")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    data_folder = tmp_path / "data" / "owner" / "name"
    data_folder.mkdir(parents=True)
    return data_folder


def paint(folder: Path, *paths: str) -> None:
    """Write grey images of 4×4 pixels, each with its own shade."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shade = sum(path.encode()) % 251
        Image.fromarray(np.full((4, 4), shade, dtype=np.uint8)).save(folder / path)


def in_classes(*folders: str) -> list[str]:
    return [f"{folder}{name}/{number}.png" for folder in folders for name in CLASSES for number in range(4)]


def load(**options: str) -> Data:
    chosen = hub.Options(**{"id": "owner/name", "inputs": "image", **options})
    return hub.load(chosen, Sources(offline=True))


def raw_tables(folder: Path) -> RawTables:
    return read_tables(folder_files(folder, "owner/name"), TextOptions(), 1 << 30)


# ── one folder for each class ───────────────────────────────────────────────────────────────────


def test_pictures_in_folders_of_classes_are_a_task(folder: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))
    data = load()
    assert data.spec == {"classes": CLASSES, "shape": (4, 4, 1)}
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 8, "test": 8}
    taken = data.splits["train"].take(np.arange(8))
    assert taken["target"].tolist() == [0] * 4 + [1] * 4
    assert (taken["image"][5] == np.asarray(Image.open(folder / "train/bee/1.png"))[..., None]).all()
    assert data.source.origin == "folder:owner/name"


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (in_classes("train/", "valid/"), ["train", "validation"]),
        (in_classes("data/train/", "data/test/"), ["train", "test"]),
        (in_classes("latest/train/", "protest/eval/"), ["train", "test"]),
        (in_classes("pictures/train/"), ["train"]),
        (in_classes(""), ["train"]),
        (in_classes("data/"), ["train"]),
        (["train/ant/1.JPEG", "train/bee/2.JPEG", "train/.hidden/1.png", ".cache/train/bee/1.png"], ["train"]),
    ],
)
def test_names_of_folders_tell_split_and_class(folder: Path, paths: list[str], splits: list[str]) -> None:
    paint(folder, *paths)
    raw = raw_tables(folder)
    assert [*raw.tables] == splits
    read = [row for split in splits for table in raw.tables[split] for row in table.to_pylist()]
    visible = [path for path in paths if "/." not in f"/{path}"]
    assert sorted(row["image"]["path"] for row in read) == sorted(visible)
    assert all(row["label"] == Path(row["image"]["path"]).parent.name for row in read)


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            in_classes("my_training_data/train/", "my_training_data/test/"),
            r"my_training_data/test/ant/0\.png would be read as part of `train` and of `test`",
        ),
        (["train/ant/1.png", "train/bee/1.png", "train/test/1.png"], "train/test/1.png would be read as part of"),
        (in_classes("train/", "dev_test/"), r"dev_test/ant/0\.png would be read as part of `validation` and of `test`"),
        (
            in_classes("", "test_tube/"),
            r"pictures such as ant/0\.png would not be read, because only folders that name",
        ),
        (in_classes("train/", "Test/"), r"pictures such as Test/ant/0\.png would not be read, .* in lower case"),
        (in_classes("Train/", "TEST/"), r"TEST/ant/0\.png would be read as part of `train`, although its name says"),
    ],
)
def test_folders_that_may_be_of_either_split_are_refused(folder: Path, paths: list[str], message: str) -> None:
    paint(folder, *paths)
    with pytest.raises(DataInvalid, match=message):
        load()


def test_pictures_in_no_folder_of_a_class_have_no_label(folder: Path) -> None:
    paint(folder, *in_classes("train/"), "test/1.png", "test/2.png")
    data = load()
    assert data.source.notes["`test`"] == "not used: none of its 2 examples has a label"
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 6, "test": 2}


def test_where_nothing_says_what_pictures_show_it_is_said_what_would(folder: Path) -> None:
    paint(folder, "train/1.png", "train/2.png")
    with pytest.raises(DataInvalid, match=r"Sort them into train/CLASS/, or name them in train/metadata\.csv"):
        load()


def test_the_readme_names_the_order_of_classes_and_the_files_of_splits(folder: Path) -> None:
    pytest.importorskip("yaml", reason="needs PyYAML, which comes with the hub's libraries")
    paint(folder, *in_classes("one/", "two/"), "assets/banner.png")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: one/**\n"
        "  - split: test\n    path: two/*/*.png\ndataset_info:\n  features:\n  - name: label\n    dtype:\n"
        "      class_label:\n        names:\n          '0': bee\n          '1': ant\n---\n"
    )
    data = load()
    assert data.spec["classes"] == ("bee", "ant")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 8, "test": 8}


# ── metadata ────────────────────────────────────────────────────────────────────────────────────


def describe(folder: Path, form: str, files: Iterable[tuple[str, str]]) -> None:
    if form == "csv":
        lines = ["file_name,kind", *(f"{name},{kind}" for name, kind in files)]
    else:
        lines = [json.dumps({"file_name": name, "kind": kind}) for name, kind in files]
    (folder / f"metadata.{form}").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_pictures_that_metadata_describe_are_a_task(folder: Path, form: str) -> None:
    for split in ("train", "test"):
        paint(folder, *(f"{split}/{number}.png" for number in range(3)), f"{split}/more/3.png", f"{split}/other.png")
        describe(folder / split, form, [("2.png", "bee"), ("0.png", "ant"), ("1.png", "bee"), ("more/3.png", "ant")])
    data = load(label="kind")
    assert data.spec["classes"] == CLASSES
    taken = data.splits["test"].take(np.arange(4))
    assert taken["target"].tolist() == [1, 0, 1, 0]
    for row, name in enumerate(("2.png", "0.png", "1.png", "more/3.png")):
        assert (taken["image"][row, ..., 0] == np.asarray(Image.open(folder / "test" / name))).all()


def test_metadata_beside_a_folder_of_pictures_are_of_train(folder: Path) -> None:
    paint(folder, *(f"images/{number}.png" for number in range(10)))
    describe(folder, "csv", [(f"images/{number}.png", CLASSES[number % 2]) for number in range(10)])
    assert [*raw_tables(folder).tables] == ["train"]
    assert len(load(label="kind").splits["train"]) == 8


def test_metadata_above_the_splits_are_told_apart_by_the_paths_of_the_pictures(folder: Path) -> None:
    names = [f"{split}/{number}.png" for split in ("train", "test") for number in range(4)]
    paint(folder, *names, "test/4.png")
    describe(folder, "csv", [(name, CLASSES[number % 2]) for number, name in enumerate(names)])
    assert [*raw_tables(folder).tables] == ["train", "test"]
    data = load(label="kind")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 4, "test": 4}
    shades = data.splits["test"].take(np.arange(4))["image"][:, 0, 0, 0]
    assert [int(shade) for shade in shades] == [sum(name.encode()) % 251 for name in names[4:]]
    describe(folder / "test", "csv", [("4.png", "ant")])
    assert {name: len(split) for name, split in load(label="kind").splits.items()} == {"train": 4, "test": 1}


def test_metadata_that_name_no_picture_of_a_split_are_said_to(folder: Path) -> None:
    paint(folder, "train/0.png", "train/1.png", "test/0.png")
    describe(folder, "csv", [("train/0.png", "ant"), ("train/1.png", "bee")])
    with pytest.raises(DataInvalid, match=r"metadata\.csv names no picture of `test`: add its rows"):
        load(label="kind")


def test_a_split_without_metadata_beside_one_that_has_them_is_read_or_refused_and_never_left_out(folder: Path) -> None:
    paint(folder, *(f"train/{number}.png" for number in range(4)), *in_classes("test/"))
    describe(folder / "train", "jsonl", [(f"{number}.png", CLASSES[number % 2]) for number in range(4)])
    missing = r"split test: there is no column `kind` \(it has: image, label\)"
    with pytest.raises(DataInvalid, match=missing):
        load(label="kind")
    lines = (folder / "train/metadata.jsonl").read_text()
    (folder / "train/metadata.jsonl").write_text(lines.replace('"kind"', '"label"'))
    data = load()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 4, "test": 8}
    assert data.spec["classes"] == CLASSES


def test_a_picture_that_is_named_and_not_there_is_said_with_what_to_do(folder: Path) -> None:
    paint(folder, "train/0.png", "train/1.png")
    describe(folder / "train", "csv", [("0.png", "ant"), ("1.png", "bee"), ("2.png", "bee")])
    with pytest.raises(DataInvalid) as raised:
        load(label="kind")
    assert "the image of row 2: there is no file train/2.png" in str(raised.value)
    assert str(raised.value).endswith("\n  to repair it: add the picture, or remove the row that names it")


def test_an_archive_is_said_to_be_unpacked(folder: Path) -> None:
    (folder / "train.zip").write_bytes(b"PK")
    with pytest.raises(DataUnavailable, match="no file of CSV, TSV, JSON, Parquet or Arrow, and no picture, in the"):
        load()


def test_metadata_may_describe_pictures_that_lie_elsewhere(folder: Path) -> None:
    paint(folder, *(f"images/{number}.png" for number in range(8)))
    for split, first in (("train", 0), ("test", 4)):
        (folder / split).mkdir()
        describe(folder / split, "csv", [(f"../images/{first + n}.png", CLASSES[n % 2]) for n in range(4)])
    assert {name: len(split) for name, split in load(label="kind").splits.items()} == {"train": 4, "test": 4}


def test_metadata_name_no_file_outside_of_the_folder(folder: Path) -> None:
    paint(folder, "train/0.png")
    paint(folder.parent, "secret.png")
    describe(folder / "train", "csv", [("0.png", "ant"), ("../../secret.png", "bee")])
    with pytest.raises(DataInvalid, match=r"its file `secret\.png` is not in the data set's own folder"):
        load(label="kind")


def test_a_column_that_metadata_lack_is_named_among_those_there_are(folder: Path) -> None:
    paint(folder, "train/0.png")
    describe(folder / "train", "csv", [("0.png", "ant")])
    with pytest.raises(DataInvalid, match=r"split train: there is no column `label` \(it has: image, kind\)"):
        load()


# ── other files in the folder ───────────────────────────────────────────────────────────────────


def test_a_table_beside_pictures_is_named_as_not_read_or_refused(folder: Path) -> None:
    paint(folder, *in_classes("train/"))
    (folder / "classes.csv").write_text("number,name\n0,ant\n")
    data = load()
    assert len(data.splits["train"]) == 6
    assert data.source.notes["files not read"] == "1: classes.csv"
    (folder / "train.csv").write_text("text,label\na,0\n")
    with pytest.raises(DataInvalid, match=r"train\.csv would not be read beside train/ant/0\.png"):
        load()


def test_pictures_beside_a_table_are_named_as_not_read(folder: Path) -> None:
    paint(folder, "assets/banner.png")
    (folder / "full.csv").write_text("text,label\na,0\nb,1\nc,0\nd,1\n")
    assert load(inputs="text").source.notes["files not read"] == "1: assets/banner.png"


def test_a_folder_without_tables_or_pictures_is_told_what_would_be_read(folder: Path) -> None:
    (folder / "notes.txt").write_text("nothing")
    with pytest.raises(DataUnavailable, match="no file of CSV, TSV, JSON, Parquet or Arrow, and no picture, in the"):
        load()


# ── one picture that is damaged ─────────────────────────────────────────────────────────────────


def test_a_picture_that_does_not_decode_is_named_by_its_file_with_what_to_do(folder: Path, tmp_path: Path) -> None:
    paint(folder, *in_classes("train/", "test/"))
    (folder / "test/bee/2.png").write_bytes(b"<html>404</html>")
    with pytest.raises(DataInvalid) as raised:
        load()
    assert "owner/name, split test: the file test/bee/2.png does not decode as an image (it is a web page" in str(
        raised.value
    )
    assert str(raised.value).endswith("\n  to repair it: replace that file, or remove it")
    assert str(tmp_path) not in str(raised.value)


def test_no_picture_is_opened_for_the_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(folder, *in_classes("train/"))
    monkeypatch.setattr(images, "encoded_bytes", lambda *_, **__: pytest.fail("opened"))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("opened"))
    monkeypatch.setattr(Image, "open", lambda _: pytest.fail("opened"))
    assert raw_tables(folder).tables["train"][0].num_rows == 8


# ── the same as `datasets` ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["classes", "csv", "jsonl"])
def test_it_is_what_the_hub_gives_of_the_same_files(
    folder: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the package `datasets` (extra `hub`)")
    from bench_suite.data import hub as hub_module

    paint(folder, *in_classes("train/", "test/"))
    for split in ("train", "test") if form != "classes" else ():
        describe(folder / split, form, [(f"{name}/{n}.png", name) for n in (3, 0, 2, 1) for name in CLASSES])
    label = "label" if form == "classes" else "kind"
    here = load(label=label)
    read = datasets.load_dataset

    def load_dataset(*_: object, **__: object) -> object:
        """Load the folder like a repository of the hub, which `datasets` recognises by the same file names."""
        return read(str(folder), cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(datasets.config, "DOWNLOADED_DATASETS_PATH", str(folder))
    monkeypatch.setattr(hub_module, "unreachable", lambda: None)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "nothing"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    there = hub.load(hub.Options(id="owner/name", inputs="image", label=label), Sources())
    assert there.source.origin == "hub:owner/name"
    assert there.spec == here.spec
    for split in ("train", "test"):
        one, other = (data.splits[split].take(np.arange(8)) for data in (here, there))
        orders = np.argsort(here.splits[split].ids), np.argsort(there.splits[split].ids)
        assert (one["image"][orders[0]] == other["image"][orders[1]]).all()
        assert (one["target"][orders[0]] == other["target"][orders[1]]).all()
