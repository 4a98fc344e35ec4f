"""Image folders, the hub's layout `imagefolder`: pictures in files of their own, with their classes or metadata.

    SPLIT/CLASS/*.png    one folder a class; its name is the text in the column `label`
    SPLIT/metadata.csv   or .jsonl or .parquet: one row a picture, with its path in `file_name` and any other columns

Both may lie deeper, such as in `data/`. Without a folder SPLIT everything is `train`. SPLIT is any name that contains a
word of `SPLITS`, such as `training_set`. Metadata take precedence over folders of classes. Metadata above the folders
of splits hold for all splits without metadata; the path of a picture then decides its split. This module reads names
only: pictures are opened when they are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bench_suite.contracts import DataInvalid

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".jpeg", ".jpg", ".png", ".bmp", ".gif", ".ppm", ".tif", ".tiff", ".webp")
"""Endings of image files, in any case."""
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "dev", "val"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""The split of each word in the name of a folder, as in `datasets` (which knows lower case only)."""
_BETWEEN_WORDS = re.compile(r"[-._ 0-9]+")


def is_picture(name: str) -> bool:
    """Return whether a file is an image, by its name."""
    return name.lower().endswith(ENDINGS)


def picture_splits(folder: Path, *, named: bool = False) -> dict[str, tuple[Path, ...]]:
    """Return the files of each split: its metadata, or its pictures if it has none; empty without pictures.

    If one folder names a split, pictures in folders that name none are left out, as in `datasets`.

    Args:
        folder: The folder of the data set.
        named: Only look into folders that name a split.

    Raises:
        DataInvalid: A picture lies in folders that name two splits, or it is unknown which pictures to train on.
    """
    pictures: dict[str | None, list[Path]] = {}
    metadata: dict[str | None, list[Path]] = {}
    for file in sorted(folder.rglob("*.*")):
        parts = file.relative_to(folder).parts
        if (is_picture(file.name) or file.name in METADATA) and not any(part.startswith(".") for part in parts):
            kind = pictures if is_picture(file.name) else metadata
            kind.setdefault(_split(parts[:-1]), []).append(file)
    if not any(split or not named for split in pictures):
        return {}
    splits = sorted({split for split in (*pictures, *metadata) if split})
    if not splits:
        return {"train": tuple(metadata.get(None) or pictures[None])}
    if "train" not in splits and None in pictures and not named:
        one, other = (pictures[split][0].relative_to(folder) for split in (next(filter(None, pictures)), None))
        raise DataInvalid(
            f"by its name, {one.parent.as_posix()}/ belongs to a split, but pictures such as {other.as_posix()} "
            "are in no folder of a split: move the training pictures into train/, or rename that folder"
        )
    return {split: _described_by(metadata, split, pictures.get(split, ())) for split in splits}


def _described_by(
    metadata: Mapping[str | None, Sequence[Path]], split: str, pictures: Sequence[Path]
) -> tuple[Path, ...]:
    """Return the metadata of a split, in its folder or above; its pictures if there are none."""
    above = [file for file in metadata.get(None, ()) if any(file.parent in picture.parents for picture in pictures)]
    return tuple(metadata.get(split) or above or pictures)


def class_of(file: Path, folder: Path) -> str | None:
    """Return the class of a picture: the name of its folder; None if that is the folder of a split, or `folder`."""
    folders = file.relative_to(folder).parts[:-1]
    level = next((number for number, part in enumerate(folders) if _splits_named(part)), None)
    below = folders[level + 1 :] if level is not None else folders[1:] if folders[:1] == ("data",) else folders
    return below[-1] if below else None


def _split(folders: Sequence[str]) -> str | None:
    """Return the split that the outermost folder with such a name stands for; None if no folder has such a name.

    Below `train` a folder `test` is a class. Below `training_data` it may be a split or a class, which is refused.
    """
    named = [(part, splits) for part in folders if (splits := _splits_named(part))]
    if not named:
        return None
    outermost, splits = named[0]
    all_splits = frozenset().union(*(splits for _, splits in named))
    if len(all_splits) > 1 and outermost.lower() not in SPLITS:
        raise DataInvalid(
            f"the folder {'/'.join(folders)}/ is named after several splits, {' and '.join(sorted(all_splits))}: "
            "rename it, or the folders above it, so that the outermost name states the split"
        )
    return next(iter(splits))


@lru_cache(maxsize=1024)
def _splits_named(name: str) -> frozenset[str]:
    """Return the splits whose words the name of a folder contains."""
    return frozenset(SPLITS[word] for word in _BETWEEN_WORDS.split(name.lower()) if word in SPLITS)


def picture_table(files: Sequence[Path], folder: Path) -> pa.Table:
    """Return one row a file: `image`, struct<bytes, path> without bytes, and `label`, null outside a class's folder."""
    import pyarrow as pa

    paths = pa.array([file.relative_to(folder).as_posix() for file in files], pa.string())
    labels = pa.array([class_of(file, folder) for file in files], pa.string())
    return pa.table({"image": _by_path(paths), "label": labels})


def with_pictures(table: pa.Table, parent: str) -> pa.Table:
    """Return a table of metadata with `file_name` replaced by `image`; unchanged if it has no such column.

    Args:
        table: The metadata.
        parent: Folder of the metadata within the data set's folder, from which the paths start.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if "file_name" not in table.column_names:
        return table
    names = table["file_name"].cast(pa.string()).combine_chunks()
    paths = pc.binary_join_element_wise(parent, names, "/") if parent else names
    rest = table.drop_columns([name for name in ("file_name", "image") if name in table.column_names])
    return rest.add_column(0, "image", _by_path(paths))


def other_splits(split: str, *, shared: bool) -> frozenset[str | None]:
    """Return the splits whose pictures do not belong to `split`, though metadata may name them; None is no split.

    Args:
        split: The split that is read.
        shared: Whether other splits have the same metadata.
    """
    if split not in SPLITS.values():  # a name from the README, which is independent of folders
        return frozenset()
    return frozenset({*SPLITS.values()} - {split}) | (frozenset({None}) if shared else frozenset())


def without_pictures(table: pa.Table, splits: Collection[str | None]) -> pa.Table:
    """Return the rows of metadata whose picture is in the folder of none of `splits`. Raise DataInvalid."""
    import pyarrow as pa

    if not splits or "image" not in table.column_names:
        return table
    paths = [(row or {}).get("path") or "" for row in table["image"].to_pylist()]
    return table.filter(pa.array([_split(PurePosixPath(path).parts[:-1]) not in splits for path in paths], pa.bool_()))


def _by_path(paths: pa.Array) -> pa.Array:
    """Return images as paths without bytes, as `datasets` writes them."""
    import pyarrow as pa

    return pa.StructArray.from_arrays([pa.nulls(len(paths), pa.binary()), paths], names=["bytes", "path"])
