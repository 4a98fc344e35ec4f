"""ImageNet's two layouts with a few made-up images: the same examples, kept on disk, trained end to end."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench_suite.contracts import Data, DataInvalid, DataUnavailable
from bench_suite.data.cache import Cache
from bench_suite.data.preparation import prepare
from bench_suite.data.sources import Sources
from bench_suite.data.splits import column
from bench_suite.tasks import imagenet

HUB = "ILSVRC/imagenet-1k"
CLASSES = ("n01440764", "n01443537", "n01484850")
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200))
"""What tells the classes apart."""


def picture(number: int) -> bytes:
    """Return noise in the colour of class `number % 3`, with a size of its own."""
    draw = np.random.default_rng(number)
    height, width = draw.integers(40, 90, 2)
    noise = draw.integers(-40, 40, (height, width, 3)) + COLOURS[number % 3]
    file = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()


TRAIN = [picture(number) for number in range(60)]
TEST = [picture(number) for number in range(57, 78)]
"""Three of them stand in train too."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "data" / HUB


def as_folders(root: Path, test: str = "val") -> None:
    for part, pictures in (("train", TRAIN), (test, TEST)):
        for number, content in enumerate(pictures):
            file = root / part / CLASSES[number % 3] / f"{part}_{number:04}.JPEG"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def as_parquet(root: Path) -> None:
    (root / "data").mkdir(parents=True)
    features = {"image": {"_type": "Image"}, "label": {"names": CLASSES, "_type": "ClassLabel"}}
    for part, pictures in (("train", TRAIN), ("validation", TEST)):
        rows = [{"bytes": content, "path": None} for content in pictures]
        table = pa.table({"image": rows, "label": [number % 3 for number in range(len(pictures))]})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        pq.write_table(table, root / f"data/{part}-00000-of-00001.parquet", row_group_size=10)


def load(**options: object) -> Data:
    return imagenet.load(imagenet.Options(**{"size": 32, **options}), Sources(offline=True))


def sorted_by_id(data: Data, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    split = data.splits[name]
    order = np.argsort(split.ids)
    taken = split.take(order)
    return split.ids[order], taken["image"], taken["target"]


def test_both_layouts_give_the_same_examples_on_disk(root: Path, tmp_path: Path) -> None:
    as_folders(root)
    one = load()
    pairs = {name: sorted_by_id(one, name) for name in one.splits}
    root.rename(tmp_path / "moved")
    as_parquet(root)
    other = load()
    for name, count in (("train", 60), ("test", 21)):
        assert not one.splits[name].in_memory
        assert pairs[name][1].shape == (count, *one.spec["shape"]) == (count, 32, 32, 3)
        for values, expected in zip(pairs[name], sorted_by_id(other, name)):
            assert (values == expected).all()
    assert one.spec == other.spec == {"classes": CLASSES, "shape": (32, 32, 3)}
    assert one.source.origin == f"folder:{HUB}"


def test_the_folder_to_test_on_may_be_called_validation(root: Path) -> None:
    as_folders(root, "validation")
    assert len(load().splits["test"]) == 21


def test_validation_is_held_out_of_train_by_class_and_duplicates_are_left_out(root: Path) -> None:
    as_folders(root)
    prepared = prepare(load(), 0.1)
    assert {name: len(split) for name, split in prepared.splits.items()} == {"train": 51, "validation": 6, "test": 21}
    assert np.bincount(column(prepared.splits["validation"], "target")).tolist() == [2, 2, 2]
    assert prepared.source.notes == {"removed from train, because test has them too": 3}
    assert not any(split.in_memory for split in prepared.splits.values())


def test_size_and_crop_are_part_of_the_fingerprint(root: Path) -> None:
    as_folders(root)
    prints = [load(**options).source.fingerprint for options in ({}, {"size": 33}, {"crop": 1.0}, {})]
    assert len(set(prints)) == 3
    assert prints[0] == prints[3]


def test_the_fingerprints_of_the_splits_see_size_and_crop_and_not_the_names_of_the_files(root: Path) -> None:
    as_folders(root)

    def examples(**options: object) -> dict[str, str]:
        prepared = prepare(load(**options), 0.1)
        return {name: prints["examples"] for name, prints in prepared.source.fingerprints.items()}

    before = examples()
    assert list(before) == ["train", "test"]
    for options in ({"size": 33}, {"crop": 1.0}):
        assert all(examples(**options)[name] != before[name] for name in before)
    for number, file in enumerate(sorted((root / "val").rglob("*.JPEG"), reverse=True)):
        file.rename(file.with_name(f"{number}.JPEG"))
    assert examples() == before
    next((root / "val").rglob("*.JPEG")).unlink()
    after = examples()
    assert after["test"] != before["test"]


def test_the_middle_is_seen_as_the_usual_two_steps_show_it(root: Path) -> None:
    as_folders(root)
    image = load(size=28).splits["train"].take(np.array([0]))["image"][0]
    with Image.open(io.BytesIO(TRAIN[0])) as whole:
        scale = 32 / min(whole.size)
        resized = whole.resize(tuple(round(side * scale) for side in whole.size), Image.Resampling.BILINEAR)
        left, upper = (resized.width - 28) // 2, (resized.height - 28) // 2
        usual = np.asarray(resized.crop((left, upper, left + 28, upper + 28)))
    # Those libraries round sides and corners to whole pixels in between: for noise, only the colour is comparable.
    assert np.abs(image.mean(axis=(0, 1)) - usual.mean(axis=(0, 1))).max() < 2


def test_the_cache_keeps_what_bytes_hash_to(root: Path, tmp_path: Path) -> None:
    as_folders(root)
    sources = Sources(offline=True, cache=Cache(tmp_path / "cache"))
    first, again = (imagenet.load(imagenet.Options(size=32), sources) for _ in range(2))
    assert first.source == again.source == load().source


# ── end to end ──────────────────────────────────────────────────────────────────────────────────

SUITE = """
[[tasks]]
use = "imagenet"
size = 32
[[models]]
use = "cnn"
[train]
epochs = 8
batch_size = 8
learning_rate = 0.01
[matrix]
threads = 1
[probes.quality]
"""


@pytest.mark.slow
@pytest.mark.parametrize("layout", [as_folders, as_parquet], ids=["folders", "parquet"])
def test_a_suite_trains_on_it(root: Path, tmp_path: Path, layout) -> None:
    layout(root)
    (tmp_path / "suite.toml").write_text(SUITE)
    environment = {**os.environ, "BENCH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "bench_suite", "run", "suite.toml", "--offline", "--json", "--results", "results"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = [line for file in tmp_path.glob("results/*/records/*.jsonl") for line in file.read_text().splitlines()]
    record = json.loads(line)
    accuracy = next(metric["value"] for metric in record["metrics"] if metric["name"] == "quality/accuracy")
    assert accuracy > 0.9
    assert record["data"]["notes"]["removed from train, because test has them too"] == 3


# ── bad input ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("root")
def test_where_it_is_not_here_its_terms_and_the_command_are_given() -> None:
    with pytest.raises(DataUnavailable) as raised:
        load()
    assert "It is gated: accept its terms on https://huggingface.co/datasets/ILSVRC/imagenet-1k" in str(raised.value)
    assert raised.value.command is not None


def test_a_folder_without_train_or_without_what_to_test_on_says_so(root: Path) -> None:
    root.mkdir(parents=True)
    with pytest.raises(
        DataInvalid, match=r"has no train-\*\.parquet nor train/<class>/, so there is nothing to train on"
    ):
        load()
    (root / "train" / CLASSES[0]).mkdir(parents=True)
    with pytest.raises(
        DataInvalid, match="has no val/<class>/ nor validation/<class>/, so there is nothing to test on"
    ):
        load()


def test_a_picture_that_does_not_decode_is_named_when_it_is_taken(root: Path) -> None:
    as_folders(root)
    file = root / "val" / CLASSES[1] / "val_0001.JPEG"
    file.write_bytes(b"<html>404</html>")
    test = load().splits["test"]
    with pytest.raises(DataInvalid) as raised:
        test.take(np.arange(21))
    assert "the file val/n01443537/val_0001.JPEG does not decode as an image" in str(raised.value)
    assert "download" not in str(raised.value)  # no hint to download 150 GB because of one file
    assert str(raised.value).endswith("to repair it: replace that file, or remove it")


def test_labels_outside_the_classes_are_named_without_decoding(root: Path) -> None:
    as_parquet(root)
    rows = pa.table({"image": [{"bytes": content, "path": None} for content in TEST[:2]], "label": [1, -1]})
    pq.write_table(rows, root / "data/validation-00000-of-00001.parquet")
    with pytest.raises(DataInvalid, match=r"split `test` has labels outside its 3 classes \(0 to 2\): -1 \(1 times\)"):
        prepare(load(), 0.1)


def test_an_empty_split_is_named(root: Path) -> None:
    as_folders(root)
    for file in (root / "val").rglob("*.JPEG"):
        file.unlink()
    with pytest.raises(DataInvalid, match="split `test` is empty"):
        prepare(load(), 0.1)
