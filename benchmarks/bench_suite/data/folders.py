"""Folders: splits of images that stay on disk, one file an image or in Parquet files, decoded as they are taken.

Nothing is held but names, labels and ids, so a split may be larger than memory, and its `take` may be called in other
processes: no file stays open between calls.

Ids are of the encoded bytes. Those of decoded pixels would need every image decoded before the first step, which takes
longer than an epoch of a small network; those of names and sizes would not find that an image stands in two splits, nor
stay the same when files are renamed or packed. So all bytes are read once, as fast as the disk gives them, and what
they hash to is kept in the cache under the names, sizes and times of the files.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench_suite.contracts import DataInvalid
from bench_suite.data.card import class_names
from bench_suite.data.fingerprint import content_ids, hash_of
from bench_suite.data.hub import first_line, hub_command
from bench_suite.data.imagefolder import is_picture
from bench_suite.data.images import REPAIR_FILE, encoded_bytes, pixels
from bench_suite.data.sources import numbers

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache

READERS = 8
"""Threads that read files ahead while their bytes are hashed: a network disk answers several at once."""
_SLICE = 512


# ── where encoded images lie ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images in files of their own."""

    folder: Path
    hub_id: str
    "For messages, which never name this machine's folders."
    names: np.ndarray
    "(n,) bytes: paths within `folder`. An array, since a million Python strings are slow to send to another process."

    def __len__(self) -> int:
        return len(self.names)

    def name(self, row: int) -> str:
        """What messages call an image."""
        return f"{self.hub_id}: the file {os.fsdecode(self.names[row])}"

    def read(self, rows: np.ndarray) -> Iterator[bytes]:
        """The encoded bytes of `rows` ((k,) positions), one after another. Raises DataInvalid."""
        for row in np.asarray(rows).tolist():
            try:
                yield (self.folder / os.fsdecode(self.names[row])).read_bytes()
            except OSError as error:
                raise DataInvalid(f"{self.name(row)} cannot be read: {error.strerror or error}{REPAIR_FILE}") from error

    def stamp(self) -> tuple[Any, ...]:
        """What differs when a file has been changed, added or taken away: names, sizes and times of change."""
        found = np.array([_size_and_time(self.folder / os.fsdecode(name)) for name in self.names], dtype=np.int64)
        return self.names, found

    def digests(self) -> np.ndarray:
        """(n,) int64 hashes of the encoded bytes."""
        slices = [np.arange(start, min(start + _SLICE, len(self))) for start in range(0, len(self), _SLICE)]
        with ThreadPoolExecutor(READERS) as pool:
            parts = list(pool.map(lambda rows: [_digest(file) for file in self.read(rows)], slices))
        return np.frombuffer(b"".join(digest for part in parts for digest in part), dtype="<i8")


@dataclass(frozen=True, eq=False)
class ParquetImages:
    """Images in a column of Parquet files, of which one row group at a time is read.

    Images are read one after another at the disk's pace. A batch drawn at random reads about as many row groups as it
    has rows (of the hub's files: 100 images each), so files of their own are quicker to train from.
    """

    files: tuple[Path, ...]
    hub_id: str
    column: str
    starts: np.ndarray
    "(m + 1,) int64: number of the first row of each row group, and of all rows."
    places: np.ndarray
    "(m, 2) int64: number of the file of each row group, and the group's number in it."
    _held: dict[int, Any] = field(default_factory=dict, repr=False)
    "The last row group that was read: the rows of a batch are asked for in order."

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": {}}

    def name(self, row: int) -> str:
        """What messages call an image."""
        group = self._group_of(row)
        number, _ = self.places[group]
        first = self.starts[np.searchsorted(self.places[:, 0], number)]
        return f"{self.hub_id}: the image of row {row - first} of {self.files[number].name}"

    def read(self, rows: np.ndarray) -> Iterator[bytes]:
        """The encoded bytes of `rows` ((k,) positions), one after another. Raises DataInvalid."""
        command = hub_command(self.hub_id)
        for row in np.asarray(rows).tolist():
            group = self._group_of(row)
            value = self._images_of(group)[row - int(self.starts[group])].as_py()
            yield encoded_bytes(value, self.name(row), command)

    def stamp(self) -> tuple[Any, ...]:
        """What differs when a file has been changed: names, sizes and times of change."""
        return [file.name for file in self.files], [_size_and_time(file) for file in self.files], self.column

    def digests(self) -> np.ndarray:
        """(n,) int64 hashes of the encoded bytes."""
        digests = [_digest(file) for file in self.read(np.arange(len(self)))]
        return np.frombuffer(b"".join(digests), dtype="<i8")

    def _group_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _images_of(self, group: int) -> pa.Array:
        """The images of a row group. The file is opened anew, 0.1 ms, and read without Arrow's threads: they and open
        files would not outlive a fork into worker processes."""
        held = self._held.get(group)
        if held is None:
            number, within = self.places[group].tolist()
            with _open_parquet(self.files[number], self.hub_id) as reader:
                table = reader.read_row_group(within, columns=[self.column], use_threads=False)
            held = table[self.column].combine_chunks()
            self._held.clear()
            self._held[group] = held
        return held


Store = ImageFiles | ParquetImages


def _digest(file: bytes) -> bytes:
    return hashlib.blake2b(file, digest_size=8).digest()


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise DataInvalid(f"`{path.name}` cannot be read: {error.strerror}") from error
    return found.st_size, found.st_mtime_ns


def _unreadable(name: str, error: BaseException, hub_id: str) -> DataInvalid:
    reason = getattr(error, "strerror", None) or first_line(error)
    return DataInvalid(f"{name} cannot be read: {reason}\n  to download it again: {hub_command(hub_id)}")


# ── a split ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class ImagesOnDisk:
    """A split of images of any size that become square ones of one size as they are taken."""

    store: Store
    ids: np.ndarray
    "(n,) int64, of the encoded bytes."
    targets: np.ndarray
    "(n,) int64 class numbers, known without reading an image."
    size: int
    "Sides of the images that `take` gives."
    crop: float = 1.0
    "Share of an image's shorter side that is kept, in its middle."
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _repair(self) -> str:
        if isinstance(self.store, ImageFiles):
            return REPAIR_FILE
        return f"\n  to download the data again: {hub_command(self.store.hub_id)}"

    def take(self, rows: np.ndarray) -> Mapping[str, Any]:
        """`image` (k, size, size, 3) uint8 and `target` (k,) int64 of `rows` ((k,) positions), in that order.

        Raises:
            DataInvalid: an image does not decode; the message names its file, or its row.
        """
        rows = np.asarray(rows)
        images = np.empty((len(rows), self.size, self.size, 3), dtype=np.uint8)
        for place, (row, file) in enumerate(zip(rows.tolist(), self.store.read(rows))):
            images[place] = pixels(file, "RGB", self.store.name(row), self.size, crop=self.crop, repair=self._repair)
        return {"image": images, "target": self.targets[rows]}


def open_images(store: Store, targets: np.ndarray, size: int, crop: float, cache: Cache | None = None) -> ImagesOnDisk:
    """A split of images that stay on disk. Reads all of their bytes once for the ids, which `cache` then keeps.

    Args:
        store: the encoded images.
        targets: (n,) int64.
        size, crop: as of `ImagesOnDisk`.
    """

    def make() -> dict[str, np.ndarray]:
        return {"digests": store.digests()}

    found = make() if cache is None else cache.arrays(hash_of("encoded images", 1, *store.stamp()), make)
    return ImagesOnDisk(store, content_ids(np.asarray(found["digests"])), targets, size, crop)


# ── a folder a class ────────────────────────────────────────────────────────────────────────────


def class_folders(
    folder: Path, hub_id: str, part: str, classes: tuple[str, ...] | None = None
) -> tuple[ImageFiles, np.ndarray, tuple[str, ...]]:
    """What lies in `folder/part`, a folder a class: the images, their targets (n,) int64, and the classes' names.

    Args:
        hub_id: for messages.
        classes: their names in order; None takes those of the folders, sorted.

    Raises:
        DataInvalid: there is no folder of a class, or one that is none of `classes`.
    """
    found = sorted(entry.name for entry in os.scandir(folder / part) if entry.is_dir() and entry.name[0] != ".")
    if not found:
        loose = sum(1 for entry in os.scandir(folder / part) if is_picture(entry.name))
        raise DataInvalid(
            f"{hub_id}: {part}/ holds {loose} images and no folder a class, so nothing says what they show. "
            f"Sort them into {part}/CLASS/, with the names of train/"
        )
    classes = tuple(found) if classes is None else classes
    unknown = [name for name in found if name not in classes]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise DataInvalid(
            f"{hub_id}: {part}/{unknown[0]}/{more} is none of the {len(classes)} classes that train/ has folders of"
        )
    names: list[bytes] = []
    targets: list[int] = []
    number = {name: position for position, name in enumerate(classes)}
    for name in found:
        files = sorted(e.name for e in os.scandir(folder / part / name) if is_picture(e.name))
        names += [os.fsencode(f"{part}/{name}/{file}") for file in files]
        targets += [number[name]] * len(files)
    return ImageFiles(folder, hub_id, np.array(names, dtype=np.bytes_)), np.array(targets, dtype=np.int64), classes


# ── Parquet files ───────────────────────────────────────────────────────────────────────────────


def parquet_files(folder: Path, hub_id: str, part: str) -> tuple[Path, ...]:
    """The Parquet files of a split, in order, named as hub repositories name them; none where there are none.

    Raises:
        DataInvalid: some of them are missing.
    """
    for place in (folder, folder / "data"):
        files = sorted(place.glob(f"{part}-[0-9]*.parquet")) or sorted(place.glob(f"{part}.parquet"))
        counted = re.search(r"-of-(\d+)\.parquet$", files[0].name) if files else None
        if counted and len(files) != int(counted[1]):
            raise DataInvalid(
                f"{hub_id}: {len(files)} of {int(counted[1])} files {part}-*.parquet are there\n"
                f"  to get the rest: {hub_command(hub_id)}"
            )
        if files:
            return tuple(files)
    return ()


def parquet_images(
    files: tuple[Path, ...], hub_id: str, image: str, label: str
) -> tuple[ParquetImages, np.ndarray, tuple[str, ...]]:
    """What lies in Parquet files: the images, their targets (n,) int64, and the classes' names.

    Only the column of labels is read. Names are those that the files state (as `datasets` writes them), else numbers.

    Args:
        image, label: names of the columns.

    Raises:
        DataInvalid: a file cannot be read, lacks a column, or a label is missing.
    """
    sizes: list[int] = []
    places: list[tuple[int, int]] = []
    targets: list[np.ndarray] = []
    classes: tuple[str, ...] = ()
    for number, file in enumerate(files):
        with _open_parquet(file, hub_id) as reader:
            there = reader.schema_arrow.names
            missing = [column for column in (image, label) if column not in there]
            if missing:
                raise DataInvalid(f"{hub_id}: {file.name} has no column `{missing[0]}`; it has: {', '.join(there)}")
            for group in range(reader.num_row_groups):
                sizes.append(reader.metadata.row_group(group).num_rows)
                places.append((number, group))
            labels = reader.read(columns=[label], use_threads=False)[label]
            targets.append(numbers(labels, "int64", f"{hub_id}, {file.name}, column {label}"))
            classes = classes or class_names(reader.schema_arrow.metadata, label) or ()
    target = np.concatenate(targets)
    if not classes:
        classes = tuple(str(number) for number in range(int(target.max(initial=-1)) + 1))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return ParquetImages(files, hub_id, image, starts, np.array(places, dtype=np.int64).reshape(-1, 2)), target, classes


@contextmanager
def _open_parquet(file: Path, hub_id: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file, to be read one column and row group at a time; what goes wrong meanwhile is a DataInvalid."""
    try:
        with pq.ParquetFile(file, pre_buffer=False) as reader:
            yield reader
    except (pa.ArrowException, OSError, EOFError) as error:
        name = f"{hub_id}: {file.name} (truncated, or not fully downloaded?)"
        raise _unreadable(name, error, hub_id) from error


def hub_snapshot(hub_id: str) -> Path | None:
    """The folder of a data set in the hub's own cache, as its download command leaves it; its name is the commit."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    place = cache / f"datasets--{hub_id.replace('/', '--')}"
    try:
        commit = (place / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = place / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None
