"""Images on disk are read on access, the same from files and from Parquet, in any process."""

from __future__ import annotations

import io
import json
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench_suite.contracts import DataInvalid
from bench_suite.data import folders
from bench_suite.data.cache import Cache
from bench_suite.data.folders import (
    ImageFiles,
    ImagesOnDisk,
    ParquetImages,
    class_folders,
    hub_snapshot,
    open_images,
    parquet_files,
    parquet_images,
)
from bench_suite.data.splits import column

HUB = "owner/pictures"
CLASSES = ("ant", "bee", "cat")


def jpeg(number: int) -> bytes:
    """Return an image of its own size and colour."""
    file = io.BytesIO()
    Image.new("RGB", (20 + number % 7, 30 - number % 5), (number * 5 % 256, number * 3 % 256, 77)).save(file, "JPEG")
    return file.getvalue()


PICTURES = [jpeg(number) for number in range(30)]
LABELS = [number % 3 for number in range(30)]


def as_folders(root: Path) -> ImagesOnDisk:
    for number, (picture, label) in enumerate(zip(PICTURES, LABELS)):
        file = root / "train" / CLASSES[label] / f"{number:02}.JPEG"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture)
    store, targets, _ = class_folders(root, HUB, "train")
    return open_images(store, targets, 16, 1.0)


def write_parquet(file: Path, pictures: list[bytes], labels: list[int], group: int = 4) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    features = {"image": {"_type": "Image"}, "label": {"names": CLASSES, "_type": "ClassLabel"}}
    rows = [{"bytes": picture, "path": f"{number}.JPEG"} for number, picture in enumerate(pictures)]
    table = pa.table({"image": pa.array(rows), "label": labels})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, file, row_group_size=group)


def as_parquet(root: Path) -> ImagesOnDisk:
    write_parquet(root / "data/train-00000-of-00002.parquet", PICTURES[:17], LABELS[:17])
    write_parquet(root / "data/train-00001-of-00002.parquet", PICTURES[17:], LABELS[17:])
    store, targets, _ = parquet_images(parquet_files(root, HUB, "train"), HUB, "image", "label")
    return open_images(store, targets, 16, 1.0)


@pytest.fixture(params=[as_folders, as_parquet], ids=["folders", "parquet"])
def split(request: pytest.FixtureRequest, tmp_path: Path) -> ImagesOnDisk:
    factory: Callable[[Path], ImagesOnDisk] = request.param
    return factory(tmp_path)


# ── contents ────────────────────────────────────────────────────────────────────────────────────


def test_both_layouts_give_the_same_examples(tmp_path: Path) -> None:
    one, other = as_folders(tmp_path / "one"), as_parquet(tmp_path / "other")
    assert len(one) == len(other) == 30
    assert len(set(one.ids.tolist())) == 30
    orders = np.argsort(one.ids), np.argsort(other.ids)
    assert (one.ids[orders[0]] == other.ids[orders[1]]).all()
    first, second = one.take(orders[0]), other.take(orders[1])
    assert (first["image"] == second["image"]).all()
    assert (first["target"] == second["target"]).all()


def test_rows_come_in_the_order_and_as_often_as_asked(split: ImagesOnDisk) -> None:
    everything = split.take(np.arange(30))
    assert everything["image"].shape == (30, 16, 16, 3)
    assert everything["image"].dtype == np.uint8
    rows = np.array([29, 3, 17, 3, 16])
    taken = split.take(rows)
    assert (taken["image"] == everything["image"][rows]).all()
    assert (taken["target"] == everything["target"][rows]).all()
    assert split.take(np.arange(0))["image"].shape == (0, 16, 16, 3)


def test_labels_are_the_classes_of_the_pictures(tmp_path: Path) -> None:
    examples = as_parquet(tmp_path)
    assert examples.targets.tolist() == LABELS
    store, targets, classes = class_folders(as_folders(tmp_path / "two").store.folder, HUB, "train")
    assert classes == CLASSES
    assert [CLASSES[label] for label in targets] == [store.name(row).split("/")[-2] for row in range(30)]


def test_targets_and_ids_are_known_without_decoding(split: ImagesOnDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "pixels", lambda *_, **__: pytest.fail("decoded"))
    assert sorted(column(split, "target").tolist()) == sorted(LABELS)
    assert len(split.ids) == 30
    assert not split.in_memory


def test_ids_are_of_the_bytes_whatever_a_file_is_called(tmp_path: Path) -> None:
    before = as_folders(tmp_path)
    (tmp_path / "train/ant/00.JPEG").rename(tmp_path / "train/ant/zz.png")
    (tmp_path / "train/ant/again.jpg").write_bytes(PICTURES[3])
    (tmp_path / "train/ant/notes.txt").write_text("no picture")
    store, targets, _ = class_folders(tmp_path, HUB, "train")
    after = open_images(store, targets, 16, 1.0)
    assert set(before.ids.tolist()) < set(after.ids.tolist())
    assert len(after) == 31


def test_classes_without_names_are_numbered(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": PICTURES[:3], "label": [2, 0, 2]}), tmp_path / "train.parquet")
    store, targets, classes = parquet_images(parquet_files(tmp_path, HUB, "train"), HUB, "image", "label")
    assert classes == ("0", "1", "2")
    assert open_images(store, targets, 8, 1.0).take(np.array([1]))["image"].shape == (1, 8, 8, 3)


# ── reading no more than is needed ──────────────────────────────────────────────────────────────


def test_bytes_are_hashed_once_and_again_where_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    files = as_folders(tmp_path)
    shards = as_parquet(tmp_path / "other")
    before = {store: open_images(store, files.targets, 16, 1.0, cache).ids for store in (files.store, shards.store)}
    with monkeypatch.context() as patch:
        patch.setattr(folders, "_digest", lambda _: pytest.fail("hashed again"))
        for store, ids in before.items():
            assert (open_images(store, files.targets, 99, 0.5, cache).ids == ids).all()
    (tmp_path / "train/ant/00.JPEG").write_bytes(jpeg(99))
    assert (open_images(files.store, files.targets, 16, 1.0, cache).ids != before[files.store]).sum() == 1


def test_row_groups_are_read_one_at_a_time_and_only_those_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = as_parquet(tmp_path)
    read: list[int] = []
    whole = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, group, **more: read.append(group) or whole(self, group, **more)
    )
    split.take(np.array([0, 1, 3, 9, 10, 17, 18]))
    assert read == [0, 2, 0]
    split.take(np.array([18, 19]))
    assert read == [0, 2, 0]
    assert isinstance(split.store, ParquetImages)
    assert len(split.store._held) == 1


MEASURED = """
import sys
from pathlib import Path
import numpy as np, pyarrow as pa
from bench_suite.data.folders import open_images, parquet_files, parquet_images
files = parquet_files(Path(sys.argv[1]), "owner/large", "train")
store, targets, _ = parquet_images(files, "owner/large", "image", "label")
split = open_images(store, targets, 16, 1.0)
split.take(np.linspace(0, len(split) - 1, 20).astype(int))
print(pa.default_memory_pool().max_memory())
"""


def test_memory_is_bounded_by_a_row_group(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()
    pictures = [PICTURES[number % 30] + noise for number in range(48)]  # a JPEG ends at its end marker
    write_parquet(tmp_path / "train-00000-of-00001.parquet", pictures, [0] * 48, group=2)
    done = subprocess.run([sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 48 * (1 << 20) / 4


# ── other processes ─────────────────────────────────────────────────────────────────────────────


def _taken(split: ImagesOnDisk, rows: np.ndarray) -> np.ndarray:
    return split.take(rows)["image"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_is_taken_from_in_other_processes(split: ImagesOnDisk, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not {method}")
    here = _taken(split, np.arange(30))  # a row group is in memory, and Arrow has run, when the other processes start
    with multiprocessing.get_context(method).Pool(2) as pool:
        # No object of this file is sent: another process may not be able to import it.
        parts = pool.map(split.take, np.array_split(np.arange(30), 4))
    assert (np.concatenate([part["image"] for part in parts]) == here).all()


def test_what_is_sent_to_another_process_is_small(split: ImagesOnDisk) -> None:
    split.take(np.arange(30))
    sent = pickle.dumps(split)
    assert len(sent) < 10_000
    assert (pickle.loads(sent).take(np.arange(5))["image"] == split.take(np.arange(5))["image"]).all()


# ── bad input ───────────────────────────────────────────────────────────────────────────────────


def test_a_picture_that_does_not_decode_is_named_by_its_file(tmp_path: Path) -> None:
    as_folders(tmp_path)
    (tmp_path / "train/bee/01.JPEG").write_bytes(PICTURES[1][:200])
    store, targets, _ = class_folders(tmp_path, HUB, "train")
    with pytest.raises(DataInvalid) as raised:
        open_images(store, targets, 16, 1.0).take(np.arange(30))
    assert "owner/pictures: the file train/bee/01.JPEG does not decode as an image (200 bytes" in str(raised.value)
    assert str(raised.value).endswith("\n  to repair it: replace that file, or remove it")
    assert str(tmp_path) not in str(raised.value)


def test_a_picture_that_does_not_decode_is_named_by_its_row(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train-00000-of-00002.parquet", PICTURES[:17], LABELS[:17])
    write_parquet(tmp_path / "train-00001-of-00002.parquet", [*PICTURES[17:22], b"", b"no"], [0] * 7)
    store, targets, _ = parquet_images(parquet_files(tmp_path, HUB, "train"), HUB, "image", "label")
    split = open_images(store, targets, 16, 1.0)
    with pytest.raises(DataInvalid, match=r"the image of row 5 of train-00001-of-00002\.parquet .* \(it is empty\)"):
        split.take(np.array([22]))
    with pytest.raises(DataInvalid, match=r"row 6 of train-00001-of-00002\.parquet .* \(2 bytes that begin with 6e 6f"):
        split.take(np.array([23]))


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    split = as_folders(tmp_path)
    (tmp_path / "train/cat/02.JPEG").unlink()
    with pytest.raises(
        DataInvalid, match=r"the file train/cat/02\.JPEG cannot be read: No such file.*\n  to repair it"
    ):
        split.take(np.arange(30))


def test_images_without_class_folders_are_counted(tmp_path: Path) -> None:
    as_folders(tmp_path)
    (tmp_path / "val").mkdir()
    for number in range(4):
        (tmp_path / "val" / f"{number}.JPEG").write_bytes(PICTURES[number])
    unknown = r"val/ holds 4 images and no folder for each class.*Sort them into val/CLASS/"
    with pytest.raises(DataInvalid, match=unknown):
        class_folders(tmp_path, HUB, "val", CLASSES)


def test_a_class_that_train_does_not_have_is_named(tmp_path: Path) -> None:
    (tmp_path / "val" / "dog").mkdir(parents=True)
    with pytest.raises(DataInvalid, match="val/dog/ is not one of the 3 classes that train/ has folders for"):
        class_folders(tmp_path, HUB, "val", CLASSES)


def test_missing_and_truncated_parquet_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "data/train-00000-of-00002.parquet"
    write_parquet(file, PICTURES, LABELS)
    with pytest.raises(DataInvalid, match=r"1 of 2 files train-\*\.parquet are there\n  to get the rest: "):
        parquet_files(tmp_path, HUB, "train")
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataInvalid, match=r"train-00000-of-00002\.parquet \(truncated, or not fully downloaded\?\)"):
        parquet_images((file,), HUB, "image", "label")
    write_parquet(file, PICTURES, LABELS)
    store, targets, _ = parquet_images((file,), HUB, "image", "label")
    file.write_bytes(content[:500] + bytes(len(content) - 500))
    with pytest.raises(DataInvalid, match="to download it again: "):
        open_images(store, targets, 16, 1.0)


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", PICTURES, LABELS)
    with pytest.raises(DataInvalid, match=r"train\.parquet has no column `fine_label`; it has: image, label"):
        parquet_images(parquet_files(tmp_path, HUB, "train"), HUB, "image", "fine_label")


def test_the_hubs_own_cache_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert hub_snapshot(HUB) is None
    repository = tmp_path / "datasets--owner--pictures"
    write_parquet(repository / "snapshots/abc123/data/train-00000-of-00001.parquet", PICTURES, LABELS)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("abc123")
    snapshot = hub_snapshot(HUB)
    assert snapshot is not None
    assert snapshot.name == "abc123"
    assert len(parquet_files(snapshot, HUB, "train")) == 1


def test_no_images_are_no_rows(tmp_path: Path) -> None:
    (tmp_path / "train" / "ant").mkdir(parents=True)
    store, targets, classes = class_folders(tmp_path, HUB, "train")
    assert isinstance(store, ImageFiles)
    assert (len(open_images(store, targets, 16, 1.0)), classes) == (0, ("ant",))
