"""Splits of images that stay on disk, in files of their own or in Parquet files, and are decoded as they are taken.

Only names, labels and ids are held, so a split may be larger than memory. No file stays open between calls, so `take`
may be called in other processes.

Ids are hashes of the encoded bytes. Hashes of decoded pixels would need every image decoded before the first step,
which takes longer than an epoch of a small network. Hashes of names and sizes would not find an image that is in two
splits, and would change when files are renamed or packed. So all bytes are read once, and the cache keeps their hashes
under the names, sizes and times of the files.
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
from bench_suite.data.class_names import class_names
from bench_suite.data.file_names import is_picture
from bench_suite.data.fingerprint import content_ids, hash_of
from bench_suite.data.hub import first_line, hub_command
from bench_suite.data.images import REPAIR_FILE, encoded_bytes, pixels
from bench_suite.data.sources import numbers

if TYPE_CHECKING:
    from bench_suite.data.cache import Cache

READERS = 8
"""Threads that read files while others are hashed: a network disk serves several at once."""
_SLICE = 512


# ── stores of encoded images ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images in files of their own."""

    folder: Path
    hub_id: str
    "For messages, which never name this machine's folders."
    names: np.ndarray
    "(n,) bytes: paths within `folder`. An array, because a million Python strings are slow to send to another process."

    def __len__(self) -> int:
        return len(self.names)

    def name(self, row: int) -> str:
        """Return what messages call an image."""
        return f"{self.hub_id}: the file {os.fsdecode(self.names[row])}"

    def read(self, rows: np.ndarray) -> Iterator[bytes]:
        """Yield the encoded bytes of `rows` ((k,) positions), in that order. Raise DataInvalid if one is unreadable."""
        for row in np.asarray(rows).tolist():
            try:
                yield (self.folder / os.fsdecode(self.names[row])).read_bytes()
            except OSError as error:
                raise DataInvalid(f"{self.name(row)} cannot be read: {error.strerror or error}{REPAIR_FILE}") from error

    def stamp(self) -> tuple[Any, ...]:
        """Return names, sizes and times of change, which differ after a file was changed, added or removed."""
        states = np.array([_size_and_time(self.folder / os.fsdecode(name)) for name in self.names], dtype=np.int64)
        return self.names, states

    def digests(self) -> np.ndarray:
        """Return the (n,) int64 hashes of the encoded bytes."""
        slices = [np.arange(start, min(start + _SLICE, len(self))) for start in range(0, len(self), _SLICE)]
        with ThreadPoolExecutor(READERS) as pool:
            parts = list(pool.map(lambda rows: [_digest(file) for file in self.read(rows)], slices))
        return np.frombuffer(b"".join(digest for part in parts for digest in part), dtype="<i8")


@dataclass(frozen=True, eq=False)
class ParquetImages:
    """Images in a column of Parquet files, read one row group at a time.

    Images in order are read at the disk's speed. A random batch reads about as many row groups as it has rows (100
    images each in the hub's files), so training from image files of their own is faster.
    """

    files: tuple[Path, ...]
    hub_id: str
    column: str
    starts: np.ndarray
    "(m + 1,) int64: number of the first row of each row group, then the number of all rows."
    row_groups: np.ndarray
    "(m, 2) int64: for each row group the number of its file and its number within the file."
    _held: dict[int, Any] = field(default_factory=dict, repr=False)
    "The row group that was read last, because the rows of a batch are read in order."

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": {}}

    def name(self, row: int) -> str:
        """Return what messages call an image."""
        group = self._group_of(row)
        number, _ = self.row_groups[group]
        first = self.starts[np.searchsorted(self.row_groups[:, 0], number)]
        return f"{self.hub_id}: the image of row {row - first} of {self.files[number].name}"

    def read(self, rows: np.ndarray) -> Iterator[bytes]:
        """Yield the encoded bytes of `rows` ((k,) positions), in that order. Raise DataInvalid if one is unreadable."""
        command = hub_command(self.hub_id)
        for row in np.asarray(rows).tolist():
            group = self._group_of(row)
            value = self._images_of(group)[row - int(self.starts[group])].as_py()
            yield encoded_bytes(value, self.name(row), command)

    def stamp(self) -> tuple[Any, ...]:
        """Return names, sizes and times of change, which differ after a file was changed."""
        return [file.name for file in self.files], [_size_and_time(file) for file in self.files], self.column

    def digests(self) -> np.ndarray:
        """Return the (n,) int64 hashes of the encoded bytes."""
        digests = [_digest(file) for file in self.read(np.arange(len(self)))]
        return np.frombuffer(b"".join(digests), dtype="<i8")

    def _group_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _images_of(self, group: int) -> pa.Array:
        """Return the images of a row group.

        The file is opened each time (0.1 ms) and read without Arrow's threads, because neither threads nor open files
        survive a fork into worker processes.
        """
        images = self._held.get(group)
        if images is None:
            number, within = self.row_groups[group].tolist()
            with _open_parquet(self.files[number], self.hub_id) as reader:
                table = reader.read_row_group(within, columns=[self.column], use_threads=False)
            images = table[self.column].combine_chunks()
            self._held.clear()
            self._held[group] = images
        return images


Store = ImageFiles | ParquetImages


def _digest(file: bytes) -> bytes:
    return hashlib.blake2b(file, digest_size=8).digest()


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except OSError as error:
        raise DataInvalid(f"`{path.name}` cannot be read: {error.strerror}") from error
    return state.st_size, state.st_mtime_ns


def _unreadable(name: str, error: BaseException, hub_id: str) -> DataInvalid:
    reason = getattr(error, "strerror", None) or first_line(error)
    return DataInvalid(f"{name} cannot be read: {reason}\n  to download it again: {hub_command(hub_id)}")


# ── a split ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, eq=False)
class ImagesOnDisk:
    """A split of images of any size, which are cropped and resized to squares of one size as they are taken."""

    store: Store
    ids: np.ndarray
    "(n,) int64, from the encoded bytes."
    targets: np.ndarray
    "(n,) int64 class numbers, known without reading an image."
    size: int
    "Height and width of the images that `take` returns."
    crop: float = 1.0
    "Side of the middle square that is kept, as a share of an image's shorter side."
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
        """Return `image` (k, size, size, 3) uint8 and `target` (k,) int64 of `rows` ((k,) positions), in that order.

        Raises:
            DataInvalid: An image does not decode; the message names its file, or its row.
        """
        rows = np.asarray(rows)
        images = np.empty((len(rows), self.size, self.size, 3), dtype=np.uint8)
        for position, (row, file) in enumerate(zip(rows.tolist(), self.store.read(rows))):
            images[position] = pixels(file, "RGB", self.store.name(row), self.size, crop=self.crop, repair=self._repair)
        return {"image": images, "target": self.targets[rows]}


def open_images(store: Store, targets: np.ndarray, size: int, crop: float, cache: Cache | None = None) -> ImagesOnDisk:
    """Return a split of images that stay on disk. Reads all bytes once for the ids, which `cache` then keeps.

    Args:
        store: The encoded images.
        targets: (n,) int64.
        size: As in `ImagesOnDisk`.
        crop: As in `ImagesOnDisk`.
        cache: Keeps the hashes; None keeps nothing.
    """

    def make() -> dict[str, np.ndarray]:
        return {"digests": store.digests()}

    arrays = make() if cache is None else cache.arrays(hash_of("encoded images", 1, *store.stamp()), make)
    return ImagesOnDisk(store, content_ids(np.asarray(arrays["digests"])), targets, size, crop)


# ── one folder a class ──────────────────────────────────────────────────────────────────────────


def class_folders(
    folder: Path, hub_id: str, part: str, classes: tuple[str, ...] | None = None
) -> tuple[ImageFiles, np.ndarray, tuple[str, ...]]:
    """Return the images of `folder/part`, which has one folder a class, their targets (n,) int64, and the class names.

    Args:
        folder: The folder of the data set.
        hub_id: The data set's id, for messages.
        part: Name of the folder of the split.
        classes: Names of the classes in order; None takes those of the folders, sorted.

    Raises:
        DataInvalid: There is no folder of a class, or one that is not among `classes`.
    """
    folder_names = sorted(entry.name for entry in os.scandir(folder / part) if entry.is_dir() and entry.name[0] != ".")
    if not folder_names:
        loose = sum(1 for entry in os.scandir(folder / part) if is_picture(entry.name))
        raise DataInvalid(
            f"{hub_id}: {part}/ holds {loose} images and no folder for each class, so their classes are unknown. "
            f"Sort them into {part}/CLASS/, with the names of train/"
        )
    classes = tuple(folder_names) if classes is None else classes
    unknown = [name for name in folder_names if name not in classes]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise DataInvalid(
            f"{hub_id}: {part}/{unknown[0]}/{more} is not one of the {len(classes)} classes that train/ has folders for"
        )
    names: list[bytes] = []
    targets: list[int] = []
    number = {name: position for position, name in enumerate(classes)}
    for name in folder_names:
        files = sorted(entry.name for entry in os.scandir(folder / part / name) if is_picture(entry.name))
        names += [os.fsencode(f"{part}/{name}/{file}") for file in files]
        targets += [number[name]] * len(files)
    return ImageFiles(folder, hub_id, np.array(names, dtype=np.bytes_)), np.array(targets, dtype=np.int64), classes


# ── Parquet files ───────────────────────────────────────────────────────────────────────────────


def parquet_files(folder: Path, hub_id: str, part: str) -> tuple[Path, ...]:
    """Return the Parquet files of a split, in order, named as hub repositories name them; may be empty.

    Raises:
        DataInvalid: Some of the files are missing.
    """
    for parent in (folder, folder / "data"):
        files = sorted(parent.glob(f"{part}-[0-9]*.parquet")) or sorted(parent.glob(f"{part}.parquet"))
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
    """Return the images of Parquet files, their targets (n,) int64, and the class names.

    Only the column of labels is read. The names are those that the files state (as `datasets` writes them), else the
    class numbers.

    Args:
        files: The files, in order.
        hub_id: The data set's id, for messages.
        image: Name of the column of images.
        label: Name of the column of class numbers.

    Raises:
        DataInvalid: A file cannot be read, lacks a column, or a label is missing.
    """
    sizes: list[int] = []
    groups: list[tuple[int, int]] = []
    targets: list[np.ndarray] = []
    classes: tuple[str, ...] = ()
    for number, file in enumerate(files):
        with _open_parquet(file, hub_id) as reader:
            columns = reader.schema_arrow.names
            missing = [column for column in (image, label) if column not in columns]
            if missing:
                raise DataInvalid(f"{hub_id}: {file.name} has no column `{missing[0]}`; it has: {', '.join(columns)}")
            for group in range(reader.num_row_groups):
                sizes.append(reader.metadata.row_group(group).num_rows)
                groups.append((number, group))
            labels = reader.read(columns=[label], use_threads=False)[label]
            targets.append(numbers(labels, "int64", f"{hub_id}, {file.name}, column {label}"))
            classes = classes or class_names(reader.schema_arrow.metadata, label) or ()
    target = np.concatenate(targets)
    if not classes:
        classes = tuple(str(number) for number in range(int(target.max(initial=-1)) + 1))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return ParquetImages(files, hub_id, image, starts, np.array(groups, dtype=np.int64).reshape(-1, 2)), target, classes


@contextmanager
def _open_parquet(file: Path, hub_id: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file to read single columns and row groups; errors within the block become a DataInvalid."""
    try:
        with pq.ParquetFile(file, pre_buffer=False) as reader:
            yield reader
    except (pa.ArrowException, OSError, EOFError) as error:
        name = f"{hub_id}: {file.name} (truncated, or not fully downloaded?)"
        raise _unreadable(name, error, hub_id) from error


def hub_snapshot(hub_id: str) -> Path | None:
    """Return the folder of a downloaded data set in the hub's own cache, whose name is the commit; None without one."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface").expanduser()
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub").expanduser()
    repository = cache / f"datasets--{hub_id.replace('/', '--')}"
    try:
        commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    snapshot = repository / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None
