"""CIFAR-10: the published counts, and pixels equal to those of any JPEG decoder."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench_suite.contracts import Data
from bench_suite.data.cache import Cache
from bench_suite.data.fingerprint import contents
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import cifar10

FOLDER = Path(os.environ.get("BENCH_DATA", "")) / cifar10.HUB
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (os.environ.get("BENCH_DATA") and FOLDER.is_dir()), reason=f"BENCH_DATA holds no {cifar10.HUB}"
    ),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def data(cache: Cache) -> Data:
    return cifar10.load(cifar10.Options(), Sources(offline=True, cache=cache))


def test_it_has_its_published_counts(data: Data) -> None:
    assert data.source.origin == "folder:uoft-cs/cifar10"
    assert data.source.name == "cifar10"
    for name, count in (("train", 5_000), ("test", 1_000)):
        assert np.bincount(column(data.splits[name], "target")).tolist() == [count] * 10
    taken = data.splits["train"].take(np.arange(3))
    assert taken["image"].shape == (3, *data.spec["shape"]) == (3, 32, 32, 3)
    assert (taken["image"].dtype, taken["target"].dtype) == (np.uint8, np.int64)


def test_its_classes_are_those_that_the_files_state(data: Data) -> None:
    metadata = pq.read_schema(next(FOLDER.glob("**/test-*.parquet"))).metadata[b"huggingface"].decode()
    stated = ", ".join(f'"{name}"' for name in data.spec["classes"])
    assert f'"names": [{stated}]' in metadata


def test_pictures_are_those_that_pillow_reads(data: Data) -> None:
    file = next(FOLDER.glob("**/test-*.parquet"))
    table = pq.ParquetFile(file).read_row_group(0)
    rows = np.arange(0, 1_000, 97)
    for row, image in zip(rows, data.splits["test"].take(rows)["image"]):
        with Image.open(io.BytesIO(table["img"][row].as_py()["bytes"])) as expected:
            assert (np.asarray(expected.convert("RGB")) == image).all()


def test_the_mean_colour_is_that_by_which_everybody_normalises_it(data: Data) -> None:
    mean = column(data.splits["train"], "image").mean(axis=(0, 1, 2)) / 255
    assert np.abs(mean - [0.4914, 0.4822, 0.4465]).max() < 0.002  # a JPEG copy differs a little


def test_no_picture_stands_twice_so_none_is_left_out(data: Data) -> None:
    ids = np.concatenate([split.ids for split in data.splits.values()])
    assert len(np.unique(contents(ids))) == 60_000
    assert prepare(data, 0.1).source == data.source


def test_loaded_from_the_cache_it_is_the_same(data: Data, cache: Cache) -> None:
    again = cifar10.load(cifar10.Options(), Sources(offline=True, cache=cache))
    assert again.source == data.source
